"""Where a problem stands in a notebook, and which cells are exercises."""

from collections.abc import Callable, Iterable, Iterator

from nbformat import NotebookNode

BEGIN_SOLUTION = "### BEGIN SOLUTION"
END_SOLUTION = "### END SOLUTION"
BEGIN_HIDDEN = "### BEGIN HIDDEN TESTS"
END_HIDDEN = "### END HIDDEN TESTS"


def where(name: str, index: int, cell: NotebookNode) -> str:
    """The lesson, the cell's number (from 1) and its grade_id or first words."""
    lines = [line.strip() for line in cell.source.splitlines()]
    words = [line for line in lines if line and not line.startswith(("<div", "</div"))]
    label = grade_id(cell) or (words[0][:40] if words else "empty")
    return f"{name}, cell {index + 1} ({label})"


def in_prose(
    notebook: NotebookNode, name: str, problems: Callable[[str], Iterable[str]]
) -> list[str]:
    """What is wrong with the text of each markdown cell, with the place before it."""
    return [
        f"{where(name, index, cell)}: {problem}"
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown"
        for problem in problems(cell.source)
    ]


def grade_id(cell: NotebookNode) -> str | None:
    """The cell's grade_id, or None where it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def is_solution(cell: NotebookNode) -> bool:
    """Whether a learner writes in this cell."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_check(cell: NotebookNode) -> bool:
    """Whether nbgrader gives points for this cell."""
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def solutions(notebook: NotebookNode) -> Iterator[tuple[int, str, NotebookNode]]:
    """The learner's cells in order: index, exercise id, cell."""
    for index, cell in enumerate(notebook.cells):
        if is_solution(cell):
            yield index, grade_id(cell) or "", cell


def split_region(source: str, begin: str, end: str) -> tuple[list[str], list[str]]:
    """The lines inside the marked region, and all others without the marks."""
    inside: list[str] = []
    outside: list[str] = []
    current = outside
    for line in source.splitlines():
        if line.strip() == begin:
            current = inside
        elif line.strip() == end:
            current = outside
        else:
            current.append(line)
    return inside, outside
