"""Exercise dual-bug-features and its symptom: the features of a network."""

import torch

from course_lib.checks import Alternate, Exercise, Mutant, Text, choice
from course_lib.exercises.lesson_03.bug_features_answers import (
    ByName,
    Features,
    Frozen,
    HeadDeleted,
    HeadReplaced,
    NoStem,
    PlainList,
    StagesOnly,
    WholeKept,
    cut,
    features_case,
)
from course_lib.exercises.lesson_03.shared import ByNamedChildren

DUAL_BUG_FEATURES = Exercise(
    id="dual-bug-features",
    kind="find the bug",
    title=Text("最后三个", "The last three"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=Features,
    cases=(
        features_case(Text("推理模式", "eval mode"), 2),
        features_case(Text("训练模式", "train mode"), 3, training=True),
        features_case(
            Text("一张图，双精度", "one picture, double precision"), 1, dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            cut(-3),
            Text(
                "仍和上面一样。把去掉的三个子模块的名字打印出来：其中一个不是分类头的。",
                "It is still as above. Print the names of the three children that go: one of them "
                "does not belong to the head.",
            ),
        ),
        Mutant(
            "pooled-already",
            cut(-1),
            Text(
                "只去掉了最后一个，平均池化还在：每个通道只剩一个数，最大值无从取起。",
                "Only the last one is gone, and the average pool is still there: one number per "
                "channel is left, and nothing to take a maximum of.",
            ),
        ),
        Mutant(
            "head-replaced",
            HeadReplaced,
            Text(
                "分类层换成了 `Identity`，但网络照旧先平均池化、再展平："
                "返回的是每个通道一个数，不是特征图。",
                "The classifier is replaced by `Identity`, but the network still runs its average "
                "pooling and flattens before it: what comes back is one number per channel and no "
                "feature map.",
            ),
        ),
        Mutant(
            "head-kept-unused",
            WholeKept,
            Text(
                "输出对，但整个网络还存在里面：`fc` 的参数从不参与计算，却仍算作参数。",
                "The output is right, but the whole network is stored: the parameters of `fc` take "
                "part in nothing and still count.",
            ),
        ),
        Mutant(
            "plain-list",
            PlainList,
            Text(
                "层放在普通的列表里，没有登记：优化器看不到它们，`train`、`eval` 与 `to` 也"
                "到不了它们。",
                "The layers are in a plain list and not registered: no optimizer sees them, and "
                "`train`, `eval` and `to` do not reach them.",
            ),
        ),
        Mutant(
            "stem-broken",
            StagesOnly,
            Text(
                "开头只剩卷积，批归一化、ReLU 与最大池化都不见了。",
                "Of the stem only the convolution is left; batch normalization, ReLU and the max "
                "pool are gone.",
            ),
        ),
        Mutant(
            "pool-skipped",
            NoStem,
            Text(
                "开头的最大池化不见了，图大了一倍。它没有参数，却仍属于网络。",
                "The max pool of the stem is gone, and the map is twice as large. It has no "
                "parameters, yet it belongs to the network.",
            ),
        ),
        Mutant(
            "frozen",
            Frozen,
            Text(
                "输出对，但没有梯度：这样网络只能提取特征，不能再训练。",
                "The output is right, but there is no gradient: the network can give features and "
                "never train again.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-name", ByName),
        Alternate("head-deleted", HeadDeleted),
        Alternate("named-children", ByNamedChildren),
    ),
)


DUAL_BUG_FEATURES_SYMPTOM = choice(
    "dual-bug-features-symptom",
    Text("症状", "The symptom"),
    "b",
    {
        "a": Text(
            "构造时不会报错：`Sequential` 不知道各层的形状是否相配，前向时才知道。",
            "Building is fine: a `Sequential` does not know whether its layers fit until a "
            "forward.",
        ),
        "b": Text(
            "对：少了 `layer4`，图是 14×14、256 个通道，两种池化合起来是 512 个数，而缩减层"
            "等的是 1024 个，第一次前向就报错。",
            "Yes: without `layer4` the map is 14×14 with 256 channels, both poolings together "
            "give 512 numbers, the reduction waits for 1024, and the first forward fails.",
        ),
        "c": Text(
            "缩减层的输入写死为 1024，所以跑不起来。假如它按得到的通道数来造，就会这样悄悄地错。",
            "The reduction has 1024 inputs written into it, so nothing runs. Had it been made "
            "for the channels that arrive, this silent fault would be what you get.",
        ),
        "d": Text(
            "边长是多少都会报错：缩减层要的是通道数，而通道数与图的大小无关。",
            "It fails with every side: the reduction asks for a number of channels, which does "
            "not depend on the size of the picture.",
        ),
    },
)
