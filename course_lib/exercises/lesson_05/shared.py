"""What several exercises of lesson 05 share."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Text


def draw_features(draw: Draw, batch: int | None = None) -> Tensor:
    """A map whose energies leave the softmax soft: a few channels, values of about a half."""
    count = draw.integer(2, 4) if batch is None else batch
    x = draw.normal(count, draw.integer(4, 6), draw.integer(2, 3), draw.integer(4, 5), scale=0.4)
    return x + 0.2


def draw_transposed(draw: Draw) -> Tensor:
    """A map whose memory has another order than its shape."""
    return draw_features(draw).transpose(2, 3)


def draw_hundredfold(draw: Draw) -> Tensor:
    """A map with energies of tens of thousands: an exponential overflows in double precision."""
    return 100 * draw_features(draw)


LARGE = Text("双精度，大一百倍的特征", "double precision, features a hundred times as large")


def map_case(text: Text, make: Callable[[Draw], Tensor] = draw_features, **options: object) -> Case:
    return Case(text, lambda draw: Call((make(draw),)), **options)


def gram_of(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return flat @ flat.mT


def map_einsum(x: Tensor) -> Tensor:
    return F.softmax(torch.einsum("bihw,bjhw->bij", x, x), dim=2)


def entropy_of(attention: Tensor, zero: float = 1e-30) -> Tensor:
    return -(attention * attention.clamp(min=zero).log()).sum(-1)


def weights_of(shifted: Tensor, dim: int = -1) -> Tensor:
    weights = shifted.exp()
    return weights / weights.sum(dim, keepdim=True)
