"""Who may import whom: the table of CONTRIBUTING.md, read from the code."""

import ast
from pathlib import Path

import pytest

import course_lib

ROOT = Path(course_lib.__file__).parent
# For each room the rooms below it; every room may import itself and course_lib.bilingual.
ALLOWED = {
    "bilingual": set(),
    "attention": set(),
    "networks": {"attention"},
    "data": set(),
    "costs": {"networks", "attention"},
    "probes": {"networks", "data"},
    "plots": {"data"},
    "checks": {"attention"},
    "exercises": {"checks"},
    "authoring": {"checks", "exercises"},
    "grading": set(),
    "benchmarks": {"attention", "costs"},
}
# The library must be importable where the rest of the course is not installed.
LIGHT = {"bilingual", "attention", "networks", "data", "checks"}
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


def test_every_room_stands_in_the_contributors_table():
    table = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for room in {_room(path) for path in FILES}:
        assert f"`course_lib/{room}" in table, room
