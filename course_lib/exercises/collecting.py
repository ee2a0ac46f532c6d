"""How a lesson names its exercises: by the files that hold them, in the order of the text."""

import importlib

from course_lib.checks import Exercise


def exercises_of(package: str, *files: str) -> tuple[Exercise, ...]:
    """The exercises of a lesson: those that each file defines, in the order in which it does.

    Args:
        package: the lesson's package, its ``__name__``.
        *files: names of its modules, without those that hold no exercise.

    Raises:
        ValueError: if a file defines no exercise.
    """
    found: list[Exercise] = []
    for file in files:
        module = importlib.import_module(f"{package}.{file}")
        defined = [value for value in vars(module).values() if isinstance(value, Exercise)]
        if not defined:
            raise ValueError(f"{package}: {file} defines no exercise; take it from the list")
        found += defined
    return tuple(found)
