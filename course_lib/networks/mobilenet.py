"""MobileNetV2 with a slot for an attention mechanism in every expanding block.

A block widens its input by a 1×1 convolution, filters every channel by a 3×3 one, and narrows it
again without an activation. The mechanism stands where the authors of coordinate attention put it:
on the wide map, after the depthwise convolution's activation. The first block does not widen and
has no slot. Parameters carry torchvision's names; those of the slot come on top.

Source: M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, *MobileNetV2: Inverted Residuals
and Linear Bottlenecks*, CVPR 2018, https://arxiv.org/abs/1801.04381; with attention: Q. Hou,
D. Zhou, J. Feng, *Coordinate Attention for Efficient Mobile Network Design*, CVPR 2021,
https://github.com/houqb/CoordAttention (``mbv2_ca.py``).
"""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor, nn

from course_lib.networks._arguments import require_classes
from course_lib.networks._features import walk
from course_lib.networks.placement import slot as named_slot
from course_lib.networks.slot import Slot

#: Expansion, output channels, number of blocks and stride of the first, for every stage.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _convolution(
    channels_in: int, channels_out: int, size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(
            channels_in, channels_out, size, stride, padding=size // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, filter, attend, narrow; the input is added where the shapes agree.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output.
        stride: stride of the depthwise convolution.
        expansion: how much wider the block is inside.
        slot: makes the mechanism from the inner width, or None.
    """

    def __init__(
        self, channels_in: int, channels_out: int, stride: int, expansion: int, slot: Slot | None
    ) -> None:
        super().__init__()
        wide = channels_in * expansion
        self.adds = stride == 1 and channels_in == channels_out
        widen = [_convolution(channels_in, wide, 1)] if expansion > 1 else []
        self.conv = nn.Sequential(
            *widen,
            _convolution(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.attention = slot(wide) if slot and expansion > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ⌈H / stride⌉, ⌈W / stride⌉)."""
        *wide, project, norm = self.conv
        y = x
        for layer in wide:
            y = layer(y)
        y = norm(project(self.attention(y)))
        return x + y if self.adds else y


class MobileNetV2(nn.Module):
    """A network of inverted residuals for pictures of any size.

    Args:
        slot: makes the mechanism of a block from its inner width; None leaves the slots empty.
        classes: number of classes.
        dropout: share of the pooled features that training drops.

    Raises:
        ValueError: if a number is out of its range.
    """

    def __init__(
        self, slot: Slot | None = None, classes: int = 1000, *, dropout: float = 0.2
    ) -> None:
        super().__init__()
        require_classes(classes)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout!r} must be a probability below 1")
        layers: list[nn.Module] = [_convolution(3, 32, 3, stride=2)]
        channels = 32
        self._ends = {"stem": 1}
        for stage, (expansion, width, count, stride) in enumerate(_STAGES, 1):
            for position in range(count):
                first = 1 if position else stride
                layers.append(InvertedResidual(channels, width, first, expansion, slot))
                channels = width
            self._ends[f"stage{stage}"] = len(layers)
        layers.append(_convolution(channels, 1280, 1))
        self._ends["last"] = len(layers)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(1280, classes))
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and "attention" not in name:
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.classifier[1].weight, std=0.01)
        nn.init.zeros_(self.classifier[1].bias)

    def maps(self, x: Tensor, names: Collection[str] = ("last",)) -> dict[str, Tensor]:
        """The feature maps called so, for (B, 3, H, W): ``stem``, ``stage1`` … ``last``.

        Raises:
            ValueError: if a name is unknown or there is none.
        """
        starts = (0, *self._ends.values())
        steps = {
            name: self.features[start:end]
            for start, (name, end) in zip(starts, self._ends.items(), strict=False)
        }
        return walk(steps, x, names)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        return self.classifier(self.features(x).mean((2, 3)))


def mobilenet(
    attention: str | None = None,
    *,
    attention_options: Mapping[str, Any] | None = None,
    classes: int = 1000,
    dropout: float = 0.2,
) -> MobileNetV2:
    """A MobileNetV2 with the mechanism called so in every expanding block.

    Args:
        attention: name of the mechanism; None is the plain network.
        attention_options: constructor options of the mechanism.
        classes: number of classes.
        dropout: share of the pooled features that training drops.

    Raises:
        ValueError: if no mechanism is called so, or an option has no such value.
    """
    if attention is None and attention_options:
        raise ValueError(f"attention_options={attention_options!r} need a mechanism; set attention")
    made = named_slot(attention, attention_options) if attention else None
    return MobileNetV2(made, classes, dropout=dropout)
