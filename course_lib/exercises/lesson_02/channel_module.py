"""Exercise cbam-channel-module."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import (
    Alternate,
    Call,
    Case,
    Draw,
    Exercise,
    Mutant,
    Text,
)


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
