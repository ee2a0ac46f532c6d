"""Exercise dual-pool: two summaries of a map."""

import torch
from torch import Tensor, nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_03.shared import maximum_of, mean_of, pool_positions, pooled_by


def dual_pool(x: Tensor) -> Tensor:
    """The reference of exercise 1: (B, C, H, W) -> (B, 2C), means first."""
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def _pool_case(
    text: Text, batch: int | None = None, size: tuple[int, int] | None = None, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels = draw.integer(3, 6)
        height, width = size or (draw.integer(4, 6), draw.integer(7, 9))
        count = draw.integer(2, 4) if batch is None else batch
        x = draw.normal(count, channels, height, width)
        return Call((x + 2 * draw.normal(1, channels, 1, 1),))

    return Case(text, make, **options)


_both = pooled_by(mean_of, maximum_of)


def _interleaved(x: Tensor) -> Tensor:
    return torch.stack([mean_of(x), maximum_of(x)], 2).flatten(1)


def _pool_modules(x: Tensor) -> Tensor:
    halves = [nn.AdaptiveAvgPool2d(1)(x), nn.AdaptiveMaxPool2d(1)(x)]
    return torch.cat(halves, dim=1).flatten(1)


def _pool_stacked(x: Tensor) -> Tensor:
    halves = torch.stack([x.mean(dim=[-2, -1]), x.max(3).values.max(2).values], 1)
    return halves.reshape(len(x), 2 * x.shape[1])


DUAL_POOL = Exercise(
    id="dual-pool",
    kind="implement",
    title=Text("两种概括", "Two summaries"),
    difficulty=1,
    minutes=5,
    points=3,
    reference=dual_pool,
    cases=(
        _pool_case(Text("几张图，高与宽不等", "several pictures, height and width differ")),
        _pool_case(Text("批里只有一张图", "a batch of one"), 1),
        _pool_case(Text("特征图只有一行", "a feature map of a single row"), None, (1, 6)),
        _pool_case(Text("空批", "an empty batch"), 0),
        _pool_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "maximum-first",
            pooled_by(maximum_of, mean_of),
            Text(
                "两半的次序反了：均值在前。网上两种次序都有，权重因此不能直接互换。",
                "The halves are in the other order: the means come first. Both orders are in use, "
                "which is why weights do not simply carry over.",
            ),
        ),
        Mutant(
            "sum-for-mean",
            pooled_by(lambda x: x.sum((2, 3)), maximum_of),
            Text(
                "前一半是和，随特征图的大小增长；均值还要除以位置的个数。",
                "The first half is a sum, which grows with the map; a mean is divided by the "
                "number of positions.",
            ),
        ),
        Mutant(
            "mean-twice",
            pooled_by(mean_of, mean_of),
            Text("两半都是均值。", "Both halves are means."),
        ),
        Mutant(
            "maximum-twice",
            pooled_by(maximum_of, maximum_of),
            Text("两半都是最大值。", "Both halves are maxima."),
        ),
        Mutant(
            "added",
            lambda x: mean_of(x) + maximum_of(x),
            Text(
                "两半加在了一起，只剩 C 个数。这里要把它们并排放，后面的层才能分开用。",
                "The halves are added, so only C numbers are left. Here they stand side by side, "
                "so that the next layer can use each on its own.",
            ),
        ),
        Mutant(
            "interleaved",
            _interleaved,
            Text(
                "数都在，但逐通道交错：均值、最大值、均值……前 C 个应全是均值。",
                "All numbers are there, but channel by channel: mean, maximum, mean, … The first "
                "C must all be means.",
            ),
        ),
        Mutant(
            "joined-along-batch",
            lambda x: torch.cat([mean_of(x), maximum_of(x)], 0),
            Text(
                "拼接用了批的轴，一张图成了两行。看 `cat` 的第二个参数。",
                "The halves are joined along the batch, so one picture became two rows. Look at "
                "the second argument of `cat`.",
            ),
        ),
        Mutant(
            "axes-of-one-kept",
            lambda x: _both(x)[:, :, None, None],
            Text(
                "数值对，但末尾还有两个长度为一的轴；要的是 `(B, 2C)`。",
                "The values are right, but two axes of length one are left at the end; "
                "`(B, 2C)` is "
                "asked for.",
            ),
        ),
        Mutant(
            "all-dropped",
            lambda x: _both(x)[:, :, None, None].squeeze(),
            Text(
                "批里只有一张图时，批的轴也不见了。去掉轴时要指明是哪几个。",
                "With a single picture the batch axis is gone too. Name the axes that you drop.",
            ),
        ),
        Mutant(
            "largest-magnitude",
            pooled_by(mean_of, lambda x: x.abs().amax((2, 3))),
            Text(
                "后一半取的是绝对值的最大值；特征图里的负数不应变成正的。",
                "The second half is the largest magnitude; negative values of the map must not "
                "turn positive.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            lambda x: _both(x.detach()),
            Text(
                "数值对，但没有梯度。找 `detach`、`no_grad`、`.data` 或 `.item()`。",
                "The values are right, but no gradient arrives. Look for `detach`, `no_grad`, "
                "`.data` or `.item()`.",
            ),
        ),
    ),
    alternates=(
        Alternate("pooling-modules", _pool_modules),
        Alternate("flat-positions", pool_positions),
        Alternate("stacked", _pool_stacked),
    ),
)
