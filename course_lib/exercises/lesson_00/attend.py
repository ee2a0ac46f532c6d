"""Exercise tools-attend: softmax's axis and a batch of matrix products."""

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import DOUBLE, ONE


def attend(scores: Tensor, values: Tensor) -> Tensor:
    """The reference of exercise 6: (B, N, N) and (B, C, N) -> (B, C, N)."""
    return torch.einsum("bij,bcj->bci", scores.softmax(-1), values)


def _attend_case(
    text: Text, batch: int | None = None, shift: float = 0.0, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        rows, positions = batch or draw.integer(2, 3), draw.integer(6, 8)
        return Call(
            (
                2 * draw.normal(rows, positions, positions) + shift,
                draw.normal(rows, draw.integer(3, 5), positions),
            )
        )

    return Case(text, make, **options)


def _attend_by_bmm(scores: Tensor, values: Tensor) -> Tensor:
    return torch.bmm(values, torch.softmax(scores, dim=2).permute(0, 2, 1))


def _attend_by_rows(scores: Tensor, values: Tensor) -> Tensor:
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    weights = weights / weights.sum(-1, keepdim=True)
    rows = [(weights[:, None, i] * values).sum(-1) for i in range(scores.shape[1])]
    return torch.stack(rows, -1)


ATTEND = Exercise(
    id="tools-attend",
    kind="implement",
    title=Text("按注意力图取平均", "Average by an attention map"),
    difficulty=3,
    minutes=5,
    points=3,
    reference=attend,
    cases=(
        _attend_case(Text("几张图", "several pictures")),
        _attend_case(ONE, batch=1),
        _attend_case(Text("很大的分数", "very large scores"), shift=200.0),
        _attend_case(DOUBLE, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "softmax-over-columns",
            lambda scores, values: values @ scores.softmax(1).mT,
            Text(
                "softmax 用错了轴：现在每一列的和是一。要让每一行的和是一，"
                "因为每一行是一个位置的权重。",
                "softmax runs over the wrong axis: now every column sums to one. Every row must, "
                "since a row holds the weights of one position.",
            ),
        ),
        Mutant(
            "softmax-over-the-batch",
            lambda scores, values: values @ scores.softmax(0).mT,
            Text(
                "softmax 跨过了批：一张图的权重于是取决于别的图。",
                "softmax runs over the batch: the weights of a picture depend on the other "
                "pictures.",
            ),
        ),
        Mutant(
            "softmax-over-everything",
            lambda scores, values: values @ scores.flatten(1).softmax(1).view_as(scores).mT,
            Text(
                "整张图的和是一。每一行的和都应当是一。",
                "The map as a whole sums to one. Every row must.",
            ),
        ),
        Mutant(
            "no-transpose",
            lambda scores, values: values @ scores.softmax(2),
            Text(
                "形状对，但求和走错了轴：注意力图差一次转置。写出下标，看求和的是 i 还是 j。",
                "The shape is right, but the sum runs over the wrong axis: the attention map lacks "
                "a transpose. Write down the indices and see whether the sum is over i or j.",
            ),
        ),
        Mutant(
            "both-transposed",
            lambda scores, values: values @ scores.softmax(1),
            Text(
                "softmax 与求和都走在列上：权重的和是一，但用的是 `scores` 的转置。",
                "softmax and the sum both go along columns: the weights sum to one, but they come "
                "from the transpose of `scores`.",
            ),
        ),
        Mutant(
            "no-softmax",
            lambda scores, values: values @ scores.mT,
            Text(
                "少了 softmax：分数还不是权重，可以是负的，和也不是一。",
                "softmax is missing: scores are no weights yet, they may be negative and do not "
                "sum to one.",
            ),
        ),
        Mutant(
            "sigmoid-for-softmax",
            lambda scores, values: values @ scores.sigmoid().mT,
            Text(
                "sigmoid 让每个数各自落在 0 与 1 之间，一行的和却不是一。",
                "sigmoid maps every number to between 0 and 1 on its own; a row does not sum to "
                "one.",
            ),
        ),
        Mutant(
            "overflowing",
            lambda scores, values: values @ (scores.exp() / scores.exp().sum(-1, keepdim=True)).mT,
            Text(
                "手写的 `exp` 在分数很大时溢出，inf 除以 inf 是 nan。先减去每行的最大值，结果不变；"
                "torch 的 softmax 正是这样做的。",
                "`exp` written by hand overflows for large scores, and inf over inf is nan. "
                "Subtract the maximum of every row first, which changes nothing; torch's softmax "
                "does.",
            ),
        ),
    ),
    alternates=(
        Alternate("bmm", _attend_by_bmm),
        Alternate("matmul", lambda scores, values: values @ scores.softmax(-1).mT),
        Alternate("row-by-row", _attend_by_rows),
    ),
)
