"""Residual attention network: pre-activation ResNet stages with hourglass attention modules.

Three stages of one strided unit and one or more attention modules, then three units without any.
The deeper the stage, the smaller its map, and the fewer scales its hourglass has: 3, 2, 1.

Source: F. Wang, M. Jiang, C. Qian, S. Yang, C. Li, H. Zhang, X. Wang, X. Tang, *Residual Attention
Network for Image Classification*, CVPR 2017, https://arxiv.org/abs/1704.06904; authors' models
(Caffe): https://github.com/fwang91/residual-attention-network.

The counts are those of the authors' models. The well-known PyTorch port has 17.8 million more
parameters in its Attention-56, projections that it never uses, and adds maps that the authors do
not (``wiring="port"``, see `ResidualAttention`).
"""

from collections.abc import Collection, Mapping

from torch import Tensor, nn

from course_lib.attention import ResidualAttention
from course_lib.networks._arguments import require_classes, require_one_of
from course_lib.networks._features import walk

#: Attention modules of the three stages, by the depth that the network is named after.
_MODULES: Mapping[int, tuple[int, int, int]] = {56: (1, 1, 1), 92: (1, 2, 3)}


def _activated(channels: int) -> tuple[nn.Module, nn.Module]:
    """BatchNorm, and a ReLU that overwrites its result."""
    return nn.BatchNorm2d(channels), nn.ReLU(inplace=True)


class ProjectedUnit(nn.Module):
    """Pre-activation bottleneck, with a projection where the shape changes.

    The projection sees the activated input, as the branch does; without one, the input itself is
    added.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output; inside are a quarter of them.
        stride: stride of the 3×3 convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        hidden = channels_out // 4
        self.activate = nn.Sequential(*_activated(channels_in))
        self.branch = nn.Sequential(
            nn.Conv2d(channels_in, hidden, 1, bias=False),
            *_activated(hidden),
            nn.Conv2d(hidden, hidden, 3, stride, padding=1, bias=False),
            *_activated(hidden),
            nn.Conv2d(hidden, channels_out, 1, bias=False),
        )
        self.project: nn.Module | None = None
        if stride != 1 or channels_in != channels_out:
            self.project = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ⌈H / stride⌉, ⌈W / stride⌉)."""
        activated = self.activate(x)
        shortcut = x if self.project is None else self.project(activated)
        return shortcut + self.branch(activated)


class ResidualAttentionNetwork(nn.Module):
    """Attention-56 or Attention-92, for pictures of any size.

    Args:
        depth: 56 (one attention module a stage) or 92 (one, two and three).
        classes: number of classes.
        wiring: ``"authors"``, or ``"port"`` for the additions of the PyTorch port.

    Raises:
        ValueError: if an option has no such value.
    """

    def __init__(self, depth: int = 56, classes: int = 1000, *, wiring: str = "authors") -> None:
        super().__init__()
        require_one_of("depth", depth, _MODULES)
        require_classes(classes)
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            *_activated(64),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        channels = 64
        for stage, count in enumerate(_MODULES[depth], 1):
            width = 128 * 2**stage
            modules = (
                ResidualAttention(width, scales=4 - stage, wiring=wiring) for _ in range(count)
            )
            unit = ProjectedUnit(channels, width, 1 if stage == 1 else 2)
            self.add_module(f"stage{stage}", nn.Sequential(unit, *modules))
            channels = width
        self.stage4 = nn.Sequential(
            ProjectedUnit(channels, 2048, 2), ProjectedUnit(2048, 2048), ProjectedUnit(2048, 2048)
        )
        self.last = nn.Sequential(*_activated(2048))
        self.fc = nn.Linear(2048, classes)

    def features(self, x: Tensor, names: Collection[str] = ("stage4",)) -> dict[str, Tensor]:
        """The feature maps called so, for (B, 3, H, W): ``stem``, ``stage1`` … ``stage4``.

        Raises:
            ValueError: if a name is unknown or there is none.
        """
        steps = ("stem", "stage1", "stage2", "stage3", "stage4")
        return walk({name: getattr(self, name) for name in steps}, x, names)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        return self.fc(self.last(self.features(x)["stage4"]).mean((2, 3)))
