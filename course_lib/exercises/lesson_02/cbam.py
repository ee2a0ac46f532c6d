"""Exercise cbam-module: both gates."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from course_lib.checks import (
    Alternate,
    Call,
    Case,
    Draw,
    Exercise,
    Mutant,
    Text,
)
from course_lib.exercises.lesson_02.shared import handed_in


class CBAM(nn.Module):
    """The reference of exercise 5: multiply by one gate, then by the other of the result."""

    def __init__(self, channel: nn.Module, spatial: nn.Module) -> None:
        super().__init__()
        self.channel = channel
        self.spatial = spatial

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        x = x * self.channel(x)
        return x * self.spatial(x)


def _both(combine: Callable[[Tensor, nn.Module, nn.Module], Tensor]) -> type[nn.Module]:
    """An answer that differs in what becomes of x and the two gates."""

    class Both(nn.Module):
        def __init__(self, channel: nn.Module, spatial: nn.Module) -> None:
            super().__init__()
            self.channel, self.spatial = channel, spatial

        def forward(self, x: Tensor) -> Tensor:
            return combine(x, self.channel, self.spatial)

    return Both


class _GatesInAList(nn.Module):
    def __init__(self, channel: nn.Module, spatial: nn.Module) -> None:
        super().__init__()
        self.gates = [channel, spatial]

    def forward(self, x: Tensor) -> Tensor:
        for gate in self.gates:
            x = x * gate(x)
        return x


class _GatesInAModuleList(nn.Module):
    def __init__(self, channel: nn.Module, spatial: nn.Module) -> None:
        super().__init__()
        self.gates = nn.ModuleList([channel, spatial])

    def forward(self, x: Tensor) -> Tensor:
        for gate in self.gates:
            x = gate(x).expand_as(x) * x
        return x


def _spatial_first(x: Tensor, channel: nn.Module, spatial: nn.Module) -> Tensor:
    x = x * spatial(x)
    return x * channel(x)


def _gate_of_gate(x: Tensor, channel: nn.Module, spatial: nn.Module) -> Tensor:
    gate = channel(x)
    return x * gate * spatial(gate)


def _one_line(x: Tensor, channel: nn.Module, spatial: nn.Module) -> Tensor:
    return torch.mul(channel(x) * x, spatial(channel(x) * x))


def _kept_apart(x: Tensor, channel: nn.Module, spatial: nn.Module) -> Tensor:
    of_channel = channel(x)
    return x * (of_channel * spatial(x * of_channel))


def _gates_case(text: Text, batch: int | None = None, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels = draw.integer(6, 12)
        height, width = draw.integer(5, 7), draw.integer(8, 10)
        x = draw.normal(batch or draw.integer(2, 3), channels, height, width)
        mix = partial(nn.Conv2d, channels, channels, 1, bias=False)
        look = partial(nn.Conv2d, channels, 1, 3, padding=1, bias=False)
        build = {
            "channel": handed_in(draw, partial(nn.AdaptiveAvgPool2d, 1), mix, nn.Sigmoid),
            "spatial": handed_in(draw, look, nn.Sigmoid),
        }
        return Call((2 * x + 2 * draw.normal(1, channels, 1, 1),), build)

    return Case(text, make, **options)


CBAM_MODULE = Exercise(
    id="cbam-module",
    kind="implement",
    title=Text("两个门合起来", "Both gates together"),
    difficulty=2,
    minutes=4,
    points=2,
    reference=CBAM,
    cases=(
        _gates_case(Text("高与宽不等", "height and width differ")),
        _gates_case(Text("批里只有一张图", "a batch of one"), 1),
        _gates_case(
            Text("训练模式，双精度", "train mode, double precision"),
            dtype=torch.float64,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "parallel",
            _both(lambda x, channel, spatial: x * channel(x) * spatial(x)),
            Text(
                "两个门都由 `x` 算出，互不相干。空间门看的应当是通道门乘过之后的特征图。",
                "Both gates are computed from `x`, side by side. The spatial gate must see the "
                "feature map as the channel gate has left it.",
            ),
        ),
        Mutant(
            "spatial-first",
            _both(_spatial_first),
            Text(
                "次序反了：这里空间门在前，通道门在后。",
                "The order is reversed: here the spatial gate comes first, then the channel gate.",
            ),
        ),
        Mutant(
            "scaled-input",
            _both(lambda x, channel, spatial: x * spatial(x * channel(x))),
            Text(
                "空间门看对了张量，却乘在了 `x` 上，通道门的作用丢失了。",
                "The spatial gate sees the right tensor but multiplies `x`, so the effect of the "
                "channel gate is lost.",
            ),
        ),
        Mutant(
            "gate-of-gate",
            _both(_gate_of_gate),
            Text(
                "空间门看到的是通道门本身，不是乘过它的特征图。",
                "The spatial gate sees the channel gate itself, not the feature map multiplied by "
                "it.",
            ),
        ),
        Mutant(
            "not-multiplied",
            _both(lambda x, channel, spatial: spatial(x * channel(x))),
            Text(
                "返回的只是空间门，没有乘到特征图上。",
                "This returns the spatial gate alone; the feature map is not multiplied by it.",
            ),
        ),
        Mutant(
            "chained",
            _both(lambda x, channel, spatial: spatial(channel(x))),
            Text(
                "空间门由通道门算出，两个门都没有乘到特征图上。每个门要先乘，再算下一个。",
                "The spatial gate is computed from the channel gate, and neither has multiplied "
                "the feature map. Multiply by a gate before the next one is computed.",
            ),
        ),
        Mutant(
            "summed",
            _both(lambda x, channel, spatial: x * channel(x) + x * spatial(x)),
            Text(
                "两个结果相加了。CBAM 是一个接一个，不是两路相加。",
                "The two results are added. CBAM applies one after the other, not side by side.",
            ),
        ),
        Mutant(
            "channel-only",
            _both(lambda x, channel, spatial: x * channel(x)),
            Text("`forward` 里没有用空间门。", "`forward` does not use the spatial gate."),
        ),
        Mutant(
            "spatial-only",
            _both(lambda x, channel, spatial: x * spatial(x)),
            Text("`forward` 里没有用通道门。", "`forward` does not use the channel gate."),
        ),
        Mutant(
            "residual-inside",
            _both(lambda x, channel, spatial: x + _one_line(x, channel, spatial)),
            Text(
                "多加了一个 `x`。相加是残差块的事。",
                "There is an extra `x`. The addition belongs to the residual block.",
            ),
        ),
        Mutant(
            "plain-list",
            _GatesInAList,
            Text(
                "两个门放在普通的列表里，没有登记：优化器看不到它们的参数，`train`、`eval` 与 `to` "
                "也到不了它们。",
                "The gates are in a plain list and not registered: no optimiser sees their "
                "parameters, and `train`, `eval` and `to` do not reach them.",
            ),
        ),
    ),
    alternates=(
        Alternate("one-line", _both(_one_line)),
        Alternate("gates-kept-apart", _both(_kept_apart)),
        Alternate("module-list", _GatesInAModuleList),
    ),
)
