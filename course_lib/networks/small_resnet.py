"""A ResNet with the parts and names of ResNet-18, narrow and shallow enough for a quick test."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.networks._arguments import require_classes
from course_lib.networks.resnet import BasicBlock


class SmallResNet(nn.Module):
    """Children in the order of ResNet-18: conv1, bn1, relu, maxpool, layer1 … layer4, avgpool, fc.

    Args:
        widths: channels of the four stages, of one block each.
        classes: number of classes.
        channels_in: channels of the picture.

    Raises:
        ValueError: if there are not four widths, or the number of classes is not positive.
    """

    def __init__(self, widths: Sequence[int], classes: int, channels_in: int = 3) -> None:
        super().__init__()
        if len(widths) != 4:
            raise ValueError(f"widths={tuple(widths)} must be four numbers, one for each stage")
        require_classes(classes)
        self.conv1 = nn.Conv2d(channels_in, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = widths[0]
        for stage, width in enumerate(widths, 1):
            block = BasicBlock(channels, width, 1 if stage == 1 else 2, None)
            setattr(self, f"layer{stage}", nn.Sequential(block))
            channels = width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> scores (B, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def halving_stage(channels_in: int, channels: int, blocks: int) -> nn.Sequential:
    """A stage of basic blocks, the first of which halves the map.

    Args:
        channels_in: channels of the input.
        channels: channels of the output, another number.
        blocks: number of blocks.

    Raises:
        ValueError: if the channels are equal or there is no block.
    """
    if channels_in == channels or blocks < 1:
        raise ValueError(
            f"channels_in={channels_in}, channels={channels}, blocks={blocks}: a stage changes the "
            "number of channels and has at least one block"
        )
    return nn.Sequential(
        BasicBlock(channels_in, channels, 2, None),
        *(BasicBlock(channels, channels, 1, None) for _ in range(blocks - 1)),
    )
