"""Exercise squeeze-excite: the pure function."""

import torch
from torch.nn import functional as F

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_01.shared import einsum_form
from course_lib.exercises.lesson_01.squeeze_excite_answers import (
    convolution_form,
    function_case,
    gate_alone,
    gate_on_width,
    gated,
    in_place,
    linear_form,
    local_gate,
    no_gradient,
    residual_form,
    squeeze_excite,
    two_layers,
)

SQUEEZE_EXCITE = Exercise(
    id="squeeze-excite",
    kind="implement",
    title=Text("压缩与激励，写成函数", "Squeeze and excite as a function"),
    difficulty=2,
    minutes=8,
    points=4,
    reference=squeeze_excite,
    cases=(
        function_case(
            Text("几张图，高与宽不等", "several pictures, height and width differ"), None
        ),
        function_case(Text("批里只有一张图", "a batch of one"), 1),
        function_case(Text("1×1 的特征图", "feature maps of 1×1"), None, (1, 1)),
        function_case(Text("双精度", "double precision"), None, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "sum-for-mean",
            gated(lambda x, *w: two_layers(x.sum((2, 3)), *w)),
            Text(
                "压缩用了求和。和随特征图的大小增长，门很快饱和；压缩应与尺寸无关。",
                "The squeeze is a sum. A sum grows with the size of the map and saturates the "
                "gate; the squeeze must not depend on the size.",
            ),
        ),
        Mutant(
            "maximum-for-mean",
            gated(lambda x, *w: two_layers(x.amax((2, 3)), *w)),
            Text(
                "压缩取了最大值，只看一个位置。再读 z 的公式：每个位置的份量相同。",
                "The squeeze takes the maximum, which sees one position only. Read the formula of "
                "z again: every position has the same weight.",
            ),
        ),
        Mutant(
            "mean-over-batch",
            gated(lambda x, *w: two_layers(x.mean((0, 2, 3)), *w)[None].expand(len(x), -1)),
            Text(
                "均值也跨过了批，一张图的门于是取决于同批的其他图。检查求均值的那几个轴。",
                "The mean runs over the batch too, so the gate of a picture depends on its "
                "neighbours. Look at the axes of the mean.",
            ),
        ),
        Mutant(
            "no-relu",
            gated(lambda x, w1, b1, w2, b2: ((x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2).sigmoid()),
            Text(
                "两层之间没有非线性，合起来只是一个秩不超过 p 的线性层。",
                "Nothing non-linear stands between the layers, so together they are one linear "
                "layer of rank p at most.",
            ),
        ),
        Mutant(
            "no-sigmoid",
            gated(lambda x, w1, b1, w2, b2: F.relu(x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2),
            Text(
                "少了最后的 sigmoid：门可以是任何实数，甚至是负的。",
                "The sigmoid at the end is missing: the gate may be any number, even a negative "
                "one.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            no_gradient,
            Text(
                "数值对，但门的整个计算都不留梯度。找 no_grad、detach、.data 或 .item()。",
                "The values are right, but nothing in the gate keeps a gradient. Look for "
                "no_grad, detach, .data or .item().",
            ),
        ),
        Mutant(
            "softmax-for-sigmoid",
            gated(
                lambda x, w1, b1, w2, b2: (F.relu(x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2).softmax(
                    1
                )
            ),
            Text(
                "门用了 softmax，各通道的门相加得一，彼此争抢。这里每个通道独立地打开或关上。",
                "The gate is a softmax: the channels share a sum of one and compete. Here every "
                "channel opens or closes on its own.",
            ),
        ),
        Mutant(
            "no-squeeze",
            local_gate,
            Text(
                "没有压缩：每个位置算出了自己的门。先对高和宽求均值。",
                "There is no squeeze: every position computes a gate of its own. Take the mean "
                "over height and width first.",
            ),
        ),
        Mutant(
            "activations-swapped",
            gated(
                lambda x, w1, b1, w2, b2: F.relu((x.mean((2, 3)) @ w1.T + b1).sigmoid() @ w2.T + b2)
            ),
            Text(
                "ReLU 与 sigmoid 用错了位置：隐藏层用 ReLU，门用 sigmoid。",
                "ReLU and sigmoid stand in each other's places: ReLU belongs to the hidden layer, "
                "sigmoid to the gate.",
            ),
        ),
        Mutant(
            "no-second-bias",
            gated(lambda x, w1, b1, w2, b2: (F.relu(x.mean((2, 3)) @ w1.T + b1) @ w2.T).sigmoid()),
            Text("b2 没有用上。", "b2 is not used."),
        ),
        Mutant(
            "no-biases",
            gated(lambda x, w1, b1, w2, b2: torch.sigmoid(F.relu(x.mean((2, 3)) @ w1.T) @ w2.T)),
            Text("b1 与 b2 没有用上。", "b1 and b2 are not used."),
        ),
        Mutant(
            "no-gradient",
            gated(lambda x, *w: two_layers(x.detach().mean((2, 3)), *w)),
            Text(
                "数值对，但门到输入的梯度断了。找 detach、no_grad、.data 或 .item()。",
                "The values are right, but no gradient flows from the gate to the input. Look for "
                "detach, no_grad, .data or .item().",
            ),
        ),
        Mutant(
            "gate-on-width",
            gate_on_width,
            Text(
                "门乘在了宽这个轴上。给门补长度为一的轴时，想清楚通道是第几个轴。",
                "The gate multiplies the width. When you give the gate its axes of length one, ask "
                "which axis holds the channels.",
            ),
        ),
        Mutant(
            "residual-inside",
            residual_form,
            Text(
                "多加了一个 x。残差相加是残差块的事，不在 SE 里面。",
                "There is an extra x. The addition belongs to the residual block, not to SE.",
            ),
        ),
        Mutant(
            "gate-alone",
            gate_alone,
            Text("返回的是门，还没有乘到 x 上。", "This returns the gate; x is not scaled."),
        ),
        Mutant(
            "in-place",
            in_place,
            Text(
                "`x *= …` 改动了调用者的张量。残差块稍后还要用原来的 x；请另造一个张量。",
                "`x *= …` changes the caller's tensor. The residual block still needs the old x; "
                "make a new tensor.",
            ),
        ),
    ),
    alternates=(
        Alternate("convolutions", convolution_form),
        Alternate("einsum", einsum_form),
        Alternate("linear", linear_form),
    ),
)
