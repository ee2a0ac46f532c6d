"""The process in which strict checks run: what a check leaves behind in it."""

import atexit
import threading

import nbformat

from course_lib.grading import codec
from course_lib.grading.remote import Checker


def test_a_check_leaves_no_thread_and_nothing_for_the_end_of_the_process():
    """Each shell of IPython leaves both, and then the end takes longer than the grading."""
    checker = Checker(ordinary=[], locked=[], ask=lambda question: codec.dumps({}))
    checker.run(nbformat.v4.new_code_cell(""), "", 0)  # the one shell is made
    before = set(threading.enumerate()), atexit._ncallbacks()
    for number in range(3):
        cell = nbformat.v4.new_code_cell("print('seen')")
        checker.run(cell, cell.source, number)
        assert cell.outputs[0].text == "seen\n"
    assert (set(threading.enumerate()), atexit._ncallbacks()) == before
