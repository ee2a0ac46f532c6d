"""Exercise danet-bug-loss: find the bug: the printed loss."""

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def epoch_loss(means: Tensor, sizes: Tensor) -> Tensor:
    """The reference of exercise 8: the mean over all pictures of an epoch."""
    return (means * sizes).sum() / sizes.sum()


def _epoch_loss_case(text: Text, batches: int, last: int, full: int = 8) -> Case:
    def make(draw: Draw) -> Call:
        means = draw.normal(batches).abs() + 0.5
        sizes = torch.tensor([full] * (batches - 1) + [last])
        return Call((means, sizes))

    return Case(text, make)


def _epoch_loss_loop(means: Tensor, sizes: Tensor) -> Tensor:
    total, count = 0.0, 0
    for mean, size in zip(means.tolist(), sizes.tolist(), strict=True):
        total += mean * size
        count += size
    return means.new_tensor(total / count)


DANET_BUG_LOSS = Exercise(
    id="danet-bug-loss",
    kind="find the bug",
    title=Text("只剩八分之一的损失", "A loss eight times too small"),
    difficulty=1,
    minutes=3,
    points=2,
    reference=epoch_loss,
    cases=(
        _epoch_loss_case(Text("最后一批不完整", "an incomplete last batch"), 5, 3),
        _epoch_loss_case(Text("每批都完整", "all batches complete"), 4, 8),
        _epoch_loss_case(Text("只有不完整的一批", "one incomplete batch alone"), 1, 5),
        _epoch_loss_case(Text("每批六张", "batches of six"), 6, 1, 6),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda means, sizes: means.sum() / sizes.sum(),
            Text(
                "仍和上面一样：各批的均值之和除以了图的张数，小了大约一个批大小的倍数。",
                "It is still as above: a sum of the batches' means over the number of pictures, "
                "too small by about the batch size.",
            ),
        ),
        Mutant(
            "mean-of-means",
            lambda means, sizes: means.mean() + 0 * sizes.sum(),
            Text(
                "每一批分量一样。最后一批图少，分量也应当小。",
                "Every batch has the same weight. The last one has fewer pictures and should weigh "
                "less.",
            ),
        ),
        Mutant(
            "times-eight",
            lambda means, sizes: 8 * means.sum() / sizes.sum(),
            Text(
                "乘回了一个写死的 8。批的大小写在 `sizes` 里，而且不必都一样。",
                "A fixed 8 is multiplied back. The sizes stand in `sizes`, and they may differ.",
            ),
        ),
        Mutant(
            "sum",
            lambda means, sizes: (means * sizes).sum(),
            Text(
                "这是和，还要除以图的张数。",
                "This is the sum; divide it by the number of pictures.",
            ),
        ),
        Mutant(
            "divided-by-batches",
            lambda means, sizes: (means * sizes).sum() / len(sizes),
            Text(
                "除以了批数。分子是所有图的和，分母也应当是图的张数。",
                "It is divided by the number of batches. Above stands a sum over pictures, so "
                "below belongs their number.",
            ),
        ),
        Mutant(
            "first-size-for-all",
            lambda means, sizes: means.sum() * sizes[0] / sizes.sum(),
            Text(
                "每一批都按第一批的大小算了。",
                "Every batch counts with the size of the first one.",
            ),
        ),
    ),
    alternates=(
        Alternate("loop", _epoch_loss_loop),
        Alternate("product", lambda means, sizes: means @ (sizes / sizes.sum()).to(means)),
        Alternate("repeated", lambda means, sizes: torch.repeat_interleave(means, sizes).mean()),
    ),
    gradients=False,
)
