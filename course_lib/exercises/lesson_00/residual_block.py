"""Exercise tools-block and its symptom: a residual block."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice


class Block(nn.Module):
    """The reference of exercise 10: the residual block of ResNet-18."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ⌈H / stride⌉, ⌈W / stride⌉)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(branch + self.shortcut(x))


class _Parts(nn.Module):
    """The layers of the block once more: a mutant must not run the reference."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        changed = stride != 1 or channels_in != channels
        projection = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
        self.shortcut = nn.Sequential(*([projection, nn.BatchNorm2d(channels)] if changed else []))


def _block(forward: Callable[[_Parts, Tensor], Tensor]) -> type[nn.Module]:
    """A block with another forward."""
    return type("Block", (_Parts,), {"forward": forward})


def _branch(self: _Parts, x: Tensor) -> Tensor:
    return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


def _added_to_the_shortcut(self: _Parts, x: Tensor) -> Tensor:
    y = self.shortcut(x)
    y += _branch(self, x)
    return F.relu(y)


def _relu_in_place(self: _Parts, x: Tensor) -> Tensor:
    out = self.bn1(self.conv1(x))
    out = self.bn2(self.conv2(out.relu_()))
    out += self.shortcut(x)
    return out.relu_()


def _shortcut_first(self: _Parts, x: Tensor) -> Tensor:
    shortcut = self.shortcut(x)
    return torch.clamp(shortcut + _branch(self, x), min=0)


def _block_case(text: Text, changed: bool, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels_in = draw.integer(3, 5)
        build = {
            "channels_in": channels_in,
            "channels": channels_in + draw.integer(1, 3) if changed else channels_in,
            "stride": 2 if changed else 1,
        }
        # An odd height: rounding shows.
        x = draw.normal(draw.integer(2, 3), channels_in, draw.pick(5, 7), draw.integer(8, 10))
        return Call((x,), build)

    return Case(text, make, **options)


BLOCK = Exercise(
    id="tools-block",
    kind="find the bug",
    title=Text("残差块", "The residual block"),
    difficulty=2,
    minutes=4,
    points=3,
    reference=Block,
    cases=(
        _block_case(Text("形状不变", "the shape stays"), False),
        _block_case(Text("步幅为 2，通道变多", "stride 2 and more channels"), True),
        _block_case(
            Text("训练模式，双精度", "train mode, double precision"),
            True,
            dtype=torch.float64,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "relu-before-the-addition",
            _block(lambda self, x: F.relu(_branch(self, x)) + self.shortcut(x)),
            Text(
                "还是原来的错：ReLU 站在相加之前，残差分支只能加，不能减。",
                "This is the fault as it was: ReLU stands before the addition, so the residual "
                "branch can only add and never take away.",
            ),
        ),
        Mutant(
            "relu-on-both-sides",
            _block(lambda self, x: F.relu(F.relu(_branch(self, x)) + self.shortcut(x))),
            Text(
                "相加之后的 ReLU 对了，相加之前的那个还在。",
                "The ReLU behind the addition is right; the one before it is still there.",
            ),
        ),
        Mutant(
            "no-relu-behind",
            _block(lambda self, x: _branch(self, x) + self.shortcut(x)),
            Text(
                "分支末尾的 ReLU 去掉了，相加之后却没有 ReLU。",
                "The ReLU at the end of the branch is gone, but there is none behind the addition.",
            ),
        ),
        Mutant(
            "bare-shortcut",
            _block(lambda self, x: F.relu(_branch(self, x) + x)),
            Text(
                "加的是 `x` 本身。形状改变时要加 `self.shortcut(x)`。",
                "`x` itself is added. Where the shape changes it must be `self.shortcut(x)`.",
            ),
        ),
        Mutant(
            "no-shortcut",
            _block(lambda self, x: F.relu(_branch(self, x))),
            Text("捷径没有加上。", "The shortcut is not added."),
        ),
        Mutant(
            "relu-on-the-shortcut",
            _block(lambda self, x: F.relu(_branch(self, x) + F.relu(self.shortcut(x)))),
            Text(
                "捷径上多了一个 ReLU。捷径原样通过。",
                "There is a ReLU on the shortcut. The shortcut passes as it is.",
            ),
        ),
        Mutant(
            "no-inner-relu",
            _block(
                lambda self, x: F.relu(
                    self.bn2(self.conv2(self.bn1(self.conv1(x)))) + self.shortcut(x)
                )
            ),
            Text(
                "两个卷积之间的 ReLU 不见了。那里没有错，原样留着。",
                "The ReLU between the convolutions is gone. There was nothing wrong there; keep "
                "it.",
            ),
        ),
        Mutant(
            "added-in-place",
            _block(_added_to_the_shortcut),
            Text(
                "`+=` 加到了捷径上。形状不变时，捷径就是 `x` 本身，于是调用者的张量被改动，"
                "反向传播也用不成了。写成 `a + b`。",
                "`+=` adds to the shortcut. Where the shape stays, the shortcut is `x` itself, so "
                "the caller's tensor changes and backpropagation fails. Write `a + b`.",
            ),
        ),
    ),
    alternates=(
        Alternate("in-place-on-the-branch", _block(_relu_in_place)),
        Alternate("shortcut-first", _block(_shortcut_first)),
    ),
)


BLOCK_SYMPTOM = choice(
    "tools-block-symptom",
    Text("症状", "The symptom"),
    "b",
    {
        "a": Text(
            "不对：两个式子的形状处处相同，不会报错。",
            "No: the shapes are the same everywhere; there is no error.",
        ),
        "b": Text(
            "对：分支的末尾不小于零，相加之后又没有 ReLU，于是每过一块，数只增不减。",
            "Yes: the branch ends at zero or above and no ReLU follows the addition, so from block "
            "to block no number ever gets smaller.",
        ),
        "c": Text(
            "不对：梯度照常经过捷径与分支。",
            "No: gradients pass through the shortcut and the branch as usual.",
        ),
        "d": Text(
            "不对：捷径为正、分支为负时，修好的块减去一些，有错的块一点也不减。",
            "No: where the shortcut is positive and the branch negative, the mended block takes "
            "something away and the faulty one takes nothing.",
        ),
    },
)
