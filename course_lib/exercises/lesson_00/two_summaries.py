"""Exercise tools-two-summaries: average and maximum, and squeeze."""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import DOUBLE, ONE, SEVERAL


def average_and_maximum(x: Tensor) -> Tensor:
    """The reference of exercise 3: (B, C, H, W) -> (B, 2C), averages, then maxima."""
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)


def _summary_case(
    text: Text,
    batch: int | None = None,
    channels: int | None = None,
    shift: float = 0.0,
    **options: torch.dtype,
) -> Case:
    def make(draw: Draw) -> Call:
        sizes = (batch or draw.integer(2, 4), channels or draw.integer(5, 7))
        x = draw.normal(*sizes, draw.integer(3, 5), draw.integer(6, 8))
        return Call((x + draw.normal(1, sizes[1], 1, 1) + shift,))

    return Case(text, make, **options)


def _pooled(x: Tensor) -> tuple[Tensor, Tensor]:
    return F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)


def _flat_summaries(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return torch.cat((flat.sum(2) / flat.shape[2], flat.max(2).values), 1)


TWO_SUMMARIES = Exercise(
    id="tools-two-summaries",
    kind="implement",
    title=Text("一张图的两种概括", "Two summaries of a map"),
    difficulty=2,
    minutes=3,
    points=2,
    reference=average_and_maximum,
    cases=(
        _summary_case(SEVERAL),
        _summary_case(Text("所有的数都是负的", "every number is negative"), shift=-9.0),
        _summary_case(ONE, batch=1),
        _summary_case(Text("只有一个通道", "a single channel"), channels=1),
        _summary_case(DOUBLE, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "squeezed-at-the-end",
            lambda x: torch.cat(_pooled(x), 1).squeeze(),
            Text(
                "`squeeze()` 去掉每一个长度为一的轴：批里只有一张图时，批的轴也没有了。",
                "`squeeze()` drops every axis of length one: where the batch holds one picture, "
                "the batch axis goes too.",
            ),
        ),
        Mutant(
            "squeezed-before-joining",
            lambda x: torch.cat([p.squeeze() for p in _pooled(x)], 1),
            Text(
                "拼接之前的 `squeeze()` 去掉每一个长度为一的轴：只有一张图，或者只有一个通道时，"
                "要拼接的那个轴就不见了。",
                "The `squeeze()` before joining drops every axis of length one: with one picture, "
                "or one channel, the axis to join along is gone.",
            ),
        ),
        Mutant(
            "alternating",
            lambda x: torch.stack([x.mean((2, 3)), x.amax((2, 3))], 2).flatten(1),
            Text(
                "平均与最大交错排列了。先放所有的平均，再放所有的最大。",
                "Averages and maxima alternate. All averages come first, then all maxima.",
            ),
        ),
        Mutant(
            "maximum-first",
            lambda x: torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1),
            Text(
                "最大值写在了前面。次序是约定，载入别人的权重时它就要紧了。",
                "The maxima come first. The order is a convention, and it matters once you load "
                "somebody else's weights.",
            ),
        ),
        Mutant(
            "sum-for-average",
            lambda x: torch.cat([x.sum((2, 3)), x.amax((2, 3))], 1),
            Text(
                "前一半是和，不是平均：图大一倍，和也大一倍。",
                "The first half is a sum, not an average: it doubles where the map doubles.",
            ),
        ),
        Mutant(
            "over-the-channels",
            lambda x: torch.stack([x.mean(1), x.amax(1)], 1),
            Text(
                "这是跨通道的概括，每个位置两个数。这里要的是跨位置的概括，每个通道两个数。",
                "This summarizes over the channels and leaves two numbers per position. Here it is "
                "over the positions, two numbers per channel.",
            ),
        ),
        Mutant(
            "joined-along-the-batch",
            lambda x: torch.cat([x.mean((2, 3)), x.amax((2, 3))]),
            Text(
                "拼接用了第 0 个轴，于是批加倍了。应当拼在通道的轴上。",
                "The two are joined along axis 0, so the batch has doubled. Join them along the "
                "channels.",
            ),
        ),
        Mutant(
            "added",
            lambda x: x.mean((2, 3)) + x.amax((2, 3)),
            Text(
                "两种概括被相加了。这里要把它们并排放好，长度是 2C。",
                "The two summaries are added. Here they stand side by side, with length 2C.",
            ),
        ),
        Mutant(
            "maximum-of-row-averages",
            lambda x: torch.cat([x.mean((2, 3)), x.mean(3).amax(2)], 1),
            Text(
                "后一半先对每一行求了平均，再取最大。最大值应当直接取自所有位置。",
                "The second half averages every row and then takes the maximum. Take the maximum "
                "over all positions directly.",
            ),
        ),
    ),
    alternates=(
        Alternate("adaptive-pools", lambda x: torch.cat(_pooled(x), 1).flatten(1)),
        Alternate("flattened", _flat_summaries),
        Alternate(
            "one-axis-after-the-other",
            lambda x: torch.cat([x.mean(3).mean(2), x.max(3)[0].max(2)[0]], 1),
        ),
    ),
)
