"""Three submissions of every lesson, graded by the real command: blank, right, half wrong."""

import ast
import csv
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

REPOSITORY = Path(__file__).resolve().parents[2]
LESSONS = sorted(
    path.stem
    for path in (REPOSITORY / "solutions").glob("*/*.ipynb")
    if path.stem == path.parent.name
)


def read(folder: str, lesson: str) -> NotebookNode:
    path = REPOSITORY / folder / lesson / f"{lesson}.ipynb"
    return nbformat.read(path, as_version=4)


def marked(notebook: NotebookNode, kind: str) -> dict[str, NotebookNode]:
    """The cells of one kind, `solution` or `grade`, by their grade_id in the notebook's order."""
    cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get(kind)]
    return {cell.metadata.nbgrader.grade_id: cell for cell in cells}


def wrong(check: str) -> str:
    """An answer to the exercise of a check cell that can be called and is never right."""
    call = ast.parse(check).body[0].value
    return f"def {call.args[1].id}(*arguments, **options):\n    return 'wrong'"


@pytest.mark.parametrize("lesson", LESSONS)
def test_blank_right_and_half_wrong(lesson: str, tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "nbgrader_config.py", tmp_path)
    shutil.copytree(REPOSITORY / "solutions" / lesson, tmp_path / "solutions" / lesson)
    solution = read("solutions", lesson)
    checks = marked(solution, "grade").items()
    points = {name.removesuffix("-check"): cell.metadata.nbgrader.points for name, cell in checks}
    answers = {name: cell.source for name, cell in marked(solution, "solution").items()}
    assert points
    assert list(points) == list(answers)
    right = {"blank": [], "half": list(answers)[::2], "right": list(answers)}
    for learner, names in right.items():
        folder = tmp_path / "submitted" / learner / lesson
        shutil.copytree(REPOSITORY / "notebooks" / lesson, folder)
        work = read("notebooks", lesson)
        for name, cell in marked(work, "solution").items():
            if name in names:
                cell.source = answers[name]
            elif learner == "half":
                cell.source = wrong(marked(work, "grade")[f"{name}-check"].source)
        nbformat.write(work, folder / f"{lesson}.ipynb")

    command = [Path(sys.executable).parent / "course-grade", "--lesson", lesson]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    with (tmp_path / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["learner"]: row for row in csv.DictReader(file)}
    for learner, names in right.items():
        assert float(rows[learner]["score"]) == sum(points[name] for name in names)
        assert float(rows[learner]["max_score"]) == sum(points.values())
        assert (rows[learner]["status"], rows[learner]["note"]) == ("graded", "")
