"""Images show the pixels that they are given, and marks where they belong."""

import pytest
import torch

from course_lib import plots
from course_lib.data import scenes


def test_scene_answers_mark_every_labelled_glyph_as_right_or_wrong():
    drawn = scenes.make("cue", 2, seed=1)
    predicted = drawn.labels.clone()
    predicted[0][drawn.labels[0] == 1] = 0  # 16 mistakes in the first scene, none in the second
    figure = plots.scene_answers(drawn.images, drawn.labels, {"net": predicted})
    first, second = (axis for axis in figure.axes if axis.get_title() == "net")
    assert sum(line.get_marker() == "x" for line in first.lines) == 16
    assert sum(line.get_marker() == "o" for line in first.lines) == 16
    assert sum(line.get_marker() == "x" for line in second.lines) == 0


def test_pictures_draw_every_image_between_black_and_white():
    image = torch.linspace(-1, 2, 3 * 4 * 6).view(3, 4, 6)
    axes = plots.pictures({"one": image, "two": image.flip(1)}).axes
    assert [axis.get_title() for axis in axes] == ["one", "two"]
    drawn = torch.tensor(axes[0].images[0].get_array())
    assert torch.equal(drawn, image.clamp(0, 1).permute(1, 2, 0))


def test_swatches_mark_only_the_places_that_are_there():
    marks = torch.tensor([[-1.0, -1.0], [5.0, 9.0]])
    figure = plots.swatches(torch.randn(2, 1, 16, 16), ["a", "b"], marks)
    without, marked = figure.axes
    assert not without.lines
    assert (marked.lines[0].get_xdata()[0], marked.lines[0].get_ydata()[0]) == (9.0, 5.0)


def test_segmentations_are_pale_where_they_do_not_count():
    labels = torch.tensor([[[0, 1, 255], [2, 255, 0]]])
    predicted = torch.tensor([[[0, 2, 1], [2, 0, 1]]])
    names = ["sky", "road", "car"]
    _, truth, prediction = (
        axis.images[0].get_array()
        for axis in plots.segmentations(torch.rand(1, 3, 2, 3), labels, predicted, names).axes
    )
    colours = plots.class_colours(names)
    assert (truth[0, 1] == colours[1]).all()
    assert (truth[0, 2] == 1).all()
    assert (prediction[0, 1] == colours[2]).all()  # wrong, and to be seen
    assert (prediction[0, 2] > colours[1]).all()
    assert prediction[0, 2].tolist() == pytest.approx((0.85 + 0.15 * colours[1]).tolist())
