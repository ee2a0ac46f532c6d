"""Where the authors of each mechanism put it into a ResNet, and with which options.

Most follow SE: after the last BatchNorm of the residual branch, before the addition, in every
block. The exceptions stand in a table here, as the authors' repositories have them:

* SimAM between the second convolution and its BatchNorm, with the lambda of 0.1 that their
  ImageNet command sets;
* strip pooling on the map that the last convolution of the branch receives (the authors have it in
  the last block of the earlier stages only; here it is in every block of ``stages``);
* BAM behind each of the first three stages, not in the blocks;
* CBAM like SE; the BatchNorm of its spatial gate starts with weight 0, so that this gate is 1/2
  everywhere in a new network.

Mechanisms that the authors did not use in a ResNet's block stand in SE's place.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from course_lib.attention import SpatialGate, create
from course_lib.attention import names as mechanisms
from course_lib.networks._arguments import require_one_of
from course_lib.networks.resnet import ResNet
from course_lib.networks.slot import Slot


@dataclass(frozen=True)
class Placement:
    """The place of a mechanism in a ResNet.

    Attributes:
        place: `place` of `ResNet`.
        options: constructor options of the mechanism that differ from its defaults.
    """

    place: str = "branch"
    options: Mapping[str, Any] = field(default_factory=dict)


_PLACEMENTS: Mapping[str, Placement] = {
    "bam": Placement("stage"),
    "simam": Placement("conv2", {"e_lambda": 0.1}),
    "spm": Placement("inner"),
}
#: Not gates of a map: a classifier, a map of one fixed size, and a convolution of its own network.
_REFUSED = ("csra", "rga", "scconv")


def placement(attention: str) -> Placement:
    """Where the mechanism called so stands in a ResNet, and with which options.

    Raises:
        ValueError: if no mechanism that a slot can take is called so.
    """
    require_one_of("attention", attention, [m for m in mechanisms() if m not in _REFUSED])
    return _PLACEMENTS.get(attention, Placement())


def slot(attention: str, options: Mapping[str, Any] | None = None) -> Slot:
    """What makes the mechanism for a number of channels, initialised as in the authors' networks.

    Args:
        attention: name of the mechanism.
        options: constructor options that go before the authors'.

    Raises:
        ValueError: if no mechanism that a slot can take is called so.
    """
    chosen = {**placement(attention).options, **(options or {})}

    def make(channels: int) -> nn.Module:
        module = create(attention, channels, **chosen)
        if attention == "cbam":
            for part in module.modules():
                if isinstance(part, SpatialGate) and part.norm is not None:
                    nn.init.zeros_(part.norm.weight)
        return module

    return make


def resnet(
    depth: int,
    attention: str | None = None,
    *,
    attention_options: Mapping[str, Any] | None = None,
    classes: int = 1000,
    place: str | None = None,
    stages: Collection[int] = (1, 2, 3, 4),
    output_stride: int = 32,
    multi_grid: Sequence[int] | None = None,
    stem: str = "large",
    width: int = 64,
    groups: int = 1,
    group_width: int = 64,
    stride_first: bool = False,
) -> ResNet:
    """A ResNet with the mechanism called so in its authors' place.

    Args:
        depth: 10, 18, 34, 50, 101 or 152.
        attention: name of the mechanism; None is the plain network.
        attention_options: constructor options that go before the authors'.
        classes: number of classes.
        place: another place than the authors'; see `ResNet`.
        stages: stages that have the mechanism.
        output_stride: 32, 16 or 8.
        multi_grid: factors of the dilations of the last stage's blocks.
        stem: ``"large"`` or ``"small"``.
        width: channels of the stem.
        groups: of the 3×3 convolutions from depth 50 on.
        group_width: channels of a group in the first stage.
        stride_first: whether strides stand in the first 1×1 convolution, from depth 50 on.

    Raises:
        ValueError: if an argument has no such value, or the mechanism refuses an option.
    """
    if attention is None and attention_options:
        raise ValueError(f"attention_options={attention_options!r} need a mechanism; set attention")
    return ResNet(
        depth,
        slot(attention, attention_options) if attention else None,
        classes,
        place=place or (placement(attention).place if attention else "branch"),
        stages=stages,
        output_stride=output_stride,
        multi_grid=multi_grid,
        stem=stem,
        width=width,
        groups=groups,
        group_width=group_width,
        stride_first=stride_first,
    )
