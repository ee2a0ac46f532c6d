"""From text to notebooks: stable bytes, nothing leaks, stale files are named, nothing is lost."""

import json
import shutil

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from typer.testing import CliRunner

from course_lib.authoring import build as building
from course_lib.authoring.__main__ import app
from course_lib.authoring.build import Course, build, execute, stale
from course_lib.authoring.source import read

LESSON = "07_tiny"
TEXT = """# 07 小课 · A small lesson

<div lang="zh">

一段话。

</div>
<div lang="en">

A paragraph.

</div>

```{code-cell}
:tags: [nbval-check-output]

from course_lib.exercises import check
print("a printed line")
```

### 练习 1 数一数 · Exercise 1 Count

{{ exercise se-parameters }}

```{code-cell}
:solution: se-parameters

def se_parameters(channels, reduction, bias):
    ### BEGIN SOLUTION
    a_secret_name = channels // reduction
    return 2 * channels * a_secret_name + (a_secret_name + channels if bias else 0)
    ### END SOLUTION
```

```{code-cell}
:check: se-parameters

check("se-parameters", se_parameters)
### BEGIN HIDDEN TESTS
check("se-parameters", se_parameters, hidden=True)
### END HIDDEN TESTS
```
"""


@pytest.fixture
def text_only(tmp_path):
    folder = tmp_path / "solutions" / LESSON
    folder.mkdir(parents=True)
    (folder / f"{LESSON}.md").write_text(TEXT, encoding="utf-8")
    return Course(tmp_path)


@pytest.fixture(scope="module")
def built_once(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    folder = root / "solutions" / LESSON
    folder.mkdir(parents=True)
    (folder / f"{LESSON}.md").write_text(TEXT, encoding="utf-8")
    course = Course(root)
    build(course)
    return course


@pytest.fixture
def course(built_once, tmp_path):
    shutil.copytree(built_once.root, tmp_path / "copy")
    return Course(tmp_path / "copy")


def test_headers_become_nbgraders_metadata_and_points_come_from_the_exercise(text_only):
    cells = {cell.id: cell for cell in read(text_only.text(LESSON)).cells}
    solution, check = cells["se-parameters"], cells["se-parameters-check"]
    assert solution.metadata.nbgrader == {
        "grade": False,
        "grade_id": "se-parameters",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    assert check.metadata.nbgrader.points == 2
    assert check.metadata.nbgrader.grade
    assert check.metadata.tags == ["raises-exception"]


def test_ids_depend_on_the_text_alone_and_are_unique(text_only):
    first, second = read(text_only.text(LESSON)), read(text_only.text(LESSON))
    ids = [cell.id for cell in first.cells]
    assert ids == [cell.id for cell in second.cells]
    assert len(set(ids)) == len(ids)
    assert nbformat.writes(first) == nbformat.writes(second)


def test_the_placeholder_becomes_two_blocks(text_only):
    cell = next(c for c in read(text_only.text(LESSON)).cells if "练习 1" in c.source)
    assert "**用函数预测** · 难度 1/5 · 3 分钟 · 2 分" in cell.source
    assert "**Predict with a function** · difficulty 1/5 · 3 minutes · 2 points" in cell.source
    assert "{{" not in cell.source


def test_a_second_build_changes_no_byte(course):
    before = {p: p.read_bytes() for p in course.root.rglob("*.ipynb")}
    assert len(before) == 2
    build(course)
    assert {p: p.read_bytes() for p in course.root.rglob("*.ipynb")} == before


def test_a_fresh_build_is_not_stale(course):
    assert stale(course) == []


def test_the_release_has_no_answer_no_hidden_test_no_output_and_stands_alone(course):
    text = course.release(LESSON).read_text(encoding="utf-8")
    for secret in ("a_secret_name", "hidden", "HIDDEN", "BEGIN SOLUTION", 'a printed line\\n"'):
        assert secret not in text
    assert "raise NotImplementedError()" in text
    assert [p.name for p in course.notebooks.rglob("*") if p.is_file()] == [f"{LESSON}.ipynb"]


def _change(path, change):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    change(notebook)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@pytest.mark.parametrize("which", ["solution", "release"])
@pytest.mark.parametrize(
    "change",
    [
        lambda n: n["cells"].pop(1),
        lambda n: n["cells"][-1]["metadata"]["nbgrader"].update(points=9),
        lambda n: n["cells"][0].update(source=["# Another title"]),
        lambda n: n["cells"][1].update(id="random"),
    ],
)
def test_an_edited_notebook_is_stale_and_the_first_difference_is_named(course, which, change):
    path = getattr(course, which)(LESSON)
    _change(path, change)
    (problem,) = stale(course)
    assert str(path.relative_to(course.root)) in problem
    assert "first difference" in problem


def test_other_outputs_of_the_solution_are_not_stale(course):
    _change(course.solution(LESSON), lambda n: n["cells"][1].update(outputs=[]))
    assert stale(course) == []


def test_a_changed_text_makes_both_stale(course):
    path = course.text(LESSON)
    path.write_text(path.read_text(encoding="utf-8").replace("A paragraph", "Two"), "utf-8")
    assert len(stale(course)) == 2


@pytest.mark.parametrize("name", [f"{LESSON}/{LESSON}.md", f"{LESSON}/notes.txt", "stray.ipynb"])
def test_a_stray_file_in_the_release_is_named(course, name):
    (course.notebooks / name).write_text("x", encoding="utf-8")
    (problem,) = stale(course)
    assert name in problem


def test_a_missing_and_a_broken_notebook_are_named(course):
    course.release(LESSON).write_text("{", encoding="utf-8")
    course.solution(LESSON).unlink()
    missing, broken = stale(course)
    assert "missing" in missing
    assert "not a notebook" in broken


def test_a_wrong_solution_stops_the_build_and_keeps_what_was_there(course):
    before = {p: p.read_bytes() for p in course.root.rglob("*.ipynb")}
    path = course.text(LESSON)
    path.write_text(path.read_text("utf-8").replace("return 2 *", "return 3 *"), "utf-8")
    with pytest.raises(CellExecutionError, match="CheckFailed"):
        build(course)
    assert {p: p.read_bytes() for p in course.root.rglob("*.ipynb")} == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (":solution: se-parameters", ":solution: se-unknown", "no exercise is called 'se-unknown'"),
        ("{{ exercise se-parameters }}", "{{ exercise se-x }}", "no exercise is called 'se-x'"),
        (
            ":solution: se-parameters",
            ":solution: se-parameters\n:check: se-parameters",
            "a solution or a check",
        ),
    ],
)
def test_a_wrong_header_names_the_text_and_the_cell(text_only, old, new, words):
    path = text_only.text(LESSON)
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{LESSON}.md, cell .*{words}"):
        read(path)


def test_an_output_that_differs_by_timing_is_joined():
    pieces = [
        nbformat.v4.new_output("stream", name="stdout", text="a"),
        nbformat.v4.new_output("stream", name="stdout", text="b"),
        nbformat.v4.new_output("stream", name="stderr", text="c"),
    ]
    joined = building._joined_streams(pieces)
    assert [(o.name, o.text) for o in joined] == [("stdout", "ab"), ("stderr", "c")]


def test_execution_stops_at_the_first_error(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]})]
    )
    with pytest.raises(CellExecutionError):
        execute(notebook, tmp_path)
    assert notebook.cells[0].metadata.tags == ["raises-exception"]


def test_the_command_names_what_is_wrong(course, tmp_path):
    runner = CliRunner()
    assert runner.invoke(app, ["check", "--root", str(course.root)]).exit_code == 0
    unknown = runner.invoke(app, ["check", "08_other", "--root", str(course.root)])
    assert unknown.exit_code == 2
    assert LESSON in unknown.output
    course.release(LESSON).unlink()
    missing = runner.invoke(app, ["check", "--root", str(course.root)])
    assert missing.exit_code == 1
    assert "missing" in missing.output
    nowhere = runner.invoke(app, ["check", "--root", str(tmp_path / "nowhere")])
    assert nowhere.exit_code == 2


def test_the_build_command_says_why_without_a_traceback(course):
    runner = CliRunner()
    path = course.text(LESSON)
    path.write_text(TEXT.replace(":check: se-parameters", ":check: se-x"), encoding="utf-8")
    wrong = runner.invoke(app, ["build", "--root", str(course.root)])
    assert wrong.exit_code == 1
    assert "no exercise is called 'se-x'" in wrong.output
    assert "Traceback" not in wrong.output
    path.write_bytes(b"# \xff\xfe")
    broken = runner.invoke(app, ["build", "--root", str(course.root)])
    assert broken.exit_code == 1
    assert f"{LESSON}.md: UnicodeDecodeError" in broken.output


def test_a_folder_without_its_text_and_no_lesson_at_all_are_named(course):
    (course.solutions / "08_other").mkdir()
    (problem,) = stale(course)
    assert "solutions/08_other" in problem
    course.text(LESSON).unlink()
    with pytest.raises(ValueError, match="no lesson"):
        course.lessons()
