"""Exercise pam-module: the module."""

import math

import torch

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_04.position_attention_answers import (
    PamEinsum,
    PamFused,
    PamLinear,
    PamNarrowValue,
    PamWithoutFactor,
    PositionAttention,
    pam,
    pam_case,
)

PAM_MODULE = Exercise(
    id="pam-module",
    kind="implement",
    title=Text("模块", "The module"),
    difficulty=3,
    minutes=8,
    points=4,
    reference=PositionAttention,
    cases=(
        pam_case(Text("给出缩减比", "with a reduction ratio")),
        pam_case(Text("缩减比取缺省值", "with the default reduction ratio"), reduction=False),
        pam_case(Text("批里只有一个", "a batch of one"), 1),
        pam_case(Text("训练模式", "train mode"), training=True),
        pam_case(Text("双精度", "double precision"), dtype=torch.float64),
        pam_case(Text("刚造好的模块", "the module as it is made"), initial=True),
    ),
    mutants=(
        Mutant(
            "gamma-from-one",
            pam(first=1.0),
            Text(
                "γ 起初是 1；它从 0 开始，这样刚造好的模块原样返回输入。",
                "γ is 1 at first; it starts at 0, so that the module returns its input as it is "
                "when it is made.",
            ),
        ),
        Mutant(
            "columns-sum-to-one",
            pam(weights=lambda self, q, k: (q.transpose(1, 2) @ k).softmax(1)),
            Text(
                "softmax 取在了查询的轴上。每一行属于一个查询，行要加起来是 1。",
                "The softmax runs along the queries. A row belongs to a query, and rows must sum "
                "to 1.",
            ),
        ),
        Mutant(
            "transpose-missing",
            pam(mixed=lambda self, v, weights: v @ weights),
            Text(
                "混合时少了转置：位置 i 的权重在第 i 行里，而 `value @ attention` 用的是列。",
                "The mixture lacks a transpose: the weights of position i stand in row i, but "
                "`value @ attention` uses columns.",
            ),
        ),
        Mutant(
            "queries-and-keys-exchanged",
            pam(weights=lambda self, q, k: (k.transpose(1, 2) @ q).softmax(-1)),
            Text(
                "查询与键对调了。有三种写法会这样：能量转置了；键的卷积登记在查询的前面；或者两处错互"
                "相掩盖，softmax 取在了查询的轴上，混合又少了转置。",
                "Queries and keys are exchanged. Three ways lead here: the energies are "
                "transposed; the convolution of the keys is registered before that of the "
                "queries; or two mistakes cover each other, a softmax along the queries and no "
                "transpose in the mixture.",
            ),
        ),
        Mutant(
            "query-used-as-key",
            pam(
                parts=lambda self, x: (
                    self.q(x).flatten(2),
                    self.q(x).flatten(2),
                    self.v(x).flatten(2),
                )
            ),
            Text(
                "键出自查询的卷积，键自己的卷积没有用上，也就没有梯度。",
                "The keys come from the convolution of the queries; their own one is not used and "
                "gets no gradient.",
            ),
        ),
        Mutant(
            "scaled",
            pam(
                weights=lambda self, q, k: (q.transpose(1, 2) @ k / math.sqrt(q.shape[1])).softmax(
                    -1
                )
            ),
            Text(
                "能量除以了宽度的平方根；PAM 不除。",
                "The energies are divided by the root of the width; PAM does not do that.",
            ),
        ),
        Mutant(
            "height-and-width-swapped",
            pam(
                out=lambda self, x, mixed: (
                    x
                    + self.factor
                    * mixed.reshape(*x.shape[:2], x.shape[3], x.shape[2]).transpose(2, 3)
                )
            ),
            Text(
                "位置展开成特征图时高与宽交换了：N 个位置是逐行排的，先高后宽。",
                "Height and width are swapped where positions become a map: the N positions go "
                "row by row, height before width.",
            ),
        ),
        Mutant(
            "residual-missing",
            pam(out=lambda self, x, mixed: self.factor * mixed),
            Text("没有加回 `x`。", "`x` is not added."),
        ),
        Mutant(
            "gamma-on-the-input",
            pam(out=lambda self, x, mixed: self.factor * x + mixed),
            Text(
                "γ 乘在了 `x` 上；它乘的是混合。",
                "γ multiplies `x`; it belongs on the mixture.",
            ),
        ),
        Mutant(
            "without-gamma",
            PamWithoutFactor,
            Text(
                "没有可学的 γ：要一个形状为 `(1,)` 的 `nn.Parameter`。",
                "There is no γ that learns: it is an `nn.Parameter` of shape `(1,)`.",
            ),
        ),
        Mutant(
            "without-biases",
            pam(bias=False),
            Text(
                "你的三个卷积都没有偏置；题目要它们都带。",
                "Your three convolutions have no biases; the exercise wants one in each.",
            ),
        ),
        Mutant(
            "reduction-ignored",
            pam(own_reduction=8),
            Text(
                "缩减比写死了；查询与键的宽度要由参数 `reduction` 决定。",
                "The reduction ratio is written into the code; the argument `reduction` decides "
                "the width of queries and keys.",
            ),
        ),
        Mutant(
            "narrow-values",
            PamNarrowValue,
            Text(
                "值也缩减了，再用一层扩回来：那是 SAGAN 的做法。PAM 的值有全部 C 个通道。",
                "The values are reduced too and brought back by one more layer, as in SAGAN. In "
                "PAM they have all C channels.",
            ),
        ),
    ),
    alternates=(
        Alternate("linear", PamLinear),
        Alternate("einsum", PamEinsum),
        Alternate("fused-kernel", PamFused),
    ),
)
