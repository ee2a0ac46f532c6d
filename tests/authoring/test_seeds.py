"""The authors' command that tries every known answer over many seeds."""

import pytest
import torch
from typer.testing import CliRunner

from course_lib.authoring import seeds
from course_lib.authoring.__main__ import app
from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def lucky(x: torch.Tensor) -> torch.Tensor:
    """Right where the first number is negative, which the seed decides."""
    return x if x.flatten()[0] < 0 else x + 1


def made(**known: tuple[Mutant | Alternate, ...]) -> Exercise:
    """An exercise whose right answer returns its input."""
    return Exercise(
        id="seeds-identity",
        kind="implement",
        title=Text("恒等", "Identity"),
        difficulty=1,
        minutes=1,
        points=1,
        reference=lambda x: x * 1,
        cases=(Case(Text("一个", "one"), lambda draw: Call((draw.normal(2, 3),))),),
        **known,
    )


def test_a_mutant_that_slips_through_and_an_alternate_that_is_refused_are_named() -> None:
    doubled = Mutant("doubled", lambda x: 2 * x, Text("两倍", "twice"))
    sometimes = Mutant("sometimes", lucky, Text("加一", "one more"))
    exercise = made(mutants=(doubled, sometimes), alternates=(Alternate("lucky", lucky),))
    negative = [seed for seed in range(8) if Draw(seed).normal(2, 3)[0, 0] < 0]
    assert 0 < len(negative) < 8
    told = seeds.failures(exercise, range(8))
    assert told == [
        f"seeds-identity, mutant sometimes, seed {seed}: right"
        if seed in negative
        else f"seeds-identity, alternate lucky, seed {seed}: wrong, taken for sometimes"
        for seed in range(8)
    ]


def test_all_known_answers_of_an_exercise_pass() -> None:
    result = CliRunner().invoke(app, ["try", "--exercise", "pam-map", "--seeds", "2"])
    assert (result.exit_code, result.output) == (0, "pam-map: 0 failures over 2 seeds\n")


def test_a_failure_is_told_and_ends_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "misjudged", lambda *_: "right")  # the workers are forks
    result = CliRunner().invoke(app, ["try", "--exercise", "pam-map", "--seeds", "1"])
    first, *lines = result.output.splitlines()
    assert result.exit_code == 1
    assert first == f"pam-map: {len(lines)} failures over 1 seeds"
    assert "  pam-map, mutant sigmoid, seed 0: right" in lines


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["99_other"], "99_other"),
        (["--exercise", "pam"], "no exercise is called 'pam'"),
        (["--seeds", "0"], "--seeds 0 tries nothing; use at least 1"),
    ],
)
def test_wrong_arguments_get_one_line(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["try", *arguments])
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
