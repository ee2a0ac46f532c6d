import nbformat
import pytest
from nbformat.v4 import new_output
from small_lesson import NAME, PICTURE, cell_of, small_lesson

from course_lib.authoring import gates
from course_lib.authoring.gates import outputs


@pytest.fixture
def executed(tmp_path):
    def problems(notebook):
        path = tmp_path / f"{NAME}.ipynb"
        nbformat.write(notebook, path)
        return gates.check_executed(path)

    return problems


def test_the_right_notebook_passes(executed):
    assert executed(small_lesson()) == []


def html(text):
    return new_output("display_data", {"text/html": text})


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (printed("a warning", "stderr"), "text on stderr: 'a warning'"),
        (new_output("error", ename="E", evalue="no", traceback=[]), "error E: no; a solution"),
        (printed(outputs.OUTPUT_LIMIT * "x"), "an output of 200,"),
        (new_output("display_data", {"image/png": "iVBO"}), "an output of type ['image/png']"),
        (new_output("display_data", {"image/svg+xml": "<svg>"}), "output of type ['image/svg+xml'"),
        (html("<svg></svg>"), "<svg> in an output"),
        (html(PICTURE.replace(' alt="门的图 / The gates"', "")), "a picture with alt=''"),
        (html(PICTURE.replace("门的图 / ", "")), "a picture with alt='The gates'"),
        (html(PICTURE.replace(" / The gates", "")), "a picture with alt='门的图'"),
        (html(PICTURE.replace("The gates", "图")), "a picture with alt='门的图 / 图'"),
        (html(PICTURE.replace('<span lang="en">Gates</span>', "")), "without a caption in"),
        (html(PICTURE.replace(">Gates<", "><")), "without a caption in"),
        (html(f"<img src='x' alt='门 / gate'>{PICTURE}"), "without a caption in"),
        (printed("in /tmp/x.py"), "'/tmp/x.py' in an output, a path of one machine"),
        (printed("File '/work/main/a'"), "'/work/main/a' in an output"),
        (html("<p>/home/me</p>"), "'/home/me' in an output"),
        (printed("<object at 0x7f00deadbeef>"), "'0x7f00deadbeef' in an output, an address"),
        (
            new_output("execute_result", {"text/plain": "<f at 0x7F00DEADBEEF>"}),
            "'0x7F00DEADBEEF' in an output, an address",
        ),
    ],
)
def test_a_wrong_output_is_caught(executed, output, message):
    notebook = small_lesson()
    cell_of(notebook, "1 + 1").outputs = [output]
    problems = executed(notebook)
    assert [problem for problem in problems if f"{NAME}, cell 3 (1 + 1): " in problem], problems
    assert [problem for problem in problems if message in problem], problems


def test_a_check_without_output_is_caught(executed):
    notebook = small_lesson()
    cell_of(notebook, "one-check").outputs = []
    (problem,) = executed(notebook)
    assert "(one-check): the check printed nothing" in problem


def test_a_large_notebook_is_caught(executed):
    notebook = small_lesson()
    half = outputs.OUTPUT_LIMIT // 2
    cell_of(notebook, "1 + 1").outputs = [printed(half * "x") for _ in range(10)]
    (problem,) = executed(notebook)
    assert "the limit is 1,000,000" in problem


@pytest.mark.parametrize("text", ["3 km/home", "https://a.b/home/c", "0x1f", "C/r/work/done"])
def test_what_only_looks_like_a_path_or_an_address_passes(executed, text):
    notebook = small_lesson()
    cell_of(notebook, "1 + 1").outputs = [printed(text)]
    assert executed(notebook) == []
