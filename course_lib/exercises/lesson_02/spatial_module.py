"""Exercises of lesson 02, CBAM."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import (
    Alternate,
    Call,
    Case,
    Draw,
    Exercise,
    Fresh,
    Mutant,
    Text,
    choice,
)

LESSON = "02_cbam"

# --- cbam-channel-gate: the pure function --------------------------------------------------------


def _network(pooled: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return F.relu(pooled @ w1.T + b1) @ w2.T + b2


def channel_gate(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """The reference of exercise 1: the gate (B, C, 1, 1) of x (B, C, H, W)."""
    mean, largest = x.mean((2, 3)), x.amax((2, 3))
    logits = _network(mean, w1, b1, w2, b2) + _network(largest, w1, b1, w2, b2)
    return logits.sigmoid()[:, :, None, None]


def _right_channel_gate(x: Tensor, *w: Tensor) -> Tensor:
    """For mutants that go wrong afterwards: the reference itself must not run inside them."""
    logits = _network(x.mean((2, 3)), *w) + _network(x.amax((2, 3)), *w)
    return logits.sigmoid()[:, :, None, None]


def _channel_case(
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


def _from_pools(gate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A mutant that differs in how the gate (B, C) follows from mean and maximum (B, C)."""

    def answer(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        return gate(x.mean((2, 3)), x.amax((2, 3)), w1, b1, w2, b2)[:, :, None, None]

    return answer


def _hidden_summed(mean: Tensor, largest: Tensor, *w: Tensor) -> Tensor:
    w1, b1, w2, b2 = w
    return (F.relu(mean @ w1.T + b1 + largest @ w1.T + b1) @ w2.T + b2).sigmoid()


def _second_bias_once(mean: Tensor, largest: Tensor, *w: Tensor) -> Tensor:
    w1, b1, w2, b2 = w
    hidden = F.relu(mean @ w1.T + b1) + F.relu(largest @ w1.T + b1)
    return (hidden @ w2.T + b2).sigmoid()


def _no_relu(mean: Tensor, largest: Tensor, *w: Tensor) -> Tensor:
    w1, b1, w2, b2 = w
    return ((mean @ w1.T + b1 + largest @ w1.T + b1) @ w2.T + 2 * b2).sigmoid()


def _channel_gate_stopped(x: Tensor, *w: Tensor) -> Tensor:
    with torch.no_grad():
        return _right_channel_gate(x, *w)


def _convolution_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    logits = torch.zeros(())
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        hidden = F.conv2d(pool(x, 1), w1[:, :, None, None], b1).relu()
        logits = logits + F.conv2d(hidden, w2[:, :, None, None], b2)
    return torch.sigmoid(logits)


def _stacked_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    flat = x.flatten(2)
    pooled = torch.stack([flat.mean(-1), flat.max(-1).values])  # both through the network at once
    return _network(pooled, w1, b1, w2, b2).sum(0).sigmoid().view(*x.shape[:2], 1, 1)


def _hidden_first_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    largest = x.amax(3).amax(2)
    hidden = F.relu(F.linear(x.mean((2, 3)), w1, b1)) + F.relu(F.linear(largest, w1, b1))
    return torch.sigmoid(F.linear(hidden, w2, 2 * b2)).unsqueeze(-1).unsqueeze(-1)


CHANNEL_GATE = Exercise(
    id="cbam-channel-gate",
    kind="implement",
    title=Text("通道门，写成函数", "The channel gate as a function"),
    difficulty=2,
    minutes=6,
    points=4,
    reference=channel_gate,
    cases=(
        _channel_case(
            Text("几张图，高与宽不等", "several pictures, height and width differ"), None
        ),
        _channel_case(Text("批里只有一张图", "a batch of one"), 1),
        _channel_case(Text("1×1 的特征图", "feature maps of 1×1"), None, (1, 1)),
        _channel_case(Text("双精度", "double precision"), None, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "pools-summed-first",
            _from_pools(lambda mean, largest, *w: _network(mean + largest, *w).sigmoid()),
            Text(
                "均值与最大值先相加，小网络只走了一遍。中间有 ReLU，先加后算与先算后加不是一回事。",
                "Mean and maximum are added first and pass through the network once. With a ReLU "
                "inside, adding before is not the same as adding after.",
            ),
        ),
        Mutant(
            "hidden-summed",
            _from_pools(_hidden_summed),
            Text(
                "两份隐藏层在 ReLU 之前就加在了一起。每份汇总要各自走完两层，ReLU 也各走各的。",
                "The two hidden layers are added before the ReLU. Either summary passes through "
                "both layers, and the ReLU, on its own.",
            ),
        ),
        Mutant(
            "second-bias-once",
            _from_pools(_second_bias_once),
            Text(
                "`b2` 只加了一次。小网络走了两遍，每一遍末尾都有它。",
                "`b2` is added once. The network is passed twice, and either pass ends with it.",
            ),
        ),
        Mutant(
            "averaged",
            _from_pools(
                lambda mean, largest, *w: (
                    (_network(mean, *w) + _network(largest, *w)) / 2
                ).sigmoid()
            ),
            Text(
                "两份输出取了平均。公式里是相加，不除以二。",
                "The two outputs are averaged. The formula adds them and divides by nothing.",
            ),
        ),
        Mutant(
            "sigmoid-of-each",
            _from_pools(
                lambda mean, largest, *w: (
                    _network(mean, *w).sigmoid() + _network(largest, *w).sigmoid()
                )
            ),
            Text(
                "先各取 sigmoid 再相加，门可以到 2。sigmoid 只有一个，在最外面。",
                "Each output has a sigmoid of its own before they are added, so the gate reaches "
                "up to 2. There is one sigmoid, outermost.",
            ),
        ),
        Mutant(
            "larger-of-the-two",
            _from_pools(
                lambda mean, largest, *w: torch.maximum(
                    _network(mean, *w), _network(largest, *w)
                ).sigmoid()
            ),
            Text(
                "取了两份输出中较大的一份。它们应当相加。",
                "This takes the larger of the two outputs. They are to be added.",
            ),
        ),
        Mutant(
            "mean-only",
            _from_pools(lambda mean, largest, *w: _network(mean, *w).sigmoid()),
            Text(
                "只用了均值，这是 SE 的门。最大值也要走一遍小网络。",
                "Only the mean is used, which is the gate of SE. The maximum passes through the "
                "network too.",
            ),
        ),
        Mutant(
            "mean-twice",
            _from_pools(lambda mean, largest, *w: (2 * _network(mean, *w)).sigmoid()),
            Text(
                "两遍走的都是均值。有一遍应当是最大值。",
                "It is the mean both times. One of the passes is for the maximum.",
            ),
        ),
        Mutant(
            "maximum-only",
            _from_pools(lambda mean, largest, *w: _network(largest, *w).sigmoid()),
            Text(
                "只用了最大值。均值也要走一遍小网络。",
                "Only the maximum is used. The mean passes through the network too.",
            ),
        ),
        Mutant(
            "no-relu",
            _from_pools(_no_relu),
            Text(
                "两层之间没有 ReLU，合起来只是一个线性层。",
                "No ReLU stands between the layers, so together they are one linear layer.",
            ),
        ),
        Mutant(
            "no-sigmoid",
            _from_pools(lambda mean, largest, *w: _network(mean, *w) + _network(largest, *w)),
            Text(
                "少了最后的 sigmoid，门可以是任何实数。",
                "The sigmoid at the end is missing, so the gate may be any number.",
            ),
        ),
        Mutant(
            "softmax-for-sigmoid",
            _from_pools(
                lambda mean, largest, *w: (_network(mean, *w) + _network(largest, *w)).softmax(1)
            ),
            Text(
                "用了 softmax，各通道的门彼此争抢，和为一。这里每个通道各自打开或关上。",
                "This is a softmax: the channels share a sum of one. Here every channel opens "
                "or closes on its own.",
            ),
        ),
        Mutant(
            "no-axes",
            lambda *arguments: _right_channel_gate(*arguments)[:, :, 0, 0],
            Text(
                "门的形状是 `(B, C)`，还差末尾两个长度为一的轴。",
                "The gate has shape `(B, C)` and lacks the two axes of length one at its end.",
            ),
        ),
        Mutant(
            "already-multiplied",
            lambda x, *w: x * _right_channel_gate(x, *w),
            Text(
                "这里返回的是乘过门的特征图。这一题只要门本身。",
                "This returns the feature map times its gate. Here only the gate is asked for.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            _channel_gate_stopped,
            Text(
                "数值对，但门不留梯度。找 `no_grad`、`detach`、`.data` 或 `.item()`。",
                "The values are right, but the gate keeps no gradient. Look for `no_grad`, "
                "`detach`, `.data` or `.item()`.",
            ),
        ),
    ),
    alternates=(
        Alternate("convolutions", _convolution_form),
        Alternate("stacked", _stacked_form),
        Alternate("hidden-first", _hidden_first_form),
    ),
)

# --- cbam-channel-module -------------------------------------------------------------------------


class ChannelGate(nn.Module):
    """The reference of exercise 2: the channel gate, both layers with a bias."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> gate (B, C, 1, 1)."""
        logits = sum(self.fc2(F.relu(self.fc1(p))) for p in (x.mean((2, 3)), x.amax((2, 3))))
        return torch.sigmoid(logits)[:, :, None, None]


class _ChannelGate(nn.Module):
    """Where the mutants and alternates differ: constructor, one pass, and how two passes join."""

    bias = True

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = self.hidden(channels, reduction)
        self.fc1 = nn.Linear(channels, hidden, bias=self.bias)
        self.fc2 = nn.Linear(hidden, channels, bias=self.bias)

    def hidden(self, channels: int, reduction: int) -> int:
        return channels // reduction

    def once(self, pooled: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(pooled)))

    def joined(self, mean: Tensor, largest: Tensor) -> Tensor:
        return torch.sigmoid(self.once(mean) + self.once(largest))

    def forward(self, x: Tensor) -> Tensor:
        return self.joined(x.mean((2, 3)), x.amax((2, 3)))[:, :, None, None]


def _channel_module(**differences: object) -> type[nn.Module]:
    return type("ChannelGate", (_ChannelGate,), differences)


class _TwoNetworks(_ChannelGate):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__(channels, reduction)
        self.other = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels),
        )

    def joined(self, mean: Tensor, largest: Tensor) -> Tensor:
        return torch.sigmoid(self.once(mean) + self.other(largest))


class _PoolingLayers(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.pools = nn.ModuleList([nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)])
        self.mlp = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels, channels // reduction),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits = self.mlp(self.pools[0](x)) + self.mlp(self.pools[1](x))
        return torch.sigmoid(logits).unsqueeze(2).unsqueeze(3)


class _Convolutions(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1))))
        largest = self.fc2(F.relu(self.fc1(F.adaptive_max_pool2d(x, 1))))
        return torch.sigmoid(mean + largest)


class _Stacked(_ChannelGate):
    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        pooled = torch.stack((flat.max(2)[0], flat.mean(2)), 0)
        return self.once(pooled).sum(0).sigmoid()[..., None, None]


def _channel_module_case(text: Text, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        reduction = draw.pick(3, 4, 5)
        channels = reduction * draw.integer(6, 9) + draw.integer(0, 2)  # above 16: see the mutants
        x = draw.normal(draw.integer(2, 4), channels, draw.integer(4, 6), draw.integer(7, 9))
        return Call(
            (x + 2 * draw.normal(1, channels, 1, 1),),
            {"channels": channels, "reduction": reduction},
        )

    return Case(text, make, **options)


def _default_reduction(draw: Draw) -> Call:
    channels = 16 * draw.integer(2, 4)
    x = draw.normal(2, channels, 3, 4) + draw.normal(1, channels, 1, 1)
    return Call((x,), {"channels": channels})


CHANNEL_MODULE = Exercise(
    id="cbam-channel-module",
    kind="implement",
    title=Text("通道门，写成模块", "The channel gate as a module"),
    difficulty=2,
    minutes=3,
    points=2,
    reference=ChannelGate,
    cases=(
        _channel_module_case(
            Text("参数取随机值，高与宽不等", "random parameters, height and width differ")
        ),
        Case(Text("默认的缩减比", "the default reduction"), _default_reduction),
        _channel_module_case(
            Text("训练模式，双精度", "train mode, double precision"),
            dtype=torch.float64,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "two-networks",
            _TwoNetworks,
            Text(
                "均值与最大值各用了一个小网络，参数多了一倍。它们共用同一个。",
                "Mean and maximum have a network each, with twice the parameters. They share one.",
            ),
        ),
        Mutant(
            "hard-coded-reduction",
            _channel_module(hidden=lambda self, channels, reduction: channels // 16),
            Text(
                "参数 `reduction` 没有用上，隐藏单元数里写着一个固定的数。",
                "The argument `reduction` is not used; the number of hidden units has a fixed "
                "number in it.",
            ),
        ),
        Mutant(
            "no-bias",
            _channel_module(bias=False),
            Text(
                "两层都没有偏置。这一题要求两层都带偏置。",
                "Neither layer has a bias. This exercise asks for one in both layers.",
            ),
        ),
        Mutant(
            "mean-only",
            _channel_module(joined=lambda self, mean, largest: self.once(mean).sigmoid()),
            Text(
                "只用了均值，这是 SE。最大值也要走一遍同一个小网络。",
                "Only the mean is used, which is SE. The maximum passes through the same network.",
            ),
        ),
        Mutant(
            "pools-summed-first",
            _channel_module(joined=lambda self, mean, largest: self.once(mean + largest).sigmoid()),
            Text(
                "均值与最大值先相加，小网络只走了一遍；它要走两遍，输出相加。",
                "Mean and maximum are added first and pass once; the network is passed twice, and "
                "its outputs are added.",
            ),
        ),
        Mutant(
            "sigmoid-of-each",
            _channel_module(
                joined=lambda self, mean, largest: (
                    self.once(mean).sigmoid() + self.once(largest).sigmoid()
                )
            ),
            Text(
                "先各取 sigmoid 再相加，门可以到 2。先相加，再取一次 sigmoid。",
                "Each output has its own sigmoid before they are added, so the gate reaches up to "
                "2. Add first, then take one sigmoid.",
            ),
        ),
        Mutant(
            "averaged",
            _channel_module(
                joined=lambda self, mean, largest: (
                    (self.once(mean) + self.once(largest)) / 2
                ).sigmoid()
            ),
            Text(
                "两份输出取了平均。公式里是相加。",
                "The two outputs are averaged. The formula adds them.",
            ),
        ),
        Mutant(
            "no-relu",
            _channel_module(once=lambda self, pooled: self.fc2(self.fc1(pooled))),
            Text("两层之间少了 ReLU。", "The ReLU between the layers is missing."),
        ),
        Mutant(
            "no-axes",
            _channel_module(forward=lambda self, x: _ChannelGate.forward(self, x)[:, :, 0, 0]),
            Text(
                "门的形状是 `(B, C)`，还差末尾两个长度为一的轴。",
                "The gate has shape `(B, C)` and lacks the two axes of length one at its end.",
            ),
        ),
        Mutant(
            "already-multiplied",
            _channel_module(forward=lambda self, x: x * _ChannelGate.forward(self, x)),
            Text(
                "`forward` 返回了乘过门的特征图。这个模块只返回门，相乘是练习 5 的事。",
                "`forward` returns the feature map times its gate. This module returns the gate "
                "alone; exercise 5 multiplies.",
            ),
        ),
    ),
    alternates=(
        Alternate("pooling-layers", _PoolingLayers),
        Alternate("convolutions", _Convolutions),
        Alternate("stacked", _Stacked),
    ),
)

# --- cbam-spatial-gate: the pure function --------------------------------------------------------


def spatial_gate(x: Tensor, weight: Tensor) -> Tensor:
    """The reference of exercise 3: the gate (B, 1, H, W) of x (B, C, H, W)."""
    planes = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
    return F.conv2d(planes, weight, padding=weight.shape[-1] // 2).sigmoid()


def _spatial_case(
    text: Text, kernel_size: int, batch: int | None = None, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels = draw.integer(3, 6)
        height, width = draw.integer(7, 8), draw.integer(9, 11)
        return Call(
            (
                draw.normal(batch or draw.integer(2, 3), channels, height, width),
                # 2k² terms are summed, so their size shrinks with k.
                draw.normal(1, 2, kernel_size, kernel_size, scale=2 / kernel_size),
            )
        )

    return Case(text, make, **options)


def _planes(x: Tensor) -> Tensor:
    return torch.stack([x.amax(1), x.mean(1)], 1)


def _from_planes(
    planes: Callable[[Tensor], Tensor] = _planes,
    padding: Callable[[int], int] = lambda kernel_size: kernel_size // 2,
    last: Callable[[Tensor], Tensor] = torch.sigmoid,
) -> Callable[[Tensor, Tensor], Tensor]:
    def answer(x: Tensor, weight: Tensor) -> Tensor:
        return last(F.conv2d(planes(x), weight, padding=padding(weight.shape[-1])))

    return answer


def _three_or_one(kernel_size: int) -> int:
    return 3 if kernel_size == 7 else 1


def _spatial_gate_stopped(x: Tensor, weight: Tensor) -> Tensor:
    with torch.no_grad():
        return _from_planes()(x, weight)


def _reflected(x: Tensor, weight: Tensor) -> Tensor:
    side = weight.shape[-1] // 2
    return F.conv2d(F.pad(_planes(x), (side,) * 4, mode="reflect"), weight).sigmoid()


def _over_positions(logits: Tensor) -> Tensor:
    return logits.flatten(2).softmax(-1).view_as(logits)


def _two_convolutions(x: Tensor, weight: Tensor) -> Tensor:
    of_max = F.conv2d(x.max(dim=1, keepdim=True).values, weight[:, :1], padding="same")
    of_mean = F.conv2d(x.mean(dim=1, keepdim=True), weight[:, 1:], padding="same")
    return 1 / (1 + torch.exp(-(of_max + of_mean)))


def _unfolded(x: Tensor, weight: Tensor) -> Tensor:
    size = weight.shape[-1]
    patches = F.unfold(_planes(x), size, padding=(size - 1) // 2)  # (B, 2k², H·W)
    return (weight.flatten(1) @ patches).view(len(x), 1, *x.shape[2:]).sigmoid()


SPATIAL_GATE = Exercise(
    id="cbam-spatial-gate",
    kind="implement",
    title=Text("空间门，写成函数", "The spatial gate as a function"),
    difficulty=2,
    minutes=6,
    points=4,
    reference=spatial_gate,
    cases=(
        _spatial_case(Text("7×7 的卷积核", "a kernel of 7×7"), 7),
        _spatial_case(Text("3×3 的卷积核", "a kernel of 3×3"), 3),
        _spatial_case(
            Text("5×5 的卷积核，批里只有一张图", "a kernel of 5×5, a batch of one"), 5, 1
        ),
        _spatial_case(Text("双精度", "double precision"), 5, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "mean-first",
            _from_planes(lambda x: _planes(x).flip(1)),
            Text(
                "两个平面的次序反了：这一题里最大值在前，均值在后。形状看不出来，数值会不同。",
                "The two planes stand in the other order: here the maximum comes first, then the "
                "mean. The shape does not tell; the values do.",
            ),
        ),
        Mutant(
            "no-padding",
            _from_planes(padding=lambda kernel_size: 0),
            Text(
                "没有填充，门比特征图小。算一算两边各要填几个零。",
                "There is no padding, so the gate is smaller than the map. Work out how many zeros "
                "each side needs.",
            ),
        ),
        Mutant(
            "three-or-one",
            _from_planes(padding=_three_or_one),
            Text(
                "填充只认得 7 与 3 两种卷积核，别的大小会缩小特征图。写成卷积核大小的公式。",
                "The padding knows kernels of 7 and 3 only; any other size shrinks the map. Write "
                "it as a formula of the kernel size.",
            ),
        ),
        Mutant(
            "always-three",
            _from_planes(padding=lambda kernel_size: 3),
            Text(
                "填充写死为 3，只对 7×7 合适。从 `weight` 的形状算出它。",
                "The padding is always 3, which suits 7×7 only. Derive it from the shape of "
                "`weight`.",
            ),
        ),
        Mutant(
            "reflected",
            _reflected,
            Text(
                "边缘之外填的是镜像，不是零；内部都对，只有靠边的几格不同。",
                "The border is padded by reflection, not by zeros; the inside is right, only cells "
                "near the border differ.",
            ),
        ),
        Mutant(
            "sum-for-mean",
            _from_planes(lambda x: torch.stack([x.amax(1), x.sum(1)], 1)),
            Text(
                "一个平面是各通道之和，不是均值；通道一多它就很大。",
                "One plane is the sum over the channels, not their mean; it grows with the number "
                "of channels.",
            ),
        ),
        Mutant(
            "smallest-for-largest",
            _from_planes(lambda x: torch.stack([x.amin(1), x.mean(1)], 1)),
            Text(
                "一个平面取了最小值。公式里是最大值。",
                "One plane is the minimum. The formula has the maximum.",
            ),
        ),
        Mutant(
            "mean-twice",
            _from_planes(lambda x: torch.stack([x.mean(1), x.mean(1)], 1)),
            Text(
                "两个平面都是均值。其中一个应当是最大值。",
                "Both planes are the mean. One of them is the maximum.",
            ),
        ),
        Mutant(
            "no-sigmoid",
            _from_planes(last=lambda logits: logits),
            Text(
                "少了最后的 sigmoid，门可以是任何实数。",
                "The sigmoid at the end is missing, so the gate may be any number.",
            ),
        ),
        Mutant(
            "softmax-over-positions",
            _from_planes(last=_over_positions),
            Text(
                "用了 softmax，各位置的门之和为一。这里每个位置各自打开或关上。",
                "This is a softmax: the gates of all positions share a sum of one. Here every "
                "position opens or closes on its own.",
            ),
        ),
        Mutant(
            "already-multiplied",
            lambda x, weight: x * _from_planes()(x, weight),
            Text(
                "这里返回的是乘过门的特征图。这一题只要门本身。",
                "This returns the feature map times its gate. Here only the gate is asked for.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            _spatial_gate_stopped,
            Text(
                "数值对，但门不留梯度。找 `no_grad`、`detach`、`.data` 或 `.item()`。",
                "The values are right, but the gate keeps no gradient. Look for `no_grad`, "
                "`detach`, `.data` or `.item()`.",
            ),
        ),
    ),
    alternates=(
        Alternate("two-convolutions", _two_convolutions),
        Alternate("unfolded", _unfolded),
        Alternate("stacked", _from_planes()),
    ),
)

# --- cbam-spatial-module -------------------------------------------------------------------------


class SpatialGate(nn.Module):
    """The reference of exercise 4: the spatial gate, with BatchNorm."""

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> gate (B, 1, H, W)."""
        planes = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        return torch.sigmoid(self.norm(self.conv(planes)))


class _SpatialGate(nn.Module):
    """Where the mutants and alternates differ."""

    bias = False
    planes = staticmethod(_planes)

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            2, 1, self.size(kernel_size), padding=self.padding(kernel_size), bias=self.bias
        )
        self.norm = nn.BatchNorm2d(1)

    def size(self, kernel_size: int) -> int:
        return kernel_size

    def padding(self, kernel_size: int) -> int | str:
        return kernel_size // 2

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.norm(self.conv(self.planes(x))))


def _spatial_module(**differences: object) -> type[nn.Module]:
    return type("SpatialGate", (_SpatialGate,), differences)


class _WithoutNorm(_SpatialGate):
    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__(kernel_size)
        self.norm = nn.Identity()


class _NormOfPlanes(_SpatialGate):
    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__(kernel_size)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(self.norm(self.planes(x))))


class _SequentialSpatial(nn.Module):
    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 1, kernel_size, padding="same", bias=False),
            nn.BatchNorm2d(1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        largest, _ = torch.max(x, dim=1, keepdim=True)
        average = torch.mean(x, dim=1, keepdim=True)
        return self.layers(torch.cat((largest, average), dim=1))


class _NormFirst(nn.Module):
    """The layers made in the other order, and one convolution for each plane."""

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(1)
        self.weight = nn.Parameter(torch.zeros(1, 2, kernel_size, kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        half = self.weight.shape[-1] // 2
        of_max = F.conv2d(x.amax(1, keepdim=True), self.weight[:, :1], padding=half)
        of_mean = F.conv2d(x.mean(1, keepdim=True), self.weight[:, 1:], padding=half)
        return self.bn(of_max + of_mean).sigmoid()


def _spatial_module_case(text: Text, kernel_size: int | None, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        height, width = draw.integer(7, 8), draw.integer(9, 11)
        x = draw.normal(draw.integer(2, 3), draw.integer(3, 6), height, width)
        return Call((x,), {"kernel_size": kernel_size} if kernel_size else {})

    return Case(text, make, **options)


SPATIAL_MODULE = Exercise(
    id="cbam-spatial-module",
    kind="implement",
    title=Text("空间门，写成模块", "The spatial gate as a module"),
    difficulty=2,
    minutes=4,
    points=3,
    reference=SpatialGate,
    cases=(
        _spatial_module_case(Text("默认的卷积核，推理模式", "the default kernel, eval mode"), None),
        _spatial_module_case(Text("5×5 的卷积核", "a kernel of 5×5"), 5),
        _spatial_module_case(Text("3×3，训练模式", "3×3, train mode"), 3, training=True),
        _spatial_module_case(
            Text("5×5，训练模式，双精度", "5×5, train mode, double precision"),
            5,
            dtype=torch.float64,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "no-norm",
            _WithoutNorm,
            Text(
                "少了卷积之后的批归一化。论文的公式里没有它，这一题要求有。",
                "The batch normalization after the convolution is missing. The paper's formula has "
                "none; this exercise asks for it.",
            ),
        ),
        Mutant(
            "convolution-with-bias",
            _spatial_module(bias=True),
            Text(
                "卷积带了偏置。后面的批归一化会减去均值，偏置便毫无作用，所以不要它。",
                "The convolution has a bias. The batch normalization behind it subtracts the mean, "
                "so a bias would do nothing; leave it out.",
            ),
        ),
        Mutant(
            "norm-of-planes",
            _NormOfPlanes,
            Text(
                "批归一化作用在了两个平面上，在卷积之前。它在卷积之后，只有一个通道。",
                "The batch normalization acts on the two planes, before the convolution. It stands "
                "behind the convolution and has one channel.",
            ),
        ),
        Mutant(
            "norm-after-sigmoid",
            _spatial_module(forward=lambda self, x: self.norm(self.conv(_planes(x)).sigmoid())),
            Text(
                "批归一化在 sigmoid 之后，门不再落在 0 与 1 之间。",
                "The batch normalization comes after the sigmoid, so the gate leaves the range "
                "from 0 to 1.",
            ),
        ),
        Mutant(
            "norm-not-called",
            _spatial_module(forward=lambda self, x: self.conv(_planes(x)).sigmoid()),
            Text(
                "批归一化造出来了，`forward` 里却没有用它。",
                "The batch normalization is made, but `forward` does not use it.",
            ),
        ),
        Mutant(
            "mean-first",
            _spatial_module(planes=staticmethod(lambda x: _planes(x).flip(1))),
            Text(
                "两个平面的次序反了：这里最大值在前。",
                "The two planes stand in the other order: here the maximum comes first.",
            ),
        ),
        Mutant(
            "three-or-one",
            _spatial_module(padding=lambda self, kernel_size: _three_or_one(kernel_size)),
            Text(
                "填充只认得 7 与 3 两种卷积核。写成卷积核大小的公式。",
                "The padding knows kernels of 7 and 3 only. Write it as a formula of the kernel "
                "size.",
            ),
        ),
        Mutant(
            "always-three",
            _spatial_module(padding=lambda self, kernel_size: 3),
            Text(
                "填充写死为 3，只对 7×7 合适。从 `kernel_size` 算出它。",
                "The padding is always 3, which suits 7×7 only. Derive it from `kernel_size`.",
            ),
        ),
        Mutant(
            "always-seven",
            _spatial_module(size=lambda self, kernel_size: 7, padding=lambda self, kernel_size: 3),
            Text(
                "参数 `kernel_size` 没有用上，卷积核总是 7×7。",
                "The argument `kernel_size` is not used; the kernel is always 7×7.",
            ),
        ),
        Mutant(
            "already-multiplied",
            _spatial_module(forward=lambda self, x: x * _SpatialGate.forward(self, x)),
            Text(
                "`forward` 返回了乘过门的特征图。这个模块只返回门，相乘是练习 5 的事。",
                "`forward` returns the feature map times its gate. This module returns the gate "
                "alone; exercise 5 multiplies.",
            ),
        ),
        Mutant(
            "no-sigmoid",
            _spatial_module(forward=lambda self, x: self.norm(self.conv(_planes(x)))),
            Text("门的末尾少了 sigmoid。", "The sigmoid at the end of the gate is missing."),
        ),
    ),
    alternates=(
        Alternate("sequential", _SequentialSpatial),
        Alternate("norm-first", _NormFirst),
        Alternate("same-padding", _spatial_module(padding=lambda self, kernel_size: "same")),
    ),
)

# --- cbam-module: both gates ---------------------------------------------------------------------


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


def _handed_in(draw: Draw, *layers: Callable[[], nn.Module]) -> Fresh:
    """Layers of torch in a row, for an answer that is handed a module.

    Copied at every use, by code that is not the exercises' own: this may not run in an answer.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw.integer(0, 9999))
        module = nn.Sequential(*(make() for make in layers))
    return Fresh(partial(deepcopy, module), f"Sequential({', '.join(map(repr, module))})")


def _gates_case(text: Text, batch: int | None = None, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels = draw.integer(6, 12)
        height, width = draw.integer(5, 7), draw.integer(8, 10)
        x = draw.normal(batch or draw.integer(2, 3), channels, height, width)
        mix = partial(nn.Conv2d, channels, channels, 1, bias=False)
        look = partial(nn.Conv2d, channels, 1, 3, padding=1, bias=False)
        build = {
            "channel": _handed_in(draw, partial(nn.AdaptiveAvgPool2d, 1), mix, nn.Sigmoid),
            "spatial": _handed_in(draw, look, nn.Sigmoid),
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

# --- cbam-block: where it stands -----------------------------------------------------------------


def _make_layers(block: nn.Module, channels_in: int, channels: int, stride: int) -> None:
    block.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
    block.bn1 = nn.BatchNorm2d(channels)
    block.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    block.bn2 = nn.BatchNorm2d(channels)
    block.shortcut = nn.Identity()
    if stride != 1 or channels_in != channels:
        block.shortcut = nn.Sequential(
            nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False),
            nn.BatchNorm2d(channels),
        )


class CBAMBlock(nn.Module):
    """The reference of exercise 6: the block of ResNet-18 with a slot in its residual branch."""

    def __init__(
        self, channels_in: int, channels: int, attention: nn.Module, stride: int = 1
    ) -> None:
        super().__init__()
        _make_layers(self, channels_in, channels, stride)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H / stride, W / stride), rounded up."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(self.shortcut(x) + self.attention(branch))


class _Block(nn.Module):
    """Mutants and alternates differ in `forward`."""

    def __init__(
        self, channels_in: int, channels: int, attention: nn.Module, stride: int = 1
    ) -> None:
        super().__init__()
        _make_layers(self, channels_in, channels, stride)
        self.attention = attention

    def until_norm(self, x: Tensor) -> Tensor:
        return self.conv2(F.relu(self.bn1(self.conv1(x))))

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.until_norm(x))


def _block(forward: Callable[[_Block, Tensor], Tensor]) -> type[nn.Module]:
    return type("CBAMBlock", (_Block,), {"forward": forward})


class _BranchInARow(nn.Module):
    """The whole residual branch as one `Sequential`."""

    def __init__(
        self, channels_in: int, channels: int, attention: nn.Module, stride: int = 1
    ) -> None:
        super().__init__()
        _make_layers(self, channels_in, channels, stride)
        layers = (self.conv1, self.bn1, nn.ReLU(), self.conv2, self.bn2, attention)
        del self.conv1, self.bn1, self.conv2, self.bn2
        shortcut = self.shortcut
        del self.shortcut  # its parameters come last in the reference too
        self.branch = nn.Sequential(*layers)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return (self.branch(x) + self.shortcut(x)).clamp(min=0)


def _step_by_step(self: _Block, x: Tensor) -> Tensor:
    residual = self.shortcut(x)
    out = torch.relu(self.bn1(self.conv1(x)))
    out = self.bn2(self.conv2(out))
    out = self.attention(out)
    out += residual
    return out.relu()


def _block_case(text: Text, grows: bool, stride: int, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels = 2 * draw.integer(2, 4)
        channels_in = channels // 2 if grows else channels
        x = draw.normal(draw.integer(2, 3), channels_in, draw.integer(8, 9), draw.integer(10, 12))
        look = partial(nn.Conv2d, channels, channels, 5, padding=2, bias=False)
        build = {
            "channels_in": channels_in,
            "channels": channels,
            # In this order: an answer may write `out += shortcut` over the output.
            "attention": _handed_in(draw, nn.Tanh, look),
            "stride": stride,
        }
        return Call((x,), build)

    return Case(text, make, **options)


CBAM_BLOCK = Exercise(
    id="cbam-block",
    kind="implement",
    title=Text("放进残差块", "Into the residual block"),
    difficulty=3,
    minutes=5,
    points=3,
    reference=CBAMBlock,
    cases=(
        _block_case(Text("尺寸不变的块", "a block that keeps the size"), False, 1),
        _block_case(
            Text("步幅为 2、通道加倍的块", "a block with stride 2 and twice the channels"), True, 2
        ),
        _block_case(
            Text("训练模式，双精度", "train mode, double precision"),
            False,
            2,
            dtype=torch.float64,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "after-the-addition",
            _block(lambda self, x: F.relu(self.attention(self.branch(x) + self.shortcut(x)))),
            Text(
                "CBAM 在相加之后，捷径也被乘了门。它只属于残差分支。",
                "CBAM comes after the addition, so the shortcut is gated too. It belongs to the "
                "residual branch alone.",
            ),
        ),
        Mutant(
            "after-the-last-relu",
            _block(lambda self, x: self.attention(F.relu(self.branch(x) + self.shortcut(x)))),
            Text(
                "CBAM 在整个块的末尾。它要在相加之前，它的门只乘残差分支。",
                "CBAM comes at the very end of the block. It stands before the addition, and its "
                "gates multiply the residual branch alone.",
            ),
        ),
        Mutant(
            "relu-before",
            _block(
                lambda self, x: F.relu(self.shortcut(x) + self.attention(self.branch(x).relu()))
            ),
            Text(
                "CBAM 之前多了一个 ReLU，分支的负值丢失了；门看到的应当是带正负号的值。",
                "There is a ReLU before CBAM, so the branch loses its negative values; the gates "
                "see signed values.",
            ),
        ),
        Mutant(
            "before-the-last-norm",
            _block(
                lambda self, x: F.relu(
                    self.shortcut(x) + self.bn2(self.attention(self.until_norm(x)))
                )
            ),
            Text(
                "CBAM 在最后一个批归一化之前。它应当在批归一化之后。",
                "CBAM stands before the last batch normalization. Its place is after it.",
            ),
        ),
        Mutant(
            "on-the-shortcut",
            _block(lambda self, x: F.relu(self.attention(self.shortcut(x)) + self.branch(x))),
            Text(
                "走过 CBAM 的是捷径，不是残差分支。",
                "It is the shortcut that passes through CBAM, not the residual branch.",
            ),
        ),
        Mutant(
            "on-both",
            _block(
                lambda self, x: F.relu(
                    self.attention(self.shortcut(x)) + self.attention(self.branch(x))
                )
            ),
            Text(
                "捷径也走过了 CBAM。它只属于残差分支。",
                "The shortcut passes through CBAM too. It belongs to the residual branch alone.",
            ),
        ),
        Mutant(
            "multiplied-again",
            _block(
                lambda self, x: F.relu(
                    self.shortcut(x) + self.branch(x) * self.attention(self.branch(x))
                )
            ),
            Text(
                "分支又乘了一次 `attention` 的输出。CBAM 返回的已经是乘过门的特征图。",
                "The branch is multiplied by the output of `attention` once more. What CBAM "
                "returns is the feature map already multiplied by its gates.",
            ),
        ),
        Mutant(
            "not-used",
            _block(lambda self, x: F.relu(self.shortcut(x) + self.branch(x))),
            Text("`forward` 里没有用 `attention`。", "`forward` does not use `attention`."),
        ),
        Mutant(
            "no-projection",
            _block(lambda self, x: F.relu(x + self.attention(self.branch(x)))),
            Text(
                "相加的是 `x` 本身。步幅或通道数改变时形状就对不上；捷径要先经过 `self.shortcut`。",
                "It is `x` itself that is added. Where stride or channels change, the shapes do "
                "not fit; the shortcut goes through `self.shortcut`.",
            ),
        ),
        Mutant(
            "no-addition",
            _block(lambda self, x: F.relu(self.attention(self.branch(x)))),
            Text("捷径没有加上。", "The shortcut is not added."),
        ),
        Mutant(
            "no-last-relu",
            _block(lambda self, x: self.shortcut(x) + self.attention(self.branch(x))),
            Text("相加之后少了 ReLU。", "The ReLU after the addition is missing."),
        ),
    ),
    alternates=(
        Alternate("step-by-step", _block(_step_by_step)),
        Alternate("branch-in-a-row", _BranchInARow),
    ),
)

# --- find the bug: four settings -----------------------------------------------------------------


class MendedSettings(nn.Module):
    """The reference of exercise 7: the gate of a channel gate without biases."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> gate (B, C, 1, 1)."""
        mean = self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1))))
        largest = self.fc2(F.relu(self.fc1(F.adaptive_max_pool2d(x, 1))))
        return torch.sigmoid(mean + largest)


class _Settings(nn.Module):
    """Where the mutants and alternates differ: the widths of the two layers."""

    bias = False

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        first, second = self.widths(channels, reduction)
        self.fc1 = nn.Conv2d(channels, first, 1, bias=self.bias)
        self.fc2 = nn.Conv2d(second, channels, 1, bias=self.bias)

    def widths(self, channels: int, reduction: int) -> tuple[int, int]:
        return channels // reduction, channels // reduction

    def forward(self, x: Tensor) -> Tensor:
        pools = (F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1))
        return torch.sigmoid(sum(self.fc2(F.relu(self.fc1(p))) for p in pools))


def _settings(widths: Callable[[int, int], tuple[int, int]]) -> type[nn.Module]:
    return type(
        "Settings",
        (_Settings,),
        {"widths": lambda self, channels, reduction: widths(channels, reduction)},
    )


class _LinearSettings(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return logits.sigmoid()[:, :, None, None]


def _settings_case(
    text: Text, reduction: int | None, remainder: int = 0, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels = 32 * draw.integer(1, 2) + remainder
        x = draw.normal(draw.integer(2, 3), channels, 4, 6) + draw.normal(1, channels, 1, 1)
        build = {"channels": channels}
        return Call((x,), build | ({"reduction": reduction} if reduction else {}))

    return Case(text, make, **options)


BUG_SETTINGS = Exercise(
    id="cbam-bug-settings",
    kind="find the bug",
    title=Text("四种设置", "Four settings"),
    difficulty=2,
    minutes=3,
    points=2,
    reference=MendedSettings,
    cases=(
        _settings_case(Text("默认的设置", "the default setting"), None),
        _settings_case(Text("缩减比 4", "a reduction ratio of 4"), 4),
        _settings_case(
            Text("缩减比 8，除不尽", "a reduction ratio of 8 that leaves a remainder"), 8, 5
        ),
        _settings_case(
            Text("缩减比 2，双精度", "a reduction ratio of 2, double precision"),
            2,
            dtype=torch.float64,
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _settings(lambda channels, reduction: (channels // 16, channels // 16)),
            Text(
                "仍和上面一样：换一种设置，参数的形状不变。把每种设置的参数形状打印出来看。",
                "It is still as above: the setting changes, the shapes of the parameters do not. "
                "Print them for every setting.",
            ),
        ),
        Mutant(
            "one-layer-only",
            _settings(lambda channels, reduction: (channels // reduction, channels // 16)),
            Text(
                "只改了一层：第一层的输出数与第二层的输入数必须相等。",
                "Only one layer is mended: the outputs of the first must equal the inputs of the "
                "second.",
            ),
        ),
        Mutant(
            "ratio-as-width",
            _settings(lambda channels, reduction: (reduction, reduction)),
            Text(
                "`reduction` 被当成了隐藏单元数。它是比：通道数除以它。",
                "`reduction` is used as the number of hidden units. It is a ratio: the channels "
                "are divided by it.",
            ),
        ),
        Mutant(
            "rounded-up",
            _settings(
                lambda channels, reduction: (-(-channels // reduction), -(-channels // reduction))
            ),
            Text(
                "除不尽时这里向上取整，多了一个隐藏单元。",
                "Where the division leaves a remainder, this rounds up and has one unit too many.",
            ),
        ),
        Mutant(
            "with-biases",
            type("Settings", (_Settings,), {"bias": True}),
            Text(
                "两层多了偏置；这里两层仍不带偏置。",
                "The layers have gained biases; here they still have none.",
            ),
        ),
    ),
    alternates=(
        Alternate("linear", _LinearSettings),
        Alternate("floor-of-quotient", _settings(lambda c, r: (int(c / r), int(c / r)))),
    ),
)

BUG_SETTINGS_SYMPTOM = choice(
    "cbam-bug-settings-symptom",
    Text("它的症状", "Its symptom"),
    "b",
    {
        "a": Text(
            "不会：两层用的是同一个数，形状总能接上。",
            "No: both layers use the same number, so the shapes always fit.",
        ),
        "b": Text(
            "对：四次训练的是同一个网络，只剩种子的差别，于是人会以为缩减比无关紧要。",
            "Yes: one and the same network is trained four times, only seeds differ, and one "
            "concludes that the ratio does not matter.",
        ),
        "c": Text(
            "不对：参数个数四次都一样，内存也一样。若它随缩减比变，反倒说明参数起了作用。",
            "No: the number of parameters is the same four times, and so is the memory. Had it "
            "changed, the ratio would have had an effect.",
        ),
        "d": Text(
            "不对：训练与推理用的是同样的层，两种模式没有差别。",
            "No: training and inference use the same layers; the two modes do not differ.",
        ),
    },
)

# --- find the bug: someone else's weights --------------------------------------------------------


def converted(weight: Tensor) -> Tensor:
    """The reference of exercise 9: the two planes of the kernel in the other order."""
    return weight.flip(1)


def _aliased(weight: Tensor) -> Tensor:
    result = weight.clone()
    result[:, 0] = result[:, 1]
    result[:, 1] = result[:, 0]
    return result


def _aliased_in_place(weight: Tensor) -> Tensor:
    weight[:, 0], weight[:, 1] = weight[:, 1], weight[:, 0]
    return weight


def _swapped_in_place(weight: Tensor) -> Tensor:
    weight.copy_(weight.flip(1))
    return weight


def _copied(weight: Tensor) -> Tensor:
    result = torch.empty_like(weight)
    result[:, 0], result[:, 1] = weight[:, 1], weight[:, 0]
    return result


def _weight_case(text: Text, kernel_size: int, **options: object) -> Case:
    return Case(text, lambda draw: Call((draw.normal(1, 2, kernel_size, kernel_size),)), **options)


BUG_WEIGHTS = Exercise(
    id="cbam-bug-weights",
    kind="find the bug",
    title=Text("别人的权重", "Someone else's weights"),
    difficulty=3,
    minutes=4,
    points=2,
    reference=converted,
    cases=(
        _weight_case(Text("7×7 的卷积核", "a kernel of 7×7"), 7),
        _weight_case(Text("3×3 的卷积核", "a kernel of 3×3"), 3),
        _weight_case(Text("5×5，双精度", "5×5, double precision"), 5, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda weight: weight,
            Text(
                "权重没有变。逐行对照两段代码：同一个卷积核的两个平面，各自乘的是什么？",
                "The weights are unchanged. Compare the two programs line by line: what does each "
                "plane of the kernel multiply?",
            ),
        ),
        Mutant(
            "rotated",
            lambda weight: weight.flip(2, 3),
            Text(
                "卷积核转了半圈。空间方向没有错，错在另一个轴上。",
                "The kernel is turned by half a turn. Nothing is wrong in space; look at another "
                "axis.",
            ),
        ),
        Mutant(
            "all-reversed",
            lambda weight: weight.flip(1, 2, 3),
            Text(
                "有一个轴反得对，可是卷积核的行与列也反了。",
                "One axis is reversed rightly, but so are the rows and columns of the kernel.",
            ),
        ),
        Mutant(
            "transposed",
            lambda weight: weight.transpose(2, 3),
            Text(
                "卷积核的行与列互换了。两段代码的行列次序相同。",
                "Rows and columns of the kernel are exchanged. Both programs order them alike.",
            ),
        ),
        Mutant(
            "outputs-for-inputs",
            lambda weight: weight.transpose(0, 1),
            Text(
                "输出轴与输入轴互换了，形状变成 `(2, 1, k, k)`，卷积读不了它。",
                "The axes of outputs and inputs are exchanged; the shape becomes `(2, 1, k, k)`, "
                "which the convolution cannot use.",
            ),
        ),
        Mutant(
            "overwritten",
            _aliased,
            Text(
                "第一次赋值覆盖了还要用的数，两个平面于是相同。",
                "The first assignment overwrites numbers that are still needed, so both planes "
                "are equal.",
            ),
        ),
        Mutant(
            "negated",
            lambda weight: -weight,
            Text(
                "变号不能补救：平面的内容不同，不是正负号不同。",
                "A change of sign is no remedy: the planes hold different things, not different "
                "signs.",
            ),
        ),
        Mutant(
            "overwritten-in-place",
            _aliased_in_place,
            Text(
                "`weight[:, 0]` 是视图，不是副本：第一次赋值覆盖了还要用的数，两个平面于是相同；"
                "传进来的权重也被改动了。请返回一个新的张量。",
                "`weight[:, 0]` is a view and no copy: the first assignment overwrites numbers "
                "that are still needed, so both planes are equal; and the weights that were handed "
                "in have changed too. Return a new tensor.",
            ),
        ),
        Mutant(
            "in-place",
            _swapped_in_place,
            Text(
                "数值对，但传进来的权重也被改动了。请返回一个新的张量。",
                "The values are right, but the weights that were handed in have changed too. "
                "Return a new tensor.",
            ),
        ),
    ),
    alternates=(
        Alternate("index", lambda weight: weight[:, [1, 0]]),
        Alternate("concatenate", lambda weight: torch.cat([weight[:, 1:], weight[:, :1]], 1)),
        Alternate("copied", _copied),
        Alternate("rolled", lambda weight: weight.roll(1, 1)),
    ),
    gradients=False,
)

BUG_WEIGHTS_SYMPTOM = choice(
    "cbam-bug-weights-symptom",
    Text("它的症状", "Its symptom"),
    "d",
    {
        "a": Text(
            "不会：两边的形状都是 `(1, 2, 7, 7)`，名字也相同，严格模式也不报错。",
            "No: both have shape `(1, 2, 7, 7)` and the same name, so even strict loading does not "
            "complain.",
        ),
        "b": Text(
            "不会：sigmoid 之后的值总在 0 与 1 之间。",
            "No: after the sigmoid every value lies between 0 and 1.",
        ),
        "c": Text(
            "不对：上面量出的差远大于舍入误差。",
            "No: the difference measured above is far larger than rounding.",
        ),
        "d": Text(
            "对：输出看上去仍像门，只是不是训练时的那一个。没有报错会告诉你，要与原来的输出对照。",
            "Yes: the output still looks like a gate, only it is not the one that was trained. No "
            "error tells; compare with the original outputs.",
        ),
    },
)

# --- predict: parameters -------------------------------------------------------------------------


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

# --- quiz ----------------------------------------------------------------------------------------

QUIZ_MIRROR = choice(
    "cbam-quiz-mirror",
    Text("镜像", "The mirror"),
    "c",
    {
        "a": Text(
            "门要跟着内容走：空间门不随图翻转，就会乘错位置。它也确实会变。",
            "The content moves: a spatial gate that stayed would multiply the wrong places. And "
            "it does change.",
        ),
        "b": Text(
            "两个平面确实跟着翻转，但随机的 7×7 卷积核并不左右对称，所以卷积的结果不是原来的镜像。",
            "The two planes do mirror, but a random kernel of 7×7 is not symmetric, so the "
            "convolution does not give the mirrored result.",
        ),
        "c": Text(
            "均值与最大值不记得位置，通道门不变；随机的卷积核不对称，镜像的图便没有镜像的门。训练出来的卷积核也没有什么使它恰好对称。",
            "Mean and maximum do not know positions, so the channel gate stays; a random kernel is "
            "not symmetric, so the mirrored map has no mirrored gate. Nor does anything make a "
            "trained kernel exactly symmetric.",
        ),
        "d": Text(
            "通道门只看每个通道的均值与最大值，翻转不改变它们。",
            "The channel gate sees the mean and the maximum of every channel only, and a mirror "
            "changes neither.",
        ),
    },
)

QUIZ_FRESH = choice(
    "cbam-quiz-fresh",
    Text("刚刚造好的网络", "A fresh network"),
    "b",
    {
        "a": Text(
            "这要门等于 1。sigmoid 在零附近是 0.5，到不了 1。",
            "That would take gates of 1. A sigmoid near zero is 0.5, far from 1.",
        ),
        "b": Text(
            "两个门都在 0.5 附近，一个接一个相乘，约为四分之一。所以给一个训练好的 ResNet 装上 "
            "CBAM，它的输出立刻就变了。",
            "Both gates are near 0.5, and one multiplies after the other: about a quarter. So a "
            "trained ResNet that is given CBAM has other outputs at once.",
        ),
        "c": Text(
            "这是一个门的效果。通道门与空间门接连相乘。",
            "That is the effect of one gate. The channel gate and the spatial gate both multiply.",
        ),
        "d": Text(
            "权重为 0 的是批归一化，不是门：$\\sigma(0)$ 是 0.5，不是 0。",
            "It is the batch normalization that has the weight 0, not the gate: $\\sigma(0)$ is "
            "0.5, not 0.",
        ),
    },
)

QUIZ_SHARING = choice(
    "cbam-quiz-sharing",
    Text("先加后走", "Adding first"),
    "c",
    {
        "a": Text(
            "ReLU 不是线性的：一份是 1、另一份是 -1，先过 ReLU 再加是 1，先加再过是 0。",
            "A ReLU is not linear: for 1 and -1, the ReLU before the sum gives 1, after it 0.",
        ),
        "b": Text(
            "偏置只是其一。没有偏置，ReLU 仍让先加与后加不同。",
            "The biases are only one reason. Without them the ReLU still makes the order matter.",
        ),
        "c": Text(
            "两者都去掉，$g$ 就是一个矩阵，和的 $g$ 才总是 $g$ 的和；留着偏置，走两遍加两次，走一"
            "遍只加一次。",
            "With both gone, $g$ is a matrix, and only then is $g$ of a sum always the sum of the "
            "$g$'s; with the biases left, two passes add them twice, one pass once.",
        ),
        "d": Text(
            "批里有几张图与此无关：每张图各走各的。",
            "The number of pictures has nothing to do with it: each goes its own way.",
        ),
    },
)

QUIZ_COST = choice(
    "cbam-quiz-cost",
    Text("更大的图", "Larger pictures"),
    "c",
    {
        "a": Text(
            "通道门的小网络每张图只对两个向量各走一遍，与高和宽无关。",
            "The small network of the channel gate is passed by two vectors per picture, whatever "
            "the height and the width.",
        ),
        "b": Text(
            "卷积核是 $2k^2$ 个数，特征图多大都一样。",
            "The kernel is $2k^2$ numbers, whatever the size of the feature map.",
        ),
        "c": Text(
            "空间卷积在每个位置都算一遍，位置是四倍；小网络仍是每张图两遍。",
            "The spatial convolution works at every position, and there are four times as many; "
            "the small network is still passed twice per picture.",
        ),
        "d": Text(
            "空间门的是四倍，通道门的小网络却看不到高和宽。",
            "Those of the spatial gate are, but the small network of the channel gate never sees "
            "height and width.",
        ),
    },
)

EXERCISES = (
    CHANNEL_GATE,
    CHANNEL_MODULE,
    SPATIAL_GATE,
    SPATIAL_MODULE,
    CBAM_MODULE,
    CBAM_BLOCK,
    BUG_SETTINGS,
    BUG_SETTINGS_SYMPTOM,
    BUG_WEIGHTS,
    BUG_WEIGHTS_SYMPTOM,
    CBAM_PARAMETERS,
    QUIZ_MIRROR,
    QUIZ_FRESH,
    QUIZ_SHARING,
    QUIZ_COST,
)
