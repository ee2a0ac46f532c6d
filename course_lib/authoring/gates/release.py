"""The release: what learners get has no answer, no hidden test, no output and no stray file."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

from course_lib.authoring.gates import places
from course_lib.authoring.gates.places import where

STUB = {"", "# YOUR CODE HERE", "raise NotImplementedError()"}
_IGNORED = ".ipynb_checkpoints"


def gate(notebook: NotebookNode, name: str, solution: NotebookNode) -> list[str]:
    """Compare a release with the solution notebook that it was made from."""
    if len(notebook.cells) != len(solution.cells):
        return [
            f"{name}: the release has {len(notebook.cells)} cells, the solution "
            f"{len(solution.cells)}; run `make notebooks`"
        ]
    return [
        f"{where(name, index, cell)}: {problem}"
        for index, (cell, source) in enumerate(zip(notebook.cells, solution.cells, strict=True))
        for problem in _cell(cell, source)
    ]


def _cell(cell: NotebookNode, source: NotebookNode) -> list[str]:
    problems = []
    if cell.get("outputs"):
        problems.append("has outputs; the release has none")
    if cell.get("execution_count") is not None:
        problems.append("has an execution count; the release has none")
    if any(mark in cell.source for mark in ("BEGIN HIDDEN", "END HIDDEN", "hidden=True")):
        problems.append("holds hidden tests; they never reach a learner")
    if any(mark in cell.source for mark in (places.BEGIN_SOLUTION, places.END_SOLUTION)):
        problems.append("holds the marks of a solution; release it through nbgrader")
    expected = source.source
    if places.is_solution(source):
        inside, outside = places.split_region(expected, places.BEGIN_SOLUTION, places.END_SOLUTION)
        answer = set(map(str.strip, inside)) - STUB
        lines = Counter(map(str.strip, cell.source.splitlines()))
        extra = lines - Counter(map(str.strip, outside))
        problems += [
            f"holds the line {line!r} of the answer; it never reaches a learner"
            for line in extra
            if line in answer
        ]
        if set(extra) - answer - STUB or "raise NotImplementedError()" not in extra:
            problems.append("is not the cell with `raise NotImplementedError()` for the answer")
    else:
        _, outside = places.split_region(expected, places.BEGIN_HIDDEN, places.END_HIDDEN)
        if cell.source.split() != "\n".join(outside).split():
            problems.append("differs from the solution notebook; run `make notebooks`")
    return problems


def folder(root: Path, lessons: Iterable[str]) -> list[str]:
    """Hold the release folder to one notebook a lesson and nothing else.

    What an open JupyterLab leaves there is no matter; a missing notebook is named by the
    comparison of ``make check-notebooks``.

    Args:
        root: the folder `notebooks`.
        lessons: names of all lessons.

    Returns:
        One line for each file too many.
    """
    expected = {Path(lesson, f"{lesson}.ipynb") for lesson in lessons}
    found = {
        path.relative_to(root)
        for path in root.rglob("*")
        if not path.is_dir() and _IGNORED not in path.parts
    }
    return [
        f"{root.name}/{path}: a stray file in the release; remove it"
        for path in sorted(found - expected)
    ]
