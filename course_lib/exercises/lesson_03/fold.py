"""Exercise dual-fold: what two layers without a non-linearity are."""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def fold(wr: Tensor, br: Tensor, wc: Tensor, bc: Tensor) -> tuple[Tensor, Tensor]:
    """The reference of exercise 3: one layer equal to both, as weight (K, 2C) and bias (K,)."""
    return wc @ wr, wc @ br + bc


def _fold_case(text: Text, classes: tuple[int, int], **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels, count = draw.integer(4, 7), draw.integer(*classes)
        return Call(
            (
                draw.normal(channels, 2 * channels),
                draw.normal(channels),
                draw.normal(count, channels),
                draw.normal(count),
            )
        )

    return Case(text, make, **options)


def _fold_by_probing(wr: Tensor, br: Tensor, wc: Tensor, bc: Tensor) -> tuple[Tensor, Tensor]:
    def both(v: Tensor) -> Tensor:
        return F.linear(F.linear(v, wr, br), wc, bc)

    bias = both(torch.zeros_like(wr[0]))
    return (both(torch.eye(wr.shape[1], dtype=wr.dtype)) - bias).T, bias


def _fold_einsum(wr: Tensor, br: Tensor, wc: Tensor, bc: Tensor) -> list[Tensor]:
    weight = torch.einsum("kc,cv->kv", wc, wr)
    return [weight, bc + (wc * br).sum(1)]


DUAL_FOLD = Exercise(
    id="dual-fold",
    kind="implement",
    title=Text("两层合成一层", "Two layers in one"),
    difficulty=2,
    minutes=5,
    points=2,
    reference=fold,
    cases=(
        _fold_case(Text("几个类", "several classes"), (2, 3)),
        _fold_case(Text("类比通道多", "more classes than channels"), (8, 9)),
        _fold_case(Text("只有一个类", "a single class"), (1, 1)),
        _fold_case(Text("双精度", "double precision"), (2, 3), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "first-bias-forgotten",
            lambda wr, br, wc, bc: (wc @ wr, bc),
            Text(
                "权重对，偏置里少了第一层的偏置：它也要经过第二层。",
                "The weight is right; the bias lacks that of the first layer, which passes through "
                "the second one too.",
            ),
        ),
        Mutant(
            "second-bias-forgotten",
            lambda wr, br, wc, bc: (wc @ wr, wc @ br),
            Text("偏置里少了 `bc`。", "The bias lacks `bc`."),
        ),
        Mutant(
            "transposed",
            lambda wr, br, wc, bc: ((wc @ wr).T, wc @ br + bc),
            Text(
                "权重转置了。`nn.Linear` 的权重形状是（输出数，输入数）。",
                "The weight is transposed. The weight of `nn.Linear` has the shape (outputs, "
                "inputs).",
            ),
        ),
        Mutant(
            "bias-through-weight",
            lambda wr, br, wc, bc: (wc @ wr, wc.sum(1) * br.sum() + bc),
            Text(
                "偏置的每一项要各自乘权重，再求和；不能先求和再相乘。",
                "Each entry of the bias is multiplied by its weight and then summed, not summed "
                "first.",
            ),
        ),
        Mutant(
            "weight-alone",
            lambda wr, br, wc, bc: wc @ wr,
            Text("只返回了权重，还有偏置。", "This returns the weight; there is a bias too."),
        ),
        Mutant(
            "bias-first",
            lambda wr, br, wc, bc: (wc @ br + bc, wc @ wr),
            Text("次序反了：先权重，后偏置。", "The other order: weight first, then bias."),
        ),
    ),
    alternates=(
        Alternate("by-probing", _fold_by_probing),
        Alternate("einsum", _fold_einsum),
    ),
)
