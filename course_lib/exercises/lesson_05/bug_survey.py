"""Exercise cam-bug-survey: find the bug: the survey's formula."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_05.shared import draw_features, gram_of, map_case, map_einsum


def survey(x: Tensor) -> Tensor:
    """The reference of exercise 8: X + softmax(X X^T) X."""
    flat = x.flatten(2)
    return x + (torch.bmm(flat, flat.transpose(1, 2)).softmax(-1) @ flat).view_as(x)


def _by_position(x: Tensor, dim: int) -> Tensor:
    flat = x.flatten(2)
    return x + (flat @ (flat.mT @ flat).softmax(dim)).reshape(x.shape)


def _survey_of(weights: Callable[[Tensor], Tensor], residual: float = 1) -> Callable:
    def answer(x: Tensor) -> Tensor:
        return residual * x + (weights(gram_of(x)) @ x.flatten(2)).reshape(x.shape)

    return answer


CAM_BUG_SURVEY = Exercise(
    id="cam-bug-survey",
    kind="find the bug",
    title=Text("两个因子的次序", "The order of two factors"),
    difficulty=2,
    minutes=5,
    points=2,
    reference=survey,
    cases=(
        map_case(Text("几张图", "several pictures")),
        map_case(Text("批里只有一张图", "a batch of one"), lambda draw: draw_features(draw, 1)),
        map_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda x: _by_position(x, -1),
            Text(
                "仍和上面一样：`X.mT @ X` 是位置之间的相似，形状 `(N, N)`。",
                "It is still as above: `X.mT @ X` compares positions and has the shape `(N, N)`.",
            ),
        ),
        Mutant(
            "columns-of-positions",
            lambda x: _by_position(x, -2),
            Text(
                "现在各列的和是一，混合成了平均；但混合的仍是位置，不是通道。",
                "Now the columns sum to one and the mixture is an average; but it still mixes "
                "positions, not channels.",
            ),
        ),
        Mutant(
            "transposed",
            _survey_of(lambda gram: gram.softmax(-1).mT),
            Text(
                "用的是图的列：softmax 取错了轴，或者相乘时转置了。每个输出的权重之和不再是一。",
                "The columns of the map are used: its softmax runs along the wrong axis, or the "
                "product transposes it. The weights of an output no longer sum to one.",
            ),
        ),
        Mutant(
            "no-residual",
            _survey_of(lambda gram: gram.softmax(-1), 0),
            Text("没有加上 `X`。", "`X` is not added."),
        ),
        Mutant(
            "negated",
            _survey_of(lambda gram: (-gram).softmax(-1)),
            Text(
                "能量的符号反了。那是发布的代码；综述的公式里没有负号。",
                "The energies have the other sign. That is the released code; the formula of the "
                "survey has no minus.",
            ),
        ),
        Mutant(
            "no-softmax",
            _survey_of(lambda gram: gram),
            Text("没有取 softmax。", "There is no softmax."),
        ),
    ),
    alternates=(
        Alternate("parts", lambda x: x + torch.einsum("bij,bjhw->bihw", map_einsum(x), x)),
        Alternate("stepwise", _survey_of(lambda gram: (gram - gram.logsumexp(2, True)).exp())),
        Alternate(
            "transposed-twice",
            lambda x: x + (x.flatten(2).mT @ gram_of(x).softmax(1)).mT.reshape(x.shape),
        ),
    ),
)
