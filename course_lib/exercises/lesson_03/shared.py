"""What several exercises of lesson 03 share."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from course_lib.checks import Draw, Fresh
from course_lib.networks.small_resnet import SmallResNet


def pooled_by(*halves: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.cat([half(x) for half in halves], 1)


def mean_of(x: Tensor) -> Tensor:
    return x.mean((2, 3))


def maximum_of(x: Tensor) -> Tensor:
    return x.amax((2, 3))


def pool_positions(x: Tensor) -> Tensor:
    positions = x.flatten(2)
    return torch.hstack([positions.sum(-1) / positions.shape[-1], positions.max(-1).values])


def draw_widths(draw: Draw) -> tuple[int, ...]:
    """Four different widths, so that no stage can stand in for another."""
    first = draw.integer(3, 4)
    return tuple(first + 2 * stage + draw.integer(0, 1) for stage in range(4))


def small_network(draw: Draw, classes: int) -> Fresh:
    """A network with the parts of ResNet-18, made anew at every use."""
    widths = draw_widths(draw)
    return Fresh(partial(SmallResNet, widths, classes), f"SmallResNet({widths}, classes={classes})")


class ByNamedChildren(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        kept = {n: m for n, m in network.named_children() if n not in ("avgpool", "fc")}
        self.kept = nn.ModuleDict(kept)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.kept.values():
            x = layer(x)
        return x
