"""Runs `course-grade` and kills it at random moments; a program of its own, because it forks.

It imports once and warms once, then forks a run, as often as it is asked to.
"""

import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from pathlib import Path

from tiny_course import RIGHT, Course, Work

from course_lib.grading.sandbox import warm_process

# What the command imports only where it needs it: all of torch and nbgrader comes with these.
LATER = ("course_lib.grading.worker.execute", "course_lib.grading.writer.run")
# The first kills of so many runs together are spread over the whole length of a run.
PARTS = 10
GIVEN = ("submitted", "solutions", "nbgrader_config.py")


def start(course: Course) -> int:
    """Start a run in a process of its own; returns its number."""
    child = os.fork()
    if child == 0:
        os._exit(course.grade("--resume").exit_code)
    return child


def import_what_a_run_imports(course: Course) -> None:
    """Import it here, or each fork begins with that and most kills hit an import."""
    for name in (*warm_process.COURSE, *LATER):
        importlib.import_module(name)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        course.grade("--resume")
        os.write(write, " ".join(sys.modules).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as names:
        for name in names.read().split():
            with contextlib.suppress(ImportError):  # a name that its package has made for itself
                importlib.import_module(name)
    os.waitpid(child, 0)


def ended_by_itself(child: int, seconds: float) -> bool:
    """Wait, and kill it if it is still there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def check(course: Course, given: dict[str, bytes]) -> None:
    """Fail where something of what was there is gone or broken."""
    assert course.snapshot(*GIVEN) == given, "a submission changed"
    book = course.root / "gradebook.db"
    if book.exists():
        with sqlite3.connect(book) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
            connection.execute("select * from submitted_assignment").fetchall()


def result(course: Course) -> dict[str, object]:
    """What a finished run left."""
    return {
        "grades": (course.root / "grades.csv").read_text(encoding="utf-8"),
        "files": sorted(course.snapshot("autograded", "feedback")),
        "root": sorted(path.name for path in course.root.iterdir()),
    }


def copied(course: Course, root: Path) -> Course:
    shutil.copytree(course.root, root)
    course = Course.__new__(Course)
    course.root = root
    return course


def main(folder: Path, kills: int) -> None:
    """Print how often a run was killed, and what the runs left in the end, as JSON."""
    warm_process.shared()
    pristine = Course(folder / "pristine")
    pristine.submit("ann", Work(*RIGHT))
    pristine.submit("bob", Work("scale"))
    pristine.submit("cat", b"{")
    pristine.submit("dan", Work("add").delete("area-check"))
    given = pristine.snapshot(*GIVEN)
    import_what_a_run_imports(copied(pristine, folder / "first"))

    undisturbed = copied(pristine, folder / "undisturbed")
    begin = time.monotonic()
    os.waitpid(start(undisturbed), 0)
    length = time.monotonic() - begin
    chance = random.Random(5)
    killed, left = 0, [result(undisturbed)]
    while killed < kills:
        part = (len(left) - 1) % PARTS
        course = copied(pristine, folder / f"round-{len(left)}")
        # Two kills of one run that is taken up again, then its end.
        begin = time.monotonic()
        if ended_by_itself(start(course), length * (part + chance.random()) / PARTS):
            # Later kills are to hit a run, not its end.
            length = min(length, time.monotonic() - begin)
        else:
            killed += 1
            check(course, given)
            killed += not ended_by_itself(start(course), chance.uniform(0, length / 2))
            check(course, given)
        os.waitpid(start(course), 0)
        check(course, given)
        left.append(result(course))
    print(json.dumps({"killed": killed, "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
