"""Cloth: the stitches counted again from the pixels."""

import pytest
import torch

from course_lib.data import cloth


def _kinds(images):
    """Each cell read from the noiseless pixels: 0 left, 1 right, 2 knot; (B, 16, 16)."""
    cells = images[:, 0].unfold(1, 4, 4).unfold(2, 4, 4)
    cells = cells - cells.flatten(1).amin(1)[:, None, None, None, None]
    ink = cells > 1e-4
    left, right = ink[..., 0, 0], ink[..., 0, 3]
    assert not (left & right).any()
    return torch.where(left, 0, torch.where(right, 1, 2))


def test_weave_and_knot_are_what_the_pixels_say():
    drawn = cloth.make(64, seed=2, noise=0)
    kinds = _kinds(drawn.images)
    right = (kinds == 1).flatten(1).sum(1)
    left = (kinds == 0).flatten(1).sum(1)
    knots = (kinds == 2).flatten(1).sum(1)
    assert torch.equal(knots, drawn.knots)
    assert torch.equal((right > left).long(), drawn.weaves)
    missing = torch.where(drawn.weaves == 1, 146 - right, 110 - right)
    assert (missing >= 0).all()
    assert torch.equal((missing > 0) | (left < 256 - right - missing), knots == 1)
    for index in (drawn.knots == 1).nonzero()[:, 0].tolist():
        assert kinds[index][tuple(drawn.places[index].tolist())] == 2
    assert (drawn.places[drawn.knots == 0] == -1).all()


def test_both_answers_are_balanced_and_independent():
    drawn = cloth.make(4000, seed=0)
    shares = drawn.labels.bincount(minlength=4) / 4000
    assert torch.allclose(shares, torch.full((4,), 0.25), atol=0.03)
    assert torch.equal(drawn.labels // 2, drawn.weaves)
    assert torch.equal(drawn.labels % 2, drawn.knots)


def test_brightness_gives_nothing_away():
    drawn = cloth.make(200, seed=1)
    assert drawn.images.mean((1, 2, 3)).abs().max() < 1e-5


def test_the_seed_decides():
    first, again, other = (cloth.make(3, seed=s).images for s in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert cloth.make(0, seed=0).images.shape == (0, 1, 64, 64)


@pytest.mark.parametrize("wrong", [{"count": -1}, {"noise": -0.1}, {"variation": 1.5}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        cloth.make(**{"count": 1, "seed": 0, **wrong})
