import nbformat
import pytest
from nbformat.v4 import new_output
from small_lesson import NAME, cell_of, released, small_lesson

from course_lib.authoring import gates

ANSWER = "squeezed = x.mean((2, 3), keepdim=True)"


@pytest.fixture
def problems_of(tmp_path):
    def problems(notebook):
        path = tmp_path / f"{NAME}.ipynb"
        nbformat.write(notebook, path)
        return gates.check_release(path, small_lesson())

    return problems


def test_the_right_release_passes(problems_of):
    assert problems_of(released()) == []


def _add(grade_id, text):
    def wrong(notebook):
        cell_of(notebook, grade_id).source += text

    return wrong


def _put(grade_id, text):
    def wrong(notebook):
        cell_of(notebook, grade_id).source = text

    return wrong


def _outputs(notebook):
    cell_of(notebook, "1 + 1").outputs = [new_output("stream", text="2")]


def _count(notebook):
    cell_of(notebook, "1 + 1").execution_count = 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (_add("one", f"\n    {ANSWER}"), f"(one): holds the line {ANSWER!r} of the answer"),
        (_add("one", "\n    return squeezed"), "(one): holds the line 'return squeezed'"),
        (_add("one", "\n    ### END SOLUTION"), "(one): holds the marks of a solution"),
        (_add("one", "\n    x = 1"), "(one): is not the cell with `raise NotImplementedError()`"),
        (_put("one", "def one(x):\n    pass"), "(one): is not the cell with `raise NotImplemented"),
        (_add("one-check", '\ncheck("one", one, hidden=True)'), "(one-check): holds hidden tests"),
        (_add("one-check", "\n### BEGIN HIDDEN TESTS"), "(one-check): holds hidden tests"),
        (_put("one-check", "pass"), "(one-check): differs from the solution notebook"),
        (_add("1 + 1", " + 1"), "differs from the solution notebook; run `make notebooks`"),
        (_outputs, "cell 3 (1 + 1): has outputs"),
        (_count, "cell 3 (1 + 1): has an execution count"),
        (lambda notebook: notebook.cells.pop(), "the release has 35 cells, the solution 36"),
    ],
)
def test_a_wrong_release_is_caught(problems_of, wrong, message):
    notebook = released()
    wrong(notebook)
    problems = problems_of(notebook)
    assert [problem for problem in problems if message in problem], problems


def test_the_folder_holds_one_notebook_a_lesson(tmp_path):
    root = tmp_path / "notebooks"
    for path in (
        f"{NAME}/{NAME}.ipynb",
        f"{NAME}/{NAME}.md",
        f"{NAME}/data.csv",
        "old/old.ipynb",
        "README.md",
        f"{NAME}/.ipynb_checkpoints/x.ipynb",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    problems = gates.check_release_folder(root, [NAME, "04_next"])
    stray = ": a stray file in the release; remove it"
    assert problems == [
        f"notebooks/{NAME}/{NAME}.md{stray}",
        f"notebooks/{NAME}/data.csv{stray}",
        f"notebooks/README.md{stray}",
        f"notebooks/old/old.ipynb{stray}",
    ]


def test_the_right_folder_passes(tmp_path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / f"{NAME}.ipynb").touch()
    assert gates.check_release_folder(tmp_path, [NAME]) == []
