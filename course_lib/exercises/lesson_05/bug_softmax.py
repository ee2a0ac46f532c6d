"""Exercise cam-bug-softmax and its symptom: a guard against overflow that is none."""

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice
from course_lib.exercises.lesson_05.shared import weights_of


def stable_softmax(energy: Tensor) -> Tensor:
    """The reference of exercise 3: the softmax of the rows, without overflow."""
    weights = (energy - energy.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


def _energy_case(
    text: Text, scale: float, levels: float = 0.0, square: bool = False, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        rows = draw.integer(4, 6)
        columns = rows if square else rows + 2
        batch = draw.integer(2, 3)
        energy = draw.normal(batch, rows, columns, scale=scale)
        # Rows far from one another: what guards one row must not be taken from another.
        level = levels * (torch.arange(rows) - rows // 2).to(energy)
        return Call((energy + level[:, None],))

    return Case(text, make, **options)


CAM_BUG_SOFTMAX = Exercise(
    id="cam-bug-softmax",
    kind="find the bug",
    title=Text("说是稳定的 softmax", "A softmax said to be stable"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=stable_softmax,
    cases=(
        _energy_case(Text("小的能量", "small energies"), 1.0),
        # In single precision the rounding of such energies alone would make right answers differ.
        _energy_case(
            Text("双精度，上千的能量", "double precision, energies of thousands"),
            2000.0,
            dtype=torch.float64,
        ),
        _energy_case(Text("各行高低悬殊", "rows on very different levels"), 1.0, 130.0),
        _energy_case(Text("行数等于列数", "as many rows as columns"), 1.0, square=True),
        _energy_case(Text("双精度", "double precision"), 1.0, 3000.0, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda energy: weights_of(energy.amax(-1, keepdim=True) - energy),
            Text(
                "仍和上面一样：最大的能量得到最小的权重，而差大于 88 时 `exp` 还会溢出。",
                "It is still as above: the largest energy gets the smallest weight, and where the "
                "difference exceeds 88 `exp` overflows too.",
            ),
        ),
        Mutant(
            "no-guard",
            lambda energy: weights_of(energy),
            Text(
                "小的能量对了，大的却是 nan：`exp` 溢出成无穷。先减去什么，结果才不变又不溢出？",
                "Small energies are right, large ones give nan: `exp` overflows to infinity. What "
                "can be subtracted first, so that the result stays and nothing overflows?",
            ),
        ),
        Mutant(
            "maximum-of-everything",
            lambda energy: weights_of(energy - energy.max()),
            Text(
                "减去的是整个张量的最大值。离它很远的行全部下溢成零，零除以零得 nan；每行要减"
                "自己的最大值。",
                "The maximum of the whole tensor is subtracted. Rows far below it underflow to "
                "zeros, and zero by zero is nan; each row needs its own maximum.",
            ),
        ),
        Mutant(
            "minimum",
            lambda energy: weights_of(energy - energy.amin(-1, keepdim=True)),
            Text(
                "减去的是最小值：次序对了，但差都不是负的，`exp` 照样溢出。",
                "The minimum is subtracted: the order is right, but no difference is negative, and "
                "`exp` overflows all the same.",
            ),
        ),
        Mutant(
            "mean-of-the-row",
            lambda energy: weights_of(energy - energy.mean(-1, keepdim=True)),
            Text(
                "减去的是每行的平均：权重不变，但比平均高出 88 的能量照样溢出。"
                "减去哪个数，差才都不是正的？",
                "The mean of each row is subtracted: the weights stay, but an energy more than 88 "
                "above the mean overflows all the same. Which number leaves no difference "
                "positive?",
            ),
        ),
        Mutant(
            "guarded-but-negated",
            lambda energy: (-energy).softmax(-1),
            Text(
                "不再溢出，但能量的符号还是反的：最大的能量得到最小的权重。",
                "Nothing overflows now, but the energies still have the other sign: the largest "
                "one gets the smallest weight.",
            ),
        ),
        Mutant(
            "maximum-of-columns",
            lambda energy: weights_of(energy - energy.amax(-2, keepdim=True)),
            Text(
                "减去的是每列的最大值。一行里减的数不同，权重就变了；看 `amax` 的轴。",
                "The maximum of each column is subtracted. That takes different numbers from one "
                "row and changes the weights; look at the axis of `amax`.",
            ),
        ),
        Mutant(
            "columns-sum-to-one",
            lambda energy: weights_of(energy - energy.amax(-2, keepdim=True), -2),
            Text(
                "和为一的是列。这里要的是行：两处的轴都是最后一个。",
                "The columns sum to one. Here it must be the rows: the axis is the last one in "
                "both places.",
            ),
        ),
        Mutant(
            "not-divided",
            lambda energy: (energy - energy.amax(-1, keepdim=True)).exp(),
            Text(
                "还没有除以和：每行的最大值现在是一，行的和不是。",
                "The division by the sum is missing: now the largest of each row is one, and the "
                "row does not sum to one.",
            ),
        ),
        Mutant(
            "divided-by-the-maximum",
            lambda energy: weights_of(energy / energy.amax(-1, keepdim=True)),
            Text(
                "能量除以了最大值，权重因此变了。只有每行加减同一个数，softmax 才不变。",
                "The energies are divided by the maximum, which changes the weights. Only adding "
                "one number to a row, or taking it away, leaves a softmax as it is.",
            ),
        ),
    ),
    alternates=(
        Alternate("library", lambda energy: energy.softmax(-1)),
        Alternate("logarithm", lambda energy: (energy - energy.logsumexp(-1, keepdim=True)).exp()),
        Alternate(
            "guard-detached",
            lambda energy: weights_of(energy - energy.detach().max(-1, keepdim=True).values),
        ),
    ),
)


CAM_BUG_SYMPTOM = choice(
    "cam-bug-softmax-symptom",
    Text("它的症状", "Its symptom"),
    "c",
    {
        "a": Text(
            "softmax 确实不怕每行加减一个数，但 `max - energy` 不只是加减：能量前面有了负号。",
            "A softmax does not mind a number added to a row, but `max - energy` is more than "
            "that: the energy has a minus sign now.",
        ),
        "b": Text(
            "PyTorch 的 softmax 自己已经减去最大值，不会溢出；这一行什么也没有防住。",
            "PyTorch's softmax subtracts the maximum itself and does not overflow; this line "
            "guards against nothing.",
        ),
        "c": Text(
            "对：每行减去自己的最大值不改变 softmax，剩下的只有负号，所以它等于 softmax(−G)。",
            "Yes: taking its maximum from a row does not change a softmax, so only the minus sign "
            "is left, and this is softmax(−G).",
        ),
        "d": Text(
            "softmax 之后行的和总是一，不论给它什么能量。",
            "After a softmax every row sums to one, whatever the energies are.",
        ),
    },
)
