from dataclasses import replace

import pytest

from course_lib.authoring.gates import wording
from course_lib.bilingual import Text
from course_lib.exercises import get

EXERCISE = get("squeeze-excite")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (Text("门的形状,写错了。", "The shape of the gate, written wrongly."), "half-width"),
        (Text("门有 16 个。", "There are 17 gates."), "numbers differ"),
        (Text("门由 `w1` 算出。", "The gate comes from w1."), "code differ"),
        (Text("梯度断了。", "The slope is gone!"), "exclamation mark"),
        (Text("梯度断了。", "The slope is gone."), "en has no 'gradient'"),
    ],
)
def test_a_text_that_breaks_a_rule_is_named_wherever_it_stands(text, message):
    mutant = replace(EXERCISE.mutants[-1], text=text)
    case = replace(EXERCISE.cases[0], text=text)
    for wrong in (
        replace(EXERCISE, title=text),
        replace(EXERCISE, mutants=(*EXERCISE.mutants[:-1], mutant)),
        replace(EXERCISE, cases=(case, *EXERCISE.cases[1:])),
    ):
        problems = wording.gate(wrong, "squeeze-excite")
        assert problems
        assert all(p.startswith("squeeze-excite, ") for p in problems)
        assert any(message in p for p in problems)


def test_the_replies_to_a_choice_are_read():
    question = get("se-quiz-cost")
    reply = Text("您选这个。", "Choose this one.")
    mutants = (replace(question.mutants[0], text=reply), *question.mutants[1:])
    problems = wording.gate(replace(question, mutants=mutants), "quiz")
    assert any("write 你" in p for p in problems)


def test_code_in_a_text_is_set_as_code_and_nothing_else_becomes_html():
    shown = Text("`a<b` 与 c", "`a<b` and <c>").html()
    assert shown.count("<code>a&lt;b</code>") == 2
    assert "&lt;c&gt;" in shown
