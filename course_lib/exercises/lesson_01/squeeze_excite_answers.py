"""The answers of `squeeze_excite`: the reference, right and wrong ones, its cases."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Text


def squeeze_excite(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """The reference of exercise 1: x (B, C, H, W) times its gate."""
    squeezed = x.mean((2, 3))
    gate = torch.sigmoid(F.relu(squeezed @ w1.T + b1) @ w2.T + b2)
    return x * gate[:, :, None, None]


def function_case(
    text: Text, batch: int | None, size: tuple[int, int] | None = None, **options: torch.dtype
) -> Case:
    def make(draw: Draw) -> Call:
        hidden = draw.integer(3, 6)
        channels = hidden * draw.integer(3, 5)
        height, width = size or (draw.integer(4, 6), draw.integer(7, 9))
        return Call(
            (
                # A mean far from zero: else the gate hardly depends on the input.
                draw.normal(batch or draw.integer(2, 4), channels, height, width)
                + 2 * draw.normal(1, channels, 1, 1),
                draw.normal(hidden, channels, scale=0.4),
                draw.normal(hidden, scale=0.5),
                draw.normal(channels, hidden, scale=0.6),
                draw.normal(channels, scale=0.5),
            )
        )

    return Case(text, make, **options)


def gated(gate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A mutant that differs in how the gate (B, C) is computed."""

    def answer(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        return x * gate(x, w1, b1, w2, b2)[:, :, None, None]

    return answer


def two_layers(squeezed: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return torch.sigmoid(F.relu(squeezed @ w1.T + b1) @ w2.T + b2)


def gate_on_width(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return x * two_layers(x.mean((2, 3)), w1, b1, w2, b2)[:, None, None, :]


def residual_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return x + x * two_layers(x.mean((2, 3)), w1, b1, w2, b2)[:, :, None, None]


def gate_alone(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return two_layers(x.mean((2, 3)), w1, b1, w2, b2)[:, :, None, None]


def local_gate(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return x * two_layers(x.movedim(1, -1), w1, b1, w2, b2).movedim(-1, 1)


def no_gradient(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    with torch.no_grad():
        gate = two_layers(x.mean((2, 3)), w1, b1, w2, b2)
    return x * gate[:, :, None, None]


def in_place(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    x *= two_layers(x.mean((2, 3)), w1, b1, w2, b2)[:, :, None, None]
    return x


def convolution_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    squeezed = F.adaptive_avg_pool2d(x, 1)
    hidden = F.conv2d(squeezed, w1[:, :, None, None], b1).relu()
    return torch.sigmoid(F.conv2d(hidden, w2[:, :, None, None], b2)).expand_as(x) * x


def linear_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    squeezed = x.flatten(2).mean(-1)
    gate = F.linear(F.relu(F.linear(squeezed, w1, b1)), w2, b2).sigmoid()
    return x * gate.view(*x.shape[:2], 1, 1)
