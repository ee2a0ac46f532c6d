"""Exercise dual-bug-twice and its symptom: a classifier that keeps too much."""

import torch
from torch import nn

from course_lib.checks import Alternate, Exercise, Mutant, Text, choice
from course_lib.exercises.lesson_03.bug_twice_answers import (
    MendedClassifier,
    ReusedHead,
    classifier_case,
    classifier_of,
    maps_frozen,
    maps_of_base,
    maps_of_hidden,
    register_base,
    register_base_without_head,
    register_both,
    register_both_without_head,
    register_hidden,
)
from course_lib.exercises.lesson_03.pool import dual_pool
from course_lib.exercises.lesson_03.shared import ByNamedChildren, maximum_of, mean_of, pooled_by

DUAL_BUG_TWICE = Exercise(
    id="dual-bug-twice",
    kind="find the bug",
    title=Text("多存了什么", "What is stored too much"),
    difficulty=3,
    minutes=8,
    points=3,
    reference=MendedClassifier,
    cases=(
        classifier_case(Text("推理模式", "eval mode"), 2),
        classifier_case(Text("训练模式", "train mode"), 3, training=True),
        classifier_case(
            Text("一张图，双精度", "one picture, double precision"), 1, dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            classifier_of(register=register_both),
            Text(
                "仍和上面一样：同样的层登记在两个名字下，旧的分类层也还在。",
                "It is still as above: the same layers are registered under two names, and the old "
                "classifier is still there.",
            ),
        ),
        Mutant(
            "twice-without-the-old-head",
            classifier_of(register=register_both_without_head),
            Text(
                "旧的分类层没有了，但同样的层仍登记在两个名字下：数一数 `state_dict()` 有几项。",
                "The old classifier is gone, but the same layers are still registered under two "
                "names: count the entries of `state_dict()`.",
            ),
        ),
        Mutant(
            "old-head-kept",
            classifier_of(register=register_base, maps=maps_of_base),
            Text(
                "每层只登记了一次，但旧的分类层还在，没有梯度能传到它。",
                "Every layer is registered once now, but the old classifier is still there, and no "
                "gradient reaches it.",
            ),
        ),
        Mutant(
            "hidden-in-a-list",
            classifier_of(register=register_hidden, maps=maps_of_hidden),
            Text(
                "网络藏进了普通的列表：`state_dict` 里没有它，优化器也训练不到它。",
                "The network is hidden in a plain list: it is missing from `state_dict`, and no "
                "optimizer trains it.",
            ),
        ),
        Mutant(
            "frozen",
            classifier_of(maps=maps_frozen),
            Text(
                "登记对了，但网络没有梯度：现在活着的只有分类头。",
                "The registration is right, but the network gets no gradient: only the head is "
                "alive now.",
            ),
        ),
        Mutant(
            "stage-lost",
            classifier_of(
                register=lambda self, network: setattr(
                    self, "features", nn.Sequential(*list(network.children())[:-3])
                )
            ),
            Text(
                "去掉的太多：最后一个阶段也不见了。见练习 4。",
                "Too much is gone: the last stage too. See exercise 4.",
            ),
        ),
        Mutant(
            "pooled-already",
            classifier_of(
                register=lambda self, network: setattr(
                    self, "features", nn.Sequential(*list(network.children())[:-1])
                )
            ),
            Text(
                "平均池化还在特征里：每个通道只剩一个数，均值与最大值于是相等。",
                "The average pool is still among the features: one number per channel is left, so "
                "that mean and maximum are equal.",
            ),
        ),
        Mutant(
            "maximum-first",
            classifier_of(
                forward=lambda self, x: self.fc(
                    self.reduce(pooled_by(maximum_of, mean_of)(self.maps(x))).relu()
                )
            ),
            Text(
                "登记对了，但两半的次序反了：均值在前。",
                "The registration is right, but the halves are in the other order: the means come "
                "first.",
            ),
        ),
        Mutant(
            "no-relu",
            classifier_of(forward=lambda self, x: self.fc(self.reduce(dual_pool(self.maps(x))))),
            Text(
                "登记对了，但分类头里的 ReLU 不见了。",
                "The registration is right, but the ReLU of the head is gone.",
            ),
        ),
    ),
    alternates=(
        Alternate(
            "base-without-head",
            classifier_of(register=register_base_without_head, maps=maps_of_base),
        ),
        Alternate("head-in-its-place", ReusedHead),
        Alternate(
            "parts",
            classifier_of(
                register=lambda self, network: setattr(self, "part", ByNamedChildren(network)),
                maps=lambda self, x: self.part(x),
            ),
        ),
    ),
)


DUAL_BUG_TWICE_SYMPTOM = choice(
    "dual-bug-twice-symptom",
    Text("症状", "The symptom"),
    "c",
    {
        "a": Text(
            "前向只走一条路，梯度照样到达那些层；准确率不受影响，所以它才难发现。",
            "The forward takes one way and gradients reach those layers as ever; the accuracy does "
            "not suffer, which is why nobody notices.",
        ),
        "b": Text(
            "`parameters()` 会去重，同一个张量只更新一次。",
            "`parameters()` leaves out repetitions, so each tensor is updated once.",
        ),
        "c": Text(
            "对：`state_dict` 不去重，同样的层有两套名字；旧的 `fc` 没有梯度，"
            "分布式训练会因为有未用的参数而报错。",
            "Yes: `state_dict` keeps repetitions, so the same layers have two sets of names; the "
            "old `fc` gets no gradient, and distributed training complains of unused parameters.",
        ),
        "d": Text(
            "两个名字指着同一个张量，只占一份内存；存下来的文件里也只有一份数据，多的是名字。",
            "Both names point at one tensor, which is in memory once; a saved file has its data "
            "once too, what doubles is the names.",
        ),
    },
)
