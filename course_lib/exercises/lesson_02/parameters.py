"""Exercise cbam-parameters: predict: parameters."""

from collections.abc import Callable

from torch import nn

from course_lib.checks import (
    Alternate,
    Call,
    Case,
    Draw,
    Exercise,
    Mutant,
    Text,
)


def cbam_parameters(channels: int, reduction: int, kernel_size: int, bias: bool, norm: bool) -> int:
    """The reference of exercise 11: number of parameters of one CBAM module."""
    hidden = channels // reduction
    channel = 2 * channels * hidden + (hidden + channels if bias else 0)
    return channel + 2 * kernel_size**2 + (2 if norm else 0)


def _parameter_case(text: Text, bias: bool, norm: bool, divisible: bool) -> Case:
    def make(draw: Draw) -> Call:
        reduction = draw.integer(2, 16)
        channels = reduction * draw.integer(2, 40)
        if not divisible:
            channels += draw.integer(1, reduction - 1)
        return Call((channels, reduction, draw.pick(3, 5, 7), bias, norm))

    return Case(text, make)


def _count(
    layers: Callable[[int, int], int] = lambda channels, hidden: 2 * channels * hidden,
    biases: Callable[[int, int], int] = lambda channels, hidden: hidden + channels,
    kernel: Callable[[int, int], int] = lambda size, channels: 2 * size**2,
    norms: int = 2,
    hidden: Callable[[int, int], int] = lambda channels, reduction: channels // reduction,
) -> Callable[..., int]:
    """A mutant that counts one part differently."""

    def answer(channels: int, reduction: int, kernel_size: int, bias: bool, norm: bool) -> int:
        units = hidden(channels, reduction)
        count = layers(channels, units) + kernel(kernel_size, channels)
        return count + (biases(channels, units) if bias else 0) + (norms if norm else 0)

    return answer


def _counted(channels: int, reduction: int, kernel_size: int, bias: bool, norm: bool) -> int:
    layers: list[nn.Module] = [
        nn.Linear(channels, channels // reduction, bias=bias, device="meta"),
        nn.Linear(channels // reduction, channels, bias=bias, device="meta"),
        nn.Conv2d(2, 1, kernel_size, bias=False, device="meta"),
    ]
    if norm:
        layers.append(nn.BatchNorm2d(1, device="meta"))
    return sum(p.numel() for layer in layers for p in layer.parameters())


def _factored(channels: int, reduction: int, kernel_size: int, bias: bool, norm: bool) -> int:
    hidden = channels // reduction
    channel = hidden * (channels + bias) + channels * (hidden + bias)
    return channel + 2 * (kernel_size * kernel_size + norm)


CBAM_PARAMETERS = Exercise(
    id="cbam-parameters",
    kind="predict",
    title=Text("参数有多少", "How many parameters"),
    difficulty=2,
    minutes=3,
    points=2,
    reference=cbam_parameters,
    cases=(
        _parameter_case(Text("作者的代码", "the authors' code"), True, True, True),
        _parameter_case(
            Text("没有偏置，没有批归一化", "no biases, no batch normalization"), False, False, True
        ),
        _parameter_case(Text("只有批归一化", "batch normalization only"), False, True, False),
        _parameter_case(
            Text("只有偏置，除不尽", "biases only, the division leaves a remainder"),
            True,
            False,
            False,
        ),
    ),
    mutants=(
        Mutant(
            "network-twice",
            _count(layers=lambda c, p: 4 * c * p, biases=lambda c, p: 2 * (p + c)),
            Text(
                "小网络数了两遍。它走两遍，但均值与最大值共用同一组参数。",
                "The small network is counted twice. It is passed twice, but mean and maximum "
                "share one set of parameters.",
            ),
        ),
        Mutant(
            "one-plane",
            _count(kernel=lambda size, channels: size**2),
            Text(
                "卷积核只数了一个平面。它的输入有两个平面。",
                "Only one plane of the kernel is counted. Its input has two planes.",
            ),
        ),
        Mutant(
            "kernel-over-channels",
            _count(kernel=lambda size, channels: channels * size**2),
            Text(
                "卷积核按所有通道数了。它只看两个平面，参数与通道数无关。",
                "The kernel is counted over all channels. It sees two planes only, and its "
                "parameters do not depend on the number of channels.",
            ),
        ),
        Mutant(
            "convolution-bias",
            _count(kernel=lambda size, channels: 2 * size**2 + 1),
            Text(
                "卷积多数了一个偏置；它没有偏置。",
                "One bias too many is counted for the convolution; it has none.",
            ),
        ),
        Mutant(
            "statistics-counted",
            _count(norms=4),
            Text(
                "批归一化的滑动均值与方差也数了。它们是缓冲区，不是学出来的参数。",
                "The running mean and variance of batch normalization are counted too. They are "
                "buffers and not learned.",
            ),
        ),
        Mutant(
            "norm-as-one",
            _count(norms=1),
            Text(
                "批归一化只数了一个数。它每个通道学两个：`weight` 与 `bias`。",
                "One number is counted for the batch normalization. It learns two per channel, "
                "`weight` and `bias`.",
            ),
        ),
        Mutant(
            "norm-ignored",
            _count(norms=0),
            Text(
                "`norm` 为真时也没有数批归一化的参数。",
                "The parameters of batch normalization are not counted where `norm` is true.",
            ),
        ),
        Mutant(
            "bias-ignored",
            _count(biases=lambda c, p: 0),
            Text("`bias` 为真时也没有数偏置。", "The biases are not counted where `bias` is true."),
        ),
        Mutant(
            "both-planes-over-channels",
            _count(kernel=lambda size, channels: 2 * channels * size**2),
            Text(
                "卷积核按所有通道的两份汇总数了。汇总是跨通道取的，一共只有两个平面，参数与通道数无关。",
                "The kernel is counted with two summaries of every channel. The summaries run over "
                "the channels, so there are two planes in all, whatever the number of channels.",
            ),
        ),
        Mutant(
            "not-rounded",
            _count(hidden=lambda channels, reduction: channels / reduction),
            Text(
                "`/` 得到 `float`，除不尽时还带小数。隐藏单元数是 `channels // reduction`。",
                "`/` gives a `float`, with a fraction where there is a remainder. The number of "
                "hidden units is `channels // reduction`.",
            ),
        ),
        Mutant(
            "rounded-late",
            _count(
                layers=lambda c, p: p[0],
                biases=lambda c, p: p[1] + c,
                hidden=lambda c, r: (2 * c * c // r, c // r),
            ),
            Text(
                "先乘后除，除不尽时就不同了：先算 $p$，再乘 $2C$。",
                "Multiplying before dividing differs where a remainder is left: find $p$ first, "
                "then multiply by $2C$.",
            ),
        ),
    ),
    alternates=(Alternate("counted", _counted), Alternate("factored", _factored)),
    gradients=False,
)
