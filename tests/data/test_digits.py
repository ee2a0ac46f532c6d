"""Digits and digit scenes, against scikit-learn's own arrays and pixel by pixel."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from course_lib.data import digits


def _key(image):
    return tuple((image * 16).round().long().flatten().tolist())


def test_the_two_parts_are_all_digits_of_scikit_learn_once():
    bundled = load_digits()
    train, test = digits.load(seed=4, test_share=0.3)
    assert train.images.shape[1:] == (1, 8, 8)
    assert train.images.dtype == torch.float32
    assert train.labels.dtype == torch.int64
    assert train.images.min() == 0
    assert train.images.max() == 1
    found = [
        (_key(image), int(label))
        for part in (train, test)
        for image, label in zip(part.images, part.labels, strict=True)
    ]
    expected = [
        (tuple(image.astype(int).flatten().tolist()), int(label))
        for image, label in zip(bundled.images, bundled.target, strict=True)
    ]
    assert sorted(found) == sorted(expected)


def test_every_digit_has_its_share_of_the_test():
    train, test = digits.load(seed=1, test_share=0.2)
    per_digit = test.labels.bincount() / (train.labels.bincount() + test.labels.bincount())
    assert torch.allclose(per_digit, torch.full((10,), 0.2), atol=0.005)


def test_the_seed_decides_the_parts():
    first, again, other = (digits.load(seed=s)[0] for s in (2, 2, 3))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.labels, other.labels)


def test_random_numbers_of_others_are_left_alone():
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    digits.draw_scenes(digits.load(seed=0)[0], 2, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


def test_scenes_hold_whole_digits_where_the_labels_say():
    train, _ = digits.load(seed=0)
    drawn = digits.draw_scenes(train, 6, seed=8, cells=(3, 5), clutter=0.0, noise=0.0)
    assert drawn.images.shape == (6, 1, 30, 50)
    assert drawn.labels.shape == (6, 30, 50)
    assert drawn.digits.shape == (6, 3, 5)
    known = {}
    for image, label in zip(train.images, train.labels, strict=True):
        known.setdefault(_key(image), int(label))
    places = set()
    for scene, row, column in np.ndindex(6, 3, 5):
        area = (slice(10 * row, 10 * row + 10), slice(10 * column, 10 * column + 10))
        cell, labels = drawn.images[scene, 0][area], drawn.labels[scene][area]
        digit = int(drawn.digits[scene, row, column])
        if digit < 0:
            assert cell.abs().max() == 0
            assert labels.abs().max() == 0
            continue
        # Some window of 8×8 is one of the digits, with nothing beside it.
        at = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if known.get(_key(cell[y : y + 8, x : x + 8])) == digit
            and torch.isclose(cell[y : y + 8, x : x + 8].sum(), cell.sum())
        ]
        assert at
        places.update(at)
        for y, x in np.ndindex(10, 10):
            ink = float(cell[y, x])
            expected = 1 + digit if ink > 0.5 else (0 if ink < 0.25 else 255)
            assert labels[y, x] == expected
    assert len(places) == 9


def test_clutter_has_ink_but_is_background():
    train, _ = digits.load(seed=0)
    drawn = digits.draw_scenes(train, 5, seed=1, filled=0.0, clutter=1.0, noise=0.0)
    assert (drawn.digits == -1).all()
    assert (drawn.labels == 0).all()
    only_digits = digits.draw_scenes(train, 5, seed=1, filled=1.0, clutter=0.0, noise=0.0)
    # As much ink as in digits, so that ink alone does not tell.
    assert 0.8 < drawn.images.mean() / only_digits.images.mean() < 1.25


def test_shares_and_classes():
    train, _ = digits.load(seed=0)
    drawn = digits.draw_scenes(train, 60, seed=5, noise=0.0)
    assert abs((drawn.digits >= 0).double().mean() - 0.5) < 0.03
    empty = drawn.images.view(60, 6, 10, 8, 10).amax((2, 4)) == 0
    assert abs(empty.double().mean() - 0.25) < 0.03
    assert set(drawn.labels.unique().tolist()) == {*range(digits.CLASSES), digits.IGNORE}


def test_the_seed_decides_the_scenes():
    train, _ = digits.load(seed=0)
    first, again, other = (digits.draw_scenes(train, 3, seed=s) for s in (6, 6, 7))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.digits, other.digits)
    assert digits.draw_scenes(train, 0, seed=1).images.shape == (0, 1, 60, 80)


def test_wrong_arguments_are_refused():
    train, _ = digits.load(seed=0)
    for share in (0, 1, -0.1):
        with pytest.raises(ValueError, match="test_share"):
            digits.load(0, share)
    with pytest.raises(ValueError, match="no digit"):
        digits.draw_scenes(digits.Digits(train.images[:0], train.labels[:0]), 1, 0)
    with pytest.raises(ValueError, match="count=-1"):
        digits.draw_scenes(train, -1, 0)
    with pytest.raises(ValueError, match=r"cells=\(0, 3\)"):
        digits.draw_scenes(train, 1, 0, cells=(0, 3))
    with pytest.raises(ValueError, match="sum of at most 1"):
        digits.draw_scenes(train, 1, 0, filled=0.8, clutter=0.3)
