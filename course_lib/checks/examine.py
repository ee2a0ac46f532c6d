"""Try an answer on all cases of its exercise and reach a verdict."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_lib.bilingual import Text
from course_lib.checks.compare import Difference, difference
from course_lib.checks.exercise import Call, Case, Draw, Exercise, Mutant
from course_lib.checks.guard import Watched, caught, guarded
from course_lib.checks.observe import (
    Failure,
    Observation,
    Shape,
    StopAnswer,
    observe,
    reference_layout,
)


class Outcome(enum.Enum):
    """How the examination of an answer ended."""

    RIGHT = "right"
    WRONG = "wrong"
    UNFINISHED = "unfinished"
    REFERENCE = "reference"
    ENDLESS = "endless"


@dataclass(frozen=True)
class Row:
    """One tried case.

    Attributes:
        text: what was tried.
        call: the drawn call, in short.
        difference: how the answer differed from the reference, or None.
    """

    text: Text
    call: str
    difference: Difference | None


@dataclass(frozen=True)
class Verdict:
    """What a learner is told.

    Attributes:
        exercise: the exercise.
        outcome: how the examination ended.
        rows: the cases in order, as far as they were tried.
        mutant: the known mistake that behaves like the answer.
        failure: the learner's exception, where there was one.
        printed: what the answer wrote to its streams.
    """

    exercise: Exercise
    outcome: Outcome
    rows: tuple[Row, ...] = ()
    mutant: Mutant | None = None
    failure: Failure | None = None
    printed: str = ""


def examine(
    exercise: Exercise, answer: Callable[..., Any], seed: int = 0, *, own_work: bool = False
) -> Verdict:
    """Compare an answer with the reference on every case of the exercise.

    Args:
        exercise: the exercise.
        answer: the learner's function or class.
        seed: decides sizes, inputs and parameters.
        own_work: whether the mutants and alternates of the course count as handed back too.

    Returns:
        The verdict.

    Raises:
        ValueError: if the answer cannot be called, or is no class where one is asked for.
    """
    if not callable(answer):
        raise ValueError(
            f"{exercise.id}: the answer is {answer!r}, which cannot be called; "
            "hand the function or the class itself to check"
        )
    if isinstance(exercise.reference, type) and not isinstance(answer, type):
        raise ValueError(
            f"{exercise.id}: the answer is a {type(answer).__name__}, not a class; hand the class "
            "itself to check, without calling it"
        )
    drawn = [_draw(exercise, c, seed + 7919 * place) for place, c in enumerate(exercise.cases)]
    try:
        with guarded(exercise.reference, exercise.seconds, own_work) as watched:
            seen = [d.observe(answer) for d in drawn]
    except StopAnswer:
        return Verdict(exercise, Outcome.ENDLESS, printed=watched.printed)
    printed = watched.printed
    failure = next((o.failure for o in seen if o.failure), None)
    if failure and failure.unfinished:
        return Verdict(exercise, Outcome.UNFINISHED, printed=printed)
    if watched.reference_ran:
        return Verdict(exercise, Outcome.REFERENCE, printed=printed)
    with caught(Watched()):  # a mutant may warn; that is not the learner's affair
        rows = tuple(
            Row(d.case.text, d.describe(), difference(d.observe(exercise.reference), o))
            for d, o in zip(drawn, seen, strict=True)
        )
        if not any(row.difference for row in rows):
            return Verdict(exercise, Outcome.RIGHT, rows, printed=printed)
        mutant = next((m for m in exercise.mutants if _behaves_like(m, drawn, seen)), None)
    return Verdict(exercise, Outcome.WRONG, rows, mutant, failure, printed)


def _behaves_like(mutant: Mutant, drawn: list["_Drawn"], seen: list[Observation]) -> bool:
    return all(
        difference(d.observe(mutant.answer), o) is None for d, o in zip(drawn, seen, strict=True)
    )


@dataclass(frozen=True)
class _Drawn:
    """A case with its call, ready to be tried on any answer under equal conditions."""

    exercise: Exercise
    case: Case
    call: Call
    wanted: list[Shape] | None
    seed: int

    def observe(self, answer: Callable[..., Any]) -> Observation:
        return observe(
            answer,
            self.call,
            wanted=self.wanted,
            names=self.exercise.input_names,
            dtype=self.case.dtype,
            training=self.case.training,
            exact_shapes=self.exercise.exact_shapes,
            gradients=self.exercise.gradients,
            seed=self.seed,
        )

    def describe(self) -> str:
        """The call in one line: ``channels=24, reduction=4; x (3, 24, 5, 7) float32``."""
        parts = []
        if self.call.build is not None:
            parts.append(", ".join(f"{k}={v!r}" for k, v in self.call.build.items()))
        names = self.exercise.input_names
        values = zip(names, self.call.inputs, strict=False)
        parts.append(", ".join(f"{name} {_describe(value)}" for name, value in values))
        return "; ".join(part for part in parts if part)


def _describe(value: object) -> str:
    shape = getattr(value, "shape", None)
    if shape is None:
        return f"= {value!r}"
    return f"{tuple(shape)} {str(getattr(value, 'dtype', '')).removeprefix('torch.')}"


def _draw(exercise: Exercise, case: Case, seed: int) -> _Drawn:
    call = case.make(Draw(seed, case.dtype))
    wanted = reference_layout(exercise.reference, call, exercise.exact_shapes)
    return _Drawn(exercise, case, call, wanted, seed)
