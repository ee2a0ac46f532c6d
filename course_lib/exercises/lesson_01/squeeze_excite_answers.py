"""Exercises of lesson 01, squeeze-and-excitation."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice

LESSON = "01_squeeze_excitation"

# --- squeeze-excite: the pure function -----------------------------------------------------------


def squeeze_excite(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """The reference of exercise 1: x (B, C, H, W) times its gate."""
    squeezed = x.mean((2, 3))
    gate = torch.sigmoid(F.relu(squeezed @ w1.T + b1) @ w2.T + b2)
    return x * gate[:, :, None, None]


def _function_case(
    text: Text, batch: int | None, size: tuple[int, int] | None = None, **options: torch.dtype
) -> Case:
    def make(draw: Draw) -> Call:
        hidden = draw.integer(3, 6)
        channels = hidden * draw.integer(3, 5)
        height, width = size or (draw.integer(4, 6), draw.integer(7, 9))
        return Call(
            (
                # A mean far from zero: else the gate hardly depends on the input.
                draw.normal(batch or draw.integer(2, 4), channels, height, width)
                + 2 * draw.normal(1, channels, 1, 1),
                draw.normal(hidden, channels, scale=0.4),
                draw.normal(hidden, scale=0.5),
                draw.normal(channels, hidden, scale=0.6),
                draw.normal(channels, scale=0.5),
            )
        )

    return Case(text, make, **options)


def _gated(gate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A mutant that differs in how the gate (B, C) is computed."""

    def answer(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        return x * gate(x, w1, b1, w2, b2)[:, :, None, None]

    return answer


def _two_layers(squeezed: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return torch.sigmoid(F.relu(squeezed @ w1.T + b1) @ w2.T + b2)


def _gate_on_width(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return x * _two_layers(x.mean((2, 3)), w1, b1, w2, b2)[:, None, None, :]


def _residual(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return x + x * _two_layers(x.mean((2, 3)), w1, b1, w2, b2)[:, :, None, None]


def _gate_alone(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return _two_layers(x.mean((2, 3)), w1, b1, w2, b2)[:, :, None, None]


def _local_gate(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return x * _two_layers(x.movedim(1, -1), w1, b1, w2, b2).movedim(-1, 1)


def _no_gradient(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    with torch.no_grad():
        gate = _two_layers(x.mean((2, 3)), w1, b1, w2, b2)
    return x * gate[:, :, None, None]


def _in_place(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    x *= _two_layers(x.mean((2, 3)), w1, b1, w2, b2)[:, :, None, None]
    return x


def _convolution_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    squeezed = F.adaptive_avg_pool2d(x, 1)
    hidden = F.conv2d(squeezed, w1[:, :, None, None], b1).relu()
    return torch.sigmoid(F.conv2d(hidden, w2[:, :, None, None], b2)).expand_as(x) * x


def _einsum_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    squeezed = torch.einsum("bchw->bc", x) / (x.shape[2] * x.shape[3])
    hidden = (torch.einsum("bc,pc->bp", squeezed, w1) + b1).clamp(min=0)
    logits = torch.einsum("bp,cp->bc", hidden, w2) + b2
    return torch.einsum("bchw,bc->bchw", x, 1 / (1 + torch.exp(-logits)))


def _linear_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    squeezed = x.flatten(2).mean(-1)
    gate = F.linear(F.relu(F.linear(squeezed, w1, b1)), w2, b2).sigmoid()
    return x * gate.view(*x.shape[:2], 1, 1)


SQUEEZE_EXCITE = Exercise(
    id="squeeze-excite",
    kind="implement",
    title=Text("压缩与激励，写成函数", "Squeeze and excite as a function"),
    difficulty=2,
    minutes=8,
    points=4,
    reference=squeeze_excite,
    cases=(
        _function_case(
            Text("几张图，高与宽不等", "several pictures, height and width differ"), None
        ),
        _function_case(Text("批里只有一张图", "a batch of one"), 1),
        _function_case(Text("1×1 的特征图", "feature maps of 1×1"), None, (1, 1)),
        _function_case(Text("双精度", "double precision"), None, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "sum-for-mean",
            _gated(lambda x, *w: _two_layers(x.sum((2, 3)), *w)),
            Text(
                "压缩用了求和。和随特征图的大小增长，门很快饱和；压缩应与尺寸无关。",
                "The squeeze is a sum. A sum grows with the size of the map and saturates the "
                "gate; the squeeze must not depend on the size.",
            ),
        ),
        Mutant(
            "maximum-for-mean",
            _gated(lambda x, *w: _two_layers(x.amax((2, 3)), *w)),
            Text(
                "压缩取了最大值，只看一个位置。再读 z 的公式：每个位置的份量相同。",
                "The squeeze takes the maximum, which sees one position only. Read the formula of "
                "z again: every position has the same weight.",
            ),
        ),
        Mutant(
            "mean-over-batch",
            _gated(lambda x, *w: _two_layers(x.mean((0, 2, 3)), *w)[None].expand(len(x), -1)),
            Text(
                "均值也跨过了批，一张图的门于是取决于同批的其他图。检查求均值的那几个轴。",
                "The mean runs over the batch too, so the gate of a picture depends on its "
                "neighbours. Look at the axes of the mean.",
            ),
        ),
        Mutant(
            "no-relu",
            _gated(lambda x, w1, b1, w2, b2: ((x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2).sigmoid()),
            Text(
                "两层之间没有非线性，合起来只是一个秩不超过 p 的线性层。",
                "Nothing non-linear stands between the layers, so together they are one linear "
                "layer of rank p at most.",
            ),
        ),
        Mutant(
            "no-sigmoid",
            _gated(lambda x, w1, b1, w2, b2: F.relu(x.mean((2, 3)) @ w1.T + b1) @ w2.T + b2),
            Text(
                "少了最后的 sigmoid：门可以是任何实数，甚至是负的。",
                "The sigmoid at the end is missing: the gate may be any number, even a negative "
                "one.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            _no_gradient,
            Text(
                "数值对，但门的整个计算都不留梯度。找 no_grad、detach、.data 或 .item()。",
                "The values are right, but nothing in the gate keeps a gradient. Look for "
                "no_grad, detach, .data or .item().",
            ),
        ),
        Mutant(
            "softmax-for-sigmoid",
            _gated(
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
            _local_gate,
            Text(
                "没有压缩：每个位置算出了自己的门。先对高和宽求均值。",
                "There is no squeeze: every position computes a gate of its own. Take the mean "
                "over height and width first.",
            ),
        ),
        Mutant(
            "activations-swapped",
            _gated(
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
            _gated(lambda x, w1, b1, w2, b2: (F.relu(x.mean((2, 3)) @ w1.T + b1) @ w2.T).sigmoid()),
            Text("b2 没有用上。", "b2 is not used."),
        ),
        Mutant(
            "no-biases",
            _gated(lambda x, w1, b1, w2, b2: torch.sigmoid(F.relu(x.mean((2, 3)) @ w1.T) @ w2.T)),
            Text("b1 与 b2 没有用上。", "b1 and b2 are not used."),
        ),
        Mutant(
            "no-gradient",
            _gated(lambda x, *w: _two_layers(x.detach().mean((2, 3)), *w)),
            Text(
                "数值对，但门到输入的梯度断了。找 detach、no_grad、.data 或 .item()。",
                "The values are right, but no gradient flows from the gate to the input. Look for "
                "detach, no_grad, .data or .item().",
            ),
        ),
        Mutant(
            "gate-on-width",
            _gate_on_width,
            Text(
                "门乘在了宽这个轴上。给门补长度为一的轴时，想清楚通道是第几个轴。",
                "The gate multiplies the width. When you give the gate its axes of length one, ask "
                "which axis holds the channels.",
            ),
        ),
        Mutant(
            "residual-inside",
            _residual,
            Text(
                "多加了一个 x。残差相加是残差块的事，不在 SE 里面。",
                "There is an extra x. The addition belongs to the residual block, not to SE.",
            ),
        ),
        Mutant(
            "gate-alone",
            _gate_alone,
            Text("返回的是门，还没有乘到 x 上。", "This returns the gate; x is not scaled."),
        ),
        Mutant(
            "in-place",
            _in_place,
            Text(
                "`x *= …` 改动了调用者的张量。残差块稍后还要用原来的 x；请另造一个张量。",
                "`x *= …` changes the caller's tensor. The residual block still needs the old x; "
                "make a new tensor.",
            ),
        ),
    ),
    alternates=(
        Alternate("convolutions", _convolution_form),
        Alternate("einsum", _einsum_form),
        Alternate("linear", _linear_form),
    ),
)

# --- se-linear and se-conv: the module, twice ----------------------------------------------------


class SELinear(nn.Module):
    """The reference of exercise 2: two fully connected layers with biases."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        gate = self.fc2(F.relu(self.fc1(x.mean((2, 3))))).sigmoid()
        return x * gate[:, :, None, None]


class SEConv(nn.Module):
    """The reference of exercise 3: two 1x1 convolutions with biases."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // reduction, 1)
        self.expand = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        squeezed = x.mean((2, 3), keepdim=True)
        return x * self.expand(F.relu(self.reduce(squeezed))).sigmoid()


class _SEModule(nn.Module):
    """Where the mutants and alternates of both modules differ: constructor and squeeze."""

    squeeze = staticmethod(lambda x: x.mean((2, 3), keepdim=True))
    bias = True
    convolution = False
    inner: type[nn.Module] = nn.ReLU
    outer: type[nn.Module] = nn.Sigmoid

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = self.hidden(channels, reduction)
        self.first = self.layer(channels, hidden)
        self.second = self.layer(hidden, channels)

    def hidden(self, channels: int, reduction: int) -> int:
        return channels // reduction

    def layer(self, inputs: int, outputs: int) -> nn.Module:
        if self.convolution:
            return nn.Conv2d(inputs, outputs, 1, bias=self.bias)
        return nn.Linear(inputs, outputs, bias=self.bias)

    def gate(self, x: Tensor) -> Tensor:
        squeezed = self.squeeze(x)
        if not self.convolution:
            squeezed = squeezed.flatten(1)
        gate = self.outer()(self.second(self.inner()(self.first(squeezed))))
        return gate.view(*x.shape[:2], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


def _module(**differences: object) -> type[nn.Module]:
    return type("SE", (_SEModule,), differences)


def _shared_layer_forward(self: _SEModule, x: Tensor) -> Tensor:
    # Both layers hold the weight of the first one: W2 is tied to the transpose of W1.
    squeezed = F.relu(self.first(x.mean((2, 3))))
    gate = (squeezed @ self.first.weight + self.second.bias).sigmoid()
    return x * gate[:, :, None, None]


def _module_case(text: Text, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        reduction = draw.pick(3, 4, 5)
        channels = reduction * draw.integer(3, 6) + draw.integer(0, 2)
        x = draw.normal(draw.integer(2, 4), channels, draw.integer(4, 6), draw.integer(7, 9))
        return Call(
            (x + 2 * draw.normal(1, channels, 1, 1),),
            {"channels": channels, "reduction": reduction},
        )

    return Case(text, make, **options)


def _default_reduction(draw: Draw) -> Call:
    channels = 16 * draw.integer(2, 4)
    return Call((draw.normal(2, channels, 3, 4) + 1,), {"channels": channels})


def _batch_of_one(draw: Draw) -> Call:
    return Call((draw.normal(1, 12, 3, 5) + 1,), {"channels": 12, "reduction": 4})


_MODULE_CASES = (
    _module_case(Text("参数取随机值，高与宽不等", "random parameters, height and width differ")),
    Case(Text("默认的缩减比", "the default reduction"), _default_reduction),
    Case(Text("批里只有一张图", "a batch of one"), _batch_of_one),
    _module_case(
        Text("训练模式，双精度", "train mode, double precision"), dtype=torch.float64, training=True
    ),
)


def _module_mutants(convolution: bool) -> tuple[Mutant, ...]:
    def mutant(**differences: object) -> type[nn.Module]:
        return _module(**{"convolution": convolution, **differences})

    return (
        Mutant(
            "hard-coded-reduction",
            mutant(hidden=lambda self, channels, reduction: max(1, channels // 16)),
            Text(
                "隐藏单元数里写死了 16，参数 `reduction` 没有作用。",
                "The number of hidden units has 16 written into it, so `reduction` has no effect.",
            ),
        ),
        Mutant(
            "no-bias",
            mutant(bias=False),
            Text(
                "两层都没有偏置。这一题要求两层都带偏置。",
                "Neither layer has a bias. This exercise asks for one in both layers.",
            ),
        ),
        Mutant(
            "sum-for-mean",
            mutant(squeeze=staticmethod(lambda x: x.sum((2, 3), keepdim=True))),
            Text(
                "压缩用了求和，门会随图的大小改变。",
                "The squeeze is a sum; the gate changes with the size of the map.",
            ),
        ),
        Mutant(
            "maximum-for-mean",
            mutant(squeeze=staticmethod(lambda x: x.amax((2, 3), keepdim=True))),
            Text(
                "压缩取了最大值。SE 用均值；两者都用的是第 02 课的 CBAM。",
                "The squeeze takes the maximum. SE uses the mean; CBAM, in lesson 02, uses both.",
            ),
        ),
        Mutant(
            "no-relu",
            mutant(inner=nn.Identity),
            Text("两层之间少了 ReLU。", "The ReLU between the layers is missing."),
        ),
        Mutant(
            "no-sigmoid",
            mutant(outer=nn.Identity),
            Text("门的末尾少了 sigmoid。", "The sigmoid at the end of the gate is missing."),
        ),
        Mutant(
            "residual-inside",
            mutant(forward=lambda self, x: x + x * self.gate(x)),
            Text(
                "多加了一个 x。残差相加是残差块的事。",
                "There is an extra x. The addition belongs to the residual block.",
            ),
        ),
        Mutant(
            "relu-for-sigmoid",
            mutant(outer=nn.ReLU),
            Text(
                "门的末尾是 ReLU，可以大于一，也可以恰好是零；门应当落在 0 与 1 之间。",
                "The gate ends in a ReLU, so it may exceed one or be exactly zero; a gate lies "
                "between 0 and 1.",
            ),
        ),
    )


class _SELinearSequential(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, channels = x.shape[:2]
        return x * self.fc(self.pool(x).view(batch, channels)).view(batch, channels, 1, 1)


class _SEParameters(nn.Module):
    """Bare parameters, in another order than the layers use them."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = channels // reduction
        self.b2, self.b1 = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(hidden))
        self.w2 = nn.Parameter(torch.zeros(channels, hidden))
        self.w1 = nn.Parameter(torch.zeros(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        return _einsum_form(x, self.w1, self.b1, self.w2, self.b2)


class _SEConvSequential(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d((1, 1)),
            nn.Conv2d(channels, channels // reduction, kernel_size=1),
            nn.ReLU(),
            nn.Conv2d(channels // reduction, channels, kernel_size=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x).expand_as(x)


class _SEConvGrouped(_SEConvSequential):
    def forward(self, x: Tensor) -> Tensor:
        # The mean of the positions as a full convolution with a constant kernel.
        kernel = torch.full_like(x[:1, :1], 1 / (x.shape[2] * x.shape[3])).expand(
            x.shape[1], 1, *x.shape[2:]
        )
        squeezed = F.conv2d(x, kernel, groups=x.shape[1])
        for layer in list(self.gate)[1:]:
            squeezed = layer(squeezed)
        return squeezed * x


def _without_squeeze(self: _SEModule, x: Tensor) -> Tensor:
    return x * self.second(F.relu(self.first(x))).sigmoid()


SE_LINEAR = Exercise(
    id="se-linear",
    kind="implement",
    title=Text("模块，用全连接层", "The module, with fully connected layers"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=SELinear,
    cases=_MODULE_CASES,
    mutants=(
        *_module_mutants(convolution=False),
        Mutant(
            "tied-weights",
            _module(forward=_shared_layer_forward),
            Text(
                "第二层用的是第一层权重的转置；两层各有自己的权重。",
                "The second layer uses the transposed weight of the first; each has its own.",
            ),
        ),
    ),
    alternates=(
        Alternate("sequential", _SELinearSequential),
        Alternate("bare-parameters", _SEParameters),
        Alternate("convolutions", SEConv),
    ),
)

SE_CONV = Exercise(
    id="se-conv",
    kind="implement",
    title=Text("模块，用 1×1 卷积", "The module, with 1×1 convolutions"),
    difficulty=2,
    minutes=3,
    points=2,
    reference=SEConv,
    cases=_MODULE_CASES,
    mutants=(
        *_module_mutants(convolution=True),
        Mutant(
            "no-squeeze",
            _module(convolution=True, forward=_without_squeeze),
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
        Alternate("sequential", _SEConvSequential),
        Alternate("pooling-as-convolution", _SEConvGrouped),
    ),
    exact_shapes=True,
)

# --- find the bug: the bottleneck that vanishes --------------------------------------------------


class MendedBottleneck(nn.Module):
    """The reference of exercise 4: at least one hidden unit."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Linear(channels, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        gate = self.fc2(F.relu(self.fc1(x.mean((2, 3))))).sigmoid()
        return x * gate[:, :, None, None]


def _bottleneck_case(
    text: Text, channels: tuple[int, int], reduction: int, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(*channels)
        x = draw.normal(draw.integer(2, 3), count, 3, 5) + 2 * draw.normal(1, count, 1, 1)
        return Call((x,), {"channels": count, "reduction": reduction})

    return Case(text, make, **options)


def _bottleneck_mutant(hidden: Callable[[int, int], int]) -> type[nn.Module]:
    return _module(bias=False, hidden=lambda self, channels, reduction: hidden(channels, reduction))


class _LimitedReduction(_SEModule):
    bias = False

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__(channels, min(reduction, channels))


SE_BUG_BOTTLENECK = Exercise(
    id="se-bug-bottleneck",
    kind="find the bug",
    title=Text("通道很少", "Few channels"),
    difficulty=3,
    minutes=5,
    points=2,
    reference=MendedBottleneck,
    cases=(
        _bottleneck_case(
            Text("通道数小于缩减比", "fewer channels than the reduction"), (5, 12), 16
        ),
        _bottleneck_case(
            Text("通道数不是缩减比的倍数", "channels not a multiple of the reduction"), (25, 31), 8
        ),
        _bottleneck_case(
            Text("通道数是缩减比的倍数", "channels a multiple of the reduction"), (32, 32), 4
        ),
        _bottleneck_case(
            Text("通道很少，双精度", "few channels, double precision"),
            (5, 12),
            16,
            dtype=torch.float64,
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _module(bias=False),
            Text(
                "通道少时仍和上面一样：隐藏单元数是零，两个权重矩阵都是空的，门与输入无关。",
                "With few channels it is still as above: there are no hidden units, both weight "
                "matrices are empty, and the gate does not depend on the input.",
            ),
        ),
        Mutant(
            "with-biases",
            type(
                "SE",
                (_SEModule,),
                {"hidden": lambda self, channels, reduction: max(1, channels // reduction)},
            ),
            Text(
                "瓶颈不再消失，但两层多了偏置；这里两层仍不带偏置。",
                "The bottleneck no longer vanishes, but the layers have gained biases; here they "
                "still have none.",
            ),
        ),
        Mutant(
            "one-more",
            _bottleneck_mutant(lambda channels, reduction: channels // reduction + 1),
            Text(
                "总是多一个单元，正常的尺寸也变了。只应改动会消失的那种情形。",
                "There is always one unit more, so the ordinary sizes change too. Change only the "
                "case that vanishes.",
            ),
        ),
        Mutant(
            "rounded-up",
            _bottleneck_mutant(lambda channels, reduction: -(-channels // reduction)),
            Text(
                "这里向上取整；不能整除时，隐藏单元多了一个，正常的尺寸也变了。",
                "This rounds up; where the division leaves a remainder there is one unit more, so "
                "ordinary sizes change too.",
            ),
        ),
        Mutant(
            "no-reduction",
            _bottleneck_mutant(
                lambda channels, reduction: (
                    channels // reduction if channels >= reduction else channels
                )
            ),
            Text(
                "通道少时完全不缩减了。最小的瓶颈更窄。",
                "With few channels nothing is reduced any more. The smallest bottleneck is "
                "narrower.",
            ),
        ),
        Mutant(
            "at-least-eight",
            _bottleneck_mutant(lambda channels, reduction: max(8, channels // reduction)),
            Text(
                "下限是 8。有的库这样做，但那会改变正常的尺寸；这里只要它不消失。",
                "The least number is 8. Some libraries do that, but it changes ordinary sizes; "
                "here it only must not vanish.",
            ),
        ),
    ),
    alternates=(
        Alternate("limited-reduction", _LimitedReduction),
        Alternate(
            "or-one", _bottleneck_mutant(lambda channels, reduction: channels // reduction or 1)
        ),
    ),
)

SE_BUG_BOTTLENECK_SYMPTOM = choice(
    "se-bug-bottleneck-symptom",
    Text("症状", "The symptom"),
    "c",
    {
        "a": Text(
            "不会：形状为 `(8, 0)` 与 `(0, 8)` 的全连接层是合法的，前向照样运行。",
            "No: fully connected layers of shape `(8, 0)` and `(0, 8)` are legal, and the forward "
            "runs.",
        ),
        "b": Text(
            "不会：没有参数可学，损失不会变成 nan，只是门永远不动。",
            "No: there is nothing to learn, so no loss turns to nan; the gate just never moves.",
        ),
        "c": Text(
            "对：对零个数求和得零，又没有偏置，所以门恒为 sigmoid(0)，即一半；没有参数，无从学起。",
            "Yes: a sum over no terms is zero and there is no bias, so the gate is always "
            "sigmoid(0), one half; with no parameters there is nothing to learn.",
        ),
        "d": Text(
            "不对：第二层没有偏置，输出全是零，所有的门都是一半。若有偏置，这一条才对。",
            "No: the second layer has no bias, its output is all zeros, and every gate is one "
            "half. With a bias this would be right.",
        ),
    },
)

# --- find the bug: squeeze() and a batch of one --------------------------------------------------


class MendedSqueeze(nn.Module):
    """The reference of exercise 5: works for every batch, also for one picture and for none."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        squeezed = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return x * self.fc2(F.relu(self.fc1(squeezed))).sigmoid()[:, :, None, None]


def _batch_case(
    text: Text, batch: int, size: tuple[int, int], channels: int = 12, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        x = draw.normal(batch, channels, *size) + 2 * draw.normal(1, channels, 1, 1)
        return Call((x,), {"channels": channels, "reduction": draw.pick(2, 3, 4)})

    return Case(text, make, **options)


def _squeeze_mutant(
    squeeze: Callable[[Tensor], Tensor], unsqueeze: Callable[[Tensor], Tensor] | None = None
) -> type[nn.Module]:
    unsqueeze = unsqueeze or (lambda gate: gate[:, :, None, None])

    def forward(self: _SEModule, x: Tensor) -> Tensor:
        squeezed = squeeze(F.adaptive_avg_pool2d(x, 1))
        return x * unsqueeze(self.second(F.relu(self.first(squeezed))).sigmoid())

    return _module(forward=forward)


class _FlattenSqueeze(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.pool(x).flatten(1)
        return x * self.fc2(self.fc1(squeezed).relu()).sigmoid().unsqueeze(-1).unsqueeze(-1)


SE_BUG_BATCH = Exercise(
    id="se-bug-batch",
    kind="find the bug",
    title=Text("`squeeze()`", "`squeeze()`"),
    difficulty=3,
    minutes=5,
    points=2,
    reference=MendedSqueeze,
    cases=(
        _batch_case(Text("三张图", "three pictures"), 3, (4, 6)),
        _batch_case(Text("一张图", "one picture"), 1, (4, 6)),
        _batch_case(Text("通道数与宽相等", "as many channels as columns"), 2, (5, 12)),
        _batch_case(Text("空批", "an empty batch"), 0, (4, 6)),
        _batch_case(
            Text("两张图，双精度", "two pictures, double precision"), 2, (3, 5), dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _squeeze_mutant(torch.squeeze),
            Text(
                "一张图时仍会出错：不带参数的 `squeeze()` 去掉所有长度为一的轴，批也在其中。",
                "One picture still fails: `squeeze()` without arguments drops every axis of length "
                "one, the batch among them.",
            ),
        ),
        Mutant(
            "batch-pushed-back",
            _squeeze_mutant(lambda s: s.squeeze().unsqueeze(0)),
            Text(
                "一张图时对了，别的批大小却多出一个轴。要让每个轴的去留与批的大小无关。",
                "One picture works now, but other batches get an axis too many. What happens to an "
                "axis must not depend on the size of the batch.",
            ),
        ),
        Mutant(
            "one-axis-only",
            _squeeze_mutant(lambda s: s.squeeze(-1)),
            Text(
                "只去掉了最后一个轴，全连接层看到的最后一个轴不是通道。",
                "Only the last axis is dropped, so the last axis that the layer sees is not the "
                "channels.",
            ),
        ),
        Mutant(
            "flattened-too-far",
            _squeeze_mutant(torch.flatten),
            Text(
                "展平时把批也并了进去。批要留作第一个轴。",
                "Flattening merged the batch as well. The batch must stay as the first axis.",
            ),
        ),
        Mutant(
            "gate-on-width",
            _squeeze_mutant(lambda s: s.flatten(1), lambda gate: gate[:, None, None, :]),
            Text(
                "门乘在了宽上。只有通道数恰好等于宽时才不报错，而那时结果是错的。",
                "The gate multiplies the width. It runs only where there are as many channels as "
                "columns, and is wrong there.",
            ),
        ),
    ),
    alternates=(
        Alternate("flatten", _FlattenSqueeze),
        Alternate("named-axes", _squeeze_mutant(lambda s: s.squeeze(3).squeeze(2))),
        Alternate("view", _SELinearSequential),
    ),
)

SE_BUG_BATCH_SYMPTOM = choice(
    "se-bug-batch-symptom",
    Text("症状", "The symptom"),
    "a",
    {
        "a": Text(
            "对：最后一批若只剩一张图，或推理时一次一张，就在那里出错；训练的其余时候一切正常。",
            "Yes: a last batch of one, or inference picture by picture, fails; the rest of "
            "training looks fine.",
        ),
        "b": Text(
            "不对：批中有两张以上的图时，`squeeze()` 去掉的正好是该去掉的两个轴，结果完全正确。",
            "No: with two or more pictures `squeeze()` drops just the two axes that it should, and "
            "the result is exactly right.",
        ),
        "c": Text(
            "不对：参数的形状与前向无关，state_dict 照常载入。",
            "No: the shapes of the parameters do not depend on the forward; the state_dict loads.",
        ),
        "d": Text(
            "不对：梯度来自同样的运算；前向能运行的地方，反向也对。",
            "No: gradients follow the same operations; where the forward runs, the backward is "
            "right.",
        ),
    },
)

# --- predict: parameters -------------------------------------------------------------------------


def se_parameters(channels: int, reduction: int, bias: bool) -> int:
    """The reference of exercise 6: number of parameters of one SE module."""
    hidden = channels // reduction
    return 2 * channels * hidden + (hidden + channels if bias else 0)


def _parameter_case(text: Text, bias: bool, divisible: bool) -> Case:
    def make(draw: Draw) -> Call:
        reduction = draw.integer(2, 16)
        channels = reduction * draw.integer(2, 40)
        if not divisible:
            channels += draw.integer(1, reduction - 1)
        return Call((channels, reduction, bias))

    return Case(text, make)


def _parameter_mutant(
    with_bias: Callable[[int, int], float], hidden: Callable[[int, int], float] | None = None
) -> Callable[[int, int, bool], float]:
    hidden = hidden or (lambda channels, reduction: channels // reduction)

    def answer(channels: int, reduction: int, bias: bool) -> float:
        units = hidden(channels, reduction)
        return 2 * channels * units + (with_bias(channels, units) if bias else 0)

    return answer


def _counted(channels: int, reduction: int, bias: bool) -> int:
    layers = (
        nn.Linear(channels, channels // reduction, bias=bias, device="meta"),
        nn.Linear(channels // reduction, channels, bias=bias, device="meta"),
    )
    return sum(p.numel() for layer in layers for p in layer.parameters())


def _factored(channels: int, reduction: int, bias: bool) -> int:
    hidden = channels // reduction
    return hidden * (channels + bias) + channels * (hidden + bias)


SE_PARAMETERS = Exercise(
    id="se-parameters",
    kind="predict",
    title=Text("参数有多少", "How many parameters"),
    difficulty=1,
    minutes=3,
    points=2,
    reference=se_parameters,
    cases=(
        _parameter_case(Text("没有偏置", "without biases"), False, True),
        _parameter_case(Text("有偏置", "with biases"), True, True),
        _parameter_case(Text("不能整除", "the division leaves a remainder"), True, False),
        _parameter_case(Text("不能整除，没有偏置", "a remainder, without biases"), False, False),
    ),
    mutants=(
        Mutant(
            "one-layer",
            lambda channels, reduction, bias: (
                channels * (channels // reduction) + ((channels // reduction) if bias else 0)
            ),
            Text("只数了第一层，还有第二层。", "This counts the first layer; there is a second."),
        ),
        Mutant(
            "bias-ignored",
            _parameter_mutant(lambda channels, hidden: 0),
            Text("bias 为真时也没有数偏置。", "The biases are not counted where bias is true."),
        ),
        Mutant(
            "both-biases-wide",
            _parameter_mutant(lambda channels, hidden: 2 * channels),
            Text(
                "两个偏置都按 C 个数了。一层的偏置数等于它的输出数。",
                "Both biases are counted as C. A layer has as many biases as outputs.",
            ),
        ),
        Mutant(
            "biases-swapped",
            _parameter_mutant(lambda channels, hidden: 2 * hidden),
            Text(
                "两个偏置都按 p 个数了。一层的偏置数等于它的输出数。",
                "Both biases are counted as p. A layer has as many biases as outputs.",
            ),
        ),
        Mutant(
            "rounded-late",
            lambda channels, reduction, bias: (
                2 * channels * channels // reduction
                + ((channels // reduction + channels) if bias else 0)
            ),
            Text(
                "先乘后除，不能整除时就不同了：先算 p，再乘 2C。",
                "Multiplying before dividing differs where a remainder is left: find p first, then "
                "multiply by 2C.",
            ),
        ),
        Mutant(
            "unrounded",
            _parameter_mutant(
                lambda channels, hidden: hidden + channels, lambda channels, r: channels / r
            ),
            Text(
                "隐藏单元数要向下取整，返回值应是 int：用 // 而不是 /。",
                "The number of hidden units is rounded down and the result is an int: // instead "
                "of /.",
            ),
        ),
        Mutant(
            "always-with-bias",
            lambda channels, reduction, bias: _factored(channels, reduction, True),
            Text("bias 为假时也数了偏置。", "The biases are counted where bias is false."),
        ),
    ),
    alternates=(Alternate("counted", _counted), Alternate("factored", _factored)),
    gradients=False,
)

# --- quiz ----------------------------------------------------------------------------------------

QUIZ_SHUFFLE = choice(
    "se-quiz-shuffle",
    Text("打乱位置", "Shuffled positions"),
    "b",
    {
        "a": Text(
            "均值不记得位置：打乱之后每个通道的均值不变，门也不变。",
            "A mean does not know positions: after the shuffle every channel has the same mean, so "
            "the gate stays.",
        ),
        "b": Text(
            "门只通过通道均值依赖于 x；输出是原输出按同样的方式打乱。",
            "The gate depends on x through the channel means only; the output is the old output, "
            "shuffled the same way.",
        ),
        "c": Text(
            "门不变，但每个值跟着自己的位置走了，所以输出也被打乱。",
            "The gate stays, but every value has moved with its position, so the output is "
            "shuffled too.",
        ),
    },
)

QUIZ_COST = choice(
    "se-quiz-cost",
    Text("更大的图", "Larger maps"),
    "c",
    {
        "a": Text(
            "两层只看一个长度为 C 的向量，与 H 和 W 无关。",
            "The two layers see one vector of length C, whatever H and W are.",
        ),
        "b": Text(
            "参数从不依赖于特征图的大小。",
            "Parameters never depend on the size of the feature map.",
        ),
        "c": Text(
            "求均值和乘门各走遍所有 C·H·W 个数一次；两层的代价与尺寸无关。",
            "The mean and the multiplication each pass over all C·H·W numbers; the two layers do "
            "not depend on the size.",
        ),
        "d": Text(
            "四倍的位置要读要乘，时间不会不变。",
            "There are four times as many positions to read and to scale; the time does not stay.",
        ),
    },
)

QUIZ_SAME = choice(
    "se-quiz-same",
    Text("全连接与 1×1 卷积", "Linear and 1×1 convolution"),
    "a",
    {
        "a": Text(
            "1×1 卷积在每个位置用同一个矩阵；只有一个位置时，它就是那个矩阵乘一次。",
            "A 1×1 convolution applies one matrix at every position; with one position it is that "
            "matrix, once.",
        ),
        "b": Text(
            "两者都可以有或没有偏置，由参数 `bias` 决定。",
            "Both may have a bias or not; the argument `bias` decides.",
        ),
        "c": Text(
            "一个数也不少：形状 `(p, C, 1, 1)` 与 `(p, C)` 含同样多的数。",
            "Not one number fewer: shapes `(p, C, 1, 1)` and `(p, C)` hold equally many.",
        ),
        "d": Text(
            "这不是近似。载入同样的权重，两者的差只有舍入误差。",
            "It is no approximation. With the same weights they differ by rounding alone.",
        ),
    },
)

QUIZ_CANNOT = choice(
    "se-quiz-cannot",
    Text("SE 做不到什么", "What SE cannot do"),
    "d",
    {
        "a": Text(
            "这正是 SE 能做的：门由整张图的均值算出。",
            "That is what SE does: the gate is computed from the means of the whole picture.",
        ),
        "b": Text(
            "门趋近零时通道就被关上，SE 做得到。",
            "A gate near zero closes a channel; SE can.",
        ),
        "c": Text(
            "门随输入而变：同一个通道在不同的图里可以有不同的门。",
            "The gate changes with the input: one channel may have different gates in different "
            "pictures.",
        ),
        "d": Text(
            "同一个通道的所有位置乘同一个数，所以位置之间的比例不变。这是第 02 课的空间门做的事。",
            "All positions of a channel are multiplied by one number, so their ratios stay. That "
            "is the business of the spatial gate in lesson 02.",
        ),
    },
)

EXERCISES = (
    SQUEEZE_EXCITE,
    SE_LINEAR,
    SE_CONV,
    SE_BUG_BOTTLENECK,
    SE_BUG_BOTTLENECK_SYMPTOM,
    SE_BUG_BATCH,
    SE_BUG_BATCH_SYMPTOM,
    SE_PARAMETERS,
    QUIZ_SHUFFLE,
    QUIZ_COST,
    QUIZ_SAME,
    QUIZ_CANNOT,
)
