"""SENet-154, with which the authors of squeeze-and-excitation won ILSVRC 2017.

Source: J. Hu, L. Shen, G. Sun, *Squeeze-and-Excitation Networks*, CVPR 2018,
https://arxiv.org/abs/1709.01507; its layers as in the authors' released model file.
"""

import torch
from torch import Tensor, nn

from course_lib.attention import create
from course_lib.networks._arguments import require_classes

_BLOCKS = (3, 8, 36, 3)
_GROUPS = 64


def _convolution(
    channels_in: int, channels_out: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size of the map but for its stride, and its BatchNorm."""
    return nn.Sequential(
        nn.Conv2d(
            channels_in,
            channels_out,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(channels_out),
    )


class _Block(nn.Module):
    """1×1, grouped 3×3 and 1×1 convolutions, SE, and the addition.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output; the first convolution makes half of them.
        stride: stride of the 3×3 convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _convolution(channels_in, channels_out // 2, 1),
            nn.ReLU(inplace=True),
            _convolution(channels_out // 2, channels_out, 3, stride, _GROUPS),
            nn.ReLU(inplace=True),
            _convolution(channels_out, channels_out, 1),
            create("se", channels_out, reduction=16),
        )
        self.shortcut: nn.Module = nn.Identity()
        if channels_in != channels_out:
            # The shortcut that halves the map looks at every cell: 3×3 instead of 1×1.
            self.shortcut = _convolution(channels_in, channels_out, 3 if stride > 1 else 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ⌈H / stride⌉, ⌈W / stride⌉)."""
        return self.relu(self.branch(x) + self.shortcut(x))


class SENet154(nn.Module):
    """ResNet-152's depth, 64 groups, a stem of three 3×3 convolutions, SE in every block.

    Args:
        classes: number of classes.
        dropout: share of the features that is zeroed before the classifier in training.

    Raises:
        ValueError: if there are no classes or `dropout` is no share.
    """

    def __init__(self, classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        require_classes(classes)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout} must be a share; use 0 or more and less than 1")
        self.stem = nn.Sequential(
            _convolution(3, 64, 3, stride=2),
            nn.ReLU(inplace=True),
            _convolution(64, 64, 3),
            nn.ReLU(inplace=True),
            _convolution(64, 128, 3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
        )
        channels, stages = 128, []
        for stage, count in enumerate(_BLOCKS):
            for position in range(count):
                stride = 2 if stage and not position else 1
                stages.append(_Block(channels, 256 * 2**stage, stride))
                channels = 256 * 2**stage
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        summary = torch.flatten(nn.functional.adaptive_avg_pool2d(self.stages(self.stem(x)), 1), 1)
        return self.fc(self.dropout(summary))
