"""Exercise cbam-bug-weights and its symptom: someone else's weights."""

import torch
from torch import Tensor

from course_lib.checks import (
    Alternate,
    Call,
    Case,
    Exercise,
    Mutant,
    Text,
    choice,
)


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
