"""Maps are drawn on one scale and where they belong."""

import torch

from course_lib import plots


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


def test_maps_over_mark_the_cells_of_their_own_picture():
    images, maps = torch.rand(2, 3, 12, 18), {"one": torch.rand(2, 4, 6)}
    figure = plots.maps_over(images, maps, label="gate", marks=[[(1, 4)], [(0, 2), (3, 5)]])
    first, second = (axis for axis in figure.axes if axis.get_title() == "one")
    for axis, expected in ((first, {(1, 4)}), (second, {(0, 2), (3, 5)})):
        assert {(*line.get_ydata(), *line.get_xdata()) for line in axis.lines} == expected
    assert not any(axis.lines for axis in figure.axes if axis.get_title() == "picture")


def test_kernel_planes_share_one_scale_and_count_from_the_centre():
    planes = {"a": torch.zeros(5, 5), "b": torch.zeros(5, 5)}
    planes["b"][1, 4] = -3.0  # one row above the centre, two columns right of it
    first, second = plots.kernel_planes(planes, "t").axes[:2]
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-3, 3)
    left, right, bottom, top = second.images[0].get_extent()
    assert (left + 4.5, top + 1.5, right - left, bottom - top) == (2, -1, 5, 5)


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


def test_pooled_maps_say_mean_and_maximum_and_mark_the_same_place_on_either_scale():
    maps = torch.zeros(3, 4, 4)
    maps[1, 2, 1] = 8.0
    figure = plots.pooled_maps(torch.randn(1, 16, 16), maps, [1], torch.tensor([9.5, 5.5]))
    picture, channel = figure.axes
    assert channel.get_title() == "channel 1\nmean 0.50, max 8.00"
    assert (picture.lines[0].get_xdata()[0], picture.lines[0].get_ydata()[0]) == (5.5, 9.5)
    # Pixels 8 to 11 and 4 to 7 lie in row 2, column 1 of the map.
    assert (channel.lines[0].get_xdata()[0], channel.lines[0].get_ydata()[0]) == (1.0, 2.0)


def test_position_maps_mark_every_query_in_the_picture_and_in_its_own_map():
    maps = torch.rand(2, 4, 8)
    figure = plots.position_maps(torch.rand(3, 8, 32), {"near": (0, 1), "far": (3, 5)}, maps)
    picture, first, second, *rest = figure.axes
    assert not rest
    assert [b.get_xy() for b in picture.patches] == [(4.0, 0.0), (20.0, 6.0)]
    assert [b.get_xy() for b in second.patches] == [(20.0, 6.0)]
    assert (second.patches[0].get_width(), second.patches[0].get_height()) == (4.0, 2.0)
    assert first.get_title().startswith("PAM of A: near\n")
    assert second.get_title().startswith("PAM of B: far\n")
    assert second.images[1].get_array().tolist() == maps[1].tolist()


def test_dual_attention_says_how_large_the_largest_weight_is_and_draws_queries_at_their_cells():
    position = torch.full((2, 4, 6), 0.5 / 23)
    position[0, 1, 5] = position[1, 3, 0] = 0.5
    channel = torch.rand(5, 5).softmax(1)
    queries = {"sky": (0, 2), "road": (3, 5)}
    figure = plots.dual_attention(torch.rand(3, 16, 24), queries, position, channel)
    first, sky, road, matrix = figure.axes[:4]
    assert sky.get_title() == "PAM of A: sky\nmean 4.2 %, up to 50.0 %"
    assert road.get_title().startswith("PAM of B: road")
    boxes = [box.get_xy() for box in first.patches]
    assert boxes == [(8, 0), (20, 12)]
    assert [box.get_xy() for axis in (sky, road) for box in axis.patches] == boxes
    assert torch.equal(torch.tensor(sky.images[1].get_array()), position[0])
    assert torch.equal(torch.tensor(matrix.images[0].get_array()), channel)
