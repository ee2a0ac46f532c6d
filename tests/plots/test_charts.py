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


def _tick_labels(x):
    axis = plots.curves({"a": (x, [2] * len(x))}, ("x", "y"), "t").axes[0]
    axis.figure.canvas.draw()
    return [
        {text.get_text() for text in axis.get_xticklabels(minor=minor)} - {""}
        for minor in (False, True)
    ]


def test_curves_over_a_short_stretch_label_few_ticks_and_over_a_long_one_the_powers():
    few, between = _tick_labels([16_000, 65_000, 260_000])
    assert any("2" in label for label in few)
    assert not any("3" in label for label in few)
    assert not between
    powers, _ = _tick_labels([0.01, 1, 10])
    assert not any("times" in label for label in powers)


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
