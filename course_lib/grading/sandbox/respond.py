"""The learner's end of a strict check: it runs in the learner's process and answers questions.

Nothing that it says is believed: the grader compares the results with what it computed itself.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from course_lib.checks import Attempt, attempt, drawn
from course_lib.grading.sandbox import codec

# The kind of output that an answer is.
MIME = "application/vnd.attention-course.answer"


def respond(text: str, names: dict[str, Any]) -> None:
    """Answer one question and show the answer as an output of the running cell.

    Args:
        text: the question, as `codec` writes it: the question's name, then its arguments.
        names: where the learner's definitions are.
    """
    from IPython.display import display

    display({MIME: answer(text, names)}, raw=True)


def answer(text: str, names: dict[str, Any]) -> str:
    """The answer to a question, as `codec` writes it."""
    question, *arguments = codec.loads(text)
    return codec.dumps(_QUESTIONS[question](names, *arguments))


def _describe(
    names: dict[str, Any], wanted: list[str], trials: list[tuple[str, str, int]]
) -> tuple[dict[str, tuple[str, Any]], list[dict[str, Any]]]:
    """What the learner's names are: a class, something callable, or plain data with its value.

    A question takes a while to cross, so the attempts that a check begins with are made at once:
    `trials` are their names, exercises and seeds.
    """
    found = {}
    for name in wanted:
        if name in names:
            value = names[name]
            if isinstance(value, type):
                found[name] = ("class", None)
            elif callable(value):
                found[name] = ("callable", type(value).__name__)
            else:
                found[name] = ("data", value)
    tried = []
    for name, exercise, seed in trials:
        if found.get(name, ("data",))[0] == "data":
            break
        tried += _attempt(names, name, exercise, [seed], True)
    return found, tried


def _call(names: dict[str, Any], name: str, arguments: tuple, options: dict) -> tuple[str, Any]:
    try:
        return "value", names[name](*arguments, **options)
    except Exception as error:
        return "exception", [type(error).__name__, str(error)[:1000]]


def _attempt(
    names: dict[str, Any], name: str, exercise: str, seeds: list[int], own_work: bool
) -> list[dict[str, Any]]:
    """Try an answer with each seed, up to one with which it does not end or is found out."""
    from course_lib import exercises

    asked = exercises.get(exercise)
    told = []
    for seed in seeds:
        tried = attempt(asked, names[name], drawn(asked, seed), own_work)
        seen = None if tried.seen is None else [_fields(o) for o in tried.seen]
        told.append({**_fields(tried), "seen": seen})
        if seen is None or tried.reference_ran:
            break
    return told


def _fields(record: Attempt | Any) -> dict[str, Any]:
    """The fields of a dataclass; a failure inside of an observation likewise."""
    fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    failure = fields.get("failure")
    return {**fields, "failure": _fields(failure)} if failure else fields


_QUESTIONS: dict[str, Callable[..., Any]] = {
    "describe": _describe,
    "call": _call,
    "attempt": _attempt,
}
