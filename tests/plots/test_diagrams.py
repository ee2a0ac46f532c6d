"""Diagrams say what torch does: shapes, windows, cells."""

import pytest
import torch

from course_lib import plots


def test_a_flow_needs_the_boxes_of_its_arrows():
    boxes = {"x": plots.Box("X", 0), "y": plots.Box("Y", 1)}
    words = [text.get_text() for text in plots.flow(boxes, [("x", "y", "(B, C)")]).axes[0].texts]
    assert words == ["X", "Y", "(B, C)"]
    with pytest.raises(ValueError, match="no box is called 'z'"):
        plots.flow(boxes, [("x", "z", "")])


def _cells(axis):
    return {
        (round(p.get_x() + 0.5), round(p.get_y() + 0.5)): p.get_linestyle() for p in axis.patches
    }


def test_grids_write_every_number_and_mark_the_copies():
    values = torch.tensor([[1, 2, 30], [4, 5, 6]])
    copies = torch.tensor([[False, True, True], [False, False, True]])
    first, second = plots.grids({"a": values, "b": values.T}, {"a": copies}).axes
    assert [t.get_text() for t in first.texts] == ["1", "2", "30", "4", "5", "6"]
    assert [t.get_text() for t in second.texts] == ["1", "4", "2", "5", "30", "6"]
    dashed = {place for place, style in _cells(first).items() if style == "--"}
    assert dashed == {(1, 0), (2, 0), (2, 1)}
    assert set(_cells(second).values()) == {"-"}


def test_grids_refuse_what_is_no_matrix_and_copies_of_nothing():
    with pytest.raises(ValueError, match="'a' has 1 axes"):
        plots.grids({"a": torch.ones(3)})
    with pytest.raises(ValueError, match="no panel is called 'b'"):
        plots.grids({"a": torch.ones(2, 3)}, {"b": torch.ones(2, 3)})


def _rows_of_cells(axis, layers):
    """Per row from the input: place, colour, dashes and hatching of every cell."""
    rows = [[] for _ in range(layers + 1)]
    for patch in axis.patches:
        rows[round((patch.get_y() + 0.28) / 1.1)].append(patch)
    return rows


def _orange(row):
    return [round(p.get_x() + 0.4, 3) for p in row if p.get_facecolor()[2] < 0.9]


def test_windows_draw_the_lengths_that_torch_gives_and_the_cells_with_a_gradient():
    layers = [plots.Window(3, stride=2, padding=1), plots.Window(2, dilation=3)]
    (axis,) = plots.windows({"p": (14, layers)}).axes
    x = torch.ones(1, 1, 14, requires_grad=True)
    middle = torch.nn.functional.conv1d(x, torch.ones(1, 1, 3), stride=2, padding=1)
    out = torch.nn.functional.conv1d(middle, torch.ones(1, 1, 2), dilation=3)
    out[0, 0, out.shape[2] // 2].backward()
    rows = _rows_of_cells(axis, 2)
    inside = [sum(p.get_linestyle() == "-" for p in row) for row in rows]
    assert inside == [14, middle.shape[2], out.shape[2]]
    assert _orange(rows[0]) == x.grad[0, 0].nonzero()[:, 0].tolist()
    # A cell stands above the middle of its window: 0, then 0, then half of 3 steps of 2.
    first = [next(p for p in row if p.get_linestyle() == "-") for row in rows]
    assert [round(p.get_x() + 0.4, 3) for p in first] == [0, 0, 3]
    assert [t.get_text() for t in axis.texts] == ["input: 14", "layer 1: 7", "output: 4"]
    assert [sum(p.get_linestyle() == "--" for p in row) for row in rows] == [2, 0, 0]
    assert not [p for p in rows[0] if p.get_hatch()]


def test_windows_hatch_what_no_window_reaches_and_refuse_what_does_not_fit():
    (axis,) = plots.windows({"p": (10, [plots.Window(3, stride=3)])}).axes
    (row, _) = _rows_of_cells(axis, 1)
    assert [round(p.get_x() + 0.4) for p in row if p.get_hatch()] == [9]
    with pytest.raises(ValueError, match="does not fit an input of 4 cells"):
        plots.windows({"p": (4, [plots.Window(3, dilation=2)])})
