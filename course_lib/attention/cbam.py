r"""CBAM: a gate per channel, then a gate per position.

.. math::
    M_c(F) &= \sigma\Big(\sum_{\mathrm{pool}} \mathrm{MLP}(\mathrm{pool}(F))\Big), \qquad
    F' = M_c(F) \odot F \\
    M_s(F') &= \sigma\big(\mathrm{BN}(f^{k \times k}([\max_c F'; \mathrm{mean}_c F']))\big), \qquad
    Y = M_s(F') \odot F'

=====================  ================  ==================================================
symbol                 shape             meaning
=====================  ================  ==================================================
:math:`F, F', Y`       (B, C, H, W)      input, after the channel gate, after both
:math:`\mathrm{pool}`  (B, C)            mean and maximum of each channel
:math:`\mathrm{MLP}`   C -> C // r -> C  shared by all pools: linear, ReLU, linear
:math:`M_c`            (B, C, 1, 1)      channel gate in (0, 1)
:math:`f^{k\times k}`  (1, 2, k, k)      convolution without bias, zero-padded
:math:`M_s`            (B, 1, H, W)      spatial gate in (0, 1); it sees F', not F
=====================  ================  ==================================================

Source: S. Woo, J. Park, J.-Y. Lee, I. S. Kweon, *CBAM: Convolutional Block Attention Module*, ECCV
2018, https://arxiv.org/abs/1807.06521; authors' code:
https://github.com/Jongchan/attention-module (MODELS/cbam.py).

Paper and code disagree: the released code has biases in the MLP, a BatchNorm (momentum 0.01) after
the spatial convolution and feeds it [max, mean], where the paper writes none of the first two and
[mean; max]. The defaults are the code's; ``bias=False``, ``norm=False``, ``mean_first=True`` give
the paper's. Swapping the two planes loads a checkpoint without complaint and computes nonsense. The
authors' ResNet, not this module, sets the weight of that BatchNorm to 0, so that the spatial gate
starts at 1/2. With fewer channels than the reduction the released MLP is silently a constant;
here that is an error.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import (
    at_least_float32,
    bottleneck,
    require_channels,
    require_odd,
    require_positive,
)
from course_lib.attention._functional import image_by_image, walks_by_image

_POOLS = ("avg", "max", "lp", "lse")


def _pool(x: Tensor, kind: str) -> Tensor:
    """One number per channel: (B, C, H, W) -> (B, C)."""
    if kind == "avg":
        return x.mean((2, 3))
    if kind == "max":
        # The form with an index has the cheaper backward pass, `amax` the cheaper forward pass.
        if torch.is_grad_enabled():
            return F.adaptive_max_pool2d(x, 1).flatten(1)
        return x.amax((2, 3))
    if kind == "lp":
        return torch.linalg.vector_norm(at_least_float32(x), 2, (2, 3)).to(x.dtype)
    return at_least_float32(x).logsumexp((2, 3)).to(x.dtype)


class ChannelGate(nn.Module):
    """Gate every channel by a shared network of its mean and its maximum.

    Args:
        channels: number of input channels C.
        reduction: ratio r; the bottleneck has C // r hidden units.
        bias: whether the two layers have biases (the released code) or not (the paper).
        pools: which summaries of a channel are used: "avg", "max", "lp" (Euclidean norm), "lse"
            (log-sum-exp).
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive, the bottleneck would be empty, or a pool unknown.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        bias: bool = True,
        pools: Sequence[str] = ("avg", "max"),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden = bottleneck(channels, reduction)
        several = isinstance(pools, Sequence) and not isinstance(pools, str)
        if not several or not pools or any(pool not in _POOLS for pool in pools):
            raise ValueError(f"pools={pools!r} must be a list of some of {', '.join(_POOLS)}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.pools = tuple(pools)
        self.reduce = nn.Linear(channels, hidden, bias=bias, **factory)
        self.expand = nn.Linear(hidden, channels, bias=bias, **factory)

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every channel: (B, C, H, W) -> (B, C, 1, 1), in (0, 1)."""
        pooled = torch.stack([_pool(x, kind) for kind in self.pools])
        return self.expand(F.relu(self.reduce(pooled))).sum(0).sigmoid()[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """Scale every channel by its gate: (B, C, H, W) -> (B, C, H, W)."""
        return x * self.gate(x).to(x.dtype)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, C, 1, 1)}``."""
        return {"gate": self.gate(x)}


class SpatialGate(nn.Module):
    """Gate every position by a convolution over the maximum and the mean of its channels.

    Args:
        channels: number of input channels C; the parameters do not depend on it.
        kernel_size: odd side k of the convolution.
        norm: whether BatchNorm follows the convolution (the released code).
        mean_first: whether the convolution sees [mean, max] (the paper) in place of [max, mean].
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or the kernel size is even; in ``forward`` if the
            map has other channels.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel_size: int = 7,
        norm: bool = True,
        mean_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels)
        require_odd(kernel_size=kernel_size)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.channels = channels
        self.mean_first = mean_first
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False, **factory)
        self.norm = nn.BatchNorm2d(1, momentum=0.01, **factory) if norm else None

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every position: (B, C, H, W) -> (B, 1, H, W), in (0, 1)."""
        require_channels(x, self.channels)
        mean = x.mean(1, keepdim=True)
        if torch.is_grad_enabled():
            largest = x.max(1, keepdim=True).values
        else:
            largest = x.amax(1, keepdim=True)
        planes = (mean, largest) if self.mean_first else (largest, mean)
        logits = self.conv(torch.cat(planes, 1))
        return (logits if self.norm is None else self.norm(logits)).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale every position by its gate: (B, C, H, W) -> (B, C, H, W)."""
        return x * self.gate(x).to(x.dtype)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, 1, H, W)}``."""
        return {"gate": self.gate(x)}


class CBAM(nn.Module):
    """The channel gate, then the spatial gate on its result.

    Args:
        channels: number of input channels C.
        reduction: ratio r of the channel gate.
        bias: whether the channel gate has biases.
        pools: the summaries that the channel gate uses.
        spatial: whether there is a spatial gate.
        kernel_size: odd side of the spatial convolution.
        norm: whether BatchNorm follows the spatial convolution.
        mean_first: whether the spatial convolution sees [mean, max].
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: as the two gates do.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        bias: bool = True,
        pools: Sequence[str] = ("avg", "max"),
        spatial: bool = True,
        kernel_size: int = 7,
        norm: bool = True,
        mean_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.channel = ChannelGate(channels, reduction, bias=bias, pools=pools, **factory)
        self.spatial = (
            SpatialGate(
                channels, kernel_size=kernel_size, norm=norm, mean_first=mean_first, **factory
            )
            if spatial
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply both gates: (B, C, H, W) -> (B, C, H, W)."""
        if self.spatial is None:
            return self.channel(x)
        mixes_images = self.spatial.norm is not None and self.spatial.norm.training
        if walks_by_image(x) and not mixes_images:
            return image_by_image(x, self._scale)
        return self.spatial(self.channel(x))

    def _scale(self, image: Tensor, result: Tensor) -> None:
        torch.mul(image, self.channel.gate(image).to(image.dtype), out=result)
        result.mul_(self.spatial.gate(result).to(image.dtype))

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """``channel_gate`` (B, C, 1, 1), and ``spatial_gate`` (B, 1, H, W) where there is one."""
        gates = {"channel_gate": self.channel.gate(x)}
        if self.spatial is not None:
            gates["spatial_gate"] = self.spatial.gate(x * gates["channel_gate"].to(x.dtype))
        return gates
