"""Scenes: the rules hold, by reading boards and pixels and not the code that drew them."""

import math

import pytest
import torch

from course_lib.data import scenes


@pytest.mark.parametrize("rule", scenes.rules())
def test_shapes_types_and_that_the_seed_decides(rule):
    first, again = scenes.make(rule, 5, seed=3), scenes.make(rule, 5, seed=3)
    other = scenes.make(rule, 5, seed=4)
    assert first.images.shape == (5, 3, 64, 64)
    assert first.labels.shape == first.glyphs.shape == first.hues.shape == (5, 16, 16)
    assert first.images.dtype == torch.float32
    assert first.labels.dtype == torch.int64
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert set(first.labels.unique().tolist()) == {0, 1, scenes.IGNORE}


@pytest.mark.parametrize("rule", scenes.rules())
def test_empty_set(rule):
    assert scenes.make(rule, 0, seed=1).images.shape == (0, 3, 64, 64)


def test_cue_labels_say_which_blocks_have_the_beacons_hue():
    drawn = scenes.make("cue", 40, seed=7, noise=0.0)
    phases = torch.tensor([0.0, 2 * math.pi / 3, 4 * math.pi / 3])
    for scene in range(40):
        ring = drawn.glyphs[scene] >= 3  # the four corners of the beacon
        rows, columns = ring.nonzero().unbind(1)
        assert len(rows) == 4
        assert rows.max() - rows.min() == columns.max() - columns.min() == 1
        beacon = drawn.hues[scene][ring].unique()
        assert len(beacon) == 1
        blocks = drawn.labels[scene] != scenes.IGNORE
        assert blocks.sum() == 32
        assert (drawn.labels[scene][blocks] == 1).sum() == 16
        same = drawn.hues[scene][blocks] == beacon
        assert torch.equal(same, drawn.labels[scene][blocks] == 1)
        # The pixels say the same: the beacon's colour is the colour of the positive blocks.
        row, column = (drawn.labels[scene] == 1).nonzero()[0].tolist()
        pixel = drawn.images[scene, :, 4 * row + 2, 4 * column + 2]
        assert torch.allclose(pixel, 0.5 + 0.5 * torch.cos(beacon - phases), atol=1e-6)


def test_the_beacons_colour_is_read_rightly():
    drawn = scenes.make("cue", 60, seed=9, noise=0.0)
    colour = scenes.beacon_colour(drawn)
    assert set(colour.tolist()) == {0, 1, 2}
    for scene in range(60):
        row, column = (drawn.labels[scene] == 1).nonzero()[0].tolist()
        pixel = drawn.images[scene, :, 4 * row + 2, 4 * column + 2]
        assert int(pixel.argmax()) == int(colour[scene])


def test_a_board_without_beacon_is_refused():
    with pytest.raises(ValueError, match="no beacon"):
        scenes.beacon_colour(scenes.make("lane", 2, seed=1))


def test_lane_labels_say_which_rows_hold_a_lamp():
    drawn = scenes.make("lane", 40, seed=11)
    for board, labels in zip(drawn.glyphs, drawn.labels, strict=True):
        lit = (board == 2).sum(1)
        dark = (board == 1).sum(1)
        assert torch.equal(lit + dark, torch.ones(16, dtype=torch.int64))
        assert lit.sum() == 8
        labelled = labels != scenes.IGNORE
        assert torch.equal(labelled, board == 0)
        expected = lit[:, None].expand(16, 16)[labelled]
        assert torch.equal(labels[labelled], expected)


@pytest.mark.parametrize("rule", scenes.rules())
def test_hue_alone_does_not_tell_the_answer(rule):
    drawn = scenes.make(rule, 400, seed=13)
    for hue in drawn.hues[drawn.labels != scenes.IGNORE].unique():
        chosen = (drawn.hues == hue) & (drawn.labels != scenes.IGNORE)
        assert 0.4 < drawn.labels[chosen].double().mean() < 0.6


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="cue, lane"):
        scenes.make("legend?", 1, seed=0)
    with pytest.raises(ValueError, match="negative"):
        scenes.make("cue", -1, seed=0)
