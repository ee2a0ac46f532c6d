"""Who may import whom: the table of CONTRIBUTING.md, read from the code."""

import ast
import re
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
            imports = set(re.findall(r"\w+", cells[2]))
            for room in re.findall(r"`course_lib/(\w+)", cells[0]):
                allowed[room] = imports
    return allowed


ALLOWED = _table()
# The library must be importable where the rest of the course is not installed.
LIGHT = {"atomic", "bilingual", "attention", "networks", "metrics", "costs", "checks"}
LIGHT_PACKAGES = {"torch", "numpy", "IPython"}
STANDARD = __import__("sys").stdlib_module_names


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write course_lib.…"
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return found


def _room(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


FILES = [p for p in sorted(ROOT.rglob("*.py")) if p != ROOT / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_arrow_points_up(path):
    room = _room(path)
    assert room in ALLOWED, f"{room} is a new room: add it to CONTRIBUTING.md and here"
    for name in _imports(path):
        first, *rest = name.split(".")
        if first == "course_lib":
            allowed = ALLOWED[room] | {room, "bilingual"}
            assert rest, f"{path}: import a room, not course_lib"
            assert rest[0] in allowed, f"{path} imports {name}"
        elif room in LIGHT:
            assert first in STANDARD or first in LIGHT_PACKAGES, f"{path} imports {name}"


def test_the_table_lists_the_rooms_that_there_are():
    assert set(ALLOWED) == {_room(path) for path in FILES} | {"labextension"}
