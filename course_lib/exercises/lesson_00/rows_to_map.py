"""Exercise tools-rows-to-map: view does not move a number."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import DOUBLE, ONE, SEVERAL


def rows_to_map(rows: Tensor, height: int, width: int) -> Tensor:
    """The reference of exercise 2: (B, H·W, C) -> (B, C, H, W)."""
    return rows.transpose(1, 2).unflatten(2, (height, width))


def _rows_case(
    text: Text, batch: int | None = None, channels: int | None = None, **options: torch.dtype
) -> Case:
    def make(draw: Draw) -> Call:
        height, width = draw.integer(3, 5), draw.integer(6, 8)
        shape = (batch or draw.integer(2, 3), height * width, channels or draw.integer(3, 5))
        return Call((draw.normal(*shape), height, width))

    return Case(text, make, **options)


def _reshaped(*order: int) -> Callable[[Tensor, int, int], Tensor]:
    """Rows with their axes in another order, then read as a map."""
    return lambda rows, height, width: rows.permute(order).reshape(
        rows.shape[0], rows.shape[2], height, width
    )


ROWS_TO_MAP = Exercise(
    id="tools-rows-to-map",
    kind="implement",
    title=Text("从行回到图", "From rows back to a map"),
    difficulty=2,
    minutes=4,
    points=2,
    reference=rows_to_map,
    cases=(
        _rows_case(SEVERAL),
        _rows_case(ONE, batch=1),
        _rows_case(Text("只有一个通道", "a single channel"), channels=1),
        _rows_case(DOUBLE, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "view-for-transpose",
            _reshaped(0, 1, 2),
            Text(
                "形状对，数却错了位：`view` 与 `reshape` 不搬动任何数，只换一种读法。"
                "通道排在最后，要先把它换到位置之前。",
                "The shape is right and the numbers are in the wrong places: `view` and `reshape` "
                "move no number, they only read them in other rows. The channels come last here "
                "and must be moved before the positions first.",
            ),
        ),
        Mutant(
            "width-before-height",
            lambda rows, height, width: rows.transpose(1, 2).unflatten(2, (width, height)),
            Text(
                "宽写在了高的前面。图若是正方形，就没有报错会提醒你。",
                "Width stands before height. With a square map no error would tell you.",
            ),
        ),
        Mutant(
            "column-by-column",
            lambda rows, height, width: (
                rows.transpose(1, 2).unflatten(2, (width, height)).transpose(2, 3)
            ),
            Text(
                "形状对，但位置是一列一列排的。这里的位置一行一行排：先走完第一行。",
                "The shape is right, but the positions are laid out column by column. Here they "
                "come row by row: the whole first row comes first.",
            ),
        ),
        Mutant(
            "channels-last",
            lambda rows, height, width: rows.unflatten(1, (height, width)),
            Text(
                "通道还在最后一个轴上，应当是第 1 个轴，紧跟在批之后。",
                "The channels are still the last axis; they belong on axis 1, right after the "
                "batch.",
            ),
        ),
        Mutant(
            "batch-mixed-in",
            _reshaped(2, 0, 1),
            Text(
                "批与通道混到了一起：批必须一直是第一个轴。",
                "Batch and channels are mixed: the batch must stay the first axis all the time.",
            ),
        ),
        Mutant(
            "squeezed",
            lambda rows, height, width: (
                rows.transpose(1, 2).unflatten(2, (height, width)).squeeze()
            ),
            Text(
                "最后的 `squeeze()` 去掉了所有长度为一的轴，也包括批或通道。",
                "The `squeeze()` at the end drops every axis of length one, the batch or the "
                "channels among them.",
            ),
        ),
    ),
    alternates=(
        Alternate("reshape", _reshaped(0, 2, 1)),
        Alternate(
            "view",
            lambda rows, height, width: rows.mT.view(len(rows), rows.shape[2], height, width),
        ),
        Alternate(
            "split-then-permute",
            lambda rows, height, width: rows.view(
                rows.shape[0], height, width, rows.shape[2]
            ).permute(0, 3, 1, 2),
        ),
        Alternate(
            "einsum",
            lambda rows, height, width: torch.einsum(
                "bhwc->bchw", rows.unflatten(1, (height, width))
            ),
        ),
    ),
)
