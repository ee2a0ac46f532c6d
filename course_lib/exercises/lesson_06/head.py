"""Exercise danet-head: two branches, three outputs."""

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_06.head_answers import (
    DualHead,
    Head,
    HeadLinear,
    NormIgnored,
    OtherOrder,
    head_case,
    head_of,
)

DANET_HEAD = Exercise(
    id="danet-head",
    kind="implement",
    title=Text("三个输出的头", "The head with three outputs"),
    difficulty=3,
    minutes=8,
    points=4,
    reference=DualHead,
    cases=(
        head_case(Text("推理模式，默认的丢弃", "eval mode, default dropout"), None),
        head_case(Text("推理模式，丢弃率 0.9", "eval mode, dropout of 0.9"), 0.9),
        head_case(Text("训练模式，不丢弃", "train mode, nothing dropped"), 0.0, training=True),
        head_case(Text("训练模式，全部丢弃", "train mode, all dropped"), 1.0, training=True),
        head_case(Text("双精度", "double precision"), 0.0, dtype=torch.float64),
        # Three maps of one channel: a whole channel goes once in 1,300 runs, single numbers always.
        head_case(
            Text(
                "训练模式，大图，丢弃率极小：整个通道几乎不会丢",
                "train mode, a large map, a dropout so small that whole channels hardly ever go",
            ),
            2.5e-4,
            large=True,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "attentions-swapped",
            head_of(
                branches=lambda self, x: (
                    self.leave[0](self.attention[1](self.enter[0](x))),
                    self.leave[1](self.attention[0](self.enter[1](x))),
                )
            ),
            Text(
                "两个注意力站错了分支：`position` 属于先造的那一支。",
                "The attentions stand in each other's branch: `position` belongs to the branch "
                "that is made first.",
            ),
        ),
        *(
            Mutant(
                name,
                head_of(entries=1, names=names),
                Text(
                    "两支共用一个入口卷积。每一支要有自己的。",
                    "Both branches share one convolution at the entry. Each has its own.",
                ),
            )
            for name, names in (("one-entry", 1), ("one-entry-two-names", 2))
        ),
        Mutant(
            "no-convolution-after",
            head_of(exits=0),
            Text(
                "注意力之后没有 3×3 卷积。每一支在注意力前后各有一个。",
                "There is no 3×3 convolution after the attention. Each branch has one before it "
                "and one after it.",
            ),
        ),
        Mutant(
            "norm-ignored",
            NormIgnored,
            Text(
                "归一化写死成了 `nn.BatchNorm2d`。用参数 `norm` 来造它。",
                "The normalization is always `nn.BatchNorm2d`. Make it with the argument `norm`.",
            ),
        ),
        Mutant(
            "no-relu",
            head_of(last=nn.Identity),
            Text(
                "3×3 卷积与归一化之后没有 ReLU。",
                "There is no ReLU after the 3×3 convolutions and their normalization.",
            ),
        ),
        Mutant(
            "halved",
            head_of(join=lambda self, p, c: (p + c) / 2),
            Text(
                "第一个输出分类的是两支的平均。要的是和。",
                "The first output classifies the mean of both branches. It is their sum.",
            ),
        ),
        Mutant(
            "joined-instead-of-added",
            head_of(widening=2, join=lambda self, p, c: torch.cat([p, c], 1)),
            Text(
                "两支拼接了，第一个分类层因此宽了一倍。要的是相加。",
                "The branches are joined, so the first classifier is twice as wide. They are "
                "added.",
            ),
        ),
        *(
            Mutant(
                name,
                head_of(classifiers=1, names=names),
                Text(
                    "三个输出共用一个分类层。每个输出要有自己的。",
                    "One classifier serves all three outputs. Each output has its own.",
                ),
            )
            for name, names in (("one-classifier", 1), ("one-classifier-three-names", 3))
        ),
        Mutant(
            "branches-interchanged",
            head_of(
                outputs=lambda self, p, c: (lambda o: (o[0], o[2], o[1]))(Head.outputs(self, p, c))
            ),
            Text(
                "后两个输出对调了：第二个是 `position` 一支的，第三个是 `channel` 一支的。",
                "The last two outputs are interchanged: the second belongs to the branch of "
                "`position`, the third to that of `channel`.",
            ),
        ),
        Mutant(
            "fused-last",
            head_of(
                outputs=lambda self, p, c: (lambda o: (o[1], o[2], o[0]))(Head.outputs(self, p, c))
            ),
            Text(
                "次序反了：两支之和的输出在最前，因为它就是预测。",
                "The order is wrong: the output of the sum comes first, for it is the prediction.",
            ),
        ),
        Mutant(
            "fused-alone",
            head_of(outputs=lambda self, p, c: Head.outputs(self, p, c)[0]),
            Text(
                "只返回了两支之和的输出，像博客那样。要三个，装在元组里。",
                "Only the output of the sum is returned, as in the blog. Three are asked for, in a "
                "tuple.",
            ),
        ),
        Mutant(
            "no-bias",
            head_of(classifier_bias=False),
            Text(
                "分类层没有偏置。没有偏置的是 3×3 卷积，它们后面有归一化。",
                "The classifiers have no bias. It is the 3×3 convolutions that have none, for a "
                "normalization follows them.",
            ),
        ),
        Mutant(
            "no-dropout",
            head_of(drop=lambda self, maps: maps),
            Text(
                "训练时什么也没有丢弃。丢弃站在每个分类层之前。",
                "Nothing is dropped in training. Dropout stands before each classifier.",
            ),
        ),
        Mutant(
            "single-numbers-dropped",
            head_of(drop=lambda self, maps: F.dropout(maps, self.share, self.training)),
            Text(
                "丢掉的是单个的数，不是整个通道：用 `nn.Dropout2d`。",
                "Single numbers are dropped, not whole channels: use `nn.Dropout2d`.",
            ),
        ),
        Mutant(
            "dropout-after-the-classifier",
            head_of(
                outputs=lambda self, p, c: tuple(
                    F.dropout2d(classify(m), self.share, self.training)
                    for classify, m in zip(self.classify, (p + c, p, c), strict=True)
                )
            ),
            Text(
                "丢弃站在分类层之后，丢掉的是类的分数。它要站在分类层之前。",
                "Dropout stands after the classifier and drops the scores of classes. It stands "
                "before.",
            ),
        ),
        Mutant(
            "always-dropping",
            head_of(drop=lambda self, maps: F.dropout2d(maps, self.share, True)),
            Text(
                "推理时也在丢弃。`F.dropout2d` 不知道模块的模式，除非告诉它。",
                "It drops in eval mode too. `F.dropout2d` does not know the mode of the module "
                "unless it is told.",
            ),
        ),
        Mutant(
            "made-in-another-order",
            OtherOrder,
            Text(
                "算得也许没错，但各层造的次序反了：检查按次序把权重交给各层，"
                "所以 `position` 那一支的层要先造。",
                "The computation may be right, but the layers are made in another order: the check "
                "hands out weights in order, so the layers of the `position` branch come first.",
            ),
        ),
    ),
    alternates=(
        Alternate("authors-order", head_of()),
        Alternate("matrix-products", HeadLinear),
    ),
)
