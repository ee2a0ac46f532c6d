"""Three submissions of every lesson, graded by the real command: blank, right, half wrong.

One run grades all of them: its start takes longer than a lesson.
"""

import ast
import csv
import shutil
import subprocess
import sys
from dataclasses import dataclass
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


def exercises(lesson: str) -> tuple[dict[str, float], dict[str, str]]:
    """The points and the answer of each exercise of a lesson."""
    solution = read("solutions", lesson)
    checks = marked(solution, "grade").items()
    points = {name.removesuffix("-check"): cell.metadata.nbgrader.points for name, cell in checks}
    return points, {name: cell.source for name, cell in marked(solution, "solution").items()}


def right(lesson: str) -> dict[str, list[str]]:
    """The exercises that each learner has right."""
    names = list(exercises(lesson)[1])
    return {"blank": [], "half": names[::2], "right": names}


def submit(lesson: str, root: Path) -> None:
    _, answers = exercises(lesson)
    for learner, names in right(lesson).items():
        folder = root / "submitted" / learner / lesson
        shutil.copytree(REPOSITORY / "notebooks" / lesson, folder)
        work = read("notebooks", lesson)
        for name, cell in marked(work, "solution").items():
            if name in names:
                cell.source = answers[name]
            elif learner == "half":
                cell.source = wrong(marked(work, "grade")[f"{name}-check"].source)
        nbformat.write(work, folder / f"{lesson}.ipynb")


@dataclass
class Run:
    """What the command told and the rows of `grades.csv`, by learner and lesson."""

    result: subprocess.CompletedProcess
    rows: dict[tuple[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("samples")
    shutil.copy(REPOSITORY / "nbgrader_config.py", root)
    for lesson in LESSONS:
        shutil.copytree(REPOSITORY / "solutions" / lesson, root / "solutions" / lesson)
        submit(lesson, root)
    command = [Path(sys.executable).parent / "course-grade"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    with (root / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["learner"], row["lesson"]): row for row in csv.DictReader(file)}
    return Run(result, rows)


def test_all_of_them_are_graded(run: Run) -> None:
    assert (run.result.returncode, run.result.stderr) == (0, ""), run.result.stdout
    assert run.rows.keys() == {(name, lesson) for lesson in LESSONS for name in right(lesson)}


@pytest.mark.parametrize("lesson", LESSONS)
def test_blank_right_and_half_wrong(run: Run, lesson: str) -> None:
    points, answers = exercises(lesson)
    assert points
    assert list(points) == list(answers)
    for learner, names in right(lesson).items():
        row = run.rows[learner, lesson]
        assert float(row["score"]) == sum(points[name] for name in names)
        assert float(row["max_score"]) == sum(points.values())
        assert (row["status"], row["note"]) == ("graded", "")
