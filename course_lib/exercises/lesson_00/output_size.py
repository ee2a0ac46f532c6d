"""Exercise tools-output-size: how many windows fit."""

import math
from collections.abc import Callable

import torch
from torch import nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import Shape


def output_size(size: int, kernel_size: int, stride: int, padding: int, dilation: int) -> int:
    """The reference of exercise 7: output length of a convolution along one axis."""
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def _output_case(
    text: Text, *, strides: Shape = (1,), paddings: Shape = (0,), dilations: Shape = (1,)
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
