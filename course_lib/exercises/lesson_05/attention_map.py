"""Exercise cam-map: similarity of channels as weights."""

import math

import torch
from torch import Tensor, nn

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_05.shared import (
    LARGE,
    draw_features,
    draw_hundredfold,
    draw_transposed,
    gram_of,
    map_case,
    map_einsum,
    weights_of,
)


def channel_map(x: Tensor) -> Tensor:
    """The reference of exercise 1: (B, C, H, W) -> (B, C, C), softmax of the rows of A A^T."""
    flat = x.flatten(2)
    return torch.bmm(flat, flat.transpose(1, 2)).softmax(-1)


def _positional(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return (flat.mT @ flat).softmax(-1)


def _of_means(x: Tensor) -> Tensor:
    means = x.mean((2, 3))
    return (x[0, 0].numel() * means[:, :, None] * means[:, None]).softmax(-1)


def _reread(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return (flat @ flat.reshape(len(flat), flat.shape[2], flat.shape[1])).softmax(-1)


def _viewed(x: Tensor) -> Tensor:
    flat = x.view(x.shape[0], x.shape[1], -1)
    return (flat @ flat.mT).softmax(-1)


def _map_stepwise(x: Tensor) -> Tensor:
    flat = x.reshape(x.shape[0], x.shape[1], x.shape[2] * x.shape[3])
    energy = torch.matmul(flat, flat.permute(0, 2, 1))
    weights = torch.exp(energy - energy.max(dim=-1, keepdim=True).values)
    return weights / weights.sum(-1, keepdim=True)


def _map_pairs(x: Tensor) -> Tensor:
    products = (x[:, :, None] * x[:, None]).sum((3, 4))
    return nn.Softmax(dim=-1)(products)


CAM_MAP = Exercise(
    id="cam-map",
    kind="implement",
    title=Text("通道的相似图", "The map of channels"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=channel_map,
    cases=(
        map_case(Text("几张图，高与宽不等", "several pictures, height and width differ")),
        map_case(Text("批里只有一张图", "a batch of one"), lambda draw: draw_features(draw, 1)),
        map_case(Text("转置过的特征图", "a transposed feature map"), draw_transposed),
        map_case(Text("双精度", "double precision"), dtype=torch.float64),
        map_case(LARGE, draw_hundredfold, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "overflows",
            lambda x: weights_of(gram_of(x)),
            Text(
                "`exp` 溢出成无穷，无穷除以无穷得 nan。用 `softmax`，它自己会先减去最大值。",
                "`exp` overflows to infinity, and infinity by infinity is nan. Use `softmax`, "
                "which subtracts the maximum itself.",
            ),
        ),
        Mutant(
            "divided-by-number",
            lambda x: (gram_of(x) / x[0, 0].numel()).softmax(-1),
            Text(
                "能量除以了位置的个数。公式里没有这一步；该除以什么，练习 5 会量。",
                "The energies are divided by the number of positions. The formula has no such "
                "step; what to divide by is measured in exercise 5.",
            ),
        ),
        Mutant(
            "wrong-axis",
            lambda x: gram_of(x).softmax(1),
            Text(
                "softmax 取在了列上。每一行的和应当是一：看 `dim`。",
                "The softmax runs along the columns. Each row must sum to one: look at `dim`.",
            ),
        ),
        Mutant(
            "positional",
            _positional,
            Text(
                "这是位置之间的图，形状 `(B, N, N)`：两个因子的次序反了。通道的图是 `(B, C, C)`。",
                "This is a map between positions, of shape `(B, N, N)`: the two factors are in the "
                "other order. The map of channels is `(B, C, C)`.",
            ),
        ),
        Mutant(
            "no-softmax",
            gram_of,
            Text(
                "还没有取 softmax：这是 Gram 矩阵本身，行的和不是一。",
                "There is no softmax yet: this is the Gram matrix itself, and its rows do not sum "
                "to one.",
            ),
        ),
        Mutant(
            "divided-by-root",
            lambda x: (gram_of(x) / math.sqrt(x[0, 0].numel())).softmax(-1),
            Text(
                "能量除以了位置个数的平方根。公式里没有这一步；该除以什么，练习 5 会量。",
                "The energies are divided by the root of the number of positions. The formula "
                "has no "
                "such step; what to divide by is measured in exercise 5.",
            ),
        ),
        Mutant(
            "negated",
            lambda x: (-gram_of(x)).softmax(-1),
            Text(
                "能量的符号反了：最不相似的通道得到了最大的权重。",
                "The energies have the other sign: the least similar channel gets the largest "
                "weight.",
            ),
        ),
        Mutant(
            "means-only",
            _of_means,
            Text(
                "只用了各通道的均值。内积要在每个位置上相乘，再对位置求和。",
                "Only the means of the channels are used. An inner product multiplies at every "
                "position and then sums over the positions.",
            ),
        ),
        Mutant(
            "reread-for-transposed",
            _reread,
            Text(
                "用 `reshape` 代替了转置：数的次序没有变，只是换了行的长度，一行里混进了几个通道。",
                "A `reshape` stands for a transpose: the numbers keep their order and only the "
                "rows get another length, so that a row mixes several channels.",
            ),
        ),
        Mutant(
            "view-only",
            _viewed,
            Text(
                "`view` 要求内存里的次序与形状相符，转置过的图做不到。"
                "换成 `flatten` 或 `reshape`。",
                "`view` needs memory in the order of the shape, and a transposed map has it "
                "otherwise. Take `flatten` or `reshape`.",
            ),
        ),
        Mutant(
            "batch-lost",
            lambda x: torch.einsum("bihw,bjhw->ij", x, x).softmax(-1),
            Text(
                "批的轴不见了：整批图加成了一张图。每张图有自己的图，一共 `B` 张。",
                "The batch axis is gone: the whole batch was summed into one map. Every picture "
                "has its own, `B` in all.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            lambda x: gram_of(x.detach()).softmax(-1) + 0 * x.sum(),
            Text(
                "数值对，但梯度没有经过图。找 `detach`、`no_grad` 或 `.data`。",
                "The values are right, but no gradient passes the map. Look for `detach`, "
                "`no_grad` or `.data`.",
            ),
        ),
    ),
    alternates=(
        Alternate("einsum", map_einsum),
        Alternate("stepwise", _map_stepwise),
        Alternate("pairs", _map_pairs),
    ),
)
