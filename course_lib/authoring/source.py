"""A lesson's text (MyST, read by jupytext) as a notebook: headers expanded, ids derived."""

import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from course_lib.bilingual import Text
from course_lib.checks import KINDS, Exercise
from course_lib.exercises import get

_PLACEHOLDER = re.compile(r"^\{\{ exercise (\S+) \}\}$", re.MULTILINE)
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def lesson_names(solutions: Path) -> list[str]:
    """The lessons that have a text: folders ``NN_name`` that hold ``NN_name.md``."""
    return sorted(p.parent.name for p in solutions.glob("*/*.md") if p.stem == p.parent.name)


def read(path: Path) -> NotebookNode:
    """Make the notebook of a lesson's text, without outputs.

    Args:
        path: the text, ``NN_name.md``.

    Returns:
        A notebook whose cells, metadata and ids depend on the text and the exercises alone.

    Raises:
        ValueError: if the text does not exist or cannot be read, or a header is wrong.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such text; a lesson needs NN_name/NN_name.md")
    try:
        notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="md:myst")
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: {type(error).__name__}: {reason}") from None
    notebook.metadata = NotebookNode(
        kernelspec=_KERNEL, language_info={"name": "python"}, authors=[{"name": "attention-course"}]
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.cells = [part for cell in notebook.cells for part in _split(cell)]
    for cell in notebook.cells:
        try:
            _expand(cell)
        except ValueError as error:
            first = cell.source.strip().splitlines()[0] if cell.source.strip() else "(empty)"
            raise ValueError(f"{path.name}, cell {first!r}: {error}") from None
    _give_ids(notebook)
    nbformat.validate(notebook)
    return notebook


def _split(cell: NotebookNode) -> list[NotebookNode]:
    """A heading begins a cell: so that the text needs no cell marks of its own."""
    if cell.cell_type != "markdown":
        return [cell]
    parts = re.split(r"^(?=#{1,3} )", cell.source, flags=re.MULTILINE)
    return [nbformat.v4.new_markdown_cell(part.strip()) for part in parts if part.strip()]


def _expand(cell: NotebookNode) -> None:
    """Turn the short headers into nbgrader's metadata, and the placeholder into its blocks."""
    if cell.cell_type == "markdown":
        cell.source = _PLACEHOLDER.sub(lambda m: exercise_header(get(m[1])), cell.source)
        cell.metadata = NotebookNode()
        return
    solution = cell.metadata.pop("solution", None)
    check = cell.metadata.pop("check", None)
    if solution and check:
        raise ValueError("a cell is a solution or a check, not both; split it")
    if solution:
        cell.metadata["nbgrader"] = _nbgrader(get(solution).id, graded=False)
    if check:
        exercise = get(check)
        cell.metadata["nbgrader"] = _nbgrader(f"{exercise.id}-check", graded=True)
        cell.metadata["nbgrader"]["points"] = exercise.points
        # So that "run all" goes on after a check that has not passed yet.
        cell.metadata["tags"] = ["raises-exception"]


def _nbgrader(grade_id: str, graded: bool) -> NotebookNode:
    return NotebookNode(
        grade=graded,
        grade_id=grade_id,
        locked=graded,
        schema_version=3,
        solution=not graded,
        task=False,
    )


def exercise_header(exercise: Exercise) -> str:
    """Kind, difficulty, minutes and points of an exercise, as two language blocks."""
    kind = KINDS[exercise.kind]
    lines = Text(
        f"**{kind.zh}** · 难度 {exercise.difficulty}/5 · {exercise.minutes} 分钟 · "
        f"{exercise.points} 分",
        f"**{kind.en}** · difficulty {exercise.difficulty}/5 · "
        f"{_count(exercise.minutes, 'minute')} · {_count(exercise.points, 'point')}",
    )
    return f'<div lang="zh">\n\n{lines.zh}\n\n</div>\n<div lang="en">\n\n{lines.en}\n\n</div>'


def _count(count: int, unit: str) -> str:
    return f"{count} {unit}" + ("" if count == 1 else "s")


def _give_ids(notebook: NotebookNode) -> None:
    """Ids from the grade_id, or from the last heading and the place below it; never random."""
    section, place, used = "start", 0, set()
    for cell in notebook.cells:
        heading = re.search(r"^#{1,3} (.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            english = heading[1].split(" · ")[-1].lower()
            section, place = re.sub(r"[^a-z0-9]+", "-", english).strip("-")[:40] or "section", 0
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        place += 1
        wanted = grade_id or f"{section}-{place}"
        while wanted in used:
            place += 1
            wanted = f"{section}-{place}"
        used.add(wanted)
        cell.id = wanted[:64]
