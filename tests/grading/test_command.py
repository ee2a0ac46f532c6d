"""Arguments of `course-grade`, and runs that execute nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_course import CHEATS, RIGHT, Course, Work

from course_lib.grading.writer.grade import Grader
from course_lib.grading.writer.report import Row, write_csv


def message(*arguments: str, course: Course) -> str:
    """The one line of a run with wrong arguments, which leaves nothing behind."""
    before = course.snapshot(".")
    result = course.grade(*arguments)
    assert result.exit_code == 2
    assert course.snapshot(".") == before
    assert result.output.count("\n") == 1
    return result.output.strip()


def test_unknown_lesson(course: Course) -> None:
    assert message("--lesson", "huge", course=course) == "no lesson 'huge'; there are: tiny"


def test_unknown_learner(course: Course) -> None:
    assert message("--learner", "bob", course=course) == "no learner 'bob'; there are: none"
    course.submit("ann", Work())
    assert message("--learner", "bob", course=course) == "no learner 'bob'; there are: ann"


def test_not_a_course(course: Course) -> None:
    (course.root / "nbgrader_config.py").unlink()
    assert message(course=course).endswith("no such file; name the course's folder with --root")


def test_course_without_lessons(course: Course) -> None:
    (course.root / "solutions" / "tiny" / "tiny.ipynb").unlink()
    assert message(course=course).endswith("no lesson in it; make them with `make notebooks`")


def test_folder_that_nbgrader_cannot_find(tmp_path: Path) -> None:
    course = Course(tmp_path / "course [2]")
    assert message(course=course).endswith("nbgrader cannot work with * ? [ in a path")


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_wrong_time_limit(course: Course, seconds: str) -> None:
    assert course.grade("--cell-timeout", seconds).exit_code == 2


def test_no_submissions_without_an_activated_environment(course: Course, tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "course-grade"
    environment = {**os.environ, "PATH": os.defpath}
    result = subprocess.run(
        [program], cwd=course.root, env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "No submissions: nothing lies at submitted/LEARNER/LESSON.\n"
    assert (course.root / "gradebook.db").exists()
    assert not (course.root / "notebooks").exists()


def test_lesson_that_nbgrader_refuses_does_not_stop_the_run(course: Course) -> None:
    broken = course.root / "solutions" / "broken"
    broken.mkdir()
    (broken / "broken.ipynb").write_text("{", encoding="utf-8")
    course.submit("ann", Work(), "broken/broken.ipynb")
    result = course.grade()
    assert result.exit_code == 1
    lines = [line for line in result.output.split("\n") if "solutions/broken/broken.ipynb" in line]
    assert len(lines) == 2  # once for the lesson, once for ann


def test_no_sandbox_no_grading(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course.submit("ann", Work())
    monkeypatch.setenv("PATH", "/nowhere")
    told = message(course=course)
    assert told.startswith("bwrap: not found; install the package bubblewrap")
    assert "--unsafe" in told


def test_one_process_without_sandbox_where_that_is_accepted(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    patched = "import builtins\nbuiltins.round = lambda *a: 3.142\ndef area(radius): return 0"
    course.submit("ann", Work(*RIGHT).write("area", patched))
    course.submit("bob", Work(*RIGHT).write("add", CHEATS["add"]))
    result = course.grade("--unsafe", "--no-strict")
    assert result.exit_code == 0, result.output
    assert "ann/tiny … 6/6 graded" in result.output  # that is why strict is the default
    assert "bob/tiny … 4/6 graded" in result.output


def test_only_one_run_at_a_time(course: Course) -> None:
    course.submit("ann", Work())
    with Grader(course.root):
        result = course.grade()
    assert result.exit_code == 2
    assert "another course-grade is at work here" in result.output


def test_what_a_killed_run_left_is_cleared_away(course: Course) -> None:
    (course.root / ".course-grade-old" / "submitted").mkdir(parents=True)
    with Grader(course.root):
        assert not (course.root / ".course-grade-old").exists()
    assert not list(course.root.glob(".course-grade-*"))


def test_report_and_forms_of_what_was_graded(course: Course) -> None:
    assert message("--report", course=course).endswith("grades.csv: no such file; grade first")
    assert message("--export", "excel", course=course) == (
        "no form is called 'excel'; there are: moodle, canvas"
    )
    write_csv(course.root / "grades.csv", [Row("ann", "tiny", 2.5, 6.0, "failed", "why")])
    result = course.grade("--report", "--export", "moodle")
    assert result.exit_code == 0
    assert result.output.splitlines()[1] == "ann      tiny    2.5/6   failed  why"
    forms = (course.root / "grades-moodle.csv").read_text(encoding="utf-8")
    assert forms == "ID number,tiny\nann,2.5\n"
