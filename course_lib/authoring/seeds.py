"""Whether the checks judge every known answer rightly, over as many seeds as one asks for."""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

import torch

from course_lib import exercises
from course_lib.checks import Alternate, Exercise, Mutant, Outcome, examine


def misjudged(exercise: Exercise, known: Mutant | Alternate, seed: int) -> str:
    """What came out instead, in words, where a mutant or an alternate is not judged as it must be.

    A mutant must be rejected by its own name, an alternate accepted.
    """
    verdict = examine(exercise, known.answer, seed)
    name = verdict.mutant.name if verdict.mutant else None
    right = (Outcome.RIGHT, None) if isinstance(known, Alternate) else (Outcome.WRONG, known.name)
    if (verdict.outcome, name) == right:
        return ""
    return verdict.outcome.value + (f", taken for {name}" if name else "")


def failures(exercise: Exercise, seeds: Iterable[int]) -> list[str]:
    """A line for every known answer and seed that the checks of an exercise misjudge."""
    return [
        f"{exercise.id}, {type(known).__name__.lower()} {known.name}, seed {seed}: {found}"
        for seed in seeds
        for known in (*exercise.mutants, *exercise.alternates)
        if (found := misjudged(exercise, known, seed))
    ]


def tried(ids: Iterable[str], seeds: range) -> Iterator[tuple[str, list[str]]]:
    """Try exercises on all cores; gives each id with its failures, in the order asked for."""
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(
        mp_context=fork, initializer=torch.set_num_threads, initargs=(1,)
    ) as p:
        waiting = [(name, p.submit(_tried, name, seeds)) for name in ids]
        for name, future in waiting:
            yield name, future.result()


def _tried(name: str, seeds: range) -> list[str]:
    return failures(exercises.get(name), seeds)
