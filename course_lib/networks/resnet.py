"""ResNet with a slot for an attention mechanism in every block.

Parameters carry torchvision's names, so its checkpoints load (those of the slot come on top). The
mechanism stands where the authors of SE and CBAM put it: after the last BatchNorm of the residual
branch, before the addition; ``place`` puts it elsewhere. Strides stand in the 3×3 convolution, as
in torchvision, or with ``stride_first`` in the 1×1 convolution before it, as in the paper.

Source: K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016,
https://arxiv.org/abs/1512.03385. Dilation in place of stride: F. Yu, V. Koltun, T. Funkhouser,
*Dilated Residual Networks*, CVPR 2017, https://arxiv.org/abs/1705.09914.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from course_lib.networks._arguments import require_classes, require_one_of
from course_lib.networks._features import walk
from course_lib.networks.slot import Slot

#: Where a slot can stand: on the input of the branch's last convolution, between the second
#: convolution and its BatchNorm, behind the last BatchNorm, behind each of the first three stages.
PLACES = ("inner", "conv2", "branch", "stage")

_LAYERS: Mapping[int, tuple[int, int, int, int]] = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def _dilated(
    channels_in: int, channels_out: int, stride: int, dilation: int, groups: int = 1
) -> nn.Conv2d:
    """A 3×3 convolution that keeps the size of the map but for its stride."""
    return nn.Conv2d(
        channels_in,
        channels_out,
        3,
        stride,
        padding=dilation,
        dilation=dilation,
        groups=groups,
        bias=False,
    )


class _Block(nn.Module):
    """What both kinds of block share: the addition, and the slot before it."""

    def __init__(
        self,
        channels_in: int,
        inside: int,
        channels_out: int,
        stride: int,
        slot: Slot | None,
        place: str,
    ) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )
        self.place = place
        width = channels_out if place == "branch" else inside
        self.attention = slot(width) if slot else nn.Identity()

    def at(self, place: str, x: Tensor) -> Tensor:
        """The mechanism's output if it stands there, else `x`."""
        return self.attention(x) if self.place == place else x

    def branch(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(shortcut + self.at("branch", self.branch(x)))


class BasicBlock(_Block):
    """Two 3×3 convolutions: the block of ResNet-18 and ResNet-34.

    Args:
        channels_in: channels of the input.
        planes: channels of the convolutions and of the output.
        stride: stride of the first convolution.
        slot: makes the mechanism, or None.
        dilations: of the two convolutions.
        place: one of `PLACES` but ``"stage"``.
    """

    expansion = 1

    def __init__(
        self,
        channels_in: int,
        planes: int,
        stride: int,
        slot: Slot | None,
        dilations: tuple[int, int] = (1, 1),
        place: str = "branch",
    ) -> None:
        super().__init__(channels_in, planes, planes, stride, slot, place)
        self.conv1 = _dilated(channels_in, planes, stride, dilations[0])
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _dilated(planes, planes, 1, dilations[1])
        self.bn2 = nn.BatchNorm2d(planes)

    def branch(self, x: Tensor) -> Tensor:
        """The residual branch up to its last BatchNorm."""
        x = self.at("inner", self.relu(self.bn1(self.conv1(x))))
        return self.bn2(self.at("conv2", self.conv2(x)))


class Bottleneck(_Block):
    """1×1, 3×3 and 1×1 convolutions: the block of ResNet-50 and deeper.

    Args:
        channels_in: channels of the input.
        planes: a quarter of the output's channels.
        stride: stride of the 3×3 convolution.
        slot: makes the mechanism, or None.
        dilations: the first is that of the 3×3 convolution.
        place: one of `PLACES` but ``"stage"``.
        groups: of the 3×3 convolution.
        group_width: channels of a group, for every 64 planes; there are as many channels inside as
            all groups have.
        stride_first: whether the first 1×1 convolution has the stride and not the 3×3.
    """

    expansion = 4

    def __init__(
        self,
        channels_in: int,
        planes: int,
        stride: int,
        slot: Slot | None,
        dilations: tuple[int, int] = (1, 1),
        place: str = "branch",
        groups: int = 1,
        group_width: int = 64,
        stride_first: bool = False,
    ) -> None:
        inside = planes * group_width // 64 * groups
        super().__init__(channels_in, inside, planes * self.expansion, stride, slot, place)
        first, second = (stride, 1) if stride_first else (1, stride)
        self.conv1 = nn.Conv2d(channels_in, inside, 1, stride=first, bias=False)
        self.bn1 = nn.BatchNorm2d(inside)
        self.conv2 = _dilated(inside, inside, second, dilations[0], groups)
        self.bn2 = nn.BatchNorm2d(inside)
        self.conv3 = nn.Conv2d(inside, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)

    def branch(self, x: Tensor) -> Tensor:
        """The residual branch up to its last BatchNorm."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.at("conv2", self.conv2(x))))
        return self.bn3(self.conv3(self.at("inner", x)))


class ResNet(nn.Module):
    """A residual network for pictures of any size.

    Args:
        depth: 10, 18, 34, 50, 101 or 152; 10, one block a stage, is not of the paper.
        slot: makes the mechanism of every block from its number of channels; None leaves the
            slots empty.
        classes: number of classes.
        place: where the slot stands: ``"branch"``, after the last BatchNorm of the branch;
            ``"conv2"``, between the second convolution and its BatchNorm; ``"inner"``, on the
            activated map that the last convolution receives;
            ``"stage"``, once behind each of the first three stages, as ``attention1`` and so on.
        stages: stages whose slots are filled; with ``"stage"`` the fourth is left out.
        output_stride: pixels of the picture per cell of the last map, 32, 16 or 8; what is taken
            from the strides is given to the dilations, so that the weights mean the same.
        multi_grid: factors of the dilations of the last stage's blocks; None is all ones.
        stem: ``"large"``, 7×7 with stride 2 and a pool, or ``"small"``, 3×3 without either, for
            pictures of about 32×32; the output stride counts without the stem's factor of 4 then.
        width: channels of the stem; every stage has twice those of the one before it.
        groups: of the 3×3 convolutions from depth 50 on; 32 with a ``group_width`` of 4 is ResNeXt.
        group_width: channels of a group in the first stage, at a ``width`` of 64.
        stride_first: whether strides stand in the first 1×1 convolution from depth 50 on, as in the
            paper and in the released Caffe models; as many parameters, fewer multiply-adds.

    Raises:
        ValueError: if there is no ResNet of that depth or an option has no such value.
    """

    def __init__(
        self,
        depth: int = 50,
        slot: Slot | None = None,
        classes: int = 1000,
        *,
        place: str = "branch",
        stages: Collection[int] = (1, 2, 3, 4),
        output_stride: int = 32,
        multi_grid: Sequence[int] | None = None,
        stem: str = "large",
        width: int = 64,
        groups: int = 1,
        group_width: int = 64,
        stride_first: bool = False,
    ) -> None:
        super().__init__()
        if depth not in _LAYERS:
            depths = ", ".join(map(str, _LAYERS))
            raise ValueError(f"there is no ResNet of depth {depth}; there are: {depths}")
        require_classes(classes)
        require_one_of("place", place, PLACES)
        require_one_of("output_stride", output_stride, (32, 16, 8))
        require_one_of("stem", stem, ("large", "small"))
        if width < 1:
            raise ValueError(f"width={width} leaves no channels; use at least 1")
        if not set(stages) <= {1, 2, 3, 4}:
            raise ValueError(f"stages={stages!r} must be some of 1, 2, 3, 4")
        counts = _LAYERS[depth]
        if multi_grid is not None and len(multi_grid) != counts[3]:
            raise ValueError(
                f"multi_grid={multi_grid!r} must have {counts[3]} factors, one for each block of "
                "the last stage"
            )
        if multi_grid is not None and min(multi_grid) < 1:
            raise ValueError(f"multi_grid={multi_grid!r} must be positive factors")
        if place == "stage" and not set(stages) & {1, 2, 3}:
            raise ValueError(f"place='stage' has no slot in stages={stages!r}; use some of 1, 2, 3")
        grouped = (groups, group_width) != (1, 64)
        if grouped and depth < 50:
            raise ValueError(f"depth={depth} has no groups; use a depth of 50 or more")
        if stride_first and depth < 50:
            raise ValueError(f"depth={depth} has no 1×1 convolution; use a depth of 50 or more")
        if groups < 1 or width * group_width < 64:
            raise ValueError(
                f"groups={groups} of group_width={group_width} hold no channels; use larger ones"
            )
        block: Callable[..., _Block] = (
            BasicBlock
            if depth < 50
            else partial(
                Bottleneck, groups=groups, group_width=group_width, stride_first=stride_first
            )
        )
        expansion = BasicBlock.expansion if depth < 50 else Bottleneck.expansion
        small = stem == "small"
        self.conv1 = (
            nn.Conv2d(3, width, 3, padding=1, bias=False)
            if small
            else nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        )
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        channels, reached, dilation = width, 4, 1
        for stage, count in enumerate(counts, 1):
            stride, previous = 1 if stage == 1 else 2, dilation
            if reached * stride > output_stride:
                dilation, stride = dilation * stride, 1
            reached *= stride
            planes = width * 2 ** (stage - 1)
            grid = multi_grid if stage == 4 and multi_grid else (1,) * count
            inside = slot if place != "stage" and stage in stages else None
            blocks = []
            for position, factor in enumerate(grid):
                # A convolution at or before the stride that is gone still sees the old grid.
                first = dilation if position or (multi_grid and stage == 4) else previous
                blocks.append(
                    block(
                        channels,
                        planes,
                        1 if position else stride,
                        inside,
                        (first * factor, dilation * factor),
                        place,
                    )
                )
                channels = planes * expansion
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            if slot and place == "stage" and stage in stages and stage < 4:
                setattr(self, f"attention{stage}", slot(channels))
        self.channels = channels
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def features(self, x: Tensor, names: Collection[str] = ("layer4",)) -> dict[str, Tensor]:
        """The feature maps called so, for (B, 3, H, W); nothing behind the last one is computed.

        ``stem`` is (B, width, ⌈H / 4⌉, ⌈W / 4⌉), ``layer1`` … ``layer4`` what the stages give, with
        the mechanism behind the stage where there is one.

        Raises:
            ValueError: if a name is unknown or there is none.
        """
        stages = {f"layer{stage}": partial(self._stage, stage) for stage in range(1, 5)}
        return walk({"stem": self._stem, **stages}, x, names)

    def _stem(self, x: Tensor) -> Tensor:
        return self.maxpool(self.relu(self.bn1(self.conv1(x))))

    def _stage(self, stage: int, x: Tensor) -> Tensor:
        x = getattr(self, f"layer{stage}")(x)
        behind = getattr(self, f"attention{stage}", None)
        return x if behind is None else behind(x)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        return self.fc(torch.flatten(self.avgpool(self.features(x)["layer4"]), 1))
