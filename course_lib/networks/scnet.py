"""SCNet: a ResNet whose 3×3 convolutions are self-calibrated on half of their channels.

A block reduces its input twice to half the width of a bottleneck. One half goes through an ordinary
3×3 convolution, the other through a self-calibrated one; the last 1×1 convolution sees both. Four
kernels of half the channels cost what the one kernel of a bottleneck does.

Source: J.-J. Liu, Q. Hou, M.-M. Cheng, C. Wang, J. Feng, *Improving Convolutional Networks with
Self-Calibrated Convolutions*, CVPR 2020; authors' code: https://github.com/MCG-NKU/SCNet
(``scnet.py``). The variant v1d takes ResNet-D from T. He et al., *Bag of Tricks for Image
Classification with Convolutional Neural Networks*, CVPR 2019, https://arxiv.org/abs/1812.01187,
with a mean pool behind the 3×3 convolutions in the place of their stride. The authors' names of the
parameters differ; see `from_authors`.
"""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from course_lib.attention import SelfCalibratedConv
from course_lib.networks._arguments import require_classes, require_one_of
from course_lib.networks._features import walk

_LAYERS: Mapping[int, tuple[int, int, int, int]] = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def _convolution(channels_in: int, channels_out: int, size: int, stride: int = 1) -> nn.Sequential:
    """A convolution without bias that keeps the map but for its stride, and BatchNorm."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(channels_out),
    )


class SCBottleneck(nn.Module):
    """Two reductions, an ordinary and a self-calibrated convolution, and the addition.

    Args:
        channels_in: channels of the input.
        planes: width of both halves together; the output has four times as many channels.
        stride: stride of both 3×3 convolutions.
        pooled: whether mean pools take the place of the strides (v1d).
    """

    expansion = 4

    def __init__(self, channels_in: int, planes: int, stride: int, *, pooled: bool = False) -> None:
        super().__init__()
        half, channels_out = planes // 2, planes * self.expansion
        inside = 1 if pooled else stride
        self.relu = nn.ReLU(inplace=True)
        self.reduce_plain = _convolution(channels_in, half, 1)
        self.plain = _convolution(half, half, 3, inside)
        self.reduce_calibrated = _convolution(channels_in, half, 1)
        self.calibrated = SelfCalibratedConv(half, stride=inside)
        self.pool: nn.Module = nn.Identity()
        if pooled and stride > 1:
            self.pool = nn.AvgPool2d(3, stride, padding=1)
        self.expand = _convolution(planes, channels_out, 1)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = _convolution(channels_in, channels_out, 1, inside)
            if pooled:
                mean = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
                self.downsample.insert(0, mean)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ⌈H / stride⌉, ⌈W / stride⌉)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        plain = self.plain(self.relu(self.reduce_plain(x)))
        calibrated = self.calibrated(self.relu(self.reduce_calibrated(x)))
        both = self.pool(self.relu(torch.cat((plain, calibrated), 1)))
        return self.relu(shortcut + self.expand(both))


class SCNet(nn.Module):
    """A self-calibrated network for pictures of at least 97×97 pixels.

    On smaller ones the last stage's maps are smaller than the 4×4 cells that it pools.

    Args:
        depth: 50 or 101.
        variant: ``"v1b"``, or ``"v1d"`` for a stem of three 3×3 convolutions and mean pools in the
            place of strides.
        classes: number of classes.

    Raises:
        ValueError: if there is no such depth or variant; in ``forward`` if the picture is too
            small.
    """

    def __init__(self, depth: int = 50, variant: str = "v1b", classes: int = 1000) -> None:
        super().__init__()
        require_one_of("depth", depth, _LAYERS)
        require_one_of("variant", variant, ("v1b", "v1d"))
        require_classes(classes)
        deep = variant == "v1d"
        convolutions = ((3, 32, 3, 2), (32, 32, 3, 1), (32, 64, 3, 1)) if deep else ((3, 64, 7, 2),)
        layers: list[nn.Module] = []
        for sizes in convolutions:
            layers += [*_convolution(*sizes), nn.ReLU(inplace=True)]
        self.stem = nn.Sequential(*layers, nn.MaxPool2d(3, stride=2, padding=1))
        channels = 64
        for stage, count in enumerate(_LAYERS[depth], 1):
            planes = 32 * 2**stage
            blocks = []
            for position in range(count):
                stride = 2 if stage > 1 and not position else 1
                blocks.append(SCBottleneck(channels, planes, stride, pooled=deep))
                channels = planes * SCBottleneck.expansion
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, x: Tensor, names: Collection[str] = ("layer4",)) -> dict[str, Tensor]:
        """The feature maps called so, for (B, 3, H, W): ``stem``, ``layer1`` … ``layer4``.

        Raises:
            ValueError: if a name is unknown or there is none.
        """
        steps = ("stem", "layer1", "layer2", "layer3", "layer4")
        return walk({name: getattr(self, name) for name in steps}, x, names)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        return self.fc(self.features(x)["layer4"].mean((2, 3)))
