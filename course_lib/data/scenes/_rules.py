"""The rules: how each draws glyphs, hues and labels of its boards.

A drawing function takes the number of scenes B and the random numbers, and gives glyphs (int64,
-1 where a cell is empty), hues (radians) and labels (int64, 255 where there is none), all
(B, 16, 16).
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.data.scenes._glyphs import BOARD, EMPTY, GLYPHS

IGNORE = 255
_CELLS = BOARD * BOARD

Boards = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Rule:
    """What decides the labels of a scene.

    Attributes:
        draw: draws boards.
        classes: number of classes.
        steps: training steps of 16 scenes that the small network needs.
    """

    draw: Callable[[int, torch.Generator], Boards]
    classes: int = 2
    steps: int = 500

    @property
    def chance(self) -> float:
        """Balanced accuracy of guessing, in per cent."""
        return 100 / self.classes


def _cue(count: int, generator: torch.Generator) -> Boards:
    """32 blocks, 16 of either of two hues, and a beacon that has one of the two."""
    blocks = 32
    two = _two_hues(count, generator)
    row = torch.randint(0, BOARD - 1, (count, 1), generator=generator)
    column = torch.randint(0, BOARD - 1, (count, 1), generator=generator)
    corner = row * BOARD + column
    beacon = torch.cat([corner, corner + 1, corner + BOARD, corner + BOARD + 1], 1)
    # Cells in random order, those of the beacon last.
    order = torch.rand(count, _CELLS, generator=generator).scatter(1, beacon, 2.0).argsort(1)
    place = order[:, :blocks]
    which = (torch.arange(blocks) >= blocks // 2).long().expand(count, blocks)
    told = torch.randint(0, 2, (count, 1), generator=generator)

    glyphs = torch.full((count, _CELLS), EMPTY).scatter(1, place, GLYPHS["block"])
    corners = torch.tensor([GLYPHS[f"beacon {i}"] for i in range(4)]).expand(count, 4)
    glyphs = glyphs.scatter(1, beacon, corners)
    hues = torch.zeros(count, _CELLS).scatter(1, place, two.gather(1, which))
    hues = hues.scatter(1, beacon, two.gather(1, told).expand(count, 4))
    labels = torch.full((count, _CELLS), IGNORE).scatter(1, place, (which == told).long())
    return _board(glyphs), _board(hues), _board(labels)


def _lane(count: int, generator: torch.Generator) -> Boards:
    """Blocks everywhere; half of the rows hold a lamp, the others a ring in its stead."""
    lit = torch.rand(count, BOARD, generator=generator).argsort(1) < BOARD // 2
    column = torch.randint(0, BOARD, (count, BOARD, 1), generator=generator)
    occupied = torch.rand(count, BOARD, BOARD, generator=generator) < 0.3
    glyphs = torch.where(occupied, GLYPHS["block"], EMPTY)
    sign = torch.where(lit, GLYPHS["lamp"], GLYPHS["ring"])
    glyphs = glyphs.scatter(2, column, sign[:, :, None])
    hues = torch.randint(0, 4, (count, BOARD, BOARD), generator=generator) * (math.pi / 2)
    labels = torch.where(occupied, lit[:, :, None].long().expand_as(occupied), IGNORE)
    return glyphs, hues, labels.scatter(2, column, IGNORE)


def _odd(count: int, generator: torch.Generator) -> Boards:
    """48 blocks: 16 of one hue, 32 of another at least a quarter of the circle from it.

    The 16 rare ones and 16 of the others are labelled.
    """
    first = 2 * math.pi * torch.rand(count, 1, generator=generator)
    apart = math.pi * (0.5 + torch.rand(count, 1, generator=generator))
    two = torch.cat([first, first + apart], 1) % (2 * math.pi)
    rare = torch.tensor([1] * 16 + [0] * 32).expand(count, -1)
    label = torch.tensor([1] * 16 + [0] * 16 + [IGNORE] * 16).expand(count, -1)
    return _scattered(["block"] * 48, two.gather(1, rare), label, generator)


def _reach(
    count: int, generator: torch.Generator, *, near: tuple[int, int], far: tuple[int, int]
) -> Boards:
    """Blocks and two lamps; blocks are labelled whose distance to a lamp is clearly near or far."""
    place = _places(count, 2, generator)
    lines = torch.arange(BOARD)
    rows = (place // BOARD)[:, :, None, None] - lines[:, None]
    columns = (place % BOARD)[:, :, None, None] - lines
    # Chebyshev's distance: the lamps within d cells are those in a square of side 2d + 1.
    distance = torch.maximum(rows.abs(), columns.abs()).amin(1)
    occupied = torch.rand(count, BOARD, BOARD, generator=generator) < 0.3
    glyphs = torch.where(occupied, GLYPHS["block"], EMPTY)
    glyphs = torch.where(distance == 0, GLYPHS["lamp"], glyphs)
    inside = (distance >= near[0]) & (distance <= near[1])
    outside = (distance >= far[0]) & (distance <= far[1])
    labels = torch.where(occupied & (inside | outside), inside.long(), IGNORE)
    return glyphs, _four_hues(count, generator), _balanced(labels, generator)


def _legend(count: int, generator: torch.Generator) -> Boards:
    """Three hues, each with a shape of the day: shapes at the left, blocks at the right."""
    shapes = torch.tensor([GLYPHS[name] for name in ("ring", "lamp", "cross", "dash")])
    hue = torch.randint(0, 3, (count, BOARD, BOARD), generator=generator)
    today = torch.randint(0, 4, (count, 3), generator=generator)
    shape = _board(today.gather(1, hue.flatten(1)))
    occupied = torch.rand(count, BOARD, BOARD, generator=generator) < 0.8
    column = torch.arange(BOARD)
    left, right = occupied & (column < 5), occupied & (column >= 8)
    glyphs = torch.where(left, shapes[shape], torch.where(right, GLYPHS["block"], EMPTY))
    return glyphs, hue * (2 * math.pi / 3), torch.where(right, shape, IGNORE)


def _flare(count: int, generator: torch.Generator) -> Boards:
    """32 blocks, 16 of either of two hues, a flare of one, 48 rings in any mixture of both."""
    two = _two_hues(count, generator)
    told = torch.randint(0, 2, (count, 1), generator=generator)
    block = torch.tensor([0] * 16 + [1] * 16).expand(count, -1)
    share = torch.rand(count, 1, generator=generator)
    ring = (torch.rand(count, 48, generator=generator) < share).long()
    hues = two.gather(1, torch.cat([block, told, ring], 1))
    names = ["block"] * 32 + ["flare"] + ["ring"] * 48
    return _scattered(names, hues, (block == told).long(), generator)


def _both(count: int, generator: torch.Generator) -> Boards:
    """32 blocks, 16 of either of two hues, 28 and 20 rings; every other scene has a flare."""
    two = _two_hues(count, generator)
    told, most = torch.randint(0, 2, (2, count, 1), generator=generator)
    block = torch.tensor([0] * 16 + [1] * 16).expand(count, -1)
    ring = torch.where(torch.arange(48) < 28, most, 1 - most)
    hues = two.gather(1, torch.cat([block, told, ring], 1))
    names = ["block"] * 32 + ["flare"] + ["ring"] * 48
    lit = (torch.arange(count) % 2 == 0)[:, None]
    labels = (block == torch.where(lit, told, most)).long()
    glyphs, hues, labels = _scattered(names, hues, labels, generator)
    dark = (glyphs == GLYPHS["flare"]) & ~lit[:, :, None]
    return glyphs.masked_fill(dark, EMPTY), hues.masked_fill(dark, 0.0), labels


def _touch(count: int, generator: torch.Generator) -> Boards:
    """Blocks, rings and lamps everywhere."""
    draw = torch.rand(count, BOARD, BOARD, generator=generator)
    glyphs = torch.full(draw.shape, EMPTY)
    for name, share in (("block", 0.6), ("ring", 0.3), ("lamp", 0.15)):
        glyphs = torch.where(draw < share, GLYPHS[name], glyphs)
    lamp = F.pad(glyphs == GLYPHS["lamp"], (1, 1, 1, 1))
    beside = lamp[:, :-2, 1:-1] | lamp[:, 2:, 1:-1] | lamp[:, 1:-1, :-2] | lamp[:, 1:-1, 2:]
    labels = torch.where(glyphs == GLYPHS["block"], beside.long(), IGNORE)
    return glyphs, _four_hues(count, generator), _balanced(labels, generator)


def _two_hues(count: int, generator: torch.Generator) -> Tensor:
    """Two of red, green and blue: (B, 2)."""
    hues = torch.arange(3) * (2 * math.pi / 3)
    return hues[torch.rand(count, 3, generator=generator).argsort(1)[:, :2]]


def _four_hues(count: int, generator: torch.Generator) -> Tensor:
    """One of four hues in every cell: (B, 16, 16)."""
    return torch.randint(0, 4, (count, BOARD, BOARD), generator=generator) * (math.pi / 2)


def _places(count: int, glyphs: int, generator: torch.Generator) -> Tensor:
    """Different cells in random order: (B, glyphs)."""
    return torch.rand(count, _CELLS, generator=generator).argsort(1)[:, :glyphs]


def _scattered(
    names: list[str], hues: Tensor, labels: Tensor, generator: torch.Generator
) -> Boards:
    """Glyphs in random cells; the first of them have labels, the rest have none.

    Args:
        names: of the n glyphs, the same in all scenes.
        hues: (B, n).
        labels: (B, n) or less.
        generator: the random numbers.
    """
    count = len(hues)
    place = _places(count, len(names), generator)
    indices = torch.tensor([GLYPHS[name] for name in names]).expand(count, -1)
    glyphs = torch.full((count, _CELLS), EMPTY).scatter(1, place, indices)
    board = torch.full((count, _CELLS), IGNORE).scatter(1, place[:, : labels.shape[1]], labels)
    return _board(glyphs), _board(torch.zeros(count, _CELLS).scatter(1, place, hues)), _board(board)


def _balanced(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Takes labels at random from the larger class of every scene: as many 0 as 1 are left."""
    flat = labels.flatten(1)
    kept = torch.minimum((flat == 0).sum(1), (flat == 1).sum(1))[:, None]
    random = torch.rand(flat.shape, generator=generator)
    for label in (0, 1):
        rank = torch.where(flat == label, random, 2.0).argsort(1).argsort(1)
        flat = torch.where((flat == label) & (rank >= kept), IGNORE, flat)
    return _board(flat)


def _board(cells: Tensor) -> Tensor:
    return cells.view(len(cells), BOARD, BOARD)


RULES: Mapping[str, Rule] = {
    "around": Rule(functools.partial(_reach, near=(3, 4), far=(6, 7)), steps=250),
    "both": Rule(_both, steps=800),
    "cue": Rule(_cue),
    "flare": Rule(_flare, steps=400),
    "lane": Rule(_lane),
    "legend": Rule(_legend, classes=4, steps=800),
    "odd": Rule(_odd),
    "reach": Rule(functools.partial(_reach, near=(5, 7), far=(9, 11))),
    "touch": Rule(_touch, steps=250),
}
