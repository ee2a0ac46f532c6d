"""Networks with a slot for an attention mechanism, built by name.

``build("resnet50", attention="se")`` is the network of the mechanism's authors; every option of
``build`` is an argument of the network's class or function.
"""

import inspect
from collections.abc import Callable
from functools import partial

from torch import nn

from course_lib.networks.authors import from_authors
from course_lib.networks.danet import DANet, SmallDANet
from course_lib.networks.dual_pooling import DualPoolingResNet
from course_lib.networks.mobilenet import mobilenet
from course_lib.networks.placement import resnet
from course_lib.networks.residual_attention_network import ResidualAttentionNetwork
from course_lib.networks.scnet import SCNet
from course_lib.networks.senet import SENet154
from course_lib.networks.van import VAN

_NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "danet_resnet10": partial(DANet, 10, width=12, inner=48),
    "danet_resnet50": partial(DANet, 50),
    "danet_resnet101": partial(DANet, 101),
    "danet_small": SmallDANet,
    "dual_pooling_resnet18": partial(DualPoolingResNet, 18),
    "mobilenet_v2": mobilenet,
    "mobilenet_v2_coordinate": partial(mobilenet, "coordinate"),
    "residual_attention_56": partial(ResidualAttentionNetwork, 56),
    "residual_attention_92": partial(ResidualAttentionNetwork, 92),
    "resnet18": partial(resnet, 18),
    "resnet34": partial(resnet, 34),
    "resnet50": partial(resnet, 50),
    "resnet101": partial(resnet, 101),
    "resnet152": partial(resnet, 152),
    "scnet50": partial(SCNet, 50),
    "scnet50_v1d": partial(SCNet, 50, "v1d"),
    "scnet101": partial(SCNet, 101),
    "senet154": SENet154,
    "van_b0": partial(VAN, "b0"),
    "van_b1": partial(VAN, "b1"),
    "van_b2": partial(VAN, "b2"),
    "van_b3": partial(VAN, "b3"),
}

__all__ = ["build", "from_authors", "names"]


def names() -> list[str]:
    """The names that ``build`` knows, sorted."""
    return sorted(_NETWORKS)


def build(name: str, **options: object) -> nn.Module:
    """Make the network called ``name``.

    Args:
        name: one of ``names()``.
        **options: arguments of that network, such as ``classes``.

    Raises:
        ValueError: if the name or an option is unknown, or the network refuses a value.
    """
    if name not in _NETWORKS:
        raise ValueError(f"no network is called {name!r}; there are: {', '.join(names())}")
    network = _NETWORKS[name]
    fixed = network.keywords if isinstance(network, partial) else {}
    known = [p for p in inspect.signature(network).parameters if p not in fixed]
    for option in options:
        if option not in known:
            raise ValueError(f"{name!r} has no option {option!r}; it has: {', '.join(known)}")
    return network(**options)
