"""Exercise cbam-spatial-module."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import (
    Alternate,
    Call,
    Case,
    Draw,
    Exercise,
    Mutant,
    Text,
)
from course_lib.exercises.lesson_02.shared import planes_of, three_or_one


class SpatialGate(nn.Module):
    """The reference of exercise 4: the spatial gate, with BatchNorm."""

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> gate (B, 1, H, W)."""
        planes = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        return torch.sigmoid(self.norm(self.conv(planes)))


class _SpatialGate(nn.Module):
    """Where the mutants and alternates differ."""

    bias = False
    planes = staticmethod(planes_of)

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            2, 1, self.size(kernel_size), padding=self.padding(kernel_size), bias=self.bias
        )
        self.norm = nn.BatchNorm2d(1)

    def size(self, kernel_size: int) -> int:
        return kernel_size

    def padding(self, kernel_size: int) -> int | str:
        return kernel_size // 2

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.norm(self.conv(self.planes(x))))


def _spatial_module(**differences: object) -> type[nn.Module]:
    return type("SpatialGate", (_SpatialGate,), differences)


class _WithoutNorm(_SpatialGate):
    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__(kernel_size)
        self.norm = nn.Identity()


class _NormOfPlanes(_SpatialGate):
    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__(kernel_size)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(self.norm(self.planes(x))))


class _SequentialSpatial(nn.Module):
    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 1, kernel_size, padding="same", bias=False),
            nn.BatchNorm2d(1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        largest, _ = torch.max(x, dim=1, keepdim=True)
        average = torch.mean(x, dim=1, keepdim=True)
        return self.layers(torch.cat((largest, average), dim=1))


class _NormFirst(nn.Module):
    """The layers made in the other order, and one convolution for each plane."""

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(1)
        self.weight = nn.Parameter(torch.zeros(1, 2, kernel_size, kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        half = self.weight.shape[-1] // 2
        of_max = F.conv2d(x.amax(1, keepdim=True), self.weight[:, :1], padding=half)
        of_mean = F.conv2d(x.mean(1, keepdim=True), self.weight[:, 1:], padding=half)
        return self.bn(of_max + of_mean).sigmoid()


def _spatial_module_case(text: Text, kernel_size: int | None, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        height, width = draw.integer(7, 8), draw.integer(9, 11)
        x = draw.normal(draw.integer(2, 3), draw.integer(3, 6), height, width)
        return Call((x,), {"kernel_size": kernel_size} if kernel_size else {})

    return Case(text, make, **options)


SPATIAL_MODULE = Exercise(
    id="cbam-spatial-module",
    kind="implement",
    title=Text("空间门，写成模块", "The spatial gate as a module"),
    difficulty=2,
    minutes=4,
    points=3,
    reference=SpatialGate,
    cases=(
        _spatial_module_case(Text("默认的卷积核，推理模式", "the default kernel, eval mode"), None),
        _spatial_module_case(Text("5×5 的卷积核", "a kernel of 5×5"), 5),
        _spatial_module_case(Text("3×3，训练模式", "3×3, train mode"), 3, training=True),
        _spatial_module_case(
            Text("5×5，训练模式，双精度", "5×5, train mode, double precision"),
            5,
            dtype=torch.float64,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "no-norm",
            _WithoutNorm,
            Text(
                "少了卷积之后的批归一化。论文的公式里没有它，这一题要求有。",
                "The batch normalization after the convolution is missing. The paper's formula has "
                "none; this exercise asks for it.",
            ),
        ),
        Mutant(
            "convolution-with-bias",
            _spatial_module(bias=True),
            Text(
                "卷积带了偏置。后面的批归一化会减去均值，偏置便毫无作用，所以不要它。",
                "The convolution has a bias. The batch normalization behind it subtracts the mean, "
                "so a bias would do nothing; leave it out.",
            ),
        ),
        Mutant(
            "norm-of-planes",
            _NormOfPlanes,
            Text(
                "批归一化作用在了两个平面上，在卷积之前。它在卷积之后，只有一个通道。",
                "The batch normalization acts on the two planes, before the convolution. It stands "
                "behind the convolution and has one channel.",
            ),
        ),
        Mutant(
            "norm-after-sigmoid",
            _spatial_module(forward=lambda self, x: self.norm(self.conv(planes_of(x)).sigmoid())),
            Text(
                "批归一化在 sigmoid 之后，门不再落在 0 与 1 之间。",
                "The batch normalization comes after the sigmoid, so the gate leaves the range "
                "from 0 to 1.",
            ),
        ),
        Mutant(
            "norm-not-called",
            _spatial_module(forward=lambda self, x: self.conv(planes_of(x)).sigmoid()),
            Text(
                "批归一化造出来了，`forward` 里却没有用它。",
                "The batch normalization is made, but `forward` does not use it.",
            ),
        ),
        Mutant(
            "mean-first",
            _spatial_module(planes=staticmethod(lambda x: planes_of(x).flip(1))),
            Text(
                "两个平面的次序反了：这里最大值在前。",
                "The two planes stand in the other order: here the maximum comes first.",
            ),
        ),
        Mutant(
            "three-or-one",
            _spatial_module(padding=lambda self, kernel_size: three_or_one(kernel_size)),
            Text(
                "填充只认得 7 与 3 两种卷积核。写成卷积核大小的公式。",
                "The padding knows kernels of 7 and 3 only. Write it as a formula of the kernel "
                "size.",
            ),
        ),
        Mutant(
            "always-three",
            _spatial_module(padding=lambda self, kernel_size: 3),
            Text(
                "填充写死为 3，只对 7×7 合适。从 `kernel_size` 算出它。",
                "The padding is always 3, which suits 7×7 only. Derive it from `kernel_size`.",
            ),
        ),
        Mutant(
            "always-seven",
            _spatial_module(size=lambda self, kernel_size: 7, padding=lambda self, kernel_size: 3),
            Text(
                "参数 `kernel_size` 没有用上，卷积核总是 7×7。",
                "The argument `kernel_size` is not used; the kernel is always 7×7.",
            ),
        ),
        Mutant(
            "already-multiplied",
            _spatial_module(forward=lambda self, x: x * _SpatialGate.forward(self, x)),
            Text(
                "`forward` 返回了乘过门的特征图。这个模块只返回门，相乘是练习 5 的事。",
                "`forward` returns the feature map times its gate. This module returns the gate "
                "alone; exercise 5 multiplies.",
            ),
        ),
        Mutant(
            "no-sigmoid",
            _spatial_module(forward=lambda self, x: self.norm(self.conv(planes_of(x)))),
            Text("门的末尾少了 sigmoid。", "The sigmoid at the end of the gate is missing."),
        ),
    ),
    alternates=(
        Alternate("sequential", _SequentialSpatial),
        Alternate("norm-first", _NormFirst),
        Alternate("same-padding", _spatial_module(padding=lambda self, kernel_size: "same")),
    ),
)
