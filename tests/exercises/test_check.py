"""The two calls that a notebook makes: check and answer_or_reference."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from course_lib import exercises
from course_lib.checks import Call, CheckFailed, Mutant, Text, choice
from course_lib.exercises import answer_or_reference, check
from course_lib.exercises.lesson_01.shared import SELinear
from course_lib.exercises.lesson_01.squeeze_excite import SQUEEZE_EXCITE

HIDDEN = exercises.SEEDS[True]


def right(x, w1, b1, w2, b2):
    gate = torch.sigmoid(F.relu(x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2)
    return x * gate[:, :, None, None]


@pytest.fixture(autouse=True)
def forget():
    exercises._accepted.clear()
    yield
    exercises._accepted.clear()


def test_a_right_answer_passes_returns_nothing_and_is_used_further_on(capsys):
    assert check("squeeze-excite", right) is None
    assert "通过 / right" in capsys.readouterr().out
    assert check("squeeze-excite", right, hidden=True) is None
    assert capsys.readouterr().out == ""
    assert answer_or_reference("squeeze-excite") is right
    assert "your own" in capsys.readouterr().out


def test_a_wrong_answer_raises_one_line_and_the_reference_is_used(capsys):
    with pytest.raises(CheckFailed) as raised:
        check("squeeze-excite", lambda *a: None)
    assert str(raised.value) == "squeeze-excite: 不对 / not right"
    assert answer_or_reference("squeeze-excite") is SQUEEZE_EXCITE.reference
    assert "uses the reference" in capsys.readouterr().out


def test_a_later_failure_takes_the_acceptance_back():
    check("squeeze-excite", right)
    with pytest.raises(CheckFailed):
        check("squeeze-excite", lambda *a: None)
    assert answer_or_reference("squeeze-excite") is not right


def test_hidden_tests_see_an_answer_that_is_right_on_the_visible_sizes_only(capsys, monkeypatch):
    seen = set()

    def memorised(x, w1, b1, w2, b2):
        seen.add(tuple(x.shape))
        return right(x, w1, b1, w2, b2) if known is None or tuple(x.shape) in known else x

    known = None
    check("squeeze-excite", memorised)
    known = set(seen)
    check("squeeze-excite", memorised)
    capsys.readouterr()
    with pytest.raises(CheckFailed, match="other sizes"):
        check("squeeze-excite", memorised, hidden=True)
    assert capsys.readouterr().out == ""
    assert answer_or_reference("squeeze-excite") is not memorised


@pytest.mark.parametrize(
    "answer",
    [
        SQUEEZE_EXCITE.alternates[0].answer,
        lambda *a: SQUEEZE_EXCITE.alternates[1].answer(*a),
        SQUEEZE_EXCITE.reference,
    ],
)
def test_nothing_of_the_course_can_be_handed_back(answer, capsys):
    with pytest.raises(CheckFailed, match="this is the reference"):
        check("squeeze-excite", answer)


def test_a_thing_that_cannot_be_tried_gives_one_line():
    for thing in (None, "text", SELinear(16)):
        with pytest.raises(CheckFailed, match=r"class|called"):
            check("se-linear", thing)


def test_an_unknown_exercise_lists_those_that_exist():
    with pytest.raises(ValueError, match="squeeze-excite"):
        check("squeeze", right)
    with pytest.raises(ValueError, match="01_squeeze_excitation"):
        exercises.of_lesson("99_other")


def test_a_wrong_letter_and_two_equal_names_are_refused():
    options = {"a": Text("甲", "a"), "b": Text("乙", "b"), "c": Text("丙", "c")}
    with pytest.raises(ValueError, match="not among"):
        choice("x", Text("题", "x"), "d", options)
    twice = Mutant("sum-for-mean", right, Text("错", "wrong"))
    mutants = (*SQUEEZE_EXCITE.mutants, twice)
    fields = {
        f.name: getattr(SQUEEZE_EXCITE, f.name)
        for f in dataclasses.fields(SQUEEZE_EXCITE)
        if f.init
    }
    with pytest.raises(ValueError, match="share a name"):
        type(SQUEEZE_EXCITE)(**{**fields, "mutants": mutants})


def test_every_case_of_a_module_draws_a_height_that_is_not_the_width():
    from course_lib.checks import Draw

    for exercise in exercises.of_lesson("01_squeeze_excitation"):
        drawn: list[Call] = [c.make(Draw(s, c.dtype)) for c in exercise.cases for s in range(5)]
        maps = [t for call in drawn for t in call.inputs if getattr(t, "ndim", 0) == 4]
        unequal = [t.shape[2] != t.shape[3] for t in maps if t.shape[2:] != (1, 1)]
        assert all(unequal), exercise.id
