"""Three submissions of every lesson, graded by the real command: blank, right, half wrong."""

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


@dataclass(frozen=True)
class Sample:
    """What three learners hand in for a lesson, and what the real command makes of it.

    Attributes:
        points: of each exercise, in the order of the notebook.
        right: the exercises that each learner has right.
        rows: of `grades.csv`, by learner.
    """

    points: dict[str, float]
    right: dict[str, list[str]]
    rows: dict[str, dict[str, str]]


def submit(root: Path, lesson: str) -> tuple[dict[str, float], dict[str, list[str]]]:
    """Hand in for all three; returns the points, and what each has right."""
    shutil.copytree(REPOSITORY / "solutions" / lesson, root / "solutions" / lesson)
    solution = read("solutions", lesson)
    checks = marked(solution, "grade").items()
    points = {name.removesuffix("-check"): cell.metadata.nbgrader.points for name, cell in checks}
    answers = {name: cell.source for name, cell in marked(solution, "solution").items()}
    assert points
    assert list(points) == list(answers)
    right = {"blank": [], "half": list(answers)[::2], "right": list(answers)}
    for learner, names in right.items():
        folder = root / "submitted" / learner / lesson
        shutil.copytree(REPOSITORY / "notebooks" / lesson, folder)
        work = read("notebooks", lesson)
        for name, cell in marked(work, "solution").items():
            if name in names:
                cell.source = answers[name]
            elif learner == "half":
                cell.source = wrong(marked(work, "grade")[f"{name}-check"].source)
        nbformat.write(work, folder / f"{lesson}.ipynb")
    return points, right


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """All lessons in one run, as at the end of a term: the start of the command is paid once."""
    root = tmp_path_factory.mktemp("samples")
    shutil.copy(REPOSITORY / "nbgrader_config.py", root)
    submitted = {lesson: submit(root, lesson) for lesson in LESSONS}
    command = [Path(sys.executable).parent / "course-grade"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    with (root / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(LESSONS)
    return {
        lesson: Sample(*told, {row["learner"]: row for row in rows if row["lesson"] == lesson})
        for lesson, told in submitted.items()
    }


@pytest.mark.parametrize("lesson", LESSONS)
def test_blank_right_and_half_wrong(lesson: str, samples: dict[str, Sample]) -> None:
    sample = samples[lesson]
    for learner, names in sample.right.items():
        row = sample.rows[learner]
        assert float(row["score"]) == sum(sample.points[name] for name in names)
        assert float(row["max_score"]) == sum(sample.points.values())
        assert (row["status"], row["note"]) == ("graded", "")
