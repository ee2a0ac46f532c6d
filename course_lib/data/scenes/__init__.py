"""Probe scenes: boards of small coloured glyphs, in which a rule decides what each glyph is.

A scene is a board of 16×16 cells of 4×4 pixels, drawn on noise. The pictures of all rules look much
alike; what differs is **where the answer for a glyph lives**, and so which mechanism can find it.

==========  ========================================================  ==============================
rule        a glyph is positive when                                  the answer lives in
==========  ========================================================  ==============================
``cue``     it has the hue of the one large beacon, anywhere          one thing, globally
``flare``   it has the hue of the one bright flare among many rings   one small thing: a maximum
``both``    it has the hue of the flare; in scenes without one, the   a maximum and an average
            hue of most rings
``odd``     its hue is the rarer of the two, which may be any         how common things are
``lane``    its row holds a lamp; every other row holds a decoy       one whole row
``around``  the nearest lamp is 3 or 4 cells away, not 6 or 7         a middle neighbourhood
``reach``   the nearest lamp is 5 to 7 cells away, not 9 to 11        a wide neighbourhood
``legend``  not positive: one of four classes, the shape that its     things alike, globally
            hue has today, as the glyphs at the left show
``touch``   a lamp is in one of the four cells beside it              the cells beside it
==========  ========================================================  ==============================

The network without a mechanism sees the cells beside a glyph, so ``touch`` shows what a mechanism
does where none is needed. Distances are Chebyshev's: 5 cells away is on the rim of a square of side
11.

A network that cannot find the answer has a balanced accuracy of ``Rule.chance``, whatever the
shares of the classes. These are equal within every scene, but for ``lane``, where half of the rows
are positive, and ``legend``, where three of the four classes at most are in a scene.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data.scenes._glyphs import BOARD, CELL, GLYPHS, render
from course_lib.data.scenes._rules import IGNORE, RULES, Rule

__all__ = [
    "BOARD",
    "CELL",
    "GLYPHS",
    "IGNORE",
    "Rule",
    "Scenes",
    "beacon_colour",
    "make",
    "rule_named",
    "rules",
]


@dataclass(frozen=True)
class Scenes:
    """A set of scenes.

    Attributes:
        images: (B, 3, 64, 64), float32; hues on Gaussian noise.
        labels: (B, 16, 16), int64; class of a labelled glyph, 0 or 1 (``legend``: 0 to 3), 255
            elsewhere.
        glyphs: (B, 16, 16), int64; the glyph in a cell by ``GLYPHS``, -1 where it is empty.
        hues: (B, 16, 16), float32; angle of the glyph's hue in radians, 0 is red.
    """

    images: Tensor
    labels: Tensor
    glyphs: Tensor
    hues: Tensor


def rules() -> list[str]:
    """The names of the rules."""
    return sorted(RULES)


def rule_named(name: str) -> Rule:
    """The rule of that name, which knows its number of classes and the accuracy of guessing.

    Raises:
        ValueError: if there is no such rule.
    """
    if name not in RULES:
        raise ValueError(f"no rule is called {name!r}; there are: {', '.join(rules())}")
    return RULES[name]


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
    draw = rule_named(rule).draw
    if count < 0:
        raise ValueError(f"count={count} is negative; ask for 0 scenes or more")
    generator = torch.Generator().manual_seed(seed)
    glyphs, hues, labels = draw(count, generator)
    return Scenes(render(glyphs, hues, noise, generator), labels, glyphs, hues)


def beacon_colour(drawn: Scenes) -> Tensor:
    """Colour of the beacon of every ``cue`` scene: (B,), 0 red, 1 green, 2 blue.

    Raises:
        ValueError: if a scene has no beacon.
    """
    corner = drawn.glyphs == GLYPHS["beacon 0"]
    if not bool(corner.flatten(1).any(1).all()):
        raise ValueError("a scene has no beacon; only scenes of the rule 'cue' have one")
    hue = torch.where(corner, drawn.hues, 0.0).flatten(1).sum(1)
    return (hue / (2 * math.pi / 3)).round().long()
