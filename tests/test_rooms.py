"""Who may import whom: the table of CONTRIBUTING.md, read from the code."""

import ast
import re
import sys
from pathlib import Path

import pytest

import course_lib

ROOT = Path(course_lib.__file__).parent
CONTRIBUTING = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


def _table() -> dict[str, set[str]]:
    """For each room the rooms and packages that it may import, from the contributors' table."""
    allowed = {}
    for line in CONTRIBUTING.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `course_lib/") and len(cells) == 3:
            (room,) = re.findall(r"`course_lib/([\w/]+)(?:\.py|/)`", cells[0])
            allowed[room] = set(re.findall(r"[\w/]+", cells[2]))
    return allowed


ALLOWED = _table()
PACKAGES = {name for names in ALLOWED.values() for name in names} - set(ALLOWED)
# What an engineer imports where torch is installed and the rest of the course is not.
LIGHT = ("atomic", "bilingual", "attention", "networks", "training/metrics", "costs", "checks")
LIGHT_PACKAGES = {"torch", "numpy", "IPython"}
# Whom each room of grading may believe: the writer alone has nbgrader and the gradebook, and
# nothing that stands nearer to a submission reaches back to what stands farther from it.
FORBIDDEN = {
    "grading/worker": {"grading/writer", "nbgrader", "sqlalchemy", "atomic"},
    "grading/sandbox": {"grading/writer", "grading/worker", "nbgrader", "sqlalchemy", "atomic"},
}


def _room(parts: tuple[str, ...]) -> str:
    """The innermost room of a module: the longest row of the table that its path begins with."""
    for length in range(len(parts), 0, -1):
        if "/".join(parts[:length]) in ALLOWED:
            return "/".join(parts[:length])
    return parts[0]


def _parts(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT).with_suffix("").parts


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write course_lib.…"
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return found


FILES = [p for p in sorted(ROOT.rglob("*.py")) if p != ROOT / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_arrow_points_up(path):
    room = _room(_parts(path))
    assert room in ALLOWED, f"{room} is a new room: add it to the table of CONTRIBUTING.md"
    for name in _imports(path):
        first, *rest = name.split(".")
        if first == "course_lib":
            assert rest, f"{path}: import a room, not course_lib"
            allowed = ALLOWED[room] | {room, "bilingual"}
            assert _room(tuple(rest)) in allowed, f"{path} imports {name}"
        elif first not in sys.stdlib_module_names:
            assert first in ALLOWED[room], f"{path} imports {name}"


def test_the_table_lists_the_rooms_that_there_are():
    assert set(ALLOWED) == {_room(_parts(path)) for path in FILES} | {"labextension"}


@pytest.mark.parametrize("room", LIGHT)
def test_the_library_needs_nothing_but_torch(room):
    assert ALLOWED[room] & PACKAGES <= LIGHT_PACKAGES
    for other in ALLOWED[room] & set(ALLOWED):
        assert other in LIGHT


@pytest.mark.parametrize("room", FORBIDDEN)
def test_nothing_near_a_submission_reaches_the_gradebook(room):
    assert not ALLOWED[room] & FORBIDDEN[room]


@pytest.mark.parametrize("room", [name for name in ALLOWED if name.startswith("grading/")])
def test_a_room_of_grading_says_which_process_it_is_and_what_it_must_never_do(room):
    text = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8")))
    process, never = [line for line in text.splitlines() if line]
    assert "process" in process or "walls" in process
    assert never.startswith("It must never ")
