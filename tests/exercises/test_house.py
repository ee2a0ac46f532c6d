"""One file an exercise: where a newcomer looks for one, and adds one."""

import pkgutil
import sys
import types
from importlib import import_module
from pathlib import Path

import pytest

from course_lib import exercises
from course_lib.checks import Exercise
from course_lib.exercises.collecting import exercises_of

LESSONS = [m.name for m in pkgutil.iter_modules(exercises.__path__) if m.ispkg]
FILES = [
    path
    for lesson in LESSONS
    for path in sorted((Path(exercises.__file__).parent / lesson).glob("[a-z]*.py"))
]
LONGEST = 250


def _defined(path: Path) -> list[Exercise]:
    module = import_module(f"course_lib.exercises.{path.parent.name}.{path.stem}")
    return [value for value in vars(module).values() if isinstance(value, Exercise)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_holds_one_exercise_and_can_be_read_at_once(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
    coded = [e for e in _defined(path) if not e.choices]
    if path.stem == "quiz":
        assert coded == []
    elif path.stem == "shared" or path.stem.endswith("_answers"):
        assert _defined(path) == []
    else:
        assert len(coded) == 1
        # Beside a bug may stand the one question that asks for its symptom.
        assert [e.id.endswith("-symptom") for e in _defined(path)] in ([False], [False, True])


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_lists_every_file_that_holds_an_exercise(lesson: str) -> None:
    listed = import_module(f"course_lib.exercises.{lesson}").EXERCISES
    found = [e for path in FILES if path.parent.name == lesson for e in _defined(path)]
    assert {e.id for e in found} == {e.id for e in listed}
    assert len(listed) == len(found)


def test_a_file_without_an_exercise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lesson.empty", types.ModuleType("lesson.empty"))
    with pytest.raises(ValueError, match="empty defines no exercise"):
        exercises_of("lesson", "empty")
