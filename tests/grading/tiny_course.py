"""A tiny course in a folder of its own: three exercises, 2 + 3 + 1 points, no torch."""

import copy
import json
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from typer.testing import CliRunner, Result

from course_lib.grading.__main__ import app

REPOSITORY = Path(__file__).resolve().parents[2]
POINTS = {"add": 2, "scale": 3, "area": 1}
BLANK = "raise NotImplementedError()"
RIGHT = {
    "add": "def add(a, b):\n    return a + b",
    "scale": "def scale(values, factor):\n    return [factor * value for value in values]",
    "area": "def area(radius):\n    return math.pi * radius**2",
}
SQUEEZE_EXCITE = """\
def squeeze_excite(x, w1, b1, w2, b2):
    gate = torch.sigmoid(torch.relu(x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2)
    return x * gate[:, :, None, None]"""
CHECKS = {
    "add": ("assert add(1, 2) == 3", "assert add(-4, 4) == 0"),
    "scale": ("assert scale([1, 2], 3) == [3, 6]", "assert scale([], 3) == []"),
    "area": ("assert round(area(1), 3) == 3.142", "assert area(0) == 0"),
}
# Passes the check that the learner sees, and not the hidden one.
CHEATS = {"add": "def add(a, b):\n    return 3"}


def _blank(name: str) -> str:
    return RIGHT[name].split("\n")[0] + f"\n    {BLANK}"


def _mark(name: str, **values: object) -> dict[str, object]:
    flags = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"nbgrader": {**flags, "grade_id": name, "schema_version": 3, **values}}


def _code(identity: str, source: str, **metadata: object) -> NotebookNode:
    return nbformat.v4.new_code_cell(source, id=identity, metadata=metadata)


def notebook(solution: bool) -> NotebookNode:
    """The solution notebook, or what learners are given."""
    cells = [
        nbformat.v4.new_markdown_cell("# 小课 · Tiny", id="title"),
        _code("setup", "import math"),
    ]
    for name in POINTS:
        answer = f"### BEGIN SOLUTION\n{RIGHT[name]}\n### END SOLUTION"
        shown, hidden = CHECKS[name]
        check = f"{shown}\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
        mark = _mark(f"{name}-check", grade=True, locked=True, points=POINTS[name])
        cells += [
            nbformat.v4.new_markdown_cell(f"### {name}", id=f"{name}-text"),
            _code(name, answer if solution else _blank(name), **_mark(name, solution=True)),
            _code(
                f"{name}-check",
                check if solution else shown,
                tags=["raises-exception"],
                **mark,
            ),
        ]
    cells.append(_code("experiment", "print('experiment')"))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def tensor_notebook(solution: bool) -> NotebookNode:
    """A lesson of one exercise of the course, with the course's own check."""
    call = 'check("squeeze-excite", squeeze_excite'
    hidden = f"### BEGIN HIDDEN TESTS\n{call}, hidden=True)\n### END HIDDEN TESTS"
    answer = f"### BEGIN SOLUTION\n{SQUEEZE_EXCITE}\n### END SOLUTION"
    blank = f"def squeeze_excite(x, w1, b1, w2, b2):\n    {BLANK}"
    mark = _mark("squeeze-excite-check", grade=True, locked=True, points=4)
    cells = [
        _code("setup", "import torch\n\nfrom course_lib.exercises import check"),
        _code(
            "squeeze-excite",
            answer if solution else blank,
            **_mark("squeeze-excite", solution=True),
        ),
        _code("squeeze-excite-check", f"{call})\n{hidden}" if solution else f"{call})", **mark),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


LESSONS = {"tiny": notebook, "tensor": tensor_notebook}


class Work:
    """A learner's notebook, and the accidents that happen to it."""

    def __init__(self, *right: str, lesson: str = "tiny"):
        self.notebook = LESSONS[lesson](solution=False)
        for name in right:
            self[name].source = {**RIGHT, "squeeze-excite": SQUEEZE_EXCITE}[name]

    def __getitem__(self, identity: str) -> NotebookNode:
        return next(cell for cell in self.cells if cell.id == identity)

    @property
    def cells(self) -> list[NotebookNode]:
        return self.notebook.cells

    def data(self) -> bytes:
        return json.dumps(self.notebook).encode()

    def write(self, identity: str, source: str) -> "Work":
        self[identity].source = source
        return self

    def delete(self, *identities: str) -> "Work":
        self.notebook.cells = [cell for cell in self.cells if cell.id not in identities]
        return self

    def move(self, identity: str, place: int) -> "Work":
        cell = self[identity]
        self.cells.remove(cell)
        self.cells.insert(place, cell)
        return self

    def copy(self, identity: str, source: str | None = None) -> "Work":
        """Paste a copy right behind a cell, as JupyterLab does: same metadata, new id."""
        cell = copy.deepcopy(self[identity])
        cell.id = f"{identity}-pasted"
        cell.source = cell.source if source is None else source
        self.cells.insert(self.cells.index(self[identity]) + 1, cell)
        return self

    def insert(self, place: int, source: str, **metadata: object) -> "Work":
        cell = _code(f"own-{place}", source)
        cell.metadata = nbformat.from_dict(metadata)
        self.cells.insert(place, cell)
        return self

    def retype(self, identity: str, cell_type: str) -> "Work":
        cell = self[identity]
        cell.cell_type = cell_type
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
        return self

    def tag(self, identity: str, *tags: str) -> "Work":
        self[identity].metadata.tags = list(tags)
        return self

    def mark(self, identity: str, **values: object) -> "Work":
        self[identity].metadata.nbgrader.update(values)
        return self

    def strip(self, ids: bool = False) -> "Work":
        """Lose all metadata, and the cell ids too, as some tools do."""
        for number, cell in enumerate(self.cells):
            cell.metadata = NotebookNode()
            if ids:
                cell.id = f"new-{number}"
        return self


class Course:
    """A course folder like the repository's, with the lesson `tiny` or those that are told."""

    def __init__(self, root: Path, *lessons: str):
        self.root = root
        for lesson in lessons or ("tiny",):
            folder = root / "solutions" / lesson
            folder.mkdir(parents=True)
            nbformat.write(LESSONS[lesson](solution=True), folder / f"{lesson}.ipynb")
        shutil.copy(REPOSITORY / "nbgrader_config.py", root)

    def submit(self, learner: str, work: Work | bytes, name: str = "tiny/tiny.ipynb") -> Path:
        path = self.root / "submitted" / learner / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = work if isinstance(work, bytes) else work.data()
        path.write_bytes(data)
        return path

    def grade(self, *arguments: str) -> Result:
        """Run the command in this process."""
        return CliRunner().invoke(app, ["--root", str(self.root), *arguments])

    def snapshot(self, *folders: str) -> dict[str, bytes]:
        """All files below some folders, links by what they point to."""
        return {
            path.relative_to(self.root).as_posix(): (
                str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
            )
            for folder in folders
            for path in sorted((self.root / folder).rglob("*"))
            if path.is_symlink() or path.is_file()
        }
