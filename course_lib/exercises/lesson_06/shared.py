"""What several exercises of lesson 06 share."""

from torch import Tensor

from course_lib.checks import Draw

VOID = 255


def draw_classes(draw: Draw, classes: int, *shape: int) -> Tensor:
    """Classes at random, int64."""
    return (draw.normal(*shape) * 1e4).long() % classes


def draw_some(draw: Draw, share: float, *shape: int) -> Tensor:
    """True at about this share of the places."""
    return draw_classes(draw, 1000, *shape) < 1000 * share
