"""Attention mechanisms for feature maps of shape (B, C, H, W), created by name.

Every mechanism is an ``nn.Module`` whose first argument is ``channels``, then ``reduction`` where
there is one. ``module(x)`` gives the new feature map; ``module.explain(x)`` gives what was computed
on the way, as a dictionary of named tensors (gates, attention maps). Like any forward pass, it
updates the statistics of BatchNorm in train mode, and its tensors carry gradients: call ``eval()``
first where that is not wanted, and ``detach()`` them before plotting.
"""

import inspect

from torch import nn

from course_lib.attention.bam import BottleneckAttention
from course_lib.attention.cbam import CBAM, ChannelGate, SpatialGate
from course_lib.attention.channel import ChannelAttention
from course_lib.attention.class_specific_residual import ClassSpecificResidualAttention
from course_lib.attention.concurrent_scse import (
    ChannelSqueezeExcitation,
    ConcurrentSqueezeExcitation,
    SpatialSqueezeExcitation,
)
from course_lib.attention.coordinate import CoordinateAttention
from course_lib.attention.efficient_channel import EfficientChannelAttention
from course_lib.attention.global_context import GlobalContext
from course_lib.attention.large_kernel import LargeKernelAttention, VisualAttention
from course_lib.attention.nonlocal_attention import NonLocal
from course_lib.attention.polarized import PolarizedParallel, PolarizedSequential
from course_lib.attention.position import PositionAttention
from course_lib.attention.relation_aware import RelationAwareAttention
from course_lib.attention.residual_attention import ResidualAttention
from course_lib.attention.self_calibrated import SelfCalibratedConv
from course_lib.attention.simam import SimAM
from course_lib.attention.spatial_group import SpatialGroupEnhance
from course_lib.attention.squeeze_excitation import SqueezeExcitation
from course_lib.attention.strip_pooling import MixedPooling, StripPoolingAttention
from course_lib.attention.triplet import TripletAttention

_MECHANISMS: dict[str, type[nn.Module]] = {
    "simam": SimAM,
    "sge": SpatialGroupEnhance,
    "nonlocal": NonLocal,
    "cam": ChannelAttention,
    "pam": PositionAttention,
    "cbam_spatial": SpatialGate,
    "cbam_channel": ChannelGate,
    "cbam": CBAM,
    "eca": EfficientChannelAttention,
    "se": SqueezeExcitation,
    "residual": ResidualAttention,
    "csra": ClassSpecificResidualAttention,
    "spm": StripPoolingAttention,
    "mpm": MixedPooling,
    "scconv": SelfCalibratedConv,
    "lka": LargeKernelAttention,
    "van": VisualAttention,
    "bam": BottleneckAttention,
    "cse": ChannelSqueezeExcitation,
    "sse": SpatialSqueezeExcitation,
    "scse": ConcurrentSqueezeExcitation,
    "polarized_parallel": PolarizedParallel,
    "polarized_sequential": PolarizedSequential,
    "triplet": TripletAttention,
    "gc": GlobalContext,
    "coordinate": CoordinateAttention,
    "rga": RelationAwareAttention,
}

__all__ = [
    "CBAM",
    "BottleneckAttention",
    "ChannelAttention",
    "ChannelGate",
    "ChannelSqueezeExcitation",
    "ClassSpecificResidualAttention",
    "ConcurrentSqueezeExcitation",
    "CoordinateAttention",
    "EfficientChannelAttention",
    "GlobalContext",
    "LargeKernelAttention",
    "MixedPooling",
    "NonLocal",
    "PolarizedParallel",
    "PolarizedSequential",
    "PositionAttention",
    "RelationAwareAttention",
    "ResidualAttention",
    "SelfCalibratedConv",
    "SimAM",
    "SpatialGate",
    "SpatialGroupEnhance",
    "SpatialSqueezeExcitation",
    "SqueezeExcitation",
    "StripPoolingAttention",
    "TripletAttention",
    "VisualAttention",
    "create",
    "names",
]


def names() -> list[str]:
    """The names that ``create`` knows, sorted."""
    return sorted(_MECHANISMS)


def create(name: str, channels: int, **options: object) -> nn.Module:
    """Make the mechanism called ``name`` for feature maps of ``channels`` channels.

    Args:
        name: one of ``names()``.
        channels: number of input channels C.
        **options: further arguments of that mechanism's constructor.

    Raises:
        ValueError: if the name or an option is unknown, or the mechanism refuses a value.
    """
    if name not in _MECHANISMS:
        raise ValueError(f"no mechanism is called {name!r}; there are: {', '.join(names())}")
    mechanism = _MECHANISMS[name]
    known = [p for p in inspect.signature(mechanism).parameters if p != "channels"]
    for option in options:
        if option not in known:
            raise ValueError(f"{name!r} has no option {option!r}; it has: {', '.join(known)}")
    return mechanism(channels, **options)
