"""Exercise cam-bug-transpose."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_05.shared import draw_features


def _map_of(draw: Draw, x: Tensor) -> Tensor:
    """Rows of weights that sum to one, and are no symmetric matrix."""
    logits = draw.normal(x.shape[0], x.shape[1], x.shape[1])
    return logits.softmax(-1)


def mix(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    """The reference of exercise 6: gamma times the mixture of the channels, plus the input."""
    return gamma * torch.bmm(attention, x.flatten(2)).view_as(x) + x


def _mix_case(
    text: Text, make: Callable[[Draw], Tensor] = draw_features, **options: object
) -> Case:
    def draw_all(draw: Draw) -> Call:
        x = make(draw)
        return Call((_map_of(draw, x), x, draw.normal(1) + 1.5))

    return Case(text, draw_all, **options)


def _mixed(attention: Tensor, x: Tensor) -> Tensor:
    return (attention @ x.flatten(2)).reshape(x.shape)


def _mix_reread(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    flat = x.flatten(2).mT.reshape(x.shape[0], x.shape[1], -1)  # rows of (N, C) read as channels
    return gamma * (attention @ flat).reshape(x.shape) + x


def _mix_einsum(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    return x + gamma * torch.einsum("bij,bjhw->bihw", attention, x)


def _mix_one_product(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    unit = torch.eye(x.shape[1], dtype=x.dtype)
    return ((gamma * attention + unit) @ x.flatten(2)).unflatten(2, x.shape[2:])


def _mix_convolution(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    mixed = [F.conv2d(a, w[:, :, None, None]) for a, w in zip(x, attention, strict=True)]
    return torch.stack(mixed) * gamma + x


CAM_BUG_MIX = Exercise(
    id="cam-bug-transpose",
    kind="find the bug",
    title=Text("转置了的图", "The transposed map"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=mix,
    cases=(
        _mix_case(Text("几张图", "several pictures")),
        _mix_case(Text("批里只有一张图", "a batch of one"), lambda draw: draw_features(draw, 1)),
        _mix_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda attention, x, gamma: gamma * _mixed(attention.mT, x) + x,
            Text(
                "仍和上面一样：用的是列。通道 `i` 的权重在第 `i` 行，那一行的和才是一。",
                "It is still as above: the columns are used. The weights of channel `i` stand in "
                "row `i`, and it is the row that sums to one.",
            ),
        ),
        Mutant(
            "no-residual",
            lambda attention, x, gamma: gamma * _mixed(attention, x),
            Text("混合对了，但没有加上输入。", "The mixture is right, but the input is not added."),
        ),
        Mutant(
            "gamma-on-the-input",
            lambda attention, x, gamma: _mixed(attention, x) + gamma * x,
            Text(
                "`gamma` 乘在了输入上。它为零时，输出应当等于输入。",
                "`gamma` multiplies the input. Where it is zero, the output must equal the input.",
            ),
        ),
        Mutant(
            "no-gamma",
            lambda attention, x, gamma: _mixed(attention, x) + x + 0 * gamma,
            Text("`gamma` 没有起作用。", "`gamma` has no effect."),
        ),
        Mutant(
            "gamma-left-out",
            lambda attention, x, gamma: _mixed(attention, x) + x,
            Text(
                "没有乘 `gamma`。它为零时，输出应当等于输入。",
                "`gamma` multiplies nothing. Where it is zero, the output must equal the input.",
            ),
        ),
        Mutant(
            "gamma-on-all",
            lambda attention, x, gamma: gamma * (_mixed(attention, x) + x),
            Text(
                "`gamma` 乘在了整个和上。它为零时，输入也不见了。",
                "`gamma` multiplies the whole sum. Where it is zero, the input is gone too.",
            ),
        ),
        Mutant(
            "interpolated",
            lambda attention, x, gamma: gamma * _mixed(attention, x) + (1 - gamma) * x,
            Text(
                "这是在混合与输入之间取中。公式里输入总是完整地加上。",
                "This interpolates between mixture and input. In the formula the input is added "
                "whole.",
            ),
        ),
        Mutant(
            "columns-renormalised",
            lambda attention, x, gamma: (
                gamma * _mixed(attention.mT / attention.mT.sum(-1, keepdim=True), x) + x
            ),
            Text(
                "权重的和补成了一，用的却还是列。`attention` 的行已经是权重，不必再除。",
                "The weights are made to sum to one, but they are still the columns. The rows of "
                "`attention` are weights already; nothing needs dividing.",
            ),
        ),
        Mutant(
            "softmax-again",
            lambda attention, x, gamma: gamma * _mixed(attention.softmax(-1), x) + x,
            Text(
                "又取了一次 softmax。`attention` 已经是权重，再取一次几乎平分了。",
                "The softmax is taken again. `attention` holds weights already, and another "
                "softmax makes them nearly equal.",
            ),
        ),
        Mutant(
            "only-itself",
            lambda attention, x, gamma: (
                gamma * attention.diagonal(dim1=1, dim2=2)[:, :, None, None] * x + x
            ),
            Text(
                "只用了对角线：每个通道只乘以一个数，没有混合，这成了一个门。",
                "Only the diagonal is used: each channel is multiplied by a number and nothing is "
                "mixed, which makes this a gate.",
            ),
        ),
        Mutant(
            "reread",
            _mix_reread,
            Text(
                "形状凑对了，数却错了位：转置之后再 `reshape`，位置与通道混在一起。",
                "The shapes fit, the numbers do not: a `reshape` after a transpose mixes positions "
                "with channels.",
            ),
        ),
    ),
    alternates=(
        Alternate("einsum", _mix_einsum),
        Alternate("one-product", _mix_one_product),
        Alternate("convolution", _mix_convolution),
    ),
)
