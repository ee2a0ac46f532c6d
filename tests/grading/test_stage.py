"""Repairs, without a kernel: the staged notebook is executed here, cell by cell."""

import json

import nbformat
import pytest
from tiny_course import BLANK, CHECKS, POINTS, RIGHT, Work, notebook

from course_lib.grading.writer import stage

RELEASE = notebook(solution=False)
IDS = [cell.id for cell in RELEASE.cells if cell.cell_type == "code"]
FULL = Work(*RIGHT)
HELPER = "def times(a, b):\n    return a * b"
WITH_HELPER = "def scale(values, factor):\n    return [times(factor, v) for v in values]"


def staged(work: Work) -> stage.Staged:
    return stage.stage(RELEASE, stage.parse(work.data()))


def score(cells: list) -> dict[str, int]:
    """The points of every check that passes when the code cells run from top to bottom."""
    names: dict[str, object] = {}
    points = {}
    for cell in cells:
        if cell.cell_type == "code":
            mark = cell.metadata.get("nbgrader", {})
            try:
                exec(cell.source, names)
                passed = True
            except Exception:
                passed = False
            if mark.get("grade"):
                points[mark["grade_id"].removesuffix("-check")] = passed * mark["points"]
    return points


def full(*names: str) -> dict[str, int]:
    return {name: points * (name in names) for name, points in POINTS.items()}


ALL = full(*POINTS)
CASES = {
    "untouched blank": (Work(), full(), []),
    "untouched right": (Work(*RIGHT), ALL, []),
    "deleted check": (
        Work(*RIGHT).delete("add-check"),
        ALL,
        ["the check 'add-check' was missing, put back"],
    ),
    "deleted last check": (
        Work(*RIGHT).delete("area-check", "experiment"),
        ALL,
        [
            "the check 'area-check' was missing, put back",
            "the cell 'experiment' was missing, put back",
        ],
    ),
    "deleted check behind a helper": (
        Work(*RIGHT).write("scale", WITH_HELPER).delete("scale-check").insert(7, HELPER),
        ALL,
        ["the check 'scale-check' was missing, put back"],
    ),
    "deleted answer": (
        Work(*RIGHT).delete("scale"),
        full("add", "area"),
        ["the answer 'scale' was missing, an empty one put in its place"],
    ),
    "answer in a cell of the learner's own": (
        Work(*RIGHT).delete("scale").insert(6, RIGHT["scale"]),
        ALL,
        ["the answer 'scale' was missing, an empty one put in its place"],
    ),
    "the same, and the check before it gone": (
        Work(*RIGHT).delete("scale", "add-check").insert(5, RIGHT["scale"]),
        ALL,
        [
            "the check 'add-check' was missing, put back",
            "the answer 'scale' was missing, an empty one put in its place",
        ],
    ),
    "deleted setup cell": (
        Work(*RIGHT).delete("setup"),
        ALL,
        ["the cell 'setup' was missing, put back"],
    ),
    "edited setup cell": (Work(*RIGHT).write("setup", "import math, json"), ALL, []),
    "everything deleted": (
        Work().delete(*[cell.id for cell in RELEASE.cells]),
        full(),
        [
            "the cell 'setup' was missing, put back",
            *(f"the answer '{n}' was missing, an empty one put in its place" for n in POINTS),
            *(f"the check '{name}-check' was missing, put back" for name in POINTS),
            "the cell 'experiment' was missing, put back",
        ],
    ),
    "duplicated answer, right one last": (
        Work("add", "area").copy("scale", RIGHT["scale"]),
        ALL,
        ["the answer 'scale' was there 2 times, the first counts"],
    ),
    "duplicated check": (
        Work(*RIGHT).copy("add-check", "pass").copy("add-check", "pass"),
        ALL,
        ["the check 'add-check' was there 3 times, copies left out"],
    ),
    "duplicated check that would lose the points": (
        Work(*RIGHT).copy("add-check").move("add-check", 1),
        ALL,
        [
            "the check 'add-check' was there 2 times, copies left out",
            "the check 'add-check' was out of order, moved back",
        ],
    ),
    "renamed answer": (
        Work(*RIGHT).mark("add", grade_id="plus"),
        ALL,
        ["the answer 'add': name put back"],
    ),
    "renamed check": (
        Work("scale").mark("add-check", grade_id="mine").write("add-check", "pass"),
        full("scale"),
        ["the check 'add-check': text, name put back"],
    ),
    "moved check": (
        Work(*RIGHT).move("add-check", 1),
        ALL,
        ["the check 'add-check' was out of order, moved back"],
    ),
    "moved check, helper behind the answer": (
        Work(*RIGHT).write("scale", WITH_HELPER).move("scale-check", 2).insert(8, HELPER),
        ALL,
        ["the check 'scale-check' was out of order, moved back"],
    ),
    "moved check, helper before the answer": (
        Work(*RIGHT).write("scale", WITH_HELPER).move("scale-check", 6).insert(7, HELPER),
        ALL,
        ["the check 'scale-check' was out of order, moved back"],
    ),
    "moved setup cell": (
        Work(*RIGHT).write("area", f"x = math.pi\n{RIGHT['area']}").move("setup", 11),
        ALL,
        ["the cell 'setup' was out of order, moved back"],
    ),
    "exercises swapped": (
        Work(*RIGHT).move("scale-check", 2).move("scale", 2),
        ALL,
        [
            "the answer 'add' was out of order, moved back",
            "the check 'add-check' was out of order, moved back",
        ],
    ),
    "syntax error": (Work(*RIGHT).write("add", "def add(a b):"), full("scale", "area"), []),
    "retagged check": (
        Work().tag("add-check", "skip-execution").tag("scale-check"),
        full(),
        ["the check 'add-check': tags put back", "the check 'scale-check': tags put back"],
    ),
    "retagged answer": (
        Work(*RIGHT).tag("add", "skip-execution"),
        ALL,
        ["the answer 'add': tags put back"],
    ),
    "tags on own cells": (
        Work(*RIGHT).insert(2, "1", tags=["skip-execution"]).insert(3, "2", tags=["mine"]),
        ALL,
        ["tags taken off 1 of the learner's own cells"],
    ),
    "edited check": (
        Work().write("add-check", "pass"),
        full(),
        ["the check 'add-check': text put back"],
    ),
    "points raised": (
        Work("add").mark("add-check", points=100),
        full("add"),
        ["the check 'add-check': points put back"],
    ),
    "check marked as an answer": (
        Work().mark("add-check", solution=True, locked=False).write("add-check", "pass"),
        full(),
        ["the check 'add-check': text, marking put back"],
    ),
    "check turned to markdown": (
        Work(*RIGHT).retype("add-check", "markdown"),
        ALL,
        ["the check 'add-check': cell type put back"],
    ),
    "answer turned to raw": (
        Work(*RIGHT).retype("add", "raw"),
        ALL,
        ["the answer 'add': cell type put back"],
    ),
    "markdown copy before the answer": (
        Work("scale", "area").copy("add", RIGHT["add"]).retype("add", "markdown"),
        ALL,
        ["the answer 'add' was there 2 times, the first counts"],
    ),
    "all metadata lost": (
        Work(*RIGHT).strip(),
        ALL,
        [
            *(f"the answer '{name}': name, marking put back" for name in POINTS),
            *(f"the check '{n}-check': name, points, marking, tags put back" for n in POINTS),
        ],
    ),
    "own graded cell": (
        Work().insert(2, "pass", **{"nbgrader": {"grade": True, "grade_id": "x", "points": 9}}),
        full(),
        [],
    ),
    "damaged metadata": (
        Work(*RIGHT).insert(2, "pass", nbgrader=[1], tags="none"),
        ALL,
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_repairs(case: str) -> None:
    work, points, repairs = CASES[case]
    result = staged(work)
    assert score(result.notebook.cells) == points
    assert sorted(result.repairs) == sorted(repairs)


@pytest.mark.parametrize("case", CASES)
def test_staged_notebook_is_clean(case: str) -> None:
    cells = staged(CASES[case][0]).notebook.cells
    marked = [cell.id for cell in cells if "nbgrader" in cell.metadata]
    assert marked == [cell.id for cell in RELEASE.cells if "nbgrader" in cell.metadata]
    release = {cell.id: cell for cell in RELEASE.cells if "nbgrader" in cell.metadata}
    for cell in cells:
        assert cell.metadata == (release[cell.id].metadata if cell.id in release else {})
        if cell.id.endswith("-check") and cell.id in release:
            assert cell.source == CHECKS[cell.id.removesuffix("-check")][0]
    assert len({cell.id for cell in cells}) == len(cells)


@pytest.mark.parametrize("case", CASES)
def test_code_of_the_release_stands_in_its_order(case: str) -> None:
    ids = [cell.id for cell in staged(CASES[case][0]).notebook.cells if cell.id in IDS]
    assert ids == IDS


def test_nothing_of_the_learner_is_lost_or_modified() -> None:
    work = Work(*RIGHT).insert(2, "mine = 1").insert(9, "also = 2").delete("add-check")
    cells = stage.parse(work.data())
    sources = [cell.source for cell in cells]
    result = stage.stage(RELEASE, cells)
    assert [cell.source for cell in cells] == sources
    assert [c.source for c in result.notebook.cells if c.id != "add-check"] == sources


def test_check_put_back_stands_before_the_next_heading() -> None:
    ids = [cell.id for cell in staged(Work().delete("add-check")).notebook.cells]
    assert ids == [cell.id for cell in RELEASE.cells]


def test_ids_and_metadata_lost_ordinary_cells_are_found_by_text() -> None:
    result = staged(Work(*RIGHT).strip(ids=True))
    assert not any("the cell" in repair for repair in result.repairs)
    assert sum(cell.source == "import math" for cell in result.notebook.cells) == 1


def test_cells_without_text_or_with_outputs() -> None:
    work = Work().insert(3, "")
    work.notebook.cells[3].outputs = [nbformat.v4.new_output("stream", text="old")]
    cells = staged(work).notebook.cells
    assert all(cell.outputs == [] for cell in cells if cell.cell_type == "code")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "JSON is broken"),
        (b'{"cells": [', "JSON is broken"),
        (b"\xff\xfe\x00", "JSON is broken"),
        (b"[" * 100_000, "JSON is broken"),
        (b"[]", "no list of cells"),
        (b'{"nbformat": 4}', "no list of cells"),
        (b'{"nbformat": 3, "cells": []}', "not a notebook of format 4"),
        (b'{"nbformat": 4, "cells": [1]}', "cell 1 is damaged"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "cell 1 is damaged"),
        (b'{"nbformat": 4, "cells": [{"cell_type": [], "source": ""}]}', "cell 1 is damaged"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}', "is damaged"),
        (
            json.dumps(
                {"nbformat": 4, "cells": [{"cell_type": "code", "source": "\ud800"}]}
            ).encode(),
            "not Unicode",
        ),
    ],
)
def test_not_a_notebook(data: bytes, reason: str) -> None:
    with pytest.raises(stage.NotANotebookError, match=reason):
        stage.parse(data)


def test_source_as_lines_and_byte_order_mark() -> None:
    content = {"nbformat": 4, "cells": [{"cell_type": "code", "source": ["a\n", "b"]}]}
    (cell,) = stage.parse(b"\xef\xbb\xbf" + json.dumps(content).encode())
    assert cell.source == "a\nb"


def test_blank_is_what_learners_are_given() -> None:
    assert all(BLANK in Work()[name].source for name in RIGHT)
