r"""Concurrent squeeze-and-excitation: a channel gate (cSE), a pixel gate (sSE), and both (scSE).

.. math::
    c = \sigma(W_2\,\delta(W_1\,\mathrm{GAP}(X) + b_1) + b_2), \qquad
    s = \sigma(w^\top X + b), \qquad
    Y = \max(c \odot X,\ s \odot X)

==================  =====================  ==============================================
symbol              shape                  meaning
==================  =====================  ==============================================
:math:`X, Y`        (B, C, H, W)           feature map before and after
:math:`W_1, b_1`    (C // r, C), (C // r)  reduction to the bottleneck
:math:`W_2, b_2`    (C, C // r), (C)       expansion back to the channels
:math:`w, b`        (1, C, 1, 1), (1)      one score per pixel
:math:`c`           (B, C, 1, 1)           channel gate, the same at all pixels
:math:`s`           (B, 1, H, W)           pixel gate, the same in all channels
==================  =====================  ==============================================

Source: A. Guha Roy, N. Navab, C. Wachinger, *Concurrent Spatial and Channel 'Squeeze &
Excitation' in Fully Convolutional Networks*, MICCAI 2018, https://arxiv.org/abs/1803.02579;
*Recalibrating Fully Convolutional Networks With Spatial and Channel "Squeeze and Excitation"
Blocks*, IEEE TMI 2019. Authors' code: https://github.com/ai-med/squeeze_and_excitation.

The implementations in use disagree: the authors take the maximum and r = 2, segmentation_models
.pytorch the sum and r = 16. ``fusion="sum", reduction=16`` gives the latter; its factor lies in
(0, 2), so that it can amplify, whereas the maximum never does. The maximum is taken of the
products, not of the gates: where X is negative it keeps the *smaller* gate. Where the products are
equal (X = 0, or equal gates), the whole gradient goes to the channel gate's product, whereas
``torch.max`` of two maps gives each half of it.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import (
    bottleneck,
    require_channels,
    require_one_of,
    require_positive,
)
from course_lib.attention._functional import image_by_image, pixel_scores, walks_by_image


class ChannelSqueezeExcitation(nn.Module):
    """Gate every channel by a two-layer network of all channel means (cSE).

    Args:
        channels: number of input channels C.
        reduction: ratio r; the bottleneck has C // r hidden units.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or the bottleneck would be empty (C < r).
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 2,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden = bottleneck(channels, reduction)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.reduce = nn.Linear(channels, hidden, **factory)
        self.expand = nn.Linear(hidden, channels, **factory)

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every channel: (B, C, H, W) -> (B, C, 1, 1), in (0, 1)."""
        gate = self.expand(F.relu(self.reduce(x.mean((2, 3))))).sigmoid()
        return gate[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """Scale every channel by its gate: (B, C, H, W) -> (B, C, H, W)."""
        return x * self.gate(x)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, C, 1, 1)}``."""
        return {"gate": self.gate(x)}


class SpatialSqueezeExcitation(nn.Module):
    """Gate every pixel by a linear function of its channels (sSE).

    Args:
        channels: number of input channels C.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if ``channels`` is not positive; in ``forward`` if the map has other channels.
    """

    def __init__(
        self,
        channels: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels)
        self.score = nn.Conv2d(channels, 1, 1, device=device, dtype=dtype)

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every pixel: (B, C, H, W) -> (B, 1, H, W), in (0, 1)."""
        require_channels(x, self.score.in_channels)
        return pixel_scores(self.score, x.flatten(2)).sigmoid().unflatten(2, x.shape[2:])

    def forward(self, x: Tensor) -> Tensor:
        """Scale every pixel by its gate: (B, C, H, W) -> (B, C, H, W)."""
        return x * self.gate(x)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, 1, H, W)}``."""
        return {"gate": self.gate(x)}


class ConcurrentSqueezeExcitation(nn.Module):
    """Gate by channel and by pixel at once, and keep the larger product or the sum (scSE).

    Args:
        channels: number of input channels C.
        reduction: ratio r of the channel gate; its bottleneck has C // r hidden units.
        fusion: ``"max"`` of the two products (the authors) or their ``"sum"``.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive, C < r, or the fusion is unknown.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 2,
        *,
        fusion: str = "max",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_one_of("fusion", fusion, ("max", "sum"))
        self.fusion = fusion
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.channel = ChannelSqueezeExcitation(channels, reduction, **factory)
        self.spatial = SpatialSqueezeExcitation(channels, **factory)

    def forward(self, x: Tensor) -> Tensor:
        """Scale channels and pixels: (B, C, H, W) -> (B, C, H, W)."""
        if walks_by_image(x):
            return image_by_image(x, self._scale)
        channel, spatial = self.channel.gate(x), self.spatial.gate(x)
        if self.fusion == "sum":
            return x * (channel + spatial)  # one pass over x instead of two products
        if torch.is_grad_enabled():
            # max(a, b) as a + relu(b - a): a third of the time of its own backward pass.
            return (x * channel).add_(F.relu_(x * (spatial - channel)))
        return torch.maximum(x * channel, x * spatial)

    def _scale(self, x: Tensor, result: Tensor) -> None:
        channel, spatial = self.channel.gate(x), self.spatial.gate(x)
        if self.fusion == "sum":
            torch.add(channel, spatial, out=result).mul_(x)
        else:
            torch.maximum(torch.mul(x, channel, out=result), x * spatial, out=result)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Both gates: ``{"channel_gate": (B, C, 1, 1), "spatial_gate": (B, 1, H, W)}``."""
        return {"channel_gate": self.channel.gate(x), "spatial_gate": self.spatial.gate(x)}
