"""Exercise pam-bug-axes: find the bug: three axes."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_04.attention_map import attention_map
from course_lib.exercises.lesson_04.energy import energy
from course_lib.exercises.lesson_04.mix import mix


def position_attention(
    x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor
) -> Tensor:
    """The reference of exercise 7: all of it as one function."""
    return mix(x, value, attention_map(energy(query, key)), gamma)


def _axes_case(text: Text, square: bool = False, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        count, channels, width = draw.integer(2, 3), draw.integer(3, 4), draw.integer(2, 3)
        rows = draw.integer(3, 4)
        columns = rows if square else draw.integer(5, 6)
        x = draw.normal(count, channels, rows, columns)
        query, key = (draw.normal(count, width, rows * columns) for _ in range(2))
        value = draw.normal(count, channels, rows * columns) + draw.normal(1, channels, 1)
        return Call((x, query, key, value, 0.5 + draw.normal(1).abs()))

    return Case(text, make, **options)


def _axes(axis: int = 2, transposed: bool = True, swapped: bool = False) -> Callable[..., Tensor]:
    """The function with some of its three bugs left."""

    def answer(x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
        weights = (query.transpose(1, 2) @ key).softmax(axis)
        mixed = value @ (weights.transpose(1, 2) if transposed else weights)
        batch, channels, height, width = x.shape
        if swapped:
            return gamma * mixed.view(batch, channels, width, height).transpose(2, 3) + x
        return gamma * mixed.view(batch, channels, height, width) + x

    return answer


def _axes_einsum(x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
    weights = torch.einsum("bdn,bdm->bnm", query, key).softmax(-1)
    return x + gamma * torch.einsum("bnm,bcm->bcn", weights, value).unflatten(2, x.shape[2:])


def _axes_by_columns(x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
    """A map that is transposed throughout needs no transpose at the end."""
    columns = (key.transpose(1, 2) @ query).softmax(1)
    return x + gamma * (value @ columns).view_as(x)


def _axes_fused(x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
    q, k, v = (t.transpose(1, 2) for t in (query, key, value))
    mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0).transpose(1, 2)
    return x + gamma * mixed.reshape(x.shape)


_AXIS = Text(
    "还剩一处：softmax 的轴。行要加起来是 1。",
    "One is left: the axis of the softmax. The rows must sum to 1.",
)


_TRANSPOSE = Text(
    "还剩一处：混合用了注意力图的列；位置 i 的权重在第 i 行里。",
    "One is left: the mixture uses the columns of the attention map; the weights of position i "
    "stand in row i.",
)


_VIEW = Text(
    "还剩一处：位置展开成特征图。N 个位置是从 `(H, W)` 逐行排成的，就要照样排回去。",
    "One is left: how positions become a map. They were laid out row by row from `(H, W)`, and "
    "must go back the same way.",
)


PAM_BUG_AXES = Exercise(
    id="pam-bug-axes",
    kind="find the bug",
    title=Text("三处轴", "Three axes"),
    difficulty=3,
    minutes=8,
    points=3,
    reference=position_attention,
    cases=(
        _axes_case(Text("高与宽不等", "height and width differ")),
        _axes_case(Text("正方形的特征图", "a square feature map"), square=True),
        _axes_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _axes(1, False, True),
            Text(
                "仍和上面一样。三处错都与轴有关：从前往后，对每一步问一句，这个轴是什么。",
                "It is still as above. All three mistakes are about axes: go through the steps "
                "and ask of each what its axis is.",
            ),
        ),
        Mutant("axis-left", _axes(1, True, False), _AXIS),
        Mutant("transpose-left", _axes(2, False, False), _TRANSPOSE),
        Mutant("view-left", _axes(2, True, True), _VIEW),
        Mutant(
            "axis-and-transpose-left",
            _axes(1, False, False),
            Text(
                "只改好了位置展开那一步。剩下的两处错互相掩盖：权重加起来又是 1 了，查询与键的角色"
                "却对调了。",
                "Only the step from positions to map is mended. The other two mistakes cover each "
                "other: the weights sum to 1 again, but queries and keys have changed roles.",
            ),
        ),
        Mutant(
            "axis-and-view-left",
            _axes(1, True, True),
            Text(
                "混合改好了。还剩两处：softmax 的轴，位置展开成特征图。",
                "The mixture is mended. Two are left: the axis of the softmax, and how positions "
                "become a map.",
            ),
        ),
        Mutant(
            "transpose-and-view-left",
            _axes(2, False, True),
            Text(
                "softmax 改好了。还剩两处：混合用了列，位置展开成特征图。",
                "The softmax is mended. Two are left: the mixture uses columns, and how positions "
                "become a map.",
            ),
        ),
    ),
    alternates=(
        Alternate("einsum", _axes_einsum),
        Alternate("by-columns", _axes_by_columns),
        Alternate("fused-kernel", _axes_fused),
    ),
)
