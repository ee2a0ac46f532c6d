"""Exercise danet-dilate: a stage without its stride."""

import torch

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_06.dilate_answers import (
    DilatedStage,
    EnlargedAfter,
    StageByName,
    StageByPhases,
    StageRebuilt,
    stage_case,
    stage_mutant,
)

DANET_DILATE = Exercise(
    id="danet-dilate",
    kind="implement",
    title=Text("以膨胀代步幅", "Dilation instead of stride"),
    difficulty=3,
    minutes=8,
    points=4,
    reference=DilatedStage,
    cases=(
        stage_case(Text("来的网格没有变", "the grid is as it was"), 1, 2),
        stage_case(Text("来的网格每边已是两倍格数", "the grid is twice as fine already"), 2, 2),
        stage_case(
            Text("每边是三倍格数，一个块", "the grid is three times as fine, one block"), 3, 1
        ),
        stage_case(
            Text("三个块，双精度", "three blocks, double precision"), 2, 3, dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "stride-kept",
            stage_mutant(lambda before, block, strided: 1, stride=None),
            Text(
                "图还是缩小了一半：步幅没有拿掉。有步幅的卷积有两个。",
                "The map is still half as large: the stride is there. Two convolutions have it.",
            ),
        ),
        Mutant(
            "not-dilated",
            stage_mutant(lambda before, block, strided: 1),
            Text(
                "步幅没有了，膨胀也没有。卷积看的是细网格上的近邻，权重学的却是粗网格上的：要让抽头的间隔跟着变。",
                "The stride is gone, but no convolution is dilated. They look at neighbours on the "
                "fine grid, while the weights mean those on the coarse one: the taps must move "
                "apart.",
            ),
        ),
        Mutant(
            "first-one-too-wide",
            stage_mutant(lambda before, block, strided: 2 * before),
            Text(
                "原来有步幅的那个 3×3 卷积也用了 `2 * before`。它在步幅之前看图，"
                "那时网格还是来时的网格。",
                "The 3×3 convolution that had the stride has `2 * before` too. It looks at the map "
                "before the stride, when the grid is still the one that comes in.",
            ),
        ),
        Mutant(
            "first-block-as-before",
            stage_mutant(lambda before, block, strided: before if not block else 2 * before),
            Text(
                "第一个块的两个 3×3 卷积都用了 `before`。第二个已经在步幅之后，"
                "看的是粗网格：它要 `2 * before`。",
                "Both 3×3 convolutions of the first block have `before`. The second one already "
                "stands after the stride and means the coarse grid: it needs `2 * before`.",
            ),
        ),
        Mutant(
            "all-as-before",
            stage_mutant(lambda before, block, strided: before),
            Text(
                "每个 3×3 卷积都用了 `before`。原来在步幅之后的那些要它的两倍。",
                "Every 3×3 convolution has `before`. Those after the stride need twice that.",
            ),
        ),
        Mutant(
            "interchanged",
            stage_mutant(lambda before, block, strided: 2 * before if strided else before),
            Text(
                "两种膨胀放反了：有步幅的那个卷积用 `before`，其余的用它的两倍。",
                "The two dilations are interchanged: `before` is for the convolution with the "
                "stride, twice that for all others.",
            ),
        ),
        Mutant(
            "always-two",
            stage_mutant(lambda before, block, strided: 2),
            Text(
                "每个 3×3 卷积的膨胀都是写死的 2。它随 `before` 变，步幅之前与之后也不同。",
                "Every 3×3 convolution has a fixed dilation of 2. It depends on `before`, and "
                "differs before and after the stride.",
            ),
        ),
        Mutant(
            "before-ignored",
            stage_mutant(lambda before, block, strided: 1 if strided else 2),
            Text(
                "膨胀不随 `before` 变。前一个阶段的步幅若也拿掉了，间隔要在它的基础上再翻倍。",
                "The dilation does not depend on `before`. Where the stage before has lost its "
                "stride too, the distance doubles from there.",
            ),
        ),
        Mutant(
            "added-not-doubled",
            stage_mutant(lambda before, block, strided: before if strided else before + 1),
            Text(
                "膨胀用了 `before + 1`。每去掉一个步幅 2，间隔是翻倍。",
                "The dilation is `before + 1`. Every stride of 2 that goes doubles the distance.",
            ),
        ),
        Mutant(
            "later-blocks-forgotten",
            stage_mutant(
                lambda before, block, strided: before if strided else 2 * before if not block else 1
            ),
            Text(
                "只有第一个块膨胀了。后面的块原来也在粗网格上。",
                "Only the first block is dilated. The blocks after it stood on the coarse grid "
                "too.",
            ),
        ),
        Mutant(
            "padding-forgotten",
            stage_mutant(
                lambda before, block, strided: before if strided else 2 * before,
                padding=lambda rate: 1,
            ),
            Text(
                "两条路的图大小不同，加不起来。逐个看：3×3 卷积的膨胀是 d，填充也要是 d；"
                "捷径上的 1×1 卷积步幅是 1，没有填充。",
                "The maps of the two paths differ in size and cannot be added. Look at each: a 3×3 "
                "convolution with dilation d needs a padding of d; the 1×1 convolution of the "
                "shortcut has stride 1 and no padding.",
            ),
        ),
        Mutant(
            "enlarged-after",
            EnlargedAfter,
            Text(
                "阶段没有动，只把它的输出放大了。大小对，细节已经丢了。",
                "The stage is as it was, and its output is enlarged. The size is right, the detail "
                "is lost.",
            ),
        ),
    ),
    alternates=(
        Alternate("rebuilt", StageRebuilt),
        Alternate("by-name", StageByName),
        Alternate("by-phases", StageByPhases),
    ),
)
