"""Every exercise of the course, without a line of its own for any of them."""

import pytest

from course_lib import exercises
from course_lib.authoring.gates import wording
from course_lib.authoring.seeds import misjudged
from course_lib.checks import KINDS, Outcome, examine

# Those that a learner meets; `python -m course_lib.authoring try` tries a hundred others.
SEEDS = (*exercises.SEEDS[False], *exercises.SEEDS[True])
EVERY = [exercises.get(i) for i in exercises.ids()]
MUTANTS = [(e, m) for e in EVERY for m in e.mutants]
ALTERNATES = [(e, a) for e in EVERY for a in e.alternates]


def _id(value: object) -> str:
    return getattr(value, "id", None) or value.name


@pytest.mark.parametrize("exercise", EVERY, ids=_id)
def test_the_reference_handed_back_is_noticed(exercise):
    if not exercise.choices:
        assert examine(exercise, exercise.reference).outcome is Outcome.REFERENCE


@pytest.mark.parametrize(("exercise", "mutant"), MUTANTS, ids=_id)
def test_every_mutant_is_rejected_by_its_own_name(exercise, mutant):
    assert {seed: misjudged(exercise, mutant, seed) for seed in SEEDS} == dict.fromkeys(SEEDS, "")


@pytest.mark.parametrize(("exercise", "alternate"), ALTERNATES, ids=_id)
def test_every_alternate_is_accepted(exercise, alternate):
    assert {seed: misjudged(exercise, alternate, seed) for seed in SEEDS} == dict.fromkeys(
        SEEDS, ""
    )


@pytest.mark.parametrize("exercise", EVERY, ids=_id)
def test_the_bank_is_as_large_as_the_rules_ask(exercise):
    assert exercise.kind in KINDS
    if exercise.kind == "choose":
        assert 3 <= len(exercise.choices) <= 5
    else:
        assert len(exercise.mutants) >= 4
        assert 2 <= len(exercise.alternates) <= 4


@pytest.mark.parametrize("exercise", EVERY, ids=_id)
def test_the_texts_hold_to_the_rules_of_language(exercise):
    assert wording.gate(exercise, exercise.id) == []
