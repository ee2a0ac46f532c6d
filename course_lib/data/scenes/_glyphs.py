"""Glyphs, each in a cell of 4×4 pixels, and boards of them as pictures."""

import math

import torch
from torch import Tensor

BOARD = 16
CELL = 4
EMPTY = -1

# Rows from top to bottom; a star is twice as bright.
_DRAWINGS = {
    "block": ("....", ".###", ".###", ".###"),
    "ring": ("....", ".###", ".#.#", ".###"),
    "lamp": ("....", "..#.", ".###", "..#."),
    # The beacon is one ring of 2×2 cells.
    "beacon 0": (".###", "####", "##..", "##.."),
    "beacon 1": ("###.", "####", "..##", "..##"),
    "beacon 2": ("##..", "##..", "####", ".###"),
    "beacon 3": ("..##", "..##", "####", "###."),
    "cross": ("....", ".#.#", "..#.", ".#.#"),
    "dash": ("....", "....", ".###", "...."),
    "flare": ("....", ".***", ".***", ".***"),
}
_BRIGHTNESS = {".": 0.0, "#": 1.0, "*": 2.0}
#: Numbers of the glyphs on a board, by name.
GLYPHS = {name: index for index, name in enumerate(_DRAWINGS)}


def render(glyphs: Tensor, hues: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Pictures of boards: glyphs and hues (B, 16, 16) -> (B, 3, 64, 64)."""
    masks = torch.tensor(
        [[[_BRIGHTNESS[pixel] for pixel in row] for row in glyph] for glyph in _DRAWINGS.values()]
    )
    masks = torch.cat([masks, torch.zeros(1, CELL, CELL)])  # index -1 is the empty cell
    count, side = len(glyphs), BOARD * CELL
    mask = masks[glyphs].permute(0, 1, 3, 2, 4).reshape(count, 1, side, side)
    phases = torch.tensor([0.0, 2 * math.pi / 3, 4 * math.pi / 3]).view(1, 3, 1, 1)
    colours = 0.5 + 0.5 * torch.cos(hues[:, None] - phases)
    colours = colours.repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
    return mask * colours + noise * torch.randn(count, 3, side, side, generator=generator)
