"""Pictures: alternative text and a caption always, byte-stable, and the numbers that they draw."""

import pandas as pd
import pytest
import torch

from course_lib import plots
from course_lib.bilingual import Text
from course_lib.data import scenes

ALT, CAPTION = Text("替代 <文字>", 'alternative "text"'), Text("说明", "a caption")


def _figure():
    return plots.accuracies({"a": [50.0, 60.0], "b": [90.0]}, chance=50, title="t")


def test_a_picture_carries_its_texts_in_html_and_in_plain_text(capsys):
    plots.show(_figure(), ALT, CAPTION)
    assert "替代 <文字>" in capsys.readouterr().out
    page = plots._Picture(_figure(), ALT, CAPTION)._repr_html_()
    assert 'alt="替代 &lt;文字&gt; / alternative &quot;text&quot;"' in page
    assert '<span lang="en">a caption</span>' in page
    assert page.count("<img") == 1


def test_the_same_figure_gives_the_same_bytes():
    first, second = (plots._Picture(_figure(), ALT, CAPTION)._repr_html_() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("text", [Text("", "x"), Text("文", " ")])
def test_a_picture_without_texts_is_refused(text):
    with pytest.raises(ValueError, match="alternative text"):
        plots.show(_figure(), text, CAPTION)
    with pytest.raises(ValueError, match="alternative text"):
        plots.show(_figure(), ALT, text)


def test_accuracies_draw_every_seed_and_the_mean():
    axis = _figure().axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert list(dots[0].get_xdata()) == [50.0, 60.0]
    assert [line.get_xdata()[0] for line in axis.lines if line.get_color() == plots.ORANGE] == [
        55.0,
        90.0,
    ]


def test_scene_answers_mark_every_labelled_glyph_as_right_or_wrong():
    drawn = scenes.make("cue", 2, seed=1)
    predicted = drawn.labels.clone()
    predicted[0][drawn.labels[0] == 1] = 0  # 16 mistakes in the first scene, none in the second
    figure = plots.scene_answers(drawn.images, drawn.labels, {"net": predicted})
    first, second = (axis for axis in figure.axes if axis.get_title() == "net")
    assert sum(line.get_marker() == "x" for line in first.lines) == 16
    assert sum(line.get_marker() == "o" for line in first.lines) == 16
    assert sum(line.get_marker() == "x" for line in second.lines) == 0


def test_channel_maps_show_the_map_times_its_gate_on_one_scale():
    generator = torch.Generator().manual_seed(0)
    before, gates = (
        torch.randn(5, 6, 9, generator=generator),
        torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5]),
    )
    figure = plots.channel_maps(torch.zeros(3, 24, 36), before, gates, [4, 1])
    images = {axis.get_title(): axis.images[0] for axis in figure.axes if axis.images}
    drawn = torch.tensor(images[f"× {gates[4]:.2f}"].get_array())
    assert torch.allclose(drawn, gates[4] * before[4])
    limits = {images[name].get_clim() for name in images if name != "scene"}
    assert len(limits) == 1


def test_gate_bars_draw_the_mean_of_every_group():
    gates = {"one": torch.rand(4, 3), "two": torch.rand(5, 3)}
    axis = plots.gate_bars(gates, ["red", "blue"], "t").axes[0]
    heights = [bar.get_height() for bar in axis.patches]
    expected = torch.cat([gates["one"].mean(0), gates["two"].mean(0)]).tolist()
    assert heights == pytest.approx(expected)


def test_a_flow_needs_the_boxes_of_its_arrows():
    boxes = {"x": plots.Box("X", 0), "y": plots.Box("Y", 1)}
    words = [text.get_text() for text in plots.flow(boxes, [("x", "y", "(B, C)")]).axes[0].texts]
    assert words == ["X", "Y", "(B, C)"]
    with pytest.raises(ValueError, match="no box is called 'z'"):
        plots.flow(boxes, [("x", "z", "")])


def test_curves_keep_their_points():
    axis = plots.curves({"a": ([1, 10], [2, 3])}, ("x", "y"), "t").axes[0]
    assert [list(line.get_ydata()) for line in axis.lines] == [[2, 3]]


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


def test_the_style_of_others_is_left_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    _figure()
    assert dict(mpl.rcParams) == before


def test_maps_over_draw_every_map_beside_its_picture_on_the_scale_of_a_gate():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 12, 18, generator=generator)
    maps = {"one": torch.rand(2, 4, 6, generator=generator), "two": torch.full((2, 4, 6), 0.5)}
    figure = plots.maps_over(images, maps, label="gate")
    drawn = [axis for axis in figure.axes if axis.get_title() == "one"]
    assert len(drawn) == 2
    for axis, expected in zip(drawn, maps["one"], strict=True):
        assert torch.equal(torch.tensor(axis.images[0].get_array()), expected)
        assert axis.images[0].get_clim() == (0, 1)


def test_kernel_planes_share_one_scale_and_count_from_the_centre():
    planes = {"a": torch.zeros(5, 5), "b": torch.zeros(5, 5)}
    planes["b"][1, 4] = -3.0  # one row above the centre, two columns right of it
    first, second = plots.kernel_planes(planes, "t").axes[:2]
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-3, 3)
    left, right, bottom, top = second.images[0].get_extent()
    assert (left + 4.5, top + 1.5, right - left, bottom - top) == (2, -1, 5, 5)


def test_pictures_draw_every_image_between_black_and_white():
    image = torch.linspace(-1, 2, 3 * 4 * 6).view(3, 4, 6)
    axes = plots.pictures({"one": image, "two": image.flip(1)}).axes
    assert [axis.get_title() for axis in axes] == ["one", "two"]
    drawn = torch.tensor(axes[0].images[0].get_array())
    assert torch.equal(drawn, image.clamp(0, 1).permute(1, 2, 0))


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


def test_influence_draws_relative_values_and_a_box_around_the_middle():
    values = torch.zeros(8, 12)
    values[2, 5], values[3, 3] = 4.0, 1.0
    axis = plots.influence({"net": values}, {"net": 20}).axes[0]
    drawn = axis.images[0].get_array()
    assert drawn[2, 5] == 1.0
    assert drawn[3, 3] == 0.25
    assert drawn.mask.sum() == 8 * 12 - 2
    (box,) = axis.patches
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((-4.0, -6.0), 20, 20)
    left, right = axis.get_xlim()
    assert left < -4
    assert right > 16


def test_swatches_mark_only_the_places_that_are_there():
    marks = torch.tensor([[-1.0, -1.0], [5.0, 9.0]])
    figure = plots.swatches(torch.randn(2, 1, 16, 16), ["a", "b"], marks)
    without, marked = figure.axes
    assert not without.lines
    assert (marked.lines[0].get_xdata()[0], marked.lines[0].get_ydata()[0]) == (9.0, 5.0)


def test_a_matrix_writes_its_numbers():
    figure = plots.matrix(torch.tensor([[0.0, 1.25], [2.0, 3.0]]), ["a", "b"], title="t")
    assert [t.get_text() for t in figure.axes[0].texts] == ["0.0", "1.2", "2.0", "3.0"]


def test_pooled_maps_say_mean_and_maximum_and_mark_the_same_place_on_either_scale():
    maps = torch.zeros(3, 4, 4)
    maps[1, 2, 1] = 8.0
    figure = plots.pooled_maps(torch.randn(1, 16, 16), maps, [1], torch.tensor([9.5, 5.5]))
    picture, channel = figure.axes
    assert channel.get_title() == "channel 1\nmean 0.50, max 8.00"
    assert (picture.lines[0].get_xdata()[0], picture.lines[0].get_ydata()[0]) == (5.5, 9.5)
    # Pixels 8 to 11 and 4 to 7 lie in row 2, column 1 of the map.
    assert (channel.lines[0].get_xdata()[0], channel.lines[0].get_ydata()[0]) == (1.0, 2.0)


def test_differences_draw_every_seed_the_mean_and_zero():
    axis = plots.differences({"a minus b": [1.0, -2.0]}, title="t").axes[0]
    dots, mean, zero = axis.lines
    assert list(dots.get_xdata()) == [1.0, -2.0]
    assert mean.get_xdata()[0] == -0.5
    assert list(zero.get_xdata()) == [0, 0]
