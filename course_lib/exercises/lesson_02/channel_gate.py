"""Exercise cbam-channel-gate: the pure function."""

import torch

from course_lib.checks import (
    Alternate,
    Exercise,
    Mutant,
    Text,
)
from course_lib.exercises.lesson_02.channel_gate_answers import (
    channel_case,
    channel_gate,
    channel_gate_stopped,
    convolution_form,
    from_pools,
    hidden_first_form,
    hidden_summed,
    no_relu,
    right_channel_gate,
    second_bias_once,
    stacked_form,
    two_layers,
)

CHANNEL_GATE = Exercise(
    id="cbam-channel-gate",
    kind="implement",
    title=Text("通道门，写成函数", "The channel gate as a function"),
    difficulty=2,
    minutes=6,
    points=4,
    reference=channel_gate,
    cases=(
        channel_case(Text("几张图，高与宽不等", "several pictures, height and width differ"), None),
        channel_case(Text("批里只有一张图", "a batch of one"), 1),
        channel_case(Text("1×1 的特征图", "feature maps of 1×1"), None, (1, 1)),
        channel_case(Text("双精度", "double precision"), None, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "pools-summed-first",
            from_pools(lambda mean, largest, *w: two_layers(mean + largest, *w).sigmoid()),
            Text(
                "均值与最大值先相加，小网络只走了一遍。中间有 ReLU，先加后算与先算后加不是一回事。",
                "Mean and maximum are added first and pass through the network once. With a ReLU "
                "inside, adding before is not the same as adding after.",
            ),
        ),
        Mutant(
            "hidden-summed",
            from_pools(hidden_summed),
            Text(
                "两份隐藏层在 ReLU 之前就加在了一起。每份汇总要各自走完两层，ReLU 也各走各的。",
                "The two hidden layers are added before the ReLU. Either summary passes through "
                "both layers, and the ReLU, on its own.",
            ),
        ),
        Mutant(
            "second-bias-once",
            from_pools(second_bias_once),
            Text(
                "`b2` 只加了一次。小网络走了两遍，每一遍末尾都有它。",
                "`b2` is added once. The network is passed twice, and either pass ends with it.",
            ),
        ),
        Mutant(
            "averaged",
            from_pools(
                lambda mean, largest, *w: (
                    (two_layers(mean, *w) + two_layers(largest, *w)) / 2
                ).sigmoid()
            ),
            Text(
                "两份输出取了平均。公式里是相加，不除以二。",
                "The two outputs are averaged. The formula adds them and divides by nothing.",
            ),
        ),
        Mutant(
            "sigmoid-of-each",
            from_pools(
                lambda mean, largest, *w: (
                    two_layers(mean, *w).sigmoid() + two_layers(largest, *w).sigmoid()
                )
            ),
            Text(
                "先各取 sigmoid 再相加，门可以到 2。sigmoid 只有一个，在最外面。",
                "Each output has a sigmoid of its own before they are added, so the gate reaches "
                "up to 2. There is one sigmoid, outermost.",
            ),
        ),
        Mutant(
            "larger-of-the-two",
            from_pools(
                lambda mean, largest, *w: torch.maximum(
                    two_layers(mean, *w), two_layers(largest, *w)
                ).sigmoid()
            ),
            Text(
                "取了两份输出中较大的一份。它们应当相加。",
                "This takes the larger of the two outputs. They are to be added.",
            ),
        ),
        Mutant(
            "mean-only",
            from_pools(lambda mean, largest, *w: two_layers(mean, *w).sigmoid()),
            Text(
                "只用了均值，这是 SE 的门。最大值也要走一遍小网络。",
                "Only the mean is used, which is the gate of SE. The maximum passes through the "
                "network too.",
            ),
        ),
        Mutant(
            "mean-twice",
            from_pools(lambda mean, largest, *w: (2 * two_layers(mean, *w)).sigmoid()),
            Text(
                "两遍走的都是均值。有一遍应当是最大值。",
                "It is the mean both times. One of the passes is for the maximum.",
            ),
        ),
        Mutant(
            "maximum-only",
            from_pools(lambda mean, largest, *w: two_layers(largest, *w).sigmoid()),
            Text(
                "只用了最大值。均值也要走一遍小网络。",
                "Only the maximum is used. The mean passes through the network too.",
            ),
        ),
        Mutant(
            "no-relu",
            from_pools(no_relu),
            Text(
                "两层之间没有 ReLU，合起来只是一个线性层。",
                "No ReLU stands between the layers, so together they are one linear layer.",
            ),
        ),
        Mutant(
            "no-sigmoid",
            from_pools(lambda mean, largest, *w: two_layers(mean, *w) + two_layers(largest, *w)),
            Text(
                "少了最后的 sigmoid，门可以是任何实数。",
                "The sigmoid at the end is missing, so the gate may be any number.",
            ),
        ),
        Mutant(
            "softmax-for-sigmoid",
            from_pools(
                lambda mean, largest, *w: (two_layers(mean, *w) + two_layers(largest, *w)).softmax(
                    1
                )
            ),
            Text(
                "用了 softmax，各通道的门彼此争抢，和为一。这里每个通道各自打开或关上。",
                "This is a softmax: the channels share a sum of one. Here every channel opens "
                "or closes on its own.",
            ),
        ),
        Mutant(
            "no-axes",
            lambda *arguments: right_channel_gate(*arguments)[:, :, 0, 0],
            Text(
                "门的形状是 `(B, C)`，还差末尾两个长度为一的轴。",
                "The gate has shape `(B, C)` and lacks the two axes of length one at its end.",
            ),
        ),
        Mutant(
            "already-multiplied",
            lambda x, *w: x * right_channel_gate(x, *w),
            Text(
                "这里返回的是乘过门的特征图。这一题只要门本身。",
                "This returns the feature map times its gate. Here only the gate is asked for.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            channel_gate_stopped,
            Text(
                "数值对，但门不留梯度。找 `no_grad`、`detach`、`.data` 或 `.item()`。",
                "The values are right, but the gate keeps no gradient. Look for `no_grad`, "
                "`detach`, `.data` or `.item()`.",
            ),
        ),
    ),
    alternates=(
        Alternate("convolutions", convolution_form),
        Alternate("stacked", stacked_form),
        Alternate("hidden-first", hidden_first_form),
    ),
)
