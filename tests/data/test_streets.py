"""Drawn streets: seeds, shapes, classes, and the rule of the sign read off the pixels anew."""

import numpy as np
import pytest
import torch

from course_lib.data import streets


@pytest.fixture(scope="module")
def drawn():
    return streets.draw(40, 5)


def test_shapes_and_values(drawn):
    some = drawn
    assert some.images.shape == (40, 3, 96, 128)
    assert some.images.dtype == torch.float32
    assert some.images.min() >= 0
    assert some.images.max() <= 1
    assert some.labels.shape == (40, 96, 128)
    assert some.labels.dtype == torch.int64
    assert set(some.labels.unique().tolist()) == {*range(len(streets.NAMES)), 255}
    assert len(set(streets.NAMES)) == len(streets.NAMES)


def test_half_of_the_border_pixels_and_no_others_are_ignored(drawn):
    some = drawn
    for labels in some.labels[:4].numpy():
        void = labels == 255
        assert 0.02 < void.mean() < 0.2
        inner = np.zeros_like(void)
        inner[1:-1, 1:-1] = True
        for row, column in np.argwhere(void & inner):
            around = labels[row - 1 : row + 2, column - 1 : column + 2]
            known = set(around[around != 255].tolist())
            # Alone among ignored pixels or at a border: never inside of one class.
            assert len(known) != 1 or (around == 255).sum() > 1
    counted = some.labels != 255
    differ = some.labels[:, :, 1:] != some.labels[:, :, :-1]
    assert (differ & counted[:, :, 1:] & counted[:, :, :-1]).any()  # the other half counts


def test_the_seed_decides_and_a_street_does_not_depend_on_the_others():
    some = streets.draw(5, 3, (64, 80))
    again = streets.draw(2, 3, (64, 80), first=3)
    assert some.images.shape == (5, 3, 64, 80)
    assert torch.equal(some.images[3:], again.images)
    assert torch.equal(some.labels[3:], again.labels)
    other = streets.draw(5, 4, (64, 80))
    assert not torch.equal(some.labels, other.labels)
    assert len({labels.numpy().tobytes() for labels in some.labels}) == 5
    assert streets.draw(0, 0).images.shape == (0, 3, 96, 128)


def test_streets_look_like_streets(drawn):
    some = drawn
    rows = torch.arange(96.0)[:, None].expand(96, 128)
    height = {
        kind: float(rows.expand(40, 96, 128)[some.labels == kind].mean()) for kind in range(8)
    }
    sky, building, road, pavement = (height[k] for k in range(4))
    assert sky < building < min(road, pavement)
    assert (some.labels[:, :5] == 2).sum() == 0  # no road in the sky


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 0), "count=-1"),
        ((1, 0, (20, 128)), r"size=\(20, 128\) is too small"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        streets.draw(*arguments)
    assert "\n" not in str(caught.value)
