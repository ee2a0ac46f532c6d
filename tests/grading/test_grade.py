"""Whole runs of `course-grade` over good and bad submissions of the tiny course."""

import csv
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import nbgrader.api
import pytest
from nbgrader.api import Gradebook
from sqlalchemy import text
from tiny_course import CHEATS, POINTS, RIGHT, Course, Work, notebook
from typer.testing import Result

from course_lib.grading.worker.execute import execute
from course_lib.grading.worker.job import Executed, Job
from course_lib.grading.writer.grade import BeforeScoring, NotScoredError
from course_lib.grading.writer.report import COLUMNS

# Far above what an honest cell needs on a slow machine with other work.
TIMEOUT = 4
DIES = "def scale(values, factor):\n    import os\n    os._exit(1)"
STUBBORN = """
while True:
    try:
        while True:
            pass
    except KeyboardInterrupt:
        pass
"""
NOISY = """
import os, sys, warnings
def add(a, b):
    warnings.warn("noisy")
    print("noisy", file=sys.stderr)
    os.write(2, b"noisy")
    assert os.environ["NBGRADER_EXECUTION"] == "autograde"
    return a + b
"""
FORGED = """
def add(a, b):
    get_ipython().displayhook(2.0)
    raise ValueError
"""
COMMENT = "A colon is missing 少了一个逗号"
OUTSIDE = b"not for learners"


def tampered() -> Work:
    work = Work().tag("add-check", "skip-execution").write("scale-check", "pass")
    return work.mark("scale-check", points=100).retype("area-check", "markdown").copy("add")


def messy() -> Work:
    work = Work(*RIGHT).delete("add-check").copy("scale").copy("scale-check")
    return work.mark("area", grade_id="disc").move("area-check", 1)


# Learner: what is handed in, the points that it deserves, the status, a part of the note.
GRADED = {
    "王 input": (Work(*RIGHT).insert(2, "input('?')"), 6, "graded", ""),
    "blank": (Work(), 0, "graded", ""),
    "cheat": (Work(*RIGHT).write("add", CHEATS["add"]), 4, "graded", ""),
    "dies": (
        Work(*RIGHT).write("scale", DIES),
        2,
        "failed",
        "the kernel died in the cell 'scale-check'; what came before keeps its points",
    ),
    "endless": (
        Work(*RIGHT).insert(2, "while True: pass"),
        6,
        "graded",
        f"stopped after {TIMEOUT} s: cell 3",
    ),
    "forger": (Work(*RIGHT).write("add", FORGED), 4, "graded", ""),
    "half": (Work("add", "area"), 3, "graded", ""),
    "messy": (
        messy(),
        6,
        "repaired",
        "the answer 'scale' was there 2 times, the first counts; "
        "the check 'scale-check' was there 2 times, copies left out; "
        "the check 'area-check' was out of order, moved back; "
        "the answer 'area': name put back; "
        "the check 'add-check' was missing, put back; "
        "timestamp.txt holds no date and is left out",
    ),
    "right": (Work(*RIGHT).write("add", NOISY), 6, "graded", ""),
    "stubborn": (
        Work(*RIGHT).insert(5, STUBBORN),
        2,
        "failed",
        "cell 6 did not stop and its kernel was killed; what came before keeps its points",
    ),
    "syntax": (Work(*RIGHT).write("add", "def add(a b):"), 4, "graded", ""),
    "tampered": (
        tampered(),
        0,
        "repaired",
        "the answer 'add' was there 2 times, the first counts; "
        "the check 'add-check': tags put back; "
        "the check 'scale-check': text, points put back; "
        "the check 'area-check': cell type put back",
    ),
}
# Learner, lesson: the whole note.
REFUSED = {
    ("broken", "tiny"): "submitted/broken/tiny/tiny.ipynb: not a notebook, its JSON is broken",
    ("[x]", "tiny"): "submitted/[x]/tiny: nbgrader cannot work with * ? [ in a name",
    ("linked", "tiny"): "submitted/linked/tiny/tiny.ipynb: a link or a device; submissions",
    ("linked folder", "tiny"): "submitted/linked folder: a link or a device; submissions",
    ("lost", "tiny"): "submitted/lost/tiny: no tiny.ipynb in it; there is: Tiny-1.ipynb, notes.txt",
    ("misnamed", "tyni"): "submitted/misnamed/tyni: no lesson has this name; there are: tiny",
    ("old", "tiny"): "submitted/old/tiny/tiny.ipynb: not a notebook of format 4",
    ("unlucky", "tiny"): "submitted/unlucky/tiny/tiny.ipynb: RuntimeError: no kernel to be had",
    ("stray", "tiny.ipynb"): "submitted/stray/tiny.ipynb: a file, not a folder LEARNER/LESSON",
    ("stray.ipynb", ""): "submitted/stray.ipynb: a file, not a folder LEARNER/LESSON",
}


def read(root: Path) -> list[dict[str, str]]:
    with (root / "grades.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_key(rows: list[dict[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["learner"], row["lesson"]): row for row in rows}


def gradebook(course: Course) -> Gradebook:
    return Gradebook(f"sqlite:///{course.root / 'gradebook.db'}", "attention-course")


@dataclass
class Run:
    """What one run of the command left behind."""

    result: Result
    rows: list[dict[str, str]]
    before: dict[str, bytes]
    after: dict[str, bytes]
    left: dict[str, bytes]


@dataclass
class History:
    """Three runs on one gradebook: all, two learners again, and after the lesson changed."""

    course: Course
    first: Run
    again: Run
    changed: Run


def grade(course: Course, *arguments: str) -> Run:
    given = ("submitted", "notebooks", "solutions", "outside")
    before = course.snapshot(*given)
    result = course.grade("--cell-timeout", str(TIMEOUT), *arguments)
    left = course.snapshot("autograded", "feedback")
    return Run(result, read(course.root), before, course.snapshot(*given), left)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    course = Course(tmp_path_factory.mktemp("course"))
    released = course.root / "notebooks" / "tiny" / "tiny.ipynb"
    released.parent.mkdir(parents=True)
    released.write_text("somebody is working here", encoding="utf-8")
    for learner, (work, *_) in GRADED.items():
        course.submit(learner, work)
    course.submit("messy", b"yesterday", "tiny/timestamp.txt")
    course.submit("half", b"data", "tiny/data/values.txt")
    _submit_refused(course)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("course_lib.grading.worker.execute.execute", _unlucky)
        first = grade(course)

    course.submit("blank", Work(*RIGHT))
    course.submit("right", b"{")
    with gradebook(course) as book:
        book.find_grade("add-check", "tiny", "tiny", "syntax").manual_score = 1.5
        book.find_comment("add", "tiny", "tiny", "syntax").manual_comment = COMMENT
        book.db.commit()
    again = grade(course, "--learner", "blank", "--learner", "right", "--learner", "syntax")

    solution = notebook(solution=True)
    del solution.cells[3:5]
    nbformat.write(solution, course.root / "solutions" / "tiny" / "tiny.ipynb")
    changed = grade(course, "--learner", "half")
    return History(course, first, again, changed)


def _unlucky(job: Job, warm: bytes) -> Executed:
    """Executing, but one learner's kernel does not even start."""
    if job.key[0] == "unlucky":
        raise RuntimeError("no kernel to be had")
    return execute(job, warm)


def _submit_refused(course: Course) -> None:
    course.submit("broken", b'{"cells": [')
    course.submit("old", b'{"nbformat": 3, "cells": []}')
    course.submit("lost", Work(), "tiny/Tiny-1.ipynb")
    course.submit("lost", b"where is it?", "tiny/notes.txt")
    course.submit("[x]", Work(*RIGHT))
    course.submit("unlucky", Work(*RIGHT))
    course.submit("misnamed", Work(*RIGHT), "tyni/tyni.ipynb")
    course.submit("stray", Work(*RIGHT), "tiny.ipynb")
    submitted, outside = course.root / "submitted", course.root / "outside"
    (submitted / "stray.ipynb").write_bytes(Work(*RIGHT).data())
    (outside / "tiny").mkdir(parents=True)
    (outside / "tiny" / "tiny.ipynb").write_bytes(OUTSIDE)
    (submitted / "linked" / "tiny").mkdir(parents=True)
    (submitted / "linked" / "tiny" / "tiny.ipynb").symlink_to(outside / "tiny" / "tiny.ipynb")
    (submitted / "linked folder").symlink_to(outside)


@pytest.mark.parametrize("learner", GRADED)
def test_every_submission_gets_the_grade_it_deserves(history: History, learner: str) -> None:
    _, points, status, note = GRADED[learner]
    row = by_key(history.first.rows)[learner, "tiny"]
    assert (float(row["score"]), float(row["max_score"])) == (points, 6)
    assert row["status"] == status
    assert row["note"] == (f"submitted/{learner}/tiny/tiny.ipynb: {note}" if note else "")


@pytest.mark.parametrize("key", REFUSED)
def test_what_cannot_be_graded_is_named_on_one_line(history: History, key: tuple[str, str]) -> None:
    row = by_key(history.first.rows)[key]
    assert (row["score"], row["status"]) == ("", "failed")
    assert row["note"].startswith(REFUSED[key])
    assert [line for line in history.first.result.output.split("\n") if row["note"] in line]


def test_csv_has_a_row_for_everything_sorted(history: History) -> None:
    keys = [(row["learner"], row["lesson"]) for row in history.first.rows]
    assert keys == sorted([*((learner, "tiny") for learner in GRADED), *REFUSED])
    data = (history.course.root / "grades.csv").read_bytes()
    assert data.startswith(b"learner,lesson,score,max_score,status,note\n")
    assert tuple(history.first.rows[0]) == COLUMNS


def test_output_has_a_line_of_progress_and_of_result_each(history: History) -> None:
    total = len(GRADED) + len(REFUSED)
    progress, table = history.first.result.output.strip().split("\n\n")
    assert len(progress.split("\n")) == total
    assert progress.split("\n")[-1].startswith(f"[{total}/{total}] ")
    assert "tampered/tiny … 0/6 repaired" in progress
    assert len(table.split("\n")) == total + 1
    assert history.first.result.exit_code == 1


def test_nothing_that_was_given_is_modified(history: History) -> None:
    for run in (history.first, history.again, history.changed):
        assert run.before == run.after
    visible = {path.name for path in history.course.root.iterdir()}
    assert visible == {
        *("autograded", "feedback", "gradebook.db", "grades.csv", "nbgrader_config.py"),
        *("notebooks", "outside", "solutions", "submitted"),
    }


def test_feedback_and_executed_notebooks_of_everything_graded(history: History) -> None:
    files = set(history.first.left)
    for learner in GRADED:
        assert f"feedback/{learner}/tiny/tiny.html" in files
        assert f"autograded/{learner}/tiny/tiny.ipynb" in files
    assert "autograded/half/tiny/data/values.txt" in files
    assert {path.split("/")[1] for path in files} == set(GRADED)
    assert OUTSIDE not in b"".join(history.first.left.values())
    assert b"noisy" in history.first.left["feedback/right/tiny/tiny.html"]


def test_stubborn_kernel_costs_only_what_came_behind(history: History) -> None:
    executed = nbformat.reads(
        history.first.left["autograded/stubborn/tiny/tiny.ipynb"].decode(), as_version=4
    )
    errors = [out.ename for cell in executed.cells for out in cell.get("outputs", ())]
    assert errors == ["NotRun"] * 3  # the cell itself, scale-check and area-check


def test_regrading_some_keeps_all_other_rows(history: History) -> None:
    first, again = by_key(history.first.rows), by_key(history.again.rows)
    assert first.keys() == again.keys()
    assert {key for key in first if first[key] != again[key]} == {
        ("blank", "tiny"),
        ("right", "tiny"),
        ("syntax", "tiny"),
    }
    assert again["blank", "tiny"]["score"] == "6"
    assert history.again.result.output.count("\n[") + 1 == 3


def test_hand_given_points_survive_a_regrade(history: History) -> None:
    row = by_key(history.again.rows)["syntax", "tiny"]
    assert (row["score"], row["status"]) == ("5.5", "graded")


def test_comments_survive_a_regrade_and_are_shown(history: History) -> None:
    page = "feedback/syntax/tiny/tiny.html"
    assert COMMENT not in history.first.left[page].decode()
    assert COMMENT in history.again.left[page].decode()
    with gradebook(history.course) as book:
        assert book.find_comment("add", "tiny", "tiny", "syntax").comment == COMMENT


def test_regrading_tells_what_changed_and_nothing_else(history: History) -> None:
    told = history.again.result.output.split("changed since the grade before:\n")[1]
    assert told.rstrip("\n").split("\n") == [
        f"  blank/tiny {name}-check: 0 → {points}" for name, points in sorted(POINTS.items())
    ]
    assert "changed since" not in history.first.result.output


def test_broken_resubmission_keeps_the_earlier_grade(history: History) -> None:
    row = by_key(history.again.rows)["right", "tiny"]
    assert (row["score"], row["status"]) == ("6", "failed")
    assert row["note"].startswith("submitted/right/tiny/tiny.ipynb: not a notebook")
    assert row["note"].endswith("; the earlier grade stays")
    for path in ("autograded/right/tiny/tiny.ipynb", "feedback/right/tiny/tiny.html"):
        assert history.again.left[path] == history.first.left[path]


def test_lesson_that_changed_under_its_grades_is_refused(history: History) -> None:
    before, after = by_key(history.again.rows), by_key(history.changed.rows)
    row = after.pop(("half", "tiny"))
    del before["half", "tiny"]
    assert before == after
    assert (row["score"], row["status"]) == ("3", "failed")
    assert row["note"].startswith("solutions/tiny/tiny.ipynb: RuntimeError: Cannot add or remove")
    assert row["note"].endswith("; the earlier grade stays")
    assert history.changed.left == history.again.left


def test_gradebook_holds_what_was_graded_and_nothing_else(history: History) -> None:
    with gradebook(history.course) as book:
        scores = {s.student_id: s.score for s in book.assignment_submissions("tiny")}
    assert scores == {learner: case[1] for learner, case in GRADED.items()} | {
        "blank": 6,
        "syntax": 5.5,
    }


def test_gradebook_is_of_the_version_that_nbgrader_says(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It asks `alembic`, which it looks for on the path.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    with gradebook(history.course) as book:
        told = book.db.execute(text("select version_num from alembic_version")).scalar_one()
    assert told == nbgrader.api.get_alembic_version()


def test_environment_is_left_as_it_was(history: History) -> None:
    assert "NBGRADER_EXECUTION" not in os.environ


def test_time_of_a_submission_ends_before_that_of_a_cell(course: Course) -> None:
    course.submit("ann", Work(*RIGHT).insert(5, "import time\ntime.sleep(600)"))
    course.grade("--total-timeout", "4", "--cell-timeout", "60")
    (row,) = read(course.root)
    assert (row["score"], row["status"]) == ("2", "failed")
    assert ": cell 6; 4 s were over before the cell 'scale'; what came before" in row["note"]


def test_scoring_fails_closed() -> None:
    work = Work(*RIGHT)
    for cell in work.cells:
        if cell.cell_type == "code" and cell.id != "area-check":
            cell.execution_count = 1
    with pytest.raises(NotScoredError, match="the check 'area-check' did not run"):
        BeforeScoring().preprocess(work.notebook, {})


def test_equal_work_is_known_again_by_another_process() -> None:
    code = (
        "from pathlib import Path\n"
        "from course_lib.grading.writer.grade import Prepared\n"
        "from course_lib.grading.worker.job import Job\n"
        "from course_lib.grading.writer.submissions import Submission\n"
        "job = Job(('ann', 'tiny'), '{}', {}, {}, frozenset('abcdefgh'))\n"
        "print(Prepared(Submission('ann', 'tiny', Path()), job, (), True).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(digests) == 1
