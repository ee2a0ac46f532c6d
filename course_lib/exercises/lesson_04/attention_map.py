"""Exercise pam-map: energies become weights."""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_04.shared import GRADIENT_STOPPED


def attention_map(energy: Tensor) -> Tensor:
    """The reference of exercise 2: (B, N, M) -> (B, N, M), rows that sum to one."""
    return energy.softmax(-1)


def _map_case(text: Text, shift: float = 0.0, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        rows = draw.integer(4, 6)
        energies = draw.normal(draw.integer(2, 3), rows, rows + draw.integer(1, 3), scale=1.5)
        return Call((energies + shift,))

    return Case(text, make, **options)


def _map_of_far_rows(draw: Draw) -> Call:
    rows = draw.integer(4, 6)
    energies = draw.normal(draw.integer(2, 3), rows, rows + draw.integer(1, 3), scale=1.5)
    energies[:, ::2] += 300
    energies[:, 1::2] -= 300
    return Call((energies,))


def _map_by_one_maximum(energy: Tensor) -> Tensor:
    weights = (energy - energy.max()).exp()
    return weights / weights.sum(-1, keepdim=True)


def _map_by_hand(energy: Tensor) -> Tensor:
    weights = (energy - energy.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


def _map_by_logarithm(energy: Tensor) -> Tensor:
    return (energy - energy.logsumexp(dim=2, keepdim=True)).exp()


PAM_MAP = Exercise(
    id="pam-map",
    kind="implement",
    title=Text("注意力图", "The attention map"),
    difficulty=1,
    minutes=4,
    points=2,
    reference=attention_map,
    cases=(
        _map_case(Text("能量可正可负", "energies of either sign")),
        _map_case(Text("能量在 300 上下", "energies around 300"), shift=300.0),
        _map_case(Text("能量在 -300 上下", "energies around -300"), shift=-300.0),
        Case(Text("行与行差几百", "rows that are hundreds apart"), _map_of_far_rows),
        _map_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "columns-sum-to-one",
            lambda energy: energy.softmax(1),
            Text(
                "softmax 取在了错的轴上：现在每一列加起来是 1。一个查询的权重在同一行里，加起来为 "
                "1 的应当是行。",
                "The softmax runs along the wrong axis: each column sums to 1 now. The weights of "
                "one query stand in a row, so the rows must sum to 1.",
            ),
        ),
        Mutant(
            "across-the-batch",
            lambda energy: energy.softmax(0),
            Text(
                "softmax 取在了批的轴上：不同的注意力图互相分权重。",
                "The softmax runs along the batch, so that different attention maps share out "
                "their weights.",
            ),
        ),
        Mutant(
            "whole-map-sums-to-one",
            lambda energy: energy.flatten(1).softmax(1).view_as(energy),
            Text(
                "整张注意力图加起来才是 1；应当每一行各自如此。",
                "The whole attention map sums to 1; every row must do so by itself.",
            ),
        ),
        Mutant(
            "overflowing",
            lambda energy: energy.exp() / energy.exp().sum(-1, keepdim=True),
            Text(
                "能量大时得到 nan：`exp` 溢出了。softmax 对每一行加同一个数不变，先减去行的最大值"
                "就不会溢出。",
                "Large energies give nan, because `exp` overflows. A softmax does not change when "
                "a row is shifted by one number; subtract the row's maximum first.",
            ),
        ),
        Mutant(
            "one-maximum-for-all-rows",
            _map_by_one_maximum,
            Text(
                "所有的行共用了一个最大值：低得多的行取指数后全是零，零除以零得到 nan。每一行各减自"
                "己的最大值。",
                "All rows share one maximum: a row far below it underflows, and zero divided by "
                "zero is nan. Subtract from each row its own maximum.",
            ),
        ),
        Mutant(
            "sigmoid",
            lambda energy: energy.sigmoid(),
            Text(
                "这是 sigmoid：每个数各管各的，行加起来不是 1。",
                "This is a sigmoid: every number stands for itself, and the rows do not sum to 1.",
            ),
        ),
        Mutant(
            "without-exponential",
            lambda energy: energy / energy.sum(-1, keepdim=True),
            Text(
                "行加起来是 1，但没有取指数：负的能量给出了负的权重。",
                "The rows sum to 1, but no exponential was taken: negative energies give negative "
                "weights.",
            ),
        ),
        Mutant(
            "negated",
            lambda energy: (energy.amax(-1, keepdim=True) - energy).softmax(-1),
            Text(
                "能量的符号反了：能量最大的位置得到最小的权重。稳定数值要减去最大值，而不是被它"
                "减。",
                "The energies have the wrong sign: the largest gets the least weight. For "
                "stability the maximum is subtracted from them, not they from it.",
            ),
        ),
        Mutant("gradient-stopped", lambda energy: energy.detach().softmax(-1), GRADIENT_STOPPED),
    ),
    alternates=(
        Alternate("by-hand", _map_by_hand),
        Alternate("by-logarithm", _map_by_logarithm),
        Alternate("functional", lambda energy: F.softmax(energy, dim=2)),
    ),
)
