"""Exercise tools-mix-channels: Linear at every position is a 1x1 convolution."""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import DOUBLE, ONE, SEVERAL


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
        _mix_case(SEVERAL),
        _mix_case(Text("宽恰好等于通道数", "the width happens to equal the channels"), square=True),
        _mix_case(ONE, batch=1),
        _mix_case(DOUBLE, dtype=torch.float64),
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
