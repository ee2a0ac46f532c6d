"""Exercise se-conv: the module, from two 1x1 convolutions."""

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_01.shared import (
    MODULE_CASES,
    SEConv,
    SEConvGrouped,
    SEConvSequential,
    SELinear,
    module_mutants,
    se_module,
    without_squeeze,
)

SE_CONV = Exercise(
    id="se-conv",
    kind="implement",
    title=Text("模块，用 1×1 卷积", "The module, with 1×1 convolutions"),
    difficulty=2,
    minutes=3,
    points=2,
    reference=SEConv,
    cases=MODULE_CASES,
    mutants=(
        *module_mutants(convolution=True),
        Mutant(
            "no-squeeze",
            se_module(convolution=True, forward=without_squeeze),
            Text(
                "没有压缩：每个位置算出了自己的门。先对 H 和 W 求均值。",
                "There is no squeeze: every position computes a gate of its own. Take the mean "
                "over H and W first.",
            ),
        ),
        Mutant(
            "linear-again",
            SELinear,
            Text(
                "这仍是全连接层：权重是二维的。这一题的权重应是 1×1 卷积的四维权重。",
                "These are still fully connected layers, with weights of two axes. Here the "
                "weights are those of 1×1 convolutions, with four axes.",
            ),
        ),
    ),
    alternates=(
        Alternate("sequential", SEConvSequential),
        Alternate("pooling-as-convolution", SEConvGrouped),
    ),
    exact_shapes=True,
)
