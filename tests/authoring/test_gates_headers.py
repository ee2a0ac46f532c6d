import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_raw_cell
from small_lesson import NAME, cell_of, change, nbgrader, small_lesson

from course_lib.authoring.gates import headers


def test_the_right_notebook_passes():
    assert headers.gate(small_lesson(), NAME) == []


def _set_nbgrader(grade_id, key, value):
    def wrong(notebook):
        cell_of(notebook, grade_id).metadata.nbgrader[key] = value

    return wrong


def _set_tags(words, tags):
    def wrong(notebook):
        cell_of(notebook, words).metadata["tags"] = tags

    return wrong


def _set_source(grade_id, source):
    def wrong(notebook):
        cell_of(notebook, grade_id).source = source

    return wrong


def _text(old, new):
    return lambda notebook: change(notebook, old, new)


def _extra_metadata(notebook):
    cell_of(notebook, "1 + 1").metadata["collapsed"] = True


def _no_grade_id(notebook):
    del cell_of(notebook, "one").metadata.nbgrader["grade_id"]


def _locked_text(notebook):
    cell = cell_of(notebook, "## 8")
    cell.metadata["nbgrader"] = nbgrader("text", graded=False) | {"solution": False}


def _raw_cell(notebook):
    notebook.cells.append(new_raw_cell("x"))


def _cell_between(notebook):
    position = notebook.cells.index(cell_of(notebook, "one-check"))
    notebook.cells.insert(position, new_code_cell("pass"))


def _check_alone(notebook):
    metadata = {"nbgrader": nbgrader("alone-check", graded=True), "tags": ["raises-exception"]}
    notebook.cells.insert(0, new_code_cell('check("alone", alone)', metadata=metadata))


def _same_id(notebook):
    cell_of(notebook, "two").metadata.nbgrader["grade_id"] = "one"


HIDDEN = '### BEGIN HIDDEN TESTS\ncheck("one", one, hidden=True)\n### END HIDDEN TESTS'


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (_set_tags("1 + 1", ["skip-me"]), "tags ['skip-me']; an ordinary cell has"),
        (_extra_metadata, "cell 3 (1 + 1): metadata ['collapsed']"),
        (_set_tags("# 03", ["hide"]), "metadata ['tags']; a markdown cell"),
        (_set_tags("one", ["hide"]), "(one): metadata ['tags']; a code cell"),
        (_no_grade_id, "nbgrader metadata grade_id=None"),
        (_locked_text, "(text): metadata ['nbgrader']; a markdown cell"),
        (_raw_cell, "a raw cell; use markdown or code"),
        (_set_nbgrader("one", "locked", True), "(one): nbgrader metadata locked=True"),
        (_set_nbgrader("one", "points", 1), "nbgrader metadata points=1; it must be None"),
        (_set_nbgrader("one", "schema_version", 2), "schema_version=2; it must be 3"),
        (_set_nbgrader("one-check", "locked", False), "(one-check): nbgrader metadata locked"),
        (_set_nbgrader("one-check", "cell_type", "code"), "nbgrader metadata cell_type='code'"),
        (_set_nbgrader("one-check", "points", 0), "points=0; they must be a number above 0"),
        (_set_nbgrader("one-check", "points", "2"), "points='2'; they must be a number"),
        (_set_nbgrader("one-check", "points", True), "points=True; they must be a number"),
        (_set_nbgrader("one-check", "grade_id", "other"), "it must be 'one-check'"),
        (_set_tags("one-check", ["raises-exception", "x"]), "a check cell has ['raises-excep"),
        (_set_tags("one-check", []), "tags []; a check cell has ['raises-exception']"),
        (_same_id, "grade_id 'one' is taken already"),
        (_set_nbgrader("one", "grade_id", "One_two"), "'One_two' is not kebab-case"),
        (_cell_between, "(one): no check cell follows"),
        (_cell_between, "(one-check): a check cell must directly follow its solution"),
        (_check_alone, "(alone-check): a check cell must directly follow its solution"),
        (_text("    ### BEGIN SOLUTION\n", ""), "(one): each part of the answer needs a pair"),
        (_text("### END SOLUTION", "### END SOLUTION\n### BEGIN SOLUTION"), "needs a pair"),
        (_set_source("one", "### BEGIN SOLUTION\n\n### END SOLUTION"), "needs a pair"),
        (_text("1 + 1", "1 + 1  ### begin solution"), "(1 + 1  ### begin solution): a mark"),
        (_text("这一节", "### BEGIN HIDDEN TESTS 这一节"), "a mark of a solution or of hidden"),
    ],
)
def test_a_wrong_header_is_caught(wrong, message):
    notebook = small_lesson()
    wrong(notebook)
    problems = headers.gate(notebook, NAME)
    assert [problem for problem in problems if message in problem], problems
    assert all(problem.startswith(f"{NAME}, cell ") for problem in problems)


@pytest.mark.parametrize(
    "source",
    [
        'check("one", one)',
        HIDDEN,
        f'check("two", one)\n{HIDDEN}',
        f'check("one", two)\n{HIDDEN}',
        f'check("one", one())\n{HIDDEN}',
        f'check("one", one, one)\n{HIDDEN}',
        f'check("one", one, hidden=False)\n{HIDDEN}',
        f'examine("one", one)\n{HIDDEN}',
        f'x = check("one", one)\n{HIDDEN}',
        f'check("one", one)\n{HIDDEN}\nprint(1)',
        f'import sys\ncheck("one", one)\n{HIDDEN}',
        f'check("one", one); print(1)\n{HIDDEN}',
        f'check("one", one)\n# hint\n{HIDDEN}',
        'check("one", one)\ncheck("one", one, hidden=True)',
        'check("one", one)\n### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\n'
        'check("one", one, hidden=True)',
        'check("one", one)\n### BEGIN HIDDEN TESTS\ncheck("one", one, hidden=True)',
        f'check("one", one\n{HIDDEN}',
        f"%%capture\ncheck('one', one)\n{HIDDEN}",
    ],
)
def test_a_check_cell_holds_two_calls_and_nothing_else(source):
    notebook = small_lesson()
    cell_of(notebook, "one-check").source = source
    (problem,) = headers.gate(notebook, NAME)
    assert '(one-check): a check cell holds check("one", NAME)' in problem


def test_it_survives_a_round_trip_through_a_file(tmp_path):
    path = tmp_path / "small.ipynb"
    nbformat.write(small_lesson(), path)
    assert headers.gate(nbformat.read(path, as_version=4), NAME) == []
