"""Try an answer on all cases of its exercise and reach a verdict."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

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


@dataclass(frozen=True)
class Trial:
    """One call of an answer under conditions that are equal for every answer.

    Attributes:
        call: what it is called with.
        wanted: shapes of the reference's parameters.
        seed: decides the random parameters and what is back-propagated.
        dtype: dtype of the module's parameters.
        training: train mode or eval mode.
        initial: see `Case`.
    """

    call: Call
    wanted: list[Shape] | None
    seed: int
    dtype: torch.dtype
    training: bool
    initial: bool


@dataclass(frozen=True)
class Attempt:
    """What an answer did in all trials of its exercise.

    Attributes:
        seen: one observation per trial; None where the answer did not end in time.
        printed: what it wrote to its streams.
        reference_ran: whether the course's own implementation ran inside it.
    """

    seen: tuple[Observation, ...] | None
    printed: str = ""
    reference_ran: bool = False


class ElsewhereAnswer(ABC):
    """A learner's answer that lives in another process: it is tried there, and reported here."""

    is_class: bool

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call it there."""
        return self.call(arguments, options)

    @abstractmethod
    def call(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Call it there, with plain data that comes back as plain data."""

    @abstractmethod
    def attempt(self, exercise: Exercise, seed: int, own_work: bool) -> Attempt:
        """Do there what the function `attempt` does here, with the trials `drawn` from the seed."""


def attempt(
    exercise: Exercise, answer: Callable[..., Any], trials: Sequence[Trial], own_work: bool
) -> Attempt:
    """Try an answer in this process.

    Args:
        exercise: the exercise.
        answer: the learner's function or class.
        trials: what to try.
        own_work: see `examine`.
    """
    try:
        with guarded(exercise.reference, exercise.seconds, own_work) as watched:
            seen = tuple(_observe(exercise, answer, trial) for trial in trials)
    except StopAnswer:
        return Attempt(None, watched.printed)
    return Attempt(seen, watched.printed, watched.reference_ran)


def _observe(exercise: Exercise, answer: Callable[..., Any], trial: Trial) -> Observation:
    return observe(
        answer,
        trial.call,
        wanted=trial.wanted,
        names=exercise.input_names,
        dtype=trial.dtype,
        training=trial.training,
        initial=trial.initial,
        exact_shapes=exercise.exact_shapes,
        gradients=exercise.gradients and not trial.initial,
        seed=trial.seed,
    )


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
    elsewhere = isinstance(answer, ElsewhereAnswer)
    is_class = answer.is_class if elsewhere else isinstance(answer, type)
    if isinstance(exercise.reference, type) and not is_class:
        raise ValueError(
            f"{exercise.id}: the answer is a {type(answer).__name__}, not a class; hand the class "
            "itself to check, without calling it"
        )
    if elsewhere:
        trials, wanted = _known(exercise, seed)
        tried = answer.attempt(exercise, seed, own_work)
    else:
        trials, wanted = drawn(exercise, seed), None
        tried = attempt(exercise, answer, trials, own_work)
    seen, printed = tried.seen, tried.printed
    if seen is None:
        return Verdict(exercise, Outcome.ENDLESS, printed=printed)
    failure = next((o.failure for o in seen if o.failure), None)
    if failure and failure.unfinished:
        return Verdict(exercise, Outcome.UNFINISHED, printed=printed)
    if tried.reference_ran:
        return Verdict(exercise, Outcome.REFERENCE, printed=printed)
    with caught(Watched()):  # a mutant may warn; that is not the learner's affair
        wanted = wanted or [_observe(exercise, exercise.reference, trial) for trial in trials]
        rows = tuple(
            Row(case.text, _described(exercise, trial.call), difference(right, observation))
            for case, trial, right, observation in zip(
                exercise.cases, trials, wanted, seen, strict=True
            )
        )
        if not any(row.difference for row in rows):
            return Verdict(exercise, Outcome.RIGHT, rows, printed=printed)

        def behaves_the_same(mutant: Mutant) -> bool:
            return all(
                difference(_observe(exercise, mutant.answer, trial), observation) is None
                for trial, observation in zip(trials, seen, strict=True)
            )

        mutant = next(filter(behaves_the_same, exercise.mutants), None)
    return Verdict(exercise, Outcome.WRONG, rows, mutant, failure, printed)


@lru_cache(maxsize=256)
def _known(exercise: Exercise, seed: int) -> tuple[list[Trial], list[Observation]]:
    """The trials and what the reference does in them, for many answers that live elsewhere.

    Answers of this process could change what is kept, so nothing is kept for them.
    """
    trials = drawn(exercise, seed)
    with caught(Watched()):
        return trials, [_observe(exercise, exercise.reference, trial) for trial in trials]


def _described(exercise: Exercise, call: Call) -> str:
    """The call in one line: ``channels=24, reduction=4; x (3, 24, 5, 7) float32``."""
    parts = []
    if call.build is not None:
        parts.append(", ".join(f"{k}={v!r}" for k, v in call.build.items()))
    values = zip(exercise.input_names, call.inputs, strict=False)
    parts.append(", ".join(f"{name} {_describe(value)}" for name, value in values))
    return "; ".join(part for part in parts if part)


def _describe(value: object) -> str:
    shape = getattr(value, "shape", None)
    if shape is None:
        return f"= {value!r}"
    return f"{tuple(shape)} {str(getattr(value, 'dtype', '')).removeprefix('torch.')}"


def drawn(exercise: Exercise, seed: int) -> list[Trial]:
    """The trials of an exercise, one a case, equal wherever they are drawn from this seed."""
    return [_draw(exercise, c, seed + 7919 * place) for place, c in enumerate(exercise.cases)]


def _draw(exercise: Exercise, case: Case, seed: int) -> Trial:
    call = case.make(Draw(seed, case.dtype))
    wanted = reference_layout(exercise.reference, call, exercise.exact_shapes)
    return Trial(call, wanted, seed, case.dtype, case.training, case.initial)
