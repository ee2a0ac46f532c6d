"""The gradebook on a PostgreSQL server, by one setting; skipped where there is none."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from tiny_course import RIGHT, Course, Work

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[postgres]'")
_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
_CONTROL = shutil.which("pg_ctl", path=str(_INSTALLED[-1].parent)) if _INSTALLED else None
# The server refuses to run as root.
_USER = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture
def server() -> Iterator[str]:
    """The address of an empty database of a server of its own, on a socket in a folder."""
    if _CONTROL is None:
        pytest.skip("no PostgreSQL server is installed below /usr/lib/postgresql")
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        if _USER:
            shutil.chown(folder, _USER["user"])
        data = f"{folder}/data"

        def control(*arguments: str) -> None:
            command = [_CONTROL, "--pgdata", data, "--silent", *arguments]
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
            subprocess.run(command, check=True, cwd=folder, **quiet, **_USER)

        control("init", "--options", "--auth=trust --username=grader")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        control("start", "--wait", "--timeout", "300", "--log", f"{folder}/log", "-o", options)
        try:
            yield f"postgresql+psycopg://grader@/postgres?host={folder}"
        finally:
            control("stop", "--mode", "immediate")


def test_grades_and_regrades(course: Course, server: str) -> None:
    config = course.root / "nbgrader_config.py"
    with config.open("a", encoding="utf-8") as file:
        file.write(f"\nc.CourseDirectory.db_url = {server!r}\n")
    course.submit("ann", Work(*RIGHT))
    course.submit("bob", Work("add"))
    first = course.grade()
    assert first.exit_code == 0, first.output
    with Gradebook(server, "attention-course") as book:
        assert {s.student_id: s.score for s in book.assignment_submissions("tiny")} == {
            "ann": 6,
            "bob": 2,
        }
        book.find_grade("area-check", "tiny", "tiny", "bob").manual_score = 1
        book.db.commit()
    course.submit("bob", Work("scale"))
    again = course.grade("--workers", "2")
    assert again.exit_code == 0, again.output
    assert "bob/tiny … 4/6 graded" in again.output
    assert not list(course.root.glob("*.db"))
