"""Every submission of `hostile/corpus.yaml` gets the grade that it deserves and harms nobody."""

import csv
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import yaml
from nbgrader.api import Gradebook
from tiny_course import RIGHT, Course, Work

CORPUS = yaml.safe_load(
    (Path(__file__).parent / "hostile" / "corpus.yaml").read_text(encoding="utf-8")
)
NAMES = [case["name"] for case in CORPUS]
# Two runs, so that no case depends on which of two limits a machine comes to first. Those that wait
# for a limit wait together.
RUNS = {
    False: ["--workers", "2", "--memory", "1024"],
    True: ["--workers", "4", "--cell-timeout", "3"],
}
HONEST = "~honest"
SECRET = "the-instructors-token"
LARGEST_FILE = 4_000_000


@dataclass
class Run:
    """What one run over all of them left behind."""

    course: Course
    results: list[subprocess.CompletedProcess]
    rows: dict[str, dict[str, str]]
    before: dict[str, bytes]
    listener: socket.socket


def filled(value: object, course: Course, port: int) -> object:
    if isinstance(value, str):
        return value.replace("{root}", str(course.root)).replace("{port}", str(port))
    return value


def work(case: dict, course: Course, port: int) -> Work:
    made = Work(*case.get("right", ()), lesson=case.get("lesson", "tiny"))
    for method, *arguments in case.get("do", ()):
        options = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        getattr(made, method)(*(filled(a, course, port) for a in arguments), **options)
    return made


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    course = Course(tmp_path_factory.mktemp("hostile"), "tiny", "tensor")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for case in CORPUS:
            lesson = case.get("lesson", "tiny")
            course.submit(case["name"], work(case, course, port), f"{lesson}/{lesson}.ipynb")
        course.submit(HONEST, Work(*RIGHT))
        given = course.snapshot("submitted", "solutions", "nbgrader_config.py")
        results = [graded(course, hurried) for hurried in RUNS]
        with (course.root / "grades.csv").open(encoding="utf-8", newline="") as file:
            rows = {row["learner"]: row for row in csv.DictReader(file)}
        yield Run(course, results, rows, given, listener)


def graded(course: Course, hurried: bool) -> subprocess.CompletedProcess:
    """Grade the cases that are so, and the honest learner among those that are not."""
    names = [case["name"] for case in CORPUS if case.get("hurried", False) == hurried]
    chosen = [*names, *([] if hurried else [HONEST])]
    return subprocess.run(
        [
            Path(sys.executable).parent / "course-grade",
            *RUNS[hurried],
            *(argument for name in chosen for argument in ("--learner", name)),
        ],
        cwd=course.root,
        env={**os.environ, "COURSE_SECRET": SECRET},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("case", CORPUS, ids=NAMES)
def test_each_gets_what_it_deserves(run: Run, case: dict) -> None:
    row = run.rows[case["name"]]
    assert (float(row["score"]), row["status"]) == (case["points"], case["status"]), row["note"]
    assert case.get("note", "") in row["note"]


def test_the_corpus_is_as_large_as_was_asked_for() -> None:
    assert len(set(NAMES)) == len(CORPUS) >= 30


def test_an_honest_one_among_them_is_graded_normally(run: Run) -> None:
    row = run.rows[HONEST]
    assert (row["score"], row["status"], row["note"]) == ("6", "graded", "")


def test_every_one_is_told_on_one_line(run: Run) -> None:
    assert [result.returncode for result in run.results] == [1, 1]
    assert [result.stderr for result in run.results] == ["", ""]
    progress = [result.stdout.split("\n\n")[0].split("\n") for result in run.results]
    assert sum(map(len, progress)) == len(CORPUS) + 1
    assert "\x1b" not in "".join(result.stdout for result in run.results)


def test_nothing_of_the_course_is_changed(run: Run) -> None:
    assert run.course.snapshot("submitted", "solutions", "nbgrader_config.py") == run.before
    assert {path.name for path in run.course.root.iterdir()} == {
        *("autograded", "feedback", "gradebook.db", "grades.csv", "nbgrader_config.py"),
        *("solutions", "submitted"),
    }
    assert not list(run.course.root.rglob("*.pkl.*"))


def test_the_gradebook_holds_these_grades_and_no_others(run: Run) -> None:
    with Gradebook(f"sqlite:///{run.course.root / 'gradebook.db'}", "attention-course") as book:
        for lesson in ("tiny", "tensor"):
            assert {s.student_id: s.score for s in book.assignment_submissions(lesson)} == {
                case["name"]: case["points"]
                for case in [*CORPUS, {"name": HONEST, "points": 6}]
                if case.get("lesson", "tiny") == lesson
            }


def test_nothing_of_the_outside_was_seen(run: Run) -> None:
    path = run.course.root / "autograded" / "tells what it sees" / "tiny" / "tiny.ipynb"
    seen = path.read_text(encoding="utf-8")
    assert "NBGRADER_EXECUTION" in seen  # it did look
    assert SECRET not in seen
    assert "True" not in nbformat.reads(seen, as_version=4).cells[2].outputs[0].text
    run.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        run.listener.accept()


def test_no_process_stays_behind(run: Run) -> None:
    left = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            left.append(path.read_bytes())
        except OSError:
            continue
    assert not [line for line in left if b"86399" in line]


def test_outputs_are_cut(run: Run) -> None:
    for folder in ("autograded", "feedback"):
        sizes = {p: p.stat().st_size for p in (run.course.root / folder).rglob("*") if p.is_file()}
        assert max(sizes.values()) < LARGEST_FILE, max(sizes, key=sizes.get)
    cut = run.course.root / "autograded" / "fifty megabytes on one line" / "tiny" / "tiny.ipynb"
    assert "the rest of the output was cut off" in cut.read_text(encoding="utf-8")


ACTS = re.compile(r"<(script>alert|iframe|[a-z][^<>]*(\son\w+=|javascript:))", re.IGNORECASE)


def test_feedback_is_passive(run: Run) -> None:
    page = run.course.root / "feedback" / "active feedback" / "tiny" / "tiny.html"
    shown = page.read_text(encoding="utf-8").split("</head>")[1]
    assert "<b>bold</b>" in shown
    assert "<i>prose</i>" in shown
    assert not ACTS.search(shown)
    assert ACTS.search("<b onclick=x>")
