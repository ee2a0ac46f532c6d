"""Handwritten digits: the 1,797 pictures of 8×8 pixels that come with scikit-learn.

``load`` gives them in two parts. ``draw_scenes`` puts many of one part on a canvas, between pieces
of strokes that are no digit, with the class of every pixel: a task of segmentation that needs no
download and fits on a processor.
"""

from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import Tensor

CLASSES = 11  # of a scene: 0 is background, 1 + d is the digit d
IGNORE = 255
SIDE = 8
_CELL = 10  # a digit of 8×8 moves in a cell of 10×10
_INK = 0.5  # ink above it belongs to the digit; less than half of it belongs to the background


@dataclass(frozen=True)
class Digits:
    """Single digits.

    Attributes:
        images: (N, 1, 8, 8), float32; ink from 0 to 1.
        labels: (N,), int64; 0 to 9.
    """

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class DigitScenes:
    """Digits and clutter on a canvas of R×C cells of 10×10 pixels.

    Attributes:
        images: (B, 1, 10 R, 10 C), float32; ink from 0 to 1 and Gaussian noise.
        labels: (B, 10 R, 10 C), int64; 0 for background and clutter, 1 + d for the digit d, 255 on
            the soft border of a digit.
        digits: (B, R, C), int64; the digit in a cell, -1 where there is none.
    """

    images: Tensor
    labels: Tensor
    digits: Tensor


def load(seed: int, test_share: float = 0.25) -> tuple[Digits, Digits]:
    """All digits in two parts, the second one for tests; every digit has the same share in both.

    Args:
        seed: the same seed gives the same parts, in the same order.
        test_share: share of the second part.

    Raises:
        ValueError: if the share is not between 0 and 1.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"test_share={test_share} leaves a part empty; use 0 < test_share < 1")
    bundled = load_digits()
    images = torch.from_numpy(bundled.images / 16).float()[:, None]
    labels = torch.from_numpy(bundled.target).long()
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    test = torch.zeros(len(labels), dtype=torch.bool)
    for digit in range(10):
        places = (labels[order] == digit).nonzero()[:, 0]
        test[places[: round(test_share * len(places))]] = True
    first, second = order[~test], order[test]
    return Digits(images[first], labels[first]), Digits(images[second], labels[second])


def draw_scenes(
    digits: Digits,
    count: int,
    seed: int,
    cells: tuple[int, int] = (6, 8),
    filled: float = 0.5,
    clutter: float = 0.25,
    noise: float = 0.1,
) -> DigitScenes:
    """Draw scenes from single digits.

    Clutter is made from the same strokes as digits: quarters of four digits in one cell.

    Args:
        digits: those to draw from; take the test part for scenes to test on.
        count: number of scenes B.
        seed: the same seed draws the same scenes.
        cells: rows R and columns C of the canvas.
        filled: probability that a cell holds a digit.
        clutter: probability that a cell holds clutter.
        noise: standard deviation of the noise.

    Raises:
        ValueError: if there is nothing to draw from or on, or the probabilities have no meaning.
    """
    rows, columns = cells
    if not len(digits.labels):
        raise ValueError("there is no digit to draw from; give at least one")
    if count < 0 or rows < 1 or columns < 1:
        raise ValueError(f"count={count}, cells={cells}: use 0 scenes or more, 1×1 cells or more")
    if filled < 0 or clutter < 0 or filled + clutter > 1:
        raise ValueError(f"filled={filled}, clutter={clutter}: use shares with a sum of at most 1")
    generator = torch.Generator().manual_seed(seed)
    shape = (count, rows, columns)
    number = len(digits.labels)
    what = torch.rand(shape, generator=generator)
    is_digit, is_clutter = what < filled, (what >= filled) & (what < filled + clutter)

    chosen = torch.randint(0, number, shape, generator=generator)
    half = SIDE // 2
    # Four digits a cell, and from each the quarter that lies across, so that no digit appears.
    quarters = digits.images[torch.randint(0, number, (4, *shape), generator=generator), 0]
    top = torch.cat([quarters[0][..., half:, half:], quarters[1][..., half:, :half]], -1)
    bottom = torch.cat([quarters[2][..., :half, half:], quarters[3][..., :half, :half]], -1)
    pieces = torch.cat([top, bottom], -2)

    ink = digits.images[chosen, 0] * is_digit[..., None, None]
    ink = ink + pieces * is_clutter[..., None, None]
    ink = _place(ink, generator)
    which = torch.where(is_digit, digits.labels[chosen], -1)
    cell_labels = torch.where(ink > _INK, 1 + which[..., None, None], IGNORE)
    cell_labels = torch.where((ink < _INK / 2) | ~is_digit[..., None, None], 0, cell_labels)
    images = _join(ink)[:, None]
    images = images + noise * torch.randn(images.shape, generator=generator)
    return DigitScenes(images, _join(cell_labels), which)


def _place(patches: Tensor, generator: torch.Generator) -> Tensor:
    """Each patch somewhere in its cell: (B, R, C, 8, 8) -> (B, R, C, 10, 10)."""
    shape, room = patches.shape[:3], _CELL - SIDE
    shift = torch.randint(0, room + 1, (2, *shape, 1), generator=generator)
    # Beyond the patch the index points at a border of zeros.
    padded = torch.nn.functional.pad(patches, (room, room, room, room))
    down, right = torch.arange(_CELL) + room - shift
    padded = padded.gather(3, down[..., None].expand(*shape, _CELL, padded.shape[-1]))
    return padded.gather(4, right[..., None, :].expand(*shape, _CELL, _CELL))


def _join(cells: Tensor) -> Tensor:
    """Cells side by side: (B, R, C, 10, 10) -> (B, 10 R, 10 C)."""
    count, rows, columns = cells.shape[:3]
    return cells.transpose(2, 3).reshape(count, rows * _CELL, columns * _CELL)
