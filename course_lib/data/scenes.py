"""Probe scenes: boards of small coloured glyphs, in which a rule decides what each glyph is.

A scene is a board of 16×16 cells of 4×4 pixels, drawn on noise. The pictures of all rules look much
alike; what differs is **where the answer for a glyph lives**, and so which mechanism can find it.

========  ==========================================================  ===========================
rule      a glyph is positive when                                    the answer lives in
========  ==========================================================  ===========================
``cue``   it has the hue of the one large beacon, anywhere            one thing, globally
``lane``  its row holds a lamp; every other row holds a decoy         one whole row
========  ==========================================================  ===========================

In every scene exactly half of the labelled glyphs (``cue``) or half of the rows (``lane``) are
positive, so a network that cannot find the answer has a balanced accuracy of 50 %.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

BOARD = 16
CELL = 4
IGNORE = 255

# Each glyph fills a cell; rows from top to bottom.
_GLYPHS = {
    "block": ("....", ".###", ".###", ".###"),
    "ring": ("....", ".###", ".#.#", ".###"),
    "lamp": ("....", "..#.", ".###", "..#."),
    # The beacon is one ring of 2×2 cells.
    "beacon 0": (".###", "####", "##..", "##.."),
    "beacon 1": ("###.", "####", "..##", "..##"),
    "beacon 2": ("##..", "##..", "####", ".###"),
    "beacon 3": ("..##", "..##", "####", "###."),
}
_EMPTY = -1
_INDEX = {name: index for index, name in enumerate(_GLYPHS)}


@dataclass(frozen=True)
class Scenes:
    """A set of scenes.

    Attributes:
        images: (B, 3, 64, 64), float32; hues on Gaussian noise.
        labels: (B, 16, 16), int64; 0 or 1 for a labelled glyph, 255 elsewhere.
        glyphs: (B, 16, 16), int64; index of the glyph in a cell, -1 where it is empty.
        hues: (B, 16, 16), float32; angle of the glyph's hue in radians, 0 is red.
    """

    images: Tensor
    labels: Tensor
    glyphs: Tensor
    hues: Tensor


def rules() -> list[str]:
    """The names of the rules."""
    return sorted(_RULES)


def make(rule: str, count: int, seed: int, noise: float = 0.1) -> Scenes:
    """Draw scenes by a rule.

    Args:
        rule: one of ``rules()``.
        count: number of scenes B.
        seed: the same seed draws the same scenes.
        noise: standard deviation of the noise; a hue has channels between 0 and 1.

    Raises:
        ValueError: if there is no such rule, or the count is negative.
    """
    if rule not in _RULES:
        raise ValueError(f"no rule is called {rule!r}; there are: {', '.join(rules())}")
    if count < 0:
        raise ValueError(f"count={count} is negative; ask for 0 scenes or more")
    generator = torch.Generator().manual_seed(seed)
    glyphs, hues, labels = _RULES[rule](count, generator)
    return Scenes(_render(glyphs, hues, noise, generator), labels, glyphs, hues)


def beacon_colour(drawn: Scenes) -> Tensor:
    """Colour of the beacon of every ``cue`` scene: (B,), 0 red, 1 green, 2 blue.

    Raises:
        ValueError: if a scene has no beacon.
    """
    corner = drawn.glyphs == _INDEX["beacon 0"]
    if not bool(corner.flatten(1).any(1).all()):
        raise ValueError("a scene has no beacon; only scenes of the rule 'cue' have one")
    hue = torch.where(corner, drawn.hues, 0.0).flatten(1).sum(1)
    return (hue / (2 * math.pi / 3)).round().long()


def _render(glyphs: Tensor, hues: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    masks = torch.tensor(
        [[[float(pixel == "#") for pixel in row] for row in glyph] for glyph in _GLYPHS.values()]
    )
    masks = torch.cat([masks, torch.zeros(1, CELL, CELL)])  # index -1 is the empty cell
    count, side = len(glyphs), BOARD * CELL
    mask = masks[glyphs].permute(0, 1, 3, 2, 4).reshape(count, 1, side, side)
    phases = torch.tensor([0.0, 2 * math.pi / 3, 4 * math.pi / 3]).view(1, 3, 1, 1)
    colours = 0.5 + 0.5 * torch.cos(hues[:, None] - phases)
    colours = colours.repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
    return mask * colours + noise * torch.randn(count, 3, side, side, generator=generator)


def _cue(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """32 blocks, 16 of either of two hues, and a beacon that has one of the two."""
    cells, blocks = BOARD * BOARD, 32
    hues3 = torch.arange(3) * (2 * math.pi / 3)
    two = torch.rand(count, 3, generator=generator).argsort(1)[:, :2]
    row = torch.randint(0, BOARD - 1, (count, 1), generator=generator)
    column = torch.randint(0, BOARD - 1, (count, 1), generator=generator)
    corner = row * BOARD + column
    beacon = torch.cat([corner, corner + 1, corner + BOARD, corner + BOARD + 1], 1)
    # Cells in random order, those of the beacon last.
    order = torch.rand(count, cells, generator=generator).scatter(1, beacon, 2.0).argsort(1)
    place = order[:, :blocks]
    which = (torch.arange(blocks) >= blocks // 2).long().expand(count, blocks)
    told = torch.randint(0, 2, (count, 1), generator=generator)

    glyphs = torch.full((count, cells), _EMPTY).scatter(1, place, _INDEX["block"])
    corners = torch.tensor([_INDEX[f"beacon {i}"] for i in range(4)]).expand(count, 4)
    glyphs = glyphs.scatter(1, beacon, corners)
    hues = torch.zeros(count, cells).scatter(1, place, hues3[two.gather(1, which)])
    hues = hues.scatter(1, beacon, hues3[two.gather(1, told)].expand(count, 4))
    labels = torch.full((count, cells), IGNORE).scatter(1, place, (which == told).long())
    return _board(glyphs), _board(hues), _board(labels)


def _lane(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Blocks everywhere; half of the rows hold a lamp, the others a ring in its stead."""
    lit = torch.rand(count, BOARD, generator=generator).argsort(1) < BOARD // 2
    column = torch.randint(0, BOARD, (count, BOARD, 1), generator=generator)
    occupied = torch.rand(count, BOARD, BOARD, generator=generator) < 0.3
    glyphs = torch.where(occupied, _INDEX["block"], _EMPTY)
    sign = torch.where(lit, _INDEX["lamp"], _INDEX["ring"])
    glyphs = glyphs.scatter(2, column, sign[:, :, None])
    hues = torch.randint(0, 4, (count, BOARD, BOARD), generator=generator) * (math.pi / 2)
    labels = torch.where(occupied, lit[:, :, None].long().expand_as(occupied), IGNORE)
    return glyphs, hues, labels.scatter(2, column, IGNORE)


def _board(cells: Tensor) -> Tensor:
    return cells.view(len(cells), BOARD, BOARD)


_RULES: Mapping[str, Callable[[int, torch.Generator], tuple[Tensor, Tensor, Tensor]]] = {
    "cue": _cue,
    "lane": _lane,
}
