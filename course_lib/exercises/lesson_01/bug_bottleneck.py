"""Exercise se-bug-bottleneck and its symptom: the bottleneck that vanishes."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice
from course_lib.exercises.lesson_01.shared import SEModule, se_module


class MendedBottleneck(nn.Module):
    """The reference of exercise 4: at least one hidden unit."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Linear(channels, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        gate = self.fc2(F.relu(self.fc1(x.mean((2, 3))))).sigmoid()
        return x * gate[:, :, None, None]


def _bottleneck_case(
    text: Text, channels: tuple[int, int], reduction: int, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(*channels)
        x = draw.normal(draw.integer(2, 3), count, 3, 5) + 2 * draw.normal(1, count, 1, 1)
        return Call((x,), {"channels": count, "reduction": reduction})

    return Case(text, make, **options)


def _bottleneck_mutant(hidden: Callable[[int, int], int]) -> type[nn.Module]:
    return se_module(
        bias=False, hidden=lambda self, channels, reduction: hidden(channels, reduction)
    )


class _LimitedReduction(SEModule):
    bias = False

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__(channels, min(reduction, channels))


SE_BUG_BOTTLENECK = Exercise(
    id="se-bug-bottleneck",
    kind="find the bug",
    title=Text("通道很少", "Few channels"),
    difficulty=3,
    minutes=5,
    points=2,
    reference=MendedBottleneck,
    cases=(
        _bottleneck_case(
            Text("通道数小于缩减比", "fewer channels than the reduction"), (5, 12), 16
        ),
        _bottleneck_case(
            Text("通道数不是缩减比的倍数", "channels not a multiple of the reduction"), (25, 31), 8
        ),
        _bottleneck_case(
            Text("通道数是缩减比的倍数", "channels a multiple of the reduction"), (32, 32), 4
        ),
        _bottleneck_case(
            Text("通道很少，双精度", "few channels, double precision"),
            (5, 12),
            16,
            dtype=torch.float64,
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            se_module(bias=False),
            Text(
                "通道少时仍和上面一样：隐藏单元数是零，两个权重矩阵都是空的，门与输入无关。",
                "With few channels it is still as above: there are no hidden units, both weight "
                "matrices are empty, and the gate does not depend on the input.",
            ),
        ),
        Mutant(
            "with-biases",
            type(
                "SE",
                (SEModule,),
                {"hidden": lambda self, channels, reduction: max(1, channels // reduction)},
            ),
            Text(
                "瓶颈不再消失，但两层多了偏置；这里两层仍不带偏置。",
                "The bottleneck no longer vanishes, but the layers have gained biases; here they "
                "still have none.",
            ),
        ),
        Mutant(
            "one-more",
            _bottleneck_mutant(lambda channels, reduction: channels // reduction + 1),
            Text(
                "总是多一个单元，正常的尺寸也变了。只应改动会消失的那种情形。",
                "There is always one unit more, so the ordinary sizes change too. Change only the "
                "case that vanishes.",
            ),
        ),
        Mutant(
            "rounded-up",
            _bottleneck_mutant(lambda channels, reduction: -(-channels // reduction)),
            Text(
                "这里向上取整；不能整除时，隐藏单元多了一个，正常的尺寸也变了。",
                "This rounds up; where the division leaves a remainder there is one unit more, so "
                "ordinary sizes change too.",
            ),
        ),
        Mutant(
            "no-reduction",
            _bottleneck_mutant(
                lambda channels, reduction: (
                    channels // reduction if channels >= reduction else channels
                )
            ),
            Text(
                "通道少时完全不缩减了。最小的瓶颈更窄。",
                "With few channels nothing is reduced any more. The smallest bottleneck is "
                "narrower.",
            ),
        ),
        Mutant(
            "at-least-eight",
            _bottleneck_mutant(lambda channels, reduction: max(8, channels // reduction)),
            Text(
                "下限是 8。有的库这样做，但那会改变正常的尺寸；这里只要它不消失。",
                "The least number is 8. Some libraries do that, but it changes ordinary sizes; "
                "here it only must not vanish.",
            ),
        ),
    ),
    alternates=(
        Alternate("limited-reduction", _LimitedReduction),
        Alternate(
            "or-one", _bottleneck_mutant(lambda channels, reduction: channels // reduction or 1)
        ),
    ),
)


SE_BUG_BOTTLENECK_SYMPTOM = choice(
    "se-bug-bottleneck-symptom",
    Text("症状", "The symptom"),
    "c",
    {
        "a": Text(
            "不会：形状为 `(8, 0)` 与 `(0, 8)` 的全连接层是合法的，前向照样运行。",
            "No: fully connected layers of shape `(8, 0)` and `(0, 8)` are legal, and the forward "
            "runs.",
        ),
        "b": Text(
            "不会：没有参数可学，损失不会变成 nan，只是门永远不动。",
            "No: there is nothing to learn, so no loss turns to nan; the gate just never moves.",
        ),
        "c": Text(
            "对：对零个数求和得零，又没有偏置，所以门恒为 sigmoid(0)，即一半；没有参数，无从学起。",
            "Yes: a sum over no terms is zero and there is no bias, so the gate is always "
            "sigmoid(0), one half; with no parameters there is nothing to learn.",
        ),
        "d": Text(
            "不对：第二层没有偏置，输出全是零，所有的门都是一半。若有偏置，这一条才对。",
            "No: the second layer has no bias, its output is all zeros, and every gate is one "
            "half. With a bias this would be right.",
        ),
    },
)
