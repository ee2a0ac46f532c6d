"""Charts draw the numbers that they are given."""

import pandas as pd
import pytest
import torch

from course_lib import plots


def test_accuracies_draw_every_seed_and_the_mean():
    axis = plots.accuracies({"a": [50.0, 60.0], "b": [90.0]}, chance=50, title="t").axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert list(dots[0].get_xdata()) == [50.0, 60.0]
    assert [line.get_xdata()[0] for line in axis.lines if line.get_color() == plots.ORANGE] == [
        55.0,
        90.0,
    ]


def test_gate_bars_draw_the_mean_of_every_group():
    gates = {"one": torch.rand(4, 3), "two": torch.rand(5, 3)}
    axis = plots.gate_bars(gates, ["red", "blue"], "t").axes[0]
    heights = [bar.get_height() for bar in axis.patches]
    expected = torch.cat([gates["one"].mean(0), gates["two"].mean(0)]).tolist()
    assert heights == pytest.approx(expected)


def test_curves_keep_their_points():
    axis = plots.curves({"a": ([1, 10], [2, 3])}, ("x", "y"), "t").axes[0]
    assert [list(line.get_ydata()) for line in axis.lines] == [[2, 3]]


def test_curves_have_plain_numbers_at_their_ticks():
    figure = plots.curves({"a": ([1e3, 2e6], [410, 3900])}, ("x", "y"), "t")
    figure.draw_without_rendering()
    (axis,) = figure.axes

    def names(side, low, high):
        ticks = zip(side.get_major_ticks(), side.get_majorticklocs(), strict=True)
        return [tick.label1.get_text() for tick, place in ticks if low <= place <= high]

    assert names(axis.xaxis, 1e3, 2e6) == ["1,000", "10,000", "100,000", "1,000,000"]
    assert names(axis.yaxis, 410, 3900) == ["500", "1,000", "2,000"]
    assert not any(text.get_text() for text in axis.get_yticklabels(minor=True))


def test_a_history_draws_loss_and_metrics_over_the_epochs():
    rows = pd.DataFrame({"loss": [3.0, 2.0], "a": [0.1, 0.2], "b": [0.3, 0.4]}, index=[1, 2])
    left, right = plots.history(rows, ["b", "a"]).axes
    assert [list(line.get_ydata()) for line in left.lines] == [[3.0, 2.0]]
    assert [list(line.get_ydata()) for line in right.lines] == [[0.3, 0.4], [0.1, 0.2]]
    assert [list(line.get_xdata()) for line in (*left.lines, *right.lines)] == [[1, 2]] * 3
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["b", "a"]
    assert len(plots.history(rows).axes) == 1
    with pytest.raises(ValueError, match="the history has no 'c'; it has: loss, a, b"):
        plots.history(rows, ["c"])


def test_a_matrix_writes_its_numbers():
    figure = plots.matrix(torch.tensor([[0.0, 1.25], [2.0, 3.0]]), ["a", "b"], title="t")
    assert [t.get_text() for t in figure.axes[0].texts] == ["0.0", "1.2", "2.0", "3.0"]


def test_differences_draw_every_seed_the_mean_and_zero():
    axis = plots.differences({"a minus b": [1.0, -2.0]}, title="t").axes[0]
    dots, mean, zero = axis.lines
    assert list(dots.get_xdata()) == [1.0, -2.0]
    assert mean.get_xdata()[0] == -0.5
    assert list(zero.get_xdata()) == [0, 0]
