"""Exercise tools-size: height before width."""

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import ONE


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
        _size_case(ONE, 1, False),
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
