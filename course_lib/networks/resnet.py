"""ResNet with a slot for an attention mechanism in every block.

Parameters carry torchvision's names, so its checkpoints load (those of the slot come on top). The
mechanism stands where the authors of SE and CBAM put it: after the last BatchNorm of the residual
branch, before the addition. Strides stand in the 3×3 convolution, as in torchvision.

Source: K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016,
https://arxiv.org/abs/1512.03385.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Slot = Callable[[int], nn.Module]

_LAYERS: Mapping[int, tuple[int, int, int, int]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}


class _Block(nn.Module):
    """What both kinds of block share: the addition, and the slot before it."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, slot: Slot | None) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )
        self.attention = slot(channels_out) if slot else nn.Identity()

    def branch(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(shortcut + self.attention(self.branch(x)))


class BasicBlock(_Block):
    """Two 3×3 convolutions: the block of ResNet-18 and ResNet-34."""

    expansion = 1

    def __init__(self, channels_in: int, planes: int, stride: int, slot: Slot | None) -> None:
        super().__init__(channels_in, planes, stride, slot)
        self.conv1 = nn.Conv2d(channels_in, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)

    def branch(self, x: Tensor) -> Tensor:
        """The residual branch up to its last BatchNorm."""
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))


class Bottleneck(_Block):
    """1×1, 3×3 and 1×1 convolutions: the block of ResNet-50 and ResNet-101."""

    expansion = 4

    def __init__(self, channels_in: int, planes: int, stride: int, slot: Slot | None) -> None:
        super().__init__(channels_in, planes * self.expansion, stride, slot)
        self.conv1 = nn.Conv2d(channels_in, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)

    def branch(self, x: Tensor) -> Tensor:
        """The residual branch up to its last BatchNorm."""
        x = self.relu(self.bn1(self.conv1(x)))
        return self.bn3(self.conv3(self.relu(self.bn2(self.conv2(x)))))


class ResNet(nn.Module):
    """A residual network for pictures of any size.

    Args:
        depth: 18, 34, 50 or 101.
        slot: makes the mechanism of every block from its number of output channels; None leaves
            the slots empty.
        classes: number of classes.

    Raises:
        ValueError: if there is no ResNet of that depth.
    """

    def __init__(self, depth: int = 50, slot: Slot | None = None, classes: int = 1000) -> None:
        super().__init__()
        if depth not in _LAYERS:
            depths = ", ".join(map(str, _LAYERS))
            raise ValueError(f"there is no ResNet of depth {depth}; there are: {depths}")
        block: type[Any] = BasicBlock if depth < 50 else Bottleneck
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for stage, count in enumerate(_LAYERS[depth]):
            planes = 64 * 2**stage
            blocks = []
            for place in range(count):
                stride = 2 if stage and not place else 1
                blocks.append(block(channels, planes, stride, slot))
                channels = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))
