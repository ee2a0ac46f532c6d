"""The exercises of all lessons, found by id, and the two calls that a notebook makes."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

from course_lib.bilingual import Text, show
from course_lib.checks import (
    CheckFailed,
    Exercise,
    Outcome,
    Report,
    examine,
    headline,
)

__all__ = ["SEEDS", "answer_or_reference", "check", "get", "ids", "of_lesson"]

# What a check tries, by whether it is hidden.
SEEDS = {False: (0,), True: (20_011, 20_021)}
_accepted: dict[str, Callable[..., Any]] = {}


@cache
def _lessons() -> dict[str, tuple[Exercise, ...]]:
    found: dict[str, tuple[Exercise, ...]] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        if module.startswith("lesson_"):
            loaded = importlib.import_module(f"{__name__}.{module}")
            found[loaded.LESSON] = loaded.EXERCISES
    every = [exercise.id for exercises in found.values() for exercise in exercises]
    twice = sorted({i for i in every if every.count(i) > 1})
    if twice:
        raise ValueError(f"exercise ids are used twice: {', '.join(twice)}; rename one of each")
    return found


def ids() -> list[str]:
    """The ids of all exercises, lesson by lesson."""
    return [exercise.id for exercises in _lessons().values() for exercise in exercises]


def of_lesson(lesson: str) -> tuple[Exercise, ...]:
    """The exercises of one lesson.

    Raises:
        ValueError: if no lesson has that name.
    """
    if lesson not in _lessons():
        raise ValueError(f"no exercises for lesson {lesson!r}; there are: {', '.join(_lessons())}")
    return _lessons()[lesson]


def get(exercise_id: str) -> Exercise:
    """The exercise of that id.

    Raises:
        ValueError: if there is none.
    """
    for exercises in _lessons().values():
        for exercise in exercises:
            if exercise.id == exercise_id:
                return exercise
    raise ValueError(f"no exercise is called {exercise_id!r}; there are: {', '.join(ids())}")


def check(exercise_id: str, answer: Callable[..., Any], *, hidden: bool = False) -> None:
    """Try an answer, show the report below the cell, and raise if it is not right.

    Args:
        exercise_id: id of the exercise.
        answer: the function or class of the learner.
        hidden: try other sizes and values, and say nothing but whether they passed.

    Raises:
        CheckFailed: if the answer is not right, or is nothing that can be tried.
        ValueError: if there is no such exercise.
    """
    exercise = get(exercise_id)
    if hidden:
        for seed in SEEDS[True]:
            if examine(exercise, answer, seed, own_work=True).outcome is not Outcome.RIGHT:
                _accepted.pop(exercise_id, None)
                failed = Text("在别的尺寸和数值上不对", "not right on other sizes and values")
                raise CheckFailed(f"{exercise_id}: {failed}")
        return
    try:
        verdict = examine(exercise, answer, *SEEDS[False], own_work=True)
    except ValueError as error:
        # One line for the learner, too: from None leaves our own code out of it.
        raise CheckFailed(str(error)) from None
    show(Report(verdict))
    if verdict.outcome is Outcome.RIGHT:
        _accepted[exercise_id] = answer
        return
    _accepted.pop(exercise_id, None)
    # Short: the report above explains, and the language button cannot hide half of an error.
    raise CheckFailed(f"{exercise_id}: {headline(verdict)}")


def answer_or_reference(exercise_id: str) -> Callable[..., Any]:
    """The learner's own answer if its check passed, else the reference; says which.

    Raises:
        ValueError: if there is no such exercise.
    """
    exercise = get(exercise_id)
    if exercise_id in _accepted:
        show(Text(f"这里用的是你自己的 {exercise_id}。", f"This uses your own {exercise_id}."))
        return _accepted[exercise_id]
    show(
        Text(
            f"{exercise_id} 还没有通过，这里用的是参考实现。",
            f"{exercise_id} has not passed yet, so this uses the reference.",
        )
    )
    return exercise.reference
