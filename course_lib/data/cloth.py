"""Swatches of cloth: one question about the whole weave, and one about a single knot.

A swatch is a board of 16×16 stitches of 4×4 pixels. A stitch leans to the right or to the left,
and in every swatch one kind is in the majority, by 146 to 110: that is the **weave**. In half of
the swatches one stitch, anywhere, is replaced by a **knot**. The weave is a matter of all stitches,
each of which says nearly nothing; the knot is a matter of one, and all others say nothing about it.

Stitches differ in strength and every swatch has the mean zero, so that neither a brighter picture
nor a lucky pixel gives an answer away.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

BOARD = 16
CELL = 4
MAJORITY = 146
CLASSES = ("left", "left, knot", "right", "right, knot")

_STITCHES = (
    ("#...", ".#..", "..#.", "...#"),  # leans to the left
    ("...#", "..#.", ".#..", "#..."),  # leans to the right
    (".##.", "####", "####", ".##."),  # a knot
)
_KNOT = 2


@dataclass(frozen=True)
class Cloth:
    """Swatches.

    Attributes:
        images: (B, 1, 64, 64), float32; each of mean zero.
        weaves: (B,), int64; 1 where most stitches lean to the right.
        knots: (B,), int64; 1 where there is a knot.
        places: (B, 2), int64; row and column of the knot's stitch, -1 where there is none.
    """

    images: Tensor
    weaves: Tensor
    knots: Tensor
    places: Tensor

    @property
    def labels(self) -> Tensor:
        """Both answers as one of four classes, 2 · weave + knot: (B,), int64."""
        return 2 * self.weaves + self.knots


def make(count: int, seed: int, noise: float = 0.2, variation: float = 0.5) -> Cloth:
    """Draw swatches.

    Args:
        count: number of swatches B.
        seed: the same seed draws the same swatches.
        noise: standard deviation of the noise.
        variation: strengths of stitches lie between 1 - variation and 1 + variation.

    Raises:
        ValueError: if the count or the noise is negative, or the variation is not from 0 to 1.
    """
    if count < 0 or noise < 0 or not 0 <= variation <= 1:
        raise ValueError(
            f"count={count}, noise={noise}, variation={variation}: use 0 swatches or more, noise "
            "of 0 or more, and a variation from 0 to 1"
        )
    generator = torch.Generator().manual_seed(seed)
    cells = BOARD * BOARD
    weaves = torch.randint(0, 2, (count,), generator=generator)
    knots = torch.randint(0, 2, (count,), generator=generator)
    right = torch.where(weaves == 1, MAJORITY, cells - MAJORITY)
    ranks = torch.rand(count, cells, generator=generator).argsort(1).argsort(1)
    kinds = (ranks < right[:, None]).long()
    place = torch.randint(0, cells, (count, 1), generator=generator)
    kinds = torch.where(knots[:, None] == 1, kinds.scatter(1, place, _KNOT), kinds)

    masks = torch.tensor([[[float(p == "#") for p in row] for row in s] for s in _STITCHES])
    strength = 1 + variation * (2 * torch.rand(count, cells, 1, 1, generator=generator) - 1)
    stitches = (masks[kinds] * strength).view(count, BOARD, BOARD, CELL, CELL)
    side = BOARD * CELL
    images = stitches.transpose(2, 3).reshape(count, 1, side, side)
    images = images + noise * torch.randn(images.shape, generator=generator)
    images = images - images.mean((1, 2, 3), keepdim=True)
    found = torch.cat([place // BOARD, place % BOARD], 1)
    return Cloth(images, weaves, knots, torch.where(knots[:, None] == 1, found, -1))
