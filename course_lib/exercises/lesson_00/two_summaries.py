"""Exercises of lesson 00, tools: shapes, broadcasting, pooling, convolution arithmetic, a block."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice

LESSON = "00_tools"

_SEVERAL = Text("几张图，高与宽不等", "several pictures, height and width differ")
_ONE = Text("批里只有一张图", "a batch of one")
_DOUBLE = Text("双精度", "double precision")

# --- tools-size: height before width -------------------------------------------------------------


def height_and_width(x: Tensor) -> tuple[int, int]:
    """The reference of exercise 1: height and width of x (B, C, H, W)."""
    return x.shape[2], x.shape[3]


def _size_case(text: Text, batch: int | None, tall: bool) -> Case:
    def make(draw: Draw) -> Call:
        short, long = draw.integer(8, 10), draw.integer(11, 14)
        sides = (long, short) if tall else (short, long)
        return Call((draw.normal(batch or draw.integer(2, 3), draw.integer(4, 6), *sides),))

    return Case(text, make)


SIZE = Exercise(
    id="tools-size",
    kind="implement",
    title=Text("高与宽", "Height and width"),
    difficulty=1,
    minutes=2,
    points=1,
    reference=height_and_width,
    cases=(
        _size_case(Text("宽的图", "wide pictures"), None, False),
        _size_case(Text("高的图", "tall pictures"), None, True),
        _size_case(_ONE, 1, False),
    ),
    mutants=(
        Mutant(
            "width-first",
            lambda x: (x.shape[3], x.shape[2]),
            Text(
                "宽写在了高的前面。PyTorch 的四个轴依次是批、通道、高、宽。",
                "Width stands before height. The four axes of PyTorch are batch, channels, height "
                "and width, in this order.",
            ),
        ),
        Mutant(
            "channels-last",
            lambda x: (x.shape[1], x.shape[2]),
            Text(
                "取的是第 1、2 个轴，那是通道排在最后的布局，NumPy 与 PIL 的图片才这样存。"
                "这里通道在高之前。",
                "These are axes 1 and 2, as in a layout with the channels last, which pictures of "
                "NumPy and PIL have. Here the channels come before the height.",
            ),
        ),
        Mutant(
            "channels-too",
            lambda x: tuple(x.shape[1:]),
            Text(
                "通道也返回了。只要两个数。",
                "The channels are returned as well. Only two numbers are asked for.",
            ),
        ),
        Mutant(
            "number-of-positions",
            lambda x: x.shape[2] * x.shape[3],
            Text(
                "返回的是高乘宽，即位置的个数。请把两个数分开返回。",
                "This is height times width, the number of positions. Return the two numbers "
                "separately.",
            ),
        ),
        Mutant(
            "nothing-returned",
            lambda x: None,
            Text(
                "函数什么也没有返回：缺了 `return`，`return` 后面是空的，或者只打印了。",
                "The function returns nothing: there is no `return`, or nothing stands behind "
                "`return`, or it only prints.",
            ),
        ),
        Mutant(
            "a-tensor",
            lambda x: torch.tensor([x.shape[2], x.shape[3]]),
            Text(
                "数是对的，但装进了张量。形状是普通的整数，返回元组就好。",
                "The numbers are right, but wrapped in a tensor. Lengths are plain integers; "
                "return a tuple.",
            ),
        ),
    ),
    alternates=(
        Alternate("from-the-end", lambda x: x.shape[-2:]),
        Alternate("size", lambda x: [x.size(2), x.size(3)]),
        Alternate("one-channel", lambda x: tuple(x[0, 0].shape)),
    ),
    gradients=False,
)

# --- tools-rows-to-map: view does not move a number ----------------------------------------------


def rows_to_map(rows: Tensor, height: int, width: int) -> Tensor:
    """The reference of exercise 2: (B, H·W, C) -> (B, C, H, W)."""
    return rows.transpose(1, 2).unflatten(2, (height, width))


def _rows_case(
    text: Text, batch: int | None = None, channels: int | None = None, **options: torch.dtype
) -> Case:
    def make(draw: Draw) -> Call:
        height, width = draw.integer(3, 5), draw.integer(6, 8)
        shape = (batch or draw.integer(2, 3), height * width, channels or draw.integer(3, 5))
        return Call((draw.normal(*shape), height, width))

    return Case(text, make, **options)


def _reshaped(*order: int) -> Callable[[Tensor, int, int], Tensor]:
    """Rows with their axes in another order, then read as a map."""
    return lambda rows, height, width: rows.permute(order).reshape(
        rows.shape[0], rows.shape[2], height, width
    )


ROWS_TO_MAP = Exercise(
    id="tools-rows-to-map",
    kind="implement",
    title=Text("从行回到图", "From rows back to a map"),
    difficulty=2,
    minutes=4,
    points=2,
    reference=rows_to_map,
    cases=(
        _rows_case(_SEVERAL),
        _rows_case(_ONE, batch=1),
        _rows_case(Text("只有一个通道", "a single channel"), channels=1),
        _rows_case(_DOUBLE, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "view-for-transpose",
            _reshaped(0, 1, 2),
            Text(
                "形状对，数却错了位：`view` 与 `reshape` 不搬动任何数，只换一种读法。"
                "通道排在最后，要先把它换到位置之前。",
                "The shape is right and the numbers are in the wrong places: `view` and `reshape` "
                "move no number, they only read them in other rows. The channels come last here "
                "and must be moved before the positions first.",
            ),
        ),
        Mutant(
            "width-before-height",
            lambda rows, height, width: rows.transpose(1, 2).unflatten(2, (width, height)),
            Text(
                "宽写在了高的前面。图若是正方形，就没有报错会提醒你。",
                "Width stands before height. With a square map no error would tell you.",
            ),
        ),
        Mutant(
            "column-by-column",
            lambda rows, height, width: (
                rows.transpose(1, 2).unflatten(2, (width, height)).transpose(2, 3)
            ),
            Text(
                "形状对，但位置是一列一列排的。这里的位置一行一行排：先走完第一行。",
                "The shape is right, but the positions are laid out column by column. Here they "
                "come row by row: the whole first row comes first.",
            ),
        ),
        Mutant(
            "channels-last",
            lambda rows, height, width: rows.unflatten(1, (height, width)),
            Text(
                "通道还在最后一个轴上，应当是第 1 个轴，紧跟在批之后。",
                "The channels are still the last axis; they belong on axis 1, right after the "
                "batch.",
            ),
        ),
        Mutant(
            "batch-mixed-in",
            _reshaped(2, 0, 1),
            Text(
                "批与通道混到了一起：批必须一直是第一个轴。",
                "Batch and channels are mixed: the batch must stay the first axis all the time.",
            ),
        ),
        Mutant(
            "squeezed",
            lambda rows, height, width: (
                rows.transpose(1, 2).unflatten(2, (height, width)).squeeze()
            ),
            Text(
                "最后的 `squeeze()` 去掉了所有长度为一的轴，也包括批或通道。",
                "The `squeeze()` at the end drops every axis of length one, the batch or the "
                "channels among them.",
            ),
        ),
    ),
    alternates=(
        Alternate("reshape", _reshaped(0, 2, 1)),
        Alternate(
            "view",
            lambda rows, height, width: rows.mT.view(len(rows), rows.shape[2], height, width),
        ),
        Alternate(
            "split-then-permute",
            lambda rows, height, width: rows.view(
                rows.shape[0], height, width, rows.shape[2]
            ).permute(0, 3, 1, 2),
        ),
        Alternate(
            "einsum",
            lambda rows, height, width: torch.einsum(
                "bhwc->bchw", rows.unflatten(1, (height, width))
            ),
        ),
    ),
)

# --- tools-two-summaries: average and maximum, and squeeze ---------------------------------------


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
        _summary_case(_SEVERAL),
        _summary_case(Text("所有的数都是负的", "every number is negative"), shift=-9.0),
        _summary_case(_ONE, batch=1),
        _summary_case(Text("只有一个通道", "a single channel"), channels=1),
        _summary_case(_DOUBLE, dtype=torch.float64),
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

# --- tools-expands: the rule of expand_as --------------------------------------------------------

_Shape = tuple[int, ...]


def expands(shape: _Shape, target: _Shape) -> bool:
    """The reference of exercise 4: whether a tensor of this shape expands to the target."""
    if len(shape) > len(target):
        return False
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return all(length in (1, wanted) for length, wanted in pairs)


def _shape_case(text: Text, make: Callable[[int, int, int], tuple[_Shape, _Shape]]) -> Case:
    """A case from three lengths k < m < n, all above 1, none a multiple of another."""

    def drawn(draw: Draw) -> Call:
        return Call(make(*draw.pick((2, 3, 5), (3, 4, 5), (2, 5, 7), (3, 5, 7), (4, 5, 6))))

    return Case(text, drawn)


def _pairwise(fits: Callable[[int, int], bool]) -> Callable[[_Shape, _Shape], bool]:
    """The rule with another condition on each pair of lengths."""

    def answer(shape: _Shape, target: _Shape) -> bool:
        pairs = zip(reversed(shape), reversed(target), strict=False)
        return len(shape) <= len(target) and all(fits(a, b) for a, b in pairs)

    return answer


def _tried(shape: _Shape, target: _Shape) -> bool:
    try:
        torch.empty(shape, device="meta").expand_as(torch.empty(target, device="meta"))
    except RuntimeError:
        return False
    return True


def _padded_with_ones(shape: _Shape, target: _Shape) -> bool:
    missing = len(target) - len(shape)
    full = (1,) * missing + tuple(shape)
    return missing >= 0 and not [1 for a, b in zip(full, target, strict=True) if a not in (1, b)]


def _broadcast_to_target(shape: _Shape, target: _Shape) -> bool:
    try:
        return torch.broadcast_shapes(shape, target) == torch.Size(target)
    except RuntimeError:
        return False


EXPANDS = Exercise(
    id="tools-expands",
    kind="predict",
    title=Text("能不能扩展", "Does it expand"),
    difficulty=2,
    minutes=5,
    points=2,
    reference=expands,
    cases=(
        _shape_case(Text("形状相同", "equal shapes"), lambda k, m, n: ((m, n), (m, n))),
        _shape_case(
            Text("有一个长度为一的轴", "an axis of length one"), lambda k, m, n: ((m, 1), (m, n))
        ),
        _shape_case(
            Text("前面添一个轴", "a new axis in front"), lambda k, m, n: ((m, n), (k, m, n))
        ),
        _shape_case(Text("后面添一个轴", "a new axis behind"), lambda k, m, n: ((m,), (m, n))),
        _shape_case(
            Text("一个轴与最后的轴相等", "one axis, equal to the last"),
            lambda k, m, n: ((n,), (m, n)),
        ),
        _shape_case(Text("目标短一些", "a shorter target"), lambda k, m, n: ((m, n), (k, n))),
        _shape_case(Text("目标长一些", "a longer target"), lambda k, m, n: ((k, m), (k, n))),
        _shape_case(
            Text("目标恰好是两倍长", "a target twice as long"), lambda k, m, n: ((k, m), (k, 2 * m))
        ),
        _shape_case(
            Text("一个轴长度为一，另一个不够长", "one axis of length one, another too short"),
            lambda k, m, n: ((1, m), (k, n)),
        ),
        _shape_case(
            Text("目标里有长度为一的轴", "a target with an axis of length one"),
            lambda k, m, n: ((m, n), (1, n)),
        ),
        _shape_case(
            Text("目标的轴更少", "a target with fewer axes"), lambda k, m, n: ((k, m, n), (m, n))
        ),
        _shape_case(
            Text("两个长度为一的轴", "two axes of length one"),
            lambda k, m, n: ((1, m, 1), (k, m, n)),
        ),
    ),
    mutants=(
        Mutant(
            "needs-an-axis-of-one",
            lambda shape, target: 1 in shape and _padded_with_ones(shape, target),
            Text(
                "这条规则要求非有一个长度为 1 的轴不可。没有也行：形状相同，或者只在前面添新的轴。",
                "This rule insists on an axis of length 1. There need not be one: equal shapes "
                "expand, and so does adding axes in front.",
            ),
        ),
        Mutant(
            "at-least-as-long",
            _pairwise(lambda length, wanted: length <= wanted),
            Text(
                "“目标的每个轴都不更短”是不够的：3 不会变成 8，只有 1 才能变长。",
                "That the target is nowhere shorter is not enough: 3 does not become 8; only 1 "
                "grows.",
            ),
        ),
        Mutant(
            "at-least-as-long-axes-not-counted",
            lambda shape, target: all(
                a <= b for a, b in zip(shape[::-1], target[::-1], strict=False)
            ),
            Text(
                "两处不对：“目标的每个轴都不更短”不够，只有 1 才能变长；轴的个数也要比，"
                "`zip` 在较短的一边停下，不会提醒你。",
                "Two things are wrong: that the target is nowhere shorter is not enough, since "
                "only 1 grows; and the numbers of axes must be compared too, for `zip` stops at "
                "the shorter one and says nothing.",
            ),
        ),
        Mutant(
            "as-in-the-blog",
            lambda shape, target: (
                1 in shape and _pairwise(lambda length, wanted: length <= wanted)(shape, target)
            ),
            Text(
                "这是博客的两条规则合在一起，两条都不对：不必有长度为 1 的轴；"
                "除了长度为 1 的，别的轴也不会变长。",
                "These are both rules of the blog together, and neither is right: there need not "
                "be an axis of length 1, and no axis but one of length 1 ever grows.",
            ),
        ),
        Mutant(
            "multiples",
            _pairwise(lambda length, wanted: wanted % length == 0),
            Text(
                "扩展不会把几个数重复几遍，即使长度成倍数。只有长度为 1 的轴能变长。",
                "Expanding does not repeat several numbers, even where one length is a multiple of "
                "the other. Only an axis of length 1 grows.",
            ),
        ),
        Mutant(
            "aligned-from-the-front",
            lambda shape, target: _padded_with_ones(tuple(shape)[::-1], tuple(target)[::-1]),
            Text(
                "轴是从第一个对齐的。规则从最后一个轴开始对齐。",
                "The axes are aligned from the first one. The rule aligns them from the last.",
            ),
        ),
        Mutant(
            "both-may-grow",
            lambda shape, target: (
                len(shape) <= len(target)
                and _pairwise(lambda a, b: a == b or 1 in (a, b))(shape, target)
            ),
            Text(
                "这是广播的规则，两边都可以变长。`expand_as` 只许张量变长，目标不变。",
                "This is the rule of broadcasting, where either side may grow. With `expand_as` "
                "only the tensor grows; the target stays as it is.",
            ),
        ),
        Mutant(
            "same-number-of-axes",
            lambda shape, target: len(shape) == len(target) and _padded_with_ones(shape, target),
            Text(
                "轴的个数不必相同：目标前面可以多出新的轴。",
                "The number of axes need not be the same: the target may have new ones in front.",
            ),
        ),
        Mutant(
            "axes-not-counted",
            lambda shape, target: _padded_with_ones(tuple(shape)[-len(target) :], target),
            Text(
                "没有看轴的个数：目标的轴更少时，多出来的轴无处可去。`zip` 在较短的一边停下，"
                "不会提醒你。",
                "The number of axes is not looked at: where the target has fewer, an axis has "
                "nowhere to go. `zip` stops at the shorter one and says nothing.",
            ),
        ),
    ),
    alternates=(
        Alternate("tried", _tried),
        Alternate("padded-with-ones", _padded_with_ones),
        Alternate("broadcast-shapes", _broadcast_to_target),
    ),
    gradients=False,
)

# --- tools-mix-channels: Linear at every position is a 1x1 convolution ---------------------------


def mix_channels(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The reference of exercise 5: (B, C, H, W) -> (B, D, H, W), one matrix at every position."""
    return F.linear(x.movedim(1, -1), weight, bias).movedim(-1, 1)


def _mix_case(
    text: Text, batch: int | None = None, square: bool = False, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels, wider = draw.integer(3, 4), draw.integer(5, 6)
        outputs = channels if square else wider
        width = channels if square else draw.integer(9, 11)
        return Call(
            (
                draw.normal(batch or draw.integer(2, 3), channels, draw.integer(7, 8), width),
                draw.normal(outputs, channels),
                draw.normal(outputs),
            )
        )

    return Case(text, make, **options)


MIX_CHANNELS = Exercise(
    id="tools-mix-channels",
    kind="implement",
    title=Text("在每个位置混合通道", "Mix the channels at every position"),
    difficulty=2,
    minutes=4,
    points=2,
    reference=mix_channels,
    cases=(
        _mix_case(_SEVERAL),
        _mix_case(Text("宽恰好等于通道数", "the width happens to equal the channels"), square=True),
        _mix_case(_ONE, batch=1),
        _mix_case(_DOUBLE, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "on-the-width",
            lambda x, weight, bias: F.linear(x, weight, bias),
            Text(
                "线性层作用在最后一个轴上，而 x 的最后一个轴是宽。宽恰好等于通道数时，"
                "它一声不响地算错。",
                "A linear layer acts on the last axis, and the last axis of x is the width. Where "
                "the width happens to equal the channels it is silently wrong.",
            ),
        ),
        Mutant(
            "reshaped-for-moved",
            lambda x, weight, bias: F.linear(
                x.reshape(len(x), *x.shape[2:], -1), weight, bias
            ).reshape(len(x), -1, *x.shape[2:]),
            Text(
                "`reshape` 不搬动通道，只是把同样的数断成别的行。移动一个轴要用 `movedim`、"
                "`permute` 或 `transpose`。",
                "`reshape` does not move the channels; it cuts the same numbers into other rows. "
                "To move an axis use `movedim`, `permute` or `transpose`.",
            ),
        ),
        Mutant(
            "channels-left-last",
            lambda x, weight, bias: F.linear(x.movedim(1, -1), weight, bias),
            Text(
                "混合是对的，但通道留在了最后一个轴上，没有放回原处。",
                "The mixing is right, but the channels stay on the last axis; they have not been "
                "put back.",
            ),
        ),
        Mutant(
            "weight-transposed",
            lambda x, weight, bias: torch.einsum("bchw,cd->bdhw", x, weight) + bias[:, None, None],
            Text(
                "矩阵用反了：`weight` 的形状是（输出数，输入数）。输出与输入一样多时，不会有报错。",
                "The matrix is used the wrong way round: the shape of `weight` is (outputs, "
                "inputs). Where both are equal there is no error.",
            ),
        ),
        Mutant(
            "no-bias",
            lambda x, weight, bias: torch.einsum("bchw,dc->bdhw", x, weight),
            Text("`bias` 没有加上。", "`bias` is not added."),
        ),
        Mutant(
            "bias-on-the-width",
            lambda x, weight, bias: torch.einsum("bchw,dc->bdhw", x, weight) + bias,
            Text(
                "`bias` 加在了最后一个轴，也就是宽上：广播从最后一个轴对齐。它应当跟着通道走。",
                "`bias` is added along the last axis, the width: broadcasting aligns from the last "
                "axis. It belongs to the channels.",
            ),
        ),
        Mutant(
            "weight-with-two-axes",
            lambda x, weight, bias: F.conv2d(x, weight, bias),
            Text(
                "`F.conv2d` 收到的 `weight` 只有两个轴。它要四个："
                "（输出数，输入数，核的高，核的宽），这里后两个都是 1。",
                "`F.conv2d` got a `weight` with two axes. It wants four: (outputs, inputs, height "
                "of the kernel, width of the kernel), the last two of length 1 here.",
            ),
        ),
        Mutant(
            "averaged-first",
            lambda x, weight, bias: F.linear(x.mean((2, 3)), weight, bias),
            Text(
                "位置被平均掉了。每个位置都要有自己的结果。",
                "The positions are averaged away. Every position has a result of its own.",
            ),
        ),
    ),
    alternates=(
        Alternate(
            "convolution", lambda x, weight, bias: F.conv2d(x, weight[:, :, None, None], bias)
        ),
        Alternate(
            "matrix-product",
            lambda x, weight, bias: (weight @ x.flatten(2) + bias[:, None]).unflatten(
                2, x.shape[2:]
            ),
        ),
        Alternate(
            "einsum",
            lambda x, weight, bias: (
                torch.einsum("bchw,dc->bdhw", x, weight) + bias.view(1, -1, 1, 1)
            ),
        ),
    ),
)

# --- tools-attend: softmax's axis and a batch of matrix products ---------------------------------


def attend(scores: Tensor, values: Tensor) -> Tensor:
    """The reference of exercise 6: (B, N, N) and (B, C, N) -> (B, C, N)."""
    return torch.einsum("bij,bcj->bci", scores.softmax(-1), values)


def _attend_case(
    text: Text, batch: int | None = None, shift: float = 0.0, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        rows, positions = batch or draw.integer(2, 3), draw.integer(6, 8)
        return Call(
            (
                2 * draw.normal(rows, positions, positions) + shift,
                draw.normal(rows, draw.integer(3, 5), positions),
            )
        )

    return Case(text, make, **options)


def _attend_by_bmm(scores: Tensor, values: Tensor) -> Tensor:
    return torch.bmm(values, torch.softmax(scores, dim=2).permute(0, 2, 1))


def _attend_by_rows(scores: Tensor, values: Tensor) -> Tensor:
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    weights = weights / weights.sum(-1, keepdim=True)
    rows = [(weights[:, None, i] * values).sum(-1) for i in range(scores.shape[1])]
    return torch.stack(rows, -1)


ATTEND = Exercise(
    id="tools-attend",
    kind="implement",
    title=Text("按注意力图取平均", "Average by an attention map"),
    difficulty=3,
    minutes=5,
    points=3,
    reference=attend,
    cases=(
        _attend_case(Text("几张图", "several pictures")),
        _attend_case(_ONE, batch=1),
        _attend_case(Text("很大的分数", "very large scores"), shift=200.0),
        _attend_case(_DOUBLE, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "softmax-over-columns",
            lambda scores, values: values @ scores.softmax(1).mT,
            Text(
                "softmax 用错了轴：现在每一列的和是一。要让每一行的和是一，"
                "因为每一行是一个位置的权重。",
                "softmax runs over the wrong axis: now every column sums to one. Every row must, "
                "since a row holds the weights of one position.",
            ),
        ),
        Mutant(
            "softmax-over-the-batch",
            lambda scores, values: values @ scores.softmax(0).mT,
            Text(
                "softmax 跨过了批：一张图的权重于是取决于别的图。",
                "softmax runs over the batch: the weights of a picture depend on the other "
                "pictures.",
            ),
        ),
        Mutant(
            "softmax-over-everything",
            lambda scores, values: values @ scores.flatten(1).softmax(1).view_as(scores).mT,
            Text(
                "整张图的和是一。每一行的和都应当是一。",
                "The map as a whole sums to one. Every row must.",
            ),
        ),
        Mutant(
            "no-transpose",
            lambda scores, values: values @ scores.softmax(2),
            Text(
                "形状对，但求和走错了轴：注意力图差一次转置。写出下标，看求和的是 i 还是 j。",
                "The shape is right, but the sum runs over the wrong axis: the attention map lacks "
                "a transpose. Write down the indices and see whether the sum is over i or j.",
            ),
        ),
        Mutant(
            "both-transposed",
            lambda scores, values: values @ scores.softmax(1),
            Text(
                "softmax 与求和都走在列上：权重的和是一，但用的是 `scores` 的转置。",
                "softmax and the sum both go along columns: the weights sum to one, but they come "
                "from the transpose of `scores`.",
            ),
        ),
        Mutant(
            "no-softmax",
            lambda scores, values: values @ scores.mT,
            Text(
                "少了 softmax：分数还不是权重，可以是负的，和也不是一。",
                "softmax is missing: scores are no weights yet, they may be negative and do not "
                "sum to one.",
            ),
        ),
        Mutant(
            "sigmoid-for-softmax",
            lambda scores, values: values @ scores.sigmoid().mT,
            Text(
                "sigmoid 让每个数各自落在 0 与 1 之间，一行的和却不是一。",
                "sigmoid maps every number to between 0 and 1 on its own; a row does not sum to "
                "one.",
            ),
        ),
        Mutant(
            "overflowing",
            lambda scores, values: values @ (scores.exp() / scores.exp().sum(-1, keepdim=True)).mT,
            Text(
                "手写的 `exp` 在分数很大时溢出，inf 除以 inf 是 nan。先减去每行的最大值，结果不变；"
                "torch 的 softmax 正是这样做的。",
                "`exp` written by hand overflows for large scores, and inf over inf is nan. "
                "Subtract the maximum of every row first, which changes nothing; torch's softmax "
                "does.",
            ),
        ),
    ),
    alternates=(
        Alternate("bmm", _attend_by_bmm),
        Alternate("matmul", lambda scores, values: values @ scores.softmax(-1).mT),
        Alternate("row-by-row", _attend_by_rows),
    ),
)

# --- tools-output-size: how many windows fit -----------------------------------------------------


def output_size(size: int, kernel_size: int, stride: int, padding: int, dilation: int) -> int:
    """The reference of exercise 7: output length of a convolution along one axis."""
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def _output_case(
    text: Text, *, strides: _Shape = (1,), paddings: _Shape = (0,), dilations: _Shape = (1,)
) -> Case:
    def make(draw: Draw) -> Call:
        kernel, stride = draw.integer(3, 7), draw.pick(*strides)
        padding, dilation = draw.pick(*paddings), draw.pick(*dilations)
        span = dilation * (kernel - 1) + 1
        # With a stride above one something is left over, so that rounding shows.
        left = draw.integer(1, stride - 1) if stride > 1 else 0
        steps = draw.integer(6, 20)
        return Call((steps * stride + span + left - 2 * padding, kernel, stride, padding, dilation))

    return Case(text, make)


def _output_mutant(
    rule: Callable[[int, int, int, int], float],
) -> Callable[[int, int, int, int, int], float]:
    """A wrong rule in terms of the size, the span of the kernel, the stride and the padding."""
    return lambda size, kernel_size, stride, padding, dilation: rule(
        size, dilation * (kernel_size - 1) + 1, stride, padding
    )


def _counted_windows(size: int, kernel_size: int, stride: int, padding: int, dilation: int) -> int:
    last = dilation * (kernel_size - 1)
    starts = range(-padding, size + padding, stride)
    return sum(start + last < size + padding for start in starts)


def _asked_torch(size: int, kernel_size: int, stride: int, padding: int, dilation: int) -> int:
    convolution = nn.Conv1d(1, 1, kernel_size, stride, padding, dilation, device="meta")
    return convolution(torch.empty(1, 1, size, device="meta")).shape[-1]


OUTPUT_SIZE = Exercise(
    id="tools-output-size",
    kind="predict",
    title=Text("输出有多长", "How long is the output"),
    difficulty=2,
    minutes=5,
    points=2,
    reference=output_size,
    cases=(
        _output_case(Text("没有花样", "nothing special")),
        _output_case(Text("有步幅，除不尽", "a stride that leaves a remainder"), strides=(2, 3, 4)),
        _output_case(Text("有填充", "padding"), paddings=(1, 2, 3)),
        _output_case(Text("有膨胀", "dilation"), dilations=(2, 3, 4)),
        _output_case(
            Text("全都有", "all of them"),
            strides=(2, 3),
            paddings=(1, 2, 3),
            dilations=(2, 3),
        ),
    ),
    mutants=(
        Mutant(
            "dilation-ignored",
            lambda size, kernel_size, stride, padding, dilation: (
                (size + 2 * padding - kernel_size) // stride + 1
            ),
            Text(
                "没有用上膨胀：核的点之间隔开了，核盖住的长度就不再是 `kernel_size`。",
                "The dilation is not used: the taps of the kernel stand apart, so it covers more "
                "than `kernel_size`.",
            ),
        ),
        Mutant(
            "as-in-the-blog",
            lambda size, kernel_size, stride, padding, dilation: (
                (size + 2 * padding - kernel_size) / stride + 1
            ),
            Text(
                "这是博客里的公式：没有膨胀，也没有取整，于是会得到半个输出。",
                "This is the formula of the blog: no dilation and no rounding, so that it promises "
                "half an output.",
            ),
        ),
        Mutant(
            "not-rounded",
            _output_mutant(
                lambda size, span, stride, padding: (size + 2 * padding - span) / stride + 1
            ),
            Text(
                "个数是整数：放不下的最后一个窗口不算。用整除。",
                "A count is a whole number: a last window that does not fit does not count. Divide "
                "without remainder.",
            ),
        ),
        Mutant(
            "rounded-up",
            _output_mutant(
                lambda size, span, stride, padding: (
                    math.ceil((size + 2 * padding - span) / stride) + 1
                )
            ),
            Text(
                "向上取了整，多算了一个放不下的窗口。",
                "This rounds up and counts a window that does not fit.",
            ),
        ),
        Mutant(
            "padding-on-one-side",
            _output_mutant(
                lambda size, span, stride, padding: (size + padding - span) // stride + 1
            ),
            Text(
                "填充只算了一边，它加在两边。", "The padding is counted once; it is on both sides."
            ),
        ),
        Mutant(
            "first-window-forgotten",
            _output_mutant(
                lambda size, span, stride, padding: (size + 2 * padding - span) // stride
            ),
            Text(
                "数的是步数，比窗口少一个：第一个窗口不需要走一步。",
                "This counts the steps, one fewer than the windows: the first window needs no "
                "step.",
            ),
        ),
        Mutant(
            "dilation-times-kernel",
            lambda size, kernel_size, stride, padding, dilation: (
                (size + 2 * padding - dilation * kernel_size) // stride + 1
            ),
            Text(
                "核盖住的长度不是膨胀乘核的大小：k 个点之间只有 k − 1 个间隔。",
                "The kernel does not cover dilation times its size: k taps have only k − 1 gaps "
                "between them.",
            ),
        ),
        Mutant(
            "size-over-stride",
            lambda size, kernel_size, stride, padding, dilation: math.ceil(size / stride),
            Text(
                "长度除以步幅，只在填充恰好补足核的时候才对。",
                "The size over the stride is right only where the padding just makes up for the "
                "kernel.",
            ),
        ),
    ),
    alternates=(
        Alternate("windows-counted", _counted_windows),
        Alternate("asked-torch", _asked_torch),
        Alternate(
            "range",
            lambda size, kernel_size, stride, padding, dilation: len(
                range(0, size + 2 * padding - dilation * (kernel_size - 1), stride)
            ),
        ),
    ),
    gradients=False,
)

# --- tools-receptive-field -----------------------------------------------------------------------

_Layers = Sequence[tuple[int, int, int]]


def receptive_field(layers: _Layers) -> int:
    """The reference of exercise 8: pixels that one output depends on, along one axis."""
    seen, step = 1, 1
    for kernel_size, stride, dilation in layers:
        seen += dilation * (kernel_size - 1) * step
        step *= stride
    return seen


def _field_case(
    text: Text, *, kernels: _Shape = (3, 5), strides: _Shape = (1,), dilations: _Shape = (1,)
) -> Case:
    def make(draw: Draw) -> Call:
        # The strides stand in all layers but the last two.
        layers = [
            (draw.pick(*kernels), draw.pick(*strides) if place < 3 else 1, draw.pick(*dilations))
            for place in range(5)
        ]
        return Call((layers,))

    return Case(text, make)


def _last_stride(draw: Draw) -> Call:
    return Call(([(draw.pick(3, 5), 1, 1), (3, 1, 1), (draw.pick(3, 5), draw.pick(2, 3), 1)],))


def _one_layer(draw: Draw) -> Call:
    return Call(([(draw.pick(3, 5, 7), 1, draw.pick(2, 3))],))


def _field_mutant(
    grow: Callable[[int, int, int, int], int], start: int = 1
) -> Callable[[_Layers], int]:
    """A wrong sum over the layers; grow gets kernel size, dilation, own stride and step."""

    def answer(layers: _Layers) -> int:
        seen, step = start, 1
        for kernel_size, stride, dilation in layers:
            seen += grow(kernel_size, dilation, stride, step)
            step *= stride
        return seen

    return answer


def _previous_stride_alone(layers: _Layers) -> int:
    seen, step = 1, 1
    for kernel_size, stride, dilation in layers:
        seen += dilation * (kernel_size - 1) * step
        step = stride
    return seen


def _field_backward(layers: _Layers) -> int:
    seen = 1
    for kernel_size, stride, dilation in reversed(layers):
        seen = (seen - 1) * stride + dilation * (kernel_size - 1) + 1
    return seen


def _field_by_positions(layers: _Layers) -> int:
    reached = {0}
    for kernel_size, stride, dilation in layers[::-1]:
        reached = {p * stride + dilation * tap for p in reached for tap in range(kernel_size)}
    return max(reached) - min(reached) + 1


def _field_by_product(layers: _Layers) -> int:
    strides = [stride for _, stride, _ in layers]
    return 1 + sum(
        (kernel_size - 1) * dilation * math.prod(strides[:place])
        for place, (kernel_size, _, dilation) in enumerate(layers)
    )


RECEPTIVE_FIELD = Exercise(
    id="tools-receptive-field",
    kind="predict",
    title=Text("看得多远", "How far it sees"),
    difficulty=3,
    minutes=5,
    points=3,
    reference=receptive_field,
    cases=(
        Case(Text("一层，有膨胀", "one layer, dilated"), _one_layer),
        _field_case(Text("五层", "five layers")),
        _field_case(Text("前几层有步幅", "strides in the first layers"), strides=(2, 3)),
        Case(Text("只有最后一层有步幅", "a stride in the last layer alone"), _last_stride),
        _field_case(
            Text("步幅、膨胀与 1×1 的核", "strides, dilation and kernels of 1×1"),
            kernels=(1, 3, 5),
            strides=(1, 2),
            dilations=(1, 2, 3),
        ),
    ),
    mutants=(
        Mutant(
            "kernels-added",
            _field_mutant(lambda kernel, dilation, stride, step: kernel * dilation * step, start=0),
            Text(
                "核的大小直接相加了。相邻的窗口重叠：每多一层，只比原来多看 k − 1 步。",
                "The sizes of the kernels are added. Neighbouring windows overlap: one more layer "
                "sees only k − 1 steps more.",
            ),
        ),
        Mutant(
            "kernels-added-to-one",
            _field_mutant(lambda kernel, dilation, stride, step: kernel * dilation * step),
            Text(
                "步幅与膨胀都用对了，每层却加了整个核。相邻的窗口重叠："
                "每多一层，只多看 k − 1 步，不是 k 步。",
                "Strides and dilations are used rightly, but every layer adds its whole kernel. "
                "Neighbouring windows overlap: one more layer sees k − 1 steps more, not k.",
            ),
        ),
        Mutant(
            "sum-of-kernels",
            lambda layers: sum(kernel for kernel, _, _ in layers),
            Text(
                "这只是各层核的大小之和。窗口重叠，每多一层只多看 k − 1 步；"
                "一步有多长，还要看膨胀与前面的步幅。",
                "This is just the sum of the kernel sizes. Windows overlap, so one more layer sees "
                "only k − 1 steps more; and how long a step is depends on the dilation and on the "
                "strides before.",
            ),
        ),
        Mutant(
            "stride-ignored",
            _field_mutant(lambda kernel, dilation, stride, step: dilation * (kernel - 1)),
            Text(
                "没有用上步幅：在步幅之后，一步等于好几个像素。",
                "The strides are not used: behind a stride one step is several pixels.",
            ),
        ),
        Mutant(
            "dilation-ignored",
            _field_mutant(lambda kernel, dilation, stride, step: (kernel - 1) * step),
            Text("没有用上膨胀。", "The dilation is not used."),
        ),
        Mutant(
            "own-stride-counted",
            _field_mutant(
                lambda kernel, dilation, stride, step: dilation * (kernel - 1) * step * stride
            ),
            Text(
                "一层自己的步幅不影响它自己看多远，只影响后面的层。",
                "The stride of a layer does not change how far that layer sees, only how far the "
                "layers behind it do.",
            ),
        ),
        Mutant(
            "own-stride-alone",
            _field_mutant(lambda kernel, dilation, stride, step: dilation * (kernel - 1) * stride),
            Text(
                "每一层乘的是自己的步幅；该乘的是它前面各层步幅的积。",
                "Each layer is multiplied by its own stride. What counts is the product of the "
                "strides of all layers before it.",
            ),
        ),
        Mutant(
            "previous-stride-alone",
            _previous_stride_alone,
            Text(
                "只用了前一层的步幅。一步有多少像素，要看前面所有步幅的乘积。",
                "Only the stride of the layer before is used. How many pixels a step is depends on "
                "the product of all strides before.",
            ),
        ),
        Mutant(
            "starts-at-zero",
            _field_mutant(lambda kernel, dilation, stride, step: dilation * (kernel - 1) * step, 0),
            Text(
                "少了一：没有任何层时，一个输出也看得到一个像素，就是它自己。",
                "One is missing: without any layer an output still sees one pixel, itself.",
            ),
        ),
        Mutant(
            "last-layer-only",
            lambda layers: layers[-1][2] * (layers[-1][0] - 1) + 1,
            Text(
                "这是最后一层的窗口，在它的输入上数的；它的每个输入又看到更多的像素。",
                "This is the window of the last layer, counted on its own input; each of those "
                "inputs sees more pixels.",
            ),
        ),
        Mutant(
            "layers-backward",
            lambda layers: _field_by_product(layers[::-1]),
            Text(
                "层的次序反了：列表从靠近图片的一层开始。",
                "The order of the layers is reversed: the list begins with the layer next to the "
                "picture.",
            ),
        ),
    ),
    alternates=(
        Alternate("backward", _field_backward),
        Alternate("positions", _field_by_positions),
        Alternate("products", _field_by_product),
    ),
    gradients=False,
)

# --- tools-convolution-cost ----------------------------------------------------------------------


def convolution_cost(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    """The reference of exercise 9: parameters and multiply-adds, for an output of H×W."""
    weights = channels_out * channels_in * kernel_size**2
    return weights + (channels_out if bias else 0), weights * height * width


def _cost_case(text: Text, bias: bool, kernels: _Shape = (3, 5, 7)) -> Case:
    def make(draw: Draw) -> Call:
        return Call(
            (
                draw.integer(2, 60),
                draw.integer(61, 99),
                draw.pick(*kernels),
                draw.integer(4, 20),
                draw.integer(21, 40),
                bias,
            )
        )

    return Case(text, make)


def _cost_mutant(
    parameters: Callable[[int, int, int, bool], int] | None = None,
    multiply_adds: Callable[[int, int], int] | None = None,
    weights_of: Callable[[int, int, int], int] = lambda i, o, k: i * o * k * k,
) -> Callable[..., tuple[int, int]]:
    """A mutant: parameters from (weights, in, out, bias), multiply-adds from (weights, N)."""

    def answer(
        channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
    ) -> tuple[int, int]:
        weights = weights_of(channels_in, channels_out, kernel_size)
        right = weights + (channels_out if bias else 0)
        return (
            parameters(weights, channels_in, channels_out, bias) if parameters else right,
            (multiply_adds or (lambda w, n: w * n))(weights, height * width),
        )

    return answer


def _counted_cost(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    layer = nn.Conv2d(channels_in, channels_out, kernel_size, bias=bias, device="meta")
    return sum(p.numel() for p in layer.parameters()), layer.weight.numel() * height * width


def _cost_per_output(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    window = channels_in * kernel_size * kernel_size
    outputs = channels_out * height * width
    return channels_out * (window + int(bias)), outputs * window


def _cost_with_bias_counted(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    parameters, _ = _counted_cost(channels_in, channels_out, kernel_size, height, width, bias)
    return parameters, parameters * height * width


def _cost_of_one_input_channel(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    parameters, _ = _counted_cost(channels_in, channels_out, kernel_size, height, width, bias)
    return parameters, channels_out * kernel_size**2 * height * width


CONVOLUTION_COST = Exercise(
    id="tools-convolution-cost",
    kind="predict",
    title=Text("一个卷积的代价", "What a convolution costs"),
    difficulty=2,
    minutes=4,
    points=2,
    reference=convolution_cost,
    cases=(
        _cost_case(Text("没有偏置", "without a bias"), False),
        _cost_case(Text("有偏置", "with a bias"), True),
        _cost_case(Text("1×1 的核", "a kernel of 1×1"), True, (1,)),
    ),
    mutants=(
        Mutant(
            "operations-for-multiply-adds",
            _cost_mutant(multiply_adds=lambda weights, positions: 2 * weights * positions),
            Text(
                "乘法与加法各算了一次，是乘加的两倍。这里一次乘加算一次。",
                "Multiplications and additions are counted one each, twice the multiply-adds. Here "
                "one multiply-add counts once.",
            ),
        ),
        Mutant(
            "bias-as-multiply-add",
            _cost_with_bias_counted,
            Text(
                "加偏置也算成了乘加（`torchinfo` 就这样算）。加偏置不乘任何数，这里不计。",
                "Adding the bias is counted as a multiply-add, as `torchinfo` does. It multiplies "
                "nothing and does not count here.",
            ),
        ),
        Mutant(
            "kernel-side-alone",
            _cost_mutant(weights_of=lambda i, o, k: i * o * k),
            Text(
                "核是 k×k 的，只乘了一个 k。",
                "The kernel is k×k; only one k is multiplied.",
            ),
        ),
        Mutant(
            "one-kernel-per-output",
            _cost_mutant(weights_of=lambda i, o, k: o * k * k),
            Text(
                "每个输出通道要看所有的输入通道，它的核是 C×k×k，不是 k×k。",
                "Every output channel looks at all input channels: its kernel is C×k×k, not k×k.",
            ),
        ),
        Mutant(
            "multiply-adds-of-one-input-channel",
            _cost_of_one_input_channel,
            Text(
                "参数对了，乘加却少乘了输入的通道数：一个输出要走遍所有输入通道的 k×k 个数。",
                "The parameters are right, but the multiply-adds lack the number of input "
                "channels: one output goes over k×k numbers of every input channel.",
            ),
        ),
        Mutant(
            "bias-forgotten",
            _cost_mutant(lambda weights, i, o, bias: weights),
            Text("有偏置时没有数它。", "The bias is not counted where there is one."),
        ),
        Mutant(
            "bias-always",
            _cost_mutant(lambda weights, i, o, bias: weights + o),
            Text("没有偏置时也数了它。", "The bias is counted where there is none."),
        ),
        Mutant(
            "bias-per-input",
            _cost_mutant(lambda weights, i, o, bias: weights + (i if bias else 0)),
            Text(
                "偏置按输入通道数了，它每个输出通道一个。",
                "The biases are counted per input channel; there is one per output channel.",
            ),
        ),
        Mutant(
            "positions-forgotten",
            _cost_mutant(multiply_adds=lambda weights, positions: weights),
            Text(
                "只算了一个位置。每个权重在每个位置都用一次。",
                "This is one position. Every weight is used once at every position.",
            ),
        ),
    ),
    alternates=(
        Alternate("counted", _counted_cost),
        Alternate("per-output", _cost_per_output),
    ),
    gradients=False,
)

# --- tools-block: a residual block ---------------------------------------------------------------


class Block(nn.Module):
    """The reference of exercise 10: the residual block of ResNet-18."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ⌈H / stride⌉, ⌈W / stride⌉)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(branch + self.shortcut(x))


class _Parts(nn.Module):
    """The layers of the block once more: a mutant must not run the reference."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        changed = stride != 1 or channels_in != channels
        projection = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
        self.shortcut = nn.Sequential(*([projection, nn.BatchNorm2d(channels)] if changed else []))


def _block(forward: Callable[[_Parts, Tensor], Tensor]) -> type[nn.Module]:
    """A block with another forward."""
    return type("Block", (_Parts,), {"forward": forward})


def _branch(self: _Parts, x: Tensor) -> Tensor:
    return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


def _added_to_the_shortcut(self: _Parts, x: Tensor) -> Tensor:
    y = self.shortcut(x)
    y += _branch(self, x)
    return F.relu(y)


def _relu_in_place(self: _Parts, x: Tensor) -> Tensor:
    out = self.bn1(self.conv1(x))
    out = self.bn2(self.conv2(out.relu_()))
    out += self.shortcut(x)
    return out.relu_()


def _shortcut_first(self: _Parts, x: Tensor) -> Tensor:
    shortcut = self.shortcut(x)
    return torch.clamp(shortcut + _branch(self, x), min=0)


def _block_case(text: Text, changed: bool, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels_in = draw.integer(3, 5)
        build = {
            "channels_in": channels_in,
            "channels": channels_in + draw.integer(1, 3) if changed else channels_in,
            "stride": 2 if changed else 1,
        }
        # An odd height: rounding shows.
        x = draw.normal(draw.integer(2, 3), channels_in, draw.pick(5, 7), draw.integer(8, 10))
        return Call((x,), build)

    return Case(text, make, **options)


BLOCK = Exercise(
    id="tools-block",
    kind="find the bug",
    title=Text("残差块", "The residual block"),
    difficulty=2,
    minutes=4,
    points=3,
    reference=Block,
    cases=(
        _block_case(Text("形状不变", "the shape stays"), False),
        _block_case(Text("步幅为 2，通道变多", "stride 2 and more channels"), True),
        _block_case(
            Text("训练模式，双精度", "train mode, double precision"),
            True,
            dtype=torch.float64,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "relu-before-the-addition",
            _block(lambda self, x: F.relu(_branch(self, x)) + self.shortcut(x)),
            Text(
                "还是原来的错：ReLU 站在相加之前，残差分支只能加，不能减。",
                "This is the fault as it was: ReLU stands before the addition, so the residual "
                "branch can only add and never take away.",
            ),
        ),
        Mutant(
            "relu-on-both-sides",
            _block(lambda self, x: F.relu(F.relu(_branch(self, x)) + self.shortcut(x))),
            Text(
                "相加之后的 ReLU 对了，相加之前的那个还在。",
                "The ReLU behind the addition is right; the one before it is still there.",
            ),
        ),
        Mutant(
            "no-relu-behind",
            _block(lambda self, x: _branch(self, x) + self.shortcut(x)),
            Text(
                "分支末尾的 ReLU 去掉了，相加之后却没有 ReLU。",
                "The ReLU at the end of the branch is gone, but there is none behind the addition.",
            ),
        ),
        Mutant(
            "bare-shortcut",
            _block(lambda self, x: F.relu(_branch(self, x) + x)),
            Text(
                "加的是 `x` 本身。形状改变时要加 `self.shortcut(x)`。",
                "`x` itself is added. Where the shape changes it must be `self.shortcut(x)`.",
            ),
        ),
        Mutant(
            "no-shortcut",
            _block(lambda self, x: F.relu(_branch(self, x))),
            Text("捷径没有加上。", "The shortcut is not added."),
        ),
        Mutant(
            "relu-on-the-shortcut",
            _block(lambda self, x: F.relu(_branch(self, x) + F.relu(self.shortcut(x)))),
            Text(
                "捷径上多了一个 ReLU。捷径原样通过。",
                "There is a ReLU on the shortcut. The shortcut passes as it is.",
            ),
        ),
        Mutant(
            "no-inner-relu",
            _block(
                lambda self, x: F.relu(
                    self.bn2(self.conv2(self.bn1(self.conv1(x)))) + self.shortcut(x)
                )
            ),
            Text(
                "两个卷积之间的 ReLU 不见了。那里没有错，原样留着。",
                "The ReLU between the convolutions is gone. There was nothing wrong there; keep "
                "it.",
            ),
        ),
        Mutant(
            "added-in-place",
            _block(_added_to_the_shortcut),
            Text(
                "`+=` 加到了捷径上。形状不变时，捷径就是 `x` 本身，于是调用者的张量被改动，"
                "反向传播也用不成了。写成 `a + b`。",
                "`+=` adds to the shortcut. Where the shape stays, the shortcut is `x` itself, so "
                "the caller's tensor changes and backpropagation fails. Write `a + b`.",
            ),
        ),
    ),
    alternates=(
        Alternate("in-place-on-the-branch", _block(_relu_in_place)),
        Alternate("shortcut-first", _block(_shortcut_first)),
    ),
)

BLOCK_SYMPTOM = choice(
    "tools-block-symptom",
    Text("症状", "The symptom"),
    "b",
    {
        "a": Text(
            "不对：两个式子的形状处处相同，不会报错。",
            "No: the shapes are the same everywhere; there is no error.",
        ),
        "b": Text(
            "对：分支的末尾不小于零，相加之后又没有 ReLU，于是每过一块，数只增不减。",
            "Yes: the branch ends at zero or above and no ReLU follows the addition, so from block "
            "to block no number ever gets smaller.",
        ),
        "c": Text(
            "不对：梯度照常经过捷径与分支。",
            "No: gradients pass through the shortcut and the branch as usual.",
        ),
        "d": Text(
            "不对：捷径为正、分支为负时，修好的块减去一些，有错的块一点也不减。",
            "No: where the shortcut is positive and the branch negative, the mended block takes "
            "something away and the faulty one takes nothing.",
        ),
    },
)

# --- quiz ----------------------------------------------------------------------------------------

QUIZ_INPUT = choice(
    "tools-quiz-input",
    Text("试一个形状", "A shape to try"),
    "d",
    {
        "a": Text(
            "高与宽相等：对调了也看不出来。批里只有一张图，`squeeze()` 的错会显露，"
            "别的图掺进了结果的错却藏住了。",
            "Height and width are equal, so swapping them does not show. A batch of one reveals "
            "`squeeze()`, yet it hides it when other pictures are mixed into a result.",
        ),
        "b": Text(
            "四个轴都一样长：无论怎样对调，形状都对。",
            "All four axes have one length: whatever is swapped, the shape is right.",
        ),
        "c": Text(
            "高与宽仍然相等，而且通道数等于宽：门乘在宽上也不会报错。",
            "Height and width are still equal, and so are channels and width: a gate on the width "
            "raises no error.",
        ),
        "d": Text(
            "对：四个长度各不相同，都大于一，轴一旦对调，形状就错了，或者干脆报错。另加只有一张图的批。"
            "断错的行（第 1 节的 `third`）与用错的 softmax 轴，什么形状都看不出来，"
            "要放进 `torch.arange` 那样认得出的数。",
            "Yes: four different lengths, all above one; a swapped axis gives a wrong shape or an "
            "error. Add a batch of one as well. Rows that break in the wrong place (`third` of "
            "section 1) or a wrong axis of softmax show in no shape: put in numbers that you can "
            "recognize, as from `torch.arange`.",
        ),
    },
)

QUIZ_DILATION = choice(
    "tools-quiz-dilation",
    Text("膨胀", "Dilation"),
    "c",
    {
        "a": Text(
            "参数是核的点数，不因点与点隔开而变。",
            "The parameters are the taps of the kernel; moving them apart adds none.",
        ),
        "b": Text(
            "每个输出仍是九次乘加，乘以通道。图的大小不变时，运算一样多。",
            "Every output still takes nine multiply-adds, times channels. With a map of the same "
            "size the operations are the same.",
        ),
        "c": Text(
            "对。九个点隔开了，范围变大，代价不变；点与点之间的位置看不到。",
            "Yes. The nine taps stand apart: a wider range at the same cost, and the positions "
            "between them are not seen.",
        ),
        "d": Text(
            "范围内只用到九个位置，其余的看不到。第 6 节里 `5-5-5` 的网络就输在这里。",
            "Only nine positions of the range are used. That is where the network `5-5-5` of "
            "section 6 loses.",
        ),
    },
)

QUIZ_ROWS = choice(
    "tools-quiz-softmax",
    Text("哪个和是一", "Which sum is one"),
    "a",
    {
        "a": Text(
            "对：`dim` 说的是沿着哪个轴求和得一。`dim=2` 走在 j 上，一行的和是一。",
            "Yes: `dim` names the axis along which the sum is one. `dim=2` walks over j, so a row "
            "sums to one.",
        ),
        "b": Text(
            "那是 `dim=1`：固定 j，让 i 走，一列的和是一。",
            "That is `dim=1`: j stays and i walks, so a column sums to one.",
        ),
        "c": Text(
            "那要先把两个轴并成一个，再做 softmax。",
            "For that the two axes must be merged before softmax.",
        ),
        "d": Text(
            "那是 `dim=0`，会把不同的图混在一起，几乎从来不是你要的。",
            "That is `dim=0`; it mixes pictures and is hardly ever what you want.",
        ),
    },
)

QUIZ_LINEAR = choice(
    "tools-quiz-linear",
    Text("Linear 收什么", "What Linear takes"),
    "b",
    {
        "a": Text(
            "博客这样写，但不对：前面有几个轴都行，也可以一个都没有。",
            "So says the blog, and it is wrong: any number of axes may stand before the last, or "
            "none.",
        ),
        "b": Text(
            "对：只看最后一个轴，前面的轴原样留下。",
            "Yes: it looks at the last axis only and keeps all axes before it.",
        ),
        "c": Text(
            "通道不在最后一个轴上，要先移过去；`Linear` 自己不会找。",
            "The channels are not the last axis and must be moved there; `Linear` does not look "
            "for them.",
        ),
        "d": Text(
            "它不会展平任何东西。最后一个轴的长度不是 6 就会报错。",
            "It flattens nothing. If the last axis does not have length 6 it raises an error.",
        ),
    },
)

EXERCISES = (
    SIZE,
    ROWS_TO_MAP,
    TWO_SUMMARIES,
    EXPANDS,
    MIX_CHANNELS,
    ATTEND,
    OUTPUT_SIZE,
    RECEPTIVE_FIELD,
    CONVOLUTION_COST,
    BLOCK,
    BLOCK_SYMPTOM,
    QUIZ_INPUT,
    QUIZ_LINEAR,
    QUIZ_ROWS,
    QUIZ_DILATION,
)
