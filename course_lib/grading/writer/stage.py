"""Puts a submitted notebook in order before nbgrader sees it.

The answers are the learner's; the checks, the points, the ids, the tags and the order are the
course's. Nothing here reads or writes a file, and nothing of a submission is executed.
"""

import copy
import json
import re
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

CELL_TYPES = ("code", "markdown", "raw")
# Tags that change how a cell is executed or compared; a learner's own cell may have any other.
_ACTIVE_TAG = re.compile(r"skip-execution|raises-exception|nbval-.*")
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class NotANotebookError(ValueError):
    """A file that cannot be read as a notebook of format 4."""


@dataclass(frozen=True)
class Staged:
    """A notebook in order, and in words what had to be repaired."""

    notebook: NotebookNode
    repairs: tuple[str, ...]


def parse(data: bytes) -> list[NotebookNode]:
    """Return the cells of a notebook file, without their outputs."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotANotebookError(f"not a notebook, its JSON is broken ({error})") from error
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise NotANotebookError("not a notebook, it has no list of cells")
    if content.get("nbformat") != 4:
        raise NotANotebookError("not a notebook of format 4; open it in JupyterLab and save it")
    return [_parse_cell(number, cell) for number, cell in enumerate(content["cells"], start=1)]


def _parse_cell(number: int, cell: object) -> NotebookNode:
    source = cell.get("source") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or cell.get("cell_type") not in CELL_TYPES:
        raise NotANotebookError(f"not a notebook, its cell {number} is damaged")
    try:
        source.encode()
    except UnicodeEncodeError as error:
        raise NotANotebookError(f"the text of its cell {number} is not Unicode") from error
    metadata, identity = cell.get("metadata"), cell.get("id")
    return NotebookNode(
        cell_type=cell["cell_type"],
        id=identity if isinstance(identity, str) else None,
        metadata=nbformat.from_dict(metadata) if isinstance(metadata, dict) else NotebookNode(),
        source=source,
    )


def stage(release: NotebookNode, cells: list[NotebookNode]) -> Staged:
    """Put a learner's cells in order around those of the released notebook.

    Every code cell and every graded cell of the release comes back in the order of the release. An
    answer or an ordinary cell keeps the learner's text; a check is the release's. The learner's
    own cells stay where they are, as plain cells.

    Args:
        release: the notebook as it was handed out.
        cells: the learner's cells, as `parse` returns them; not modified.
    """
    anchors = [cell for cell in release.cells if cell.cell_type == "code" or _grade_id(cell)]
    found, dropped, repairs = _match(anchors, cells)
    in_order = _in_order(anchors, found)
    anchor_of = {index: anchor for anchor, index in found.items()}

    taken = {cell.get("id") for cell in anchors}
    placed: list[tuple[NotebookNode, int | None]] = []
    waiting: dict[int, NotebookNode] = {}
    for index, cell in enumerate(cells):
        if index in dropped:
            continue
        anchor = anchor_of.get(index)
        if anchor is None:
            placed.append((_plain(cell, taken), None))
            continue
        restored, changes = _restore(anchors[anchor], cell)
        if changes:
            repairs.append(f"{_name(anchors[anchor])}: {', '.join(changes)} put back")
        if anchor in in_order:
            placed.append((restored, anchor))
        else:
            waiting[anchor] = restored
            repairs.append(f"{_name(anchors[anchor])} was out of order, moved back")
    for anchor, cell in enumerate(anchors):
        if anchor not in found:
            waiting[anchor] = copy.deepcopy(cell)
            what = "an empty one put in its place" if _is_answer(cell) else "put back"
            repairs.append(f"{_name(cell)} was missing, {what}")
    # The learner's cells first: a check then goes before the next one, also if that was missing.
    for anchor in sorted(waiting, key=lambda anchor: (_is_ours(anchors[anchor]), anchor)):
        place = _place(anchors[anchor], anchor, placed)
        placed.insert(place, (waiting[anchor], anchor))

    switched = sum(
        any(_ACTIVE_TAG.fullmatch(tag) for tag in _tags(cell))
        for index, cell in enumerate(cells)
        if index not in anchor_of and index not in dropped
    )
    if switched:
        repairs.append(f"tags taken off {switched} of the learner's own cells")
    return Staged(_assemble(release, [cell for cell, _ in placed]), tuple(repairs))


def _match(
    anchors: list[NotebookNode], cells: list[NotebookNode]
) -> tuple[dict[int, int], set[int], list[str]]:
    """Find the learner's cell for each cell of the release.

    Returns:
        The index of the learner's cell by the index of the anchor, the indices of the learner's
        cells to leave out, and the repairs in words.
    """
    found: dict[int, int] = {}
    dropped: set[int] = set()
    repairs: list[str] = []
    names = {_grade_id(anchor) for anchor in anchors} - {None}
    free = {index for index, cell in enumerate(cells) if _grade_id(cell) not in names}

    for number, anchor in enumerate(anchors):
        name = _grade_id(anchor)
        same = [i for i, cell in enumerate(cells) if name is not None and _grade_id(cell) == name]
        # A copy of the right type goes before a cell that was turned into another type.
        same.sort(key=lambda i: cells[i].cell_type != anchor.cell_type)
        if same:
            found[number] = same[0]
        if len(same) > 1 and _is_answer(anchor):
            repairs.append(f"{_name(anchor)} was there {len(same)} times, the first counts")
        elif len(same) > 1:
            repairs.append(f"{_name(anchor)} was there {len(same)} times, copies left out")
            dropped.update(same[1:])

    # Then by cell id, and last by text: a tool that loses ids keeps texts, a learner edits texts.
    def same_id(anchor: NotebookNode, cell: NotebookNode) -> bool:
        return cell.id is not None and cell.id == anchor.get("id")

    def same_text(anchor: NotebookNode, cell: NotebookNode) -> bool:
        ordinary = _grade_id(anchor) is None and cell.cell_type == "code"
        return ordinary and cell.source.strip() == anchor.source.strip()

    for is_same in (same_id, same_text):
        for number, anchor in enumerate(anchors):
            if number not in found:
                index = min((i for i in free if is_same(anchor, cells[i])), default=None)
                if index is not None:
                    found[number] = index
                    free.discard(index)
    return found, dropped, repairs


def _in_order(anchors: list[NotebookNode], found: dict[int, int]) -> set[int]:
    """The anchors that may stay where the learner has them: the heaviest increasing sequence.

    A cell of the learner outweighs all checks: where one of the two must move, the check does.
    """
    sequence = sorted(found, key=lambda anchor: found[anchor])
    best: list[tuple[int, list[int]]] = []
    for position, anchor in enumerate(sequence):
        weight = 1 if _is_ours(anchors[anchor]) else len(anchors)
        before = [best[p] for p in range(position) if sequence[p] < anchor]
        heaviest, chain = max(before, key=lambda item: item[0], default=(0, []))
        best.append((heaviest + weight, [*chain, anchor]))
    return set(max(best, key=lambda item: item[0], default=(0, []))[1])


def _place(cell: NotebookNode, anchor: int, placed: list[tuple[NotebookNode, int | None]]) -> int:
    """Where to insert a cell: a check as late, any other as early as the order allows.

    So a check finds whatever helpers the learner wrote behind the answer, and an empty answer
    cannot undo an answer that the learner wrote into a cell of their own.
    """
    places = {number: place for place, (_, number) in enumerate(placed) if number is not None}
    if _is_ours(cell):
        place = min((p for n, p in places.items() if n > anchor), default=len(placed))
        while place > 0 and placed[place - 1][0].cell_type != "code":
            place -= 1
        return place
    place = max((p for n, p in places.items() if n < anchor), default=-1) + 1
    while place < len(placed) and placed[place][0].cell_type != "code":
        place += 1
    return place


def _restore(anchor: NotebookNode, cell: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The cell of the release, with the learner's text if it is theirs to write."""
    restored = copy.deepcopy(anchor)
    changes = []
    if cell.cell_type != anchor.cell_type:
        changes.append("cell type")
    if not _is_ours(anchor):
        restored.source = cell.source
    elif cell.source.strip() != anchor.source.strip():
        changes.append("text")
    mark, given = _mark(anchor), _mark(cell)
    if _grade_id(anchor) != _grade_id(cell):
        changes.append("name")
    if _grade_id(anchor) and mark.get("points") != given.get("points"):
        changes.append("points")
    kinds = ("grade", "solution", "locked", "task")
    if any(bool(mark.get(kind)) != bool(given.get(kind)) for kind in kinds):
        changes.append("marking")
    if set(_tags(anchor)) != set(_tags(cell)):
        changes.append("tags")
    return restored, changes


def _plain(cell: NotebookNode, taken: set[str]) -> NotebookNode:
    return NotebookNode(
        cell_type=cell.cell_type,
        id=None if cell.id in taken else cell.id,
        metadata=NotebookNode(),
        source=cell.source,
    )


def _assemble(release: NotebookNode, cells: list[NotebookNode]) -> NotebookNode:
    used: set[str] = set()
    for number, cell in enumerate(cells, start=1):
        identity = cell.get("id")
        if identity is None or not _CELL_ID.fullmatch(identity) or identity in used:
            identity = f"cell-{number}"
            while identity in used:
                identity += "-"
        cell.id = identity
        used.add(identity)
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    notebook = NotebookNode(
        nbformat=4,
        nbformat_minor=max(5, release.nbformat_minor),
        metadata=copy.deepcopy(release.metadata),
        cells=cells,
    )
    nbformat.validate(notebook)
    return notebook


def _mark(cell: NotebookNode) -> dict[str, object]:
    mark = cell.metadata.get("nbgrader")
    return mark if isinstance(mark, dict) else {}


def _grade_id(cell: NotebookNode) -> str | None:
    name = _mark(cell).get("grade_id")
    return name if isinstance(name, str) and name else None


def _is_answer(cell: NotebookNode) -> bool:
    return bool(_mark(cell).get("solution"))


def _is_ours(cell: NotebookNode) -> bool:
    """Whether the text of a cell of the release is the course's: a check or a locked cell."""
    return _grade_id(cell) is not None and not _is_answer(cell)


def _tags(cell: NotebookNode) -> list[str]:
    tags = cell.metadata.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _name(anchor: NotebookNode) -> str:
    name = _grade_id(anchor)
    if name is None:
        return f"the cell '{anchor.get('id')}'"
    return f"the {'answer' if _is_answer(anchor) else 'check'} '{name}'"
