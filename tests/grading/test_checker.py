"""The process in which strict checks run: what it asks, what it believes, what a check leaves."""

import atexit
import threading
from collections.abc import Callable

import nbformat
import pytest
import torch
from nbformat import NotebookNode
from tiny_course import SQUEEZE_EXCITE, tensor_notebook
from torch import Tensor

from course_lib import exercises
from course_lib.checks import drawn
from course_lib.grading.sandbox import codec
from course_lib.grading.sandbox.respond import answer
from course_lib.grading.worker.remote import Checker

SETUP, _, CHECK = tensor_notebook(solution=True).cells


class Learner:
    """The learner's process, in this one; it notes what it is asked and may lie in its answers."""

    def __init__(self, source: str, lie: Callable[[list], list] = list) -> None:
        self.names: dict[str, object] = {"torch": torch, "Tensor": Tensor}
        exec(source, self.names)
        self.asked: list[str] = []
        self.lie = lie

    def ask(self, question: str) -> str:
        told = codec.loads(answer(question, self.names))
        self.asked.append(codec.loads(question)[0])
        if self.asked[-1] == "describe":
            told = told[0], self.lie(told[1])
        return codec.dumps(told)


def checked(learner: Learner) -> NotebookNode:
    """The cell of the check, visible and hidden tests, after it ran."""
    cell = nbformat.v4.new_code_cell(CHECK.source)
    Checker([SETUP.source], [], learner.ask).run(cell, cell.source, 1)
    return cell


def error(cell: NotebookNode) -> str:
    return "".join(o.evalue for o in cell.outputs if o.output_type == "error")


def test_a_check_takes_one_question_and_its_hidden_tests_another() -> None:
    learner = Learner(SQUEEZE_EXCITE)
    assert error(checked(learner)) == ""
    assert learner.asked == ["describe", "attempt"]


def test_a_wrong_answer_is_not_tried_on_hidden_sizes() -> None:
    counts: list[int] = []
    wrong = "def squeeze_excite(x, w1, b1, w2, b2):\n    return x"
    learner = Learner(wrong, lambda tried: counts.append(len(tried)) or tried)
    assert "squeeze-excite" in error(checked(learner))
    assert (learner.asked, counts) == (["describe"], [1])


def test_an_answer_for_the_visible_sizes_alone_fails_the_hidden_tests() -> None:
    shapes = {tuple(t.call.inputs[0].shape) for t in drawn(exercises.get("squeeze-excite"), 0)}
    fitted = f"{SQUEEZE_EXCITE} if tuple(x.shape) in {shapes} else x"
    learner = Learner(fitted)
    assert "other sizes and values" in error(checked(learner))
    assert learner.asked == ["describe", "attempt"]


@pytest.mark.parametrize("lie", [lambda tried: [], lambda tried: [None]])
def test_attempts_that_do_not_come_are_asked_for(lie: Callable[[list], list]) -> None:
    learner = Learner(SQUEEZE_EXCITE, lie)
    assert error(checked(learner)) == ""
    assert learner.asked == ["describe", "attempt", "attempt"]


@pytest.mark.parametrize(
    "lie",
    [
        lambda tried: [7, 7, 7],
        lambda tried: [{}, {}, {}],
        lambda tried: [{**told, "seen": told["seen"][:1]} for told in tried],
        lambda tried: [{**told, "seen": "right"} for told in tried],
    ],
)
def test_attempts_of_a_wrong_form_are_no_answer(lie: Callable[[list], list]) -> None:
    outputs = checked(Learner(SQUEEZE_EXCITE, lie)).outputs
    assert [o.ename for o in outputs if o.output_type == "error"] == ["NoAnswerError"]


def test_a_check_leaves_no_thread_and_nothing_for_the_end_of_the_process() -> None:
    """Each shell of IPython leaves both, and then the end takes longer than the grading."""
    checker = Checker(ordinary=[], locked=[], ask=lambda question: codec.dumps([{}, []]))
    checker.run(nbformat.v4.new_code_cell(""), "", 0)  # the one shell is made
    before = set(threading.enumerate()), atexit._ncallbacks()
    for number in range(3):
        cell = nbformat.v4.new_code_cell("print('seen')")
        checker.run(cell, cell.source, number)
        assert cell.outputs[0].text == "seen\n"
    assert (set(threading.enumerate()), atexit._ncallbacks()) == before
