"""Exercise cbam-bug-settings and its symptom: four settings."""

from collections.abc import Callable

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
    choice,
)


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
