"""Glyphs, each in a cell of 4×4 pixels, and boards of them as pictures."""

import math

import torch
from torch import Tensor

BOARD = 16
CELL = 4
EMPTY = -1
_AT_ONCE = 16

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
    phases = torch.tensor([0.0, 2 * math.pi / 3, 4 * math.pi / 3]).view(1, 3, 1, 1)
    colours = 0.5 + 0.5 * torch.cos(hues[:, None] - phases)
    pictures = torch.empty(len(glyphs), 3, BOARD, CELL, BOARD, CELL)
    # A few at a time, so that they stay in the cache from the first pass to the last.
    for start in range(0, len(glyphs), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        picture = pictures[some]
        torch.randn(picture.shape, generator=generator, out=picture).mul_(noise)
        mask = masks[glyphs[some]].permute(0, 1, 3, 2, 4)[:, None]
        picture += mask * colours[some][:, :, :, None, :, None]
    return pictures.view(len(glyphs), 3, BOARD * CELL, BOARD * CELL)
