"""The answers of `channel_gate`: the reference, right and wrong ones, its cases."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import (
    Call,
    Case,
    Draw,
    Text,
)


def two_layers(pooled: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return F.relu(pooled @ w1.T + b1) @ w2.T + b2


def channel_gate(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """The reference of exercise 1: the gate (B, C, 1, 1) of x (B, C, H, W)."""
    mean, largest = x.mean((2, 3)), x.amax((2, 3))
    logits = two_layers(mean, w1, b1, w2, b2) + two_layers(largest, w1, b1, w2, b2)
    return logits.sigmoid()[:, :, None, None]


def right_channel_gate(x: Tensor, *w: Tensor) -> Tensor:
    """For mutants that go wrong afterwards: the reference itself must not run inside them."""
    logits = two_layers(x.mean((2, 3)), *w) + two_layers(x.amax((2, 3)), *w)
    return logits.sigmoid()[:, :, None, None]


def channel_case(
    text: Text, batch: int | None, size: tuple[int, int] | None = None, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        hidden = draw.integer(5, 8)
        channels = hidden * draw.integer(2, 3)
        height, width = size or (draw.integer(4, 6), draw.integer(7, 9))
        return Call(
            (
                # Means apart from each other: else every gate is nearly the same. Not too far:
                # else a hidden unit has one sign for the mean and for the maximum.
                draw.normal(batch or draw.integer(2, 4), channels, height, width)
                + draw.normal(1, channels, 1, 1),
                draw.normal(hidden, channels, scale=0.3),
                draw.normal(hidden, scale=0.5),
                draw.normal(channels, hidden, scale=0.4),
                draw.normal(channels, scale=0.5),
            )
        )

    return Case(text, make, **options)


def from_pools(gate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A mutant that differs in how the gate (B, C) follows from mean and maximum (B, C)."""

    def answer(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        return gate(x.mean((2, 3)), x.amax((2, 3)), w1, b1, w2, b2)[:, :, None, None]

    return answer


def hidden_summed(mean: Tensor, largest: Tensor, *w: Tensor) -> Tensor:
    w1, b1, w2, b2 = w
    return (F.relu(mean @ w1.T + b1 + largest @ w1.T + b1) @ w2.T + b2).sigmoid()


def second_bias_once(mean: Tensor, largest: Tensor, *w: Tensor) -> Tensor:
    w1, b1, w2, b2 = w
    hidden = F.relu(mean @ w1.T + b1) + F.relu(largest @ w1.T + b1)
    return (hidden @ w2.T + b2).sigmoid()


def no_relu(mean: Tensor, largest: Tensor, *w: Tensor) -> Tensor:
    w1, b1, w2, b2 = w
    return ((mean @ w1.T + b1 + largest @ w1.T + b1) @ w2.T + 2 * b2).sigmoid()


def channel_gate_stopped(x: Tensor, *w: Tensor) -> Tensor:
    with torch.no_grad():
        return right_channel_gate(x, *w)


def convolution_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    logits = torch.zeros(())
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        hidden = F.conv2d(pool(x, 1), w1[:, :, None, None], b1).relu()
        logits = logits + F.conv2d(hidden, w2[:, :, None, None], b2)
    return torch.sigmoid(logits)


def stacked_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    flat = x.flatten(2)
    pooled = torch.stack([flat.mean(-1), flat.max(-1).values])  # both through the network at once
    return two_layers(pooled, w1, b1, w2, b2).sum(0).sigmoid().view(*x.shape[:2], 1, 1)


def hidden_first_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    largest = x.amax(3).amax(2)
    hidden = F.relu(F.linear(x.mean((2, 3)), w1, b1)) + F.relu(F.linear(largest, w1, b1))
    return torch.sigmoid(F.linear(hidden, w2, 2 * b2)).unsqueeze(-1).unsqueeze(-1)
