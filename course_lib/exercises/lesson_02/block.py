"""Exercise cbam-block: where it stands."""

from collections.abc import Callable
from functools import partial

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
from course_lib.exercises.lesson_02.shared import handed_in


def _make_layers(block: nn.Module, channels_in: int, channels: int, stride: int) -> None:
    block.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
    block.bn1 = nn.BatchNorm2d(channels)
    block.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    block.bn2 = nn.BatchNorm2d(channels)
    block.shortcut = nn.Identity()
    if stride != 1 or channels_in != channels:
        block.shortcut = nn.Sequential(
            nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False),
            nn.BatchNorm2d(channels),
        )


class CBAMBlock(nn.Module):
    """The reference of exercise 6: the block of ResNet-18 with a slot in its residual branch."""

    def __init__(
        self, channels_in: int, channels: int, attention: nn.Module, stride: int = 1
    ) -> None:
        super().__init__()
        _make_layers(self, channels_in, channels, stride)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H / stride, W / stride), rounded up."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(self.shortcut(x) + self.attention(branch))


class _Block(nn.Module):
    """Mutants and alternates differ in `forward`."""

    def __init__(
        self, channels_in: int, channels: int, attention: nn.Module, stride: int = 1
    ) -> None:
        super().__init__()
        _make_layers(self, channels_in, channels, stride)
        self.attention = attention

    def until_norm(self, x: Tensor) -> Tensor:
        return self.conv2(F.relu(self.bn1(self.conv1(x))))

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.until_norm(x))


def _block(forward: Callable[[_Block, Tensor], Tensor]) -> type[nn.Module]:
    return type("CBAMBlock", (_Block,), {"forward": forward})


class _BranchInARow(nn.Module):
    """The whole residual branch as one `Sequential`."""

    def __init__(
        self, channels_in: int, channels: int, attention: nn.Module, stride: int = 1
    ) -> None:
        super().__init__()
        _make_layers(self, channels_in, channels, stride)
        layers = (self.conv1, self.bn1, nn.ReLU(), self.conv2, self.bn2, attention)
        del self.conv1, self.bn1, self.conv2, self.bn2
        shortcut = self.shortcut
        del self.shortcut  # its parameters come last in the reference too
        self.branch = nn.Sequential(*layers)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return (self.branch(x) + self.shortcut(x)).clamp(min=0)


def _step_by_step(self: _Block, x: Tensor) -> Tensor:
    residual = self.shortcut(x)
    out = torch.relu(self.bn1(self.conv1(x)))
    out = self.bn2(self.conv2(out))
    out = self.attention(out)
    out += residual
    return out.relu()


def _block_case(text: Text, grows: bool, stride: int, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels = 2 * draw.integer(2, 4)
        channels_in = channels // 2 if grows else channels
        x = draw.normal(draw.integer(2, 3), channels_in, draw.integer(8, 9), draw.integer(10, 12))
        look = partial(nn.Conv2d, channels, channels, 5, padding=2, bias=False)
        build = {
            "channels_in": channels_in,
            "channels": channels,
            # In this order: an answer may write `out += shortcut` over the output.
            "attention": handed_in(draw, nn.Tanh, look),
            "stride": stride,
        }
        return Call((x,), build)

    return Case(text, make, **options)


CBAM_BLOCK = Exercise(
    id="cbam-block",
    kind="implement",
    title=Text("放进残差块", "Into the residual block"),
    difficulty=3,
    minutes=5,
    points=3,
    reference=CBAMBlock,
    cases=(
        _block_case(Text("尺寸不变的块", "a block that keeps the size"), False, 1),
        _block_case(
            Text("步幅为 2、通道加倍的块", "a block with stride 2 and twice the channels"), True, 2
        ),
        _block_case(
            Text("训练模式，双精度", "train mode, double precision"),
            False,
            2,
            dtype=torch.float64,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "after-the-addition",
            _block(lambda self, x: F.relu(self.attention(self.branch(x) + self.shortcut(x)))),
            Text(
                "CBAM 在相加之后，捷径也被乘了门。它只属于残差分支。",
                "CBAM comes after the addition, so the shortcut is gated too. It belongs to the "
                "residual branch alone.",
            ),
        ),
        Mutant(
            "after-the-last-relu",
            _block(lambda self, x: self.attention(F.relu(self.branch(x) + self.shortcut(x)))),
            Text(
                "CBAM 在整个块的末尾。它要在相加之前，它的门只乘残差分支。",
                "CBAM comes at the very end of the block. It stands before the addition, and its "
                "gates multiply the residual branch alone.",
            ),
        ),
        Mutant(
            "relu-before",
            _block(
                lambda self, x: F.relu(self.shortcut(x) + self.attention(self.branch(x).relu()))
            ),
            Text(
                "CBAM 之前多了一个 ReLU，分支的负值丢失了；门看到的应当是带正负号的值。",
                "There is a ReLU before CBAM, so the branch loses its negative values; the gates "
                "see signed values.",
            ),
        ),
        Mutant(
            "before-the-last-norm",
            _block(
                lambda self, x: F.relu(
                    self.shortcut(x) + self.bn2(self.attention(self.until_norm(x)))
                )
            ),
            Text(
                "CBAM 在最后一个批归一化之前。它应当在批归一化之后。",
                "CBAM stands before the last batch normalization. Its place is after it.",
            ),
        ),
        Mutant(
            "on-the-shortcut",
            _block(lambda self, x: F.relu(self.attention(self.shortcut(x)) + self.branch(x))),
            Text(
                "走过 CBAM 的是捷径，不是残差分支。",
                "It is the shortcut that passes through CBAM, not the residual branch.",
            ),
        ),
        Mutant(
            "on-both",
            _block(
                lambda self, x: F.relu(
                    self.attention(self.shortcut(x)) + self.attention(self.branch(x))
                )
            ),
            Text(
                "捷径也走过了 CBAM。它只属于残差分支。",
                "The shortcut passes through CBAM too. It belongs to the residual branch alone.",
            ),
        ),
        Mutant(
            "multiplied-again",
            _block(
                lambda self, x: F.relu(
                    self.shortcut(x) + self.branch(x) * self.attention(self.branch(x))
                )
            ),
            Text(
                "分支又乘了一次 `attention` 的输出。CBAM 返回的已经是乘过门的特征图。",
                "The branch is multiplied by the output of `attention` once more. What CBAM "
                "returns is the feature map already multiplied by its gates.",
            ),
        ),
        Mutant(
            "not-used",
            _block(lambda self, x: F.relu(self.shortcut(x) + self.branch(x))),
            Text("`forward` 里没有用 `attention`。", "`forward` does not use `attention`."),
        ),
        Mutant(
            "no-projection",
            _block(lambda self, x: F.relu(x + self.attention(self.branch(x)))),
            Text(
                "相加的是 `x` 本身。步幅或通道数改变时形状就对不上；捷径要先经过 `self.shortcut`。",
                "It is `x` itself that is added. Where stride or channels change, the shapes do "
                "not fit; the shortcut goes through `self.shortcut`.",
            ),
        ),
        Mutant(
            "no-addition",
            _block(lambda self, x: F.relu(self.attention(self.branch(x)))),
            Text("捷径没有加上。", "The shortcut is not added."),
        ),
        Mutant(
            "no-last-relu",
            _block(lambda self, x: self.shortcut(x) + self.attention(self.branch(x))),
            Text("相加之后少了 ReLU。", "The ReLU after the addition is missing."),
        ),
    ),
    alternates=(
        Alternate("step-by-step", _block(_step_by_step)),
        Alternate("branch-in-a-row", _BranchInARow),
    ),
)
