"""What several exercises of lesson 01 share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Mutant, Text


def einsum_form(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    squeezed = torch.einsum("bchw->bc", x) / (x.shape[2] * x.shape[3])
    hidden = (torch.einsum("bc,pc->bp", squeezed, w1) + b1).clamp(min=0)
    logits = torch.einsum("bp,cp->bc", hidden, w2) + b2
    return torch.einsum("bchw,bc->bchw", x, 1 / (1 + torch.exp(-logits)))


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


class SEModule(nn.Module):
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


def se_module(**differences: object) -> type[nn.Module]:
    return type("SE", (SEModule,), differences)


def module_case(text: Text, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        reduction = draw.pick(3, 4, 5)
        channels = reduction * draw.integer(3, 6) + draw.integer(0, 2)
        x = draw.normal(draw.integer(2, 4), channels, draw.integer(4, 6), draw.integer(7, 9))
        return Call(
            (x + 2 * draw.normal(1, channels, 1, 1),),
            {"channels": channels, "reduction": reduction},
        )

    return Case(text, make, **options)


def default_reduction(draw: Draw) -> Call:
    channels = 16 * draw.integer(2, 4)
    return Call((draw.normal(2, channels, 3, 4) + 1,), {"channels": channels})


def batch_of_one(draw: Draw) -> Call:
    return Call((draw.normal(1, 12, 3, 5) + 1,), {"channels": 12, "reduction": 4})


MODULE_CASES = (
    module_case(Text("参数取随机值，高与宽不等", "random parameters, height and width differ")),
    Case(Text("默认的缩减比", "the default reduction"), default_reduction),
    Case(Text("批里只有一张图", "a batch of one"), batch_of_one),
    module_case(
        Text("训练模式，双精度", "train mode, double precision"), dtype=torch.float64, training=True
    ),
)


def module_mutants(convolution: bool) -> tuple[Mutant, ...]:
    def mutant(**differences: object) -> type[nn.Module]:
        return se_module(**{"convolution": convolution, **differences})

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


class SELinearSequential(nn.Module):
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


class SEConvSequential(nn.Module):
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


class SEConvGrouped(SEConvSequential):
    def forward(self, x: Tensor) -> Tensor:
        # The mean of the positions as a full convolution with a constant kernel.
        kernel = torch.full_like(x[:1, :1], 1 / (x.shape[2] * x.shape[3])).expand(
            x.shape[1], 1, *x.shape[2:]
        )
        squeezed = F.conv2d(x, kernel, groups=x.shape[1])
        for layer in list(self.gate)[1:]:
            squeezed = layer(squeezed)
        return squeezed * x


def without_squeeze(self: SEModule, x: Tensor) -> Tensor:
    return x * self.second(F.relu(self.first(x))).sigmoid()
