r"""Polarized self-attention: a channel gate and a pixel gate, each from one attention map.

.. math::
    a = \sigma\big(u(W_v X\,\mathrm{softmax}_N(w_q^\top X))\big), \qquad
    m = \sigma\big(\mathrm{softmax}_h(W_q' \mathrm{GAP}(Z))^\top W_v' Z\big)

.. math::
    \text{parallel:}\quad Y = a \odot X + m \odot X,\ Z = X, \qquad
    \text{sequential:}\quad Y = m \odot Z,\ Z = a \odot X

==================  ================  ========================================================
symbol              shape             meaning
==================  ================  ========================================================
:math:`X, Y`        (B, C, H, W)      feature map before and after, N = HW, h = C // 2
:math:`w_q`         (1, C, 1, 1)      score of every pixel; its softmax is an attention map
:math:`W_v`         (h, C, 1, 1)      value, no bias
:math:`u`           h → C             parallel: one layer without bias; sequential: two layers
                                      with biases, width h // 4, LayerNorm and ReLU between
:math:`a`           (B, C, 1, 1)      channel gate
:math:`W_q', W_v'`  (h, C, 1, 1)      query and value of the pixel gate, no bias
:math:`m`           (B, 1, H, W)      pixel gate
==================  ================  ========================================================

Source: H. Liu, F. Liu, X. Fan, D. Huang, *Polarized Self-Attention: Towards High-quality Pixel-wise
Regression*, 2021, https://arxiv.org/abs/2107.00782; authors' code: https://github.com/DeLightCMU/PSA
(``semantic-segmentation/network/PSA.py``).

Paper and code disagree, and here the default is the paper. Its pixel gate takes a softmax over the
h query channels, *before* the product. The released code takes one over the N pixels, after the
product (parallel) or of the value (sequential), which leaves a gate of ½ + 1/(4N), a constant:
``softmax_order="released"``. The parameters are the same. The function that the code calls
``spatial_pool`` makes the channel gate, and ``channel_pool`` the pixel gate.

Nothing of size h × N is computed here where the mathematics does not ask for it: to project and
then average (or weight) pixels is to average first, and the value of the pixel gate is only needed
in the one direction that the query points to.
"""

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import require_channels, require_one_of, require_positive
from course_lib.attention._functional import image_by_image, pixel_scores, walks_by_image


class _Polarized(nn.Module):
    """What the two forms share; ``expand`` is the network u, (B, h, 1, 1) -> (B, C, 1, 1)."""

    def __init__(
        self, channels: int, softmax_order: str, expand: nn.Module, **factory: Any
    ) -> None:
        super().__init__()
        require_one_of("softmax_order", softmax_order, ("paper", "released"))
        self.channels = channels
        self.softmax_order = softmax_order

        def projection(outputs: int) -> nn.Conv2d:
            layer = nn.Conv2d(channels, outputs, 1, bias=False, **factory)
            nn.init.kaiming_normal_(layer.weight, mode="fan_in")
            return layer

        self.channel_query = projection(1)
        self.channel_value = projection(channels // 2)
        self.expand = expand
        self.spatial_query = projection(channels // 2)
        self.spatial_value = projection(channels // 2)

    def _channel_gate(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of the pixels (B, 1, N) and gate of the channels (B, C, 1)."""
        weights = _softmax(pixel_scores(self.channel_query, pixels))
        attended = torch.bmm(pixels, weights.transpose(1, 2)).unsqueeze(3)
        return weights, self.expand(self.channel_value(attended)).sigmoid().squeeze(3)

    def _query(self, means: Tensor) -> Tensor:
        """Query of every image from its channel means: (B, C, 1) -> (B, 1, h)."""
        query = self.spatial_query(means.unsqueeze(3)).flatten(2).transpose(1, 2)
        return _softmax(query) if self.softmax_order == "paper" else query

    def _gates(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights of the pixels (B, 1, N), gates of channels (B, C, 1) and pixels (B, 1, N)."""
        raise NotImplementedError

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The factors, in (0, 1): (B, C, H, W) -> (B, C, 1, 1) and (B, 1, H, W)."""
        require_channels(x, self.channels)
        _, channel, spatial = self._gates(x.flatten(2))
        return channel.unsqueeze(3), spatial.unflatten(2, x.shape[2:])

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """``pixel_weights`` and ``spatial_gate`` (B, 1, H, W), ``channel_gate`` (B, C, 1, 1)."""
        require_channels(x, self.channels)
        weights, channel, spatial = self._gates(x.flatten(2))
        return {
            "pixel_weights": weights.unflatten(2, x.shape[2:]),
            "channel_gate": channel.unsqueeze(3),
            "spatial_gate": spatial.unflatten(2, x.shape[2:]),
        }


class PolarizedParallel(_Polarized):
    """Multiply the map by the sum of a channel gate and a pixel gate.

    Args:
        channels: number of input channels C, at least 2.
        softmax_order: ``"paper"``, or ``"released"`` for the code whose pixel gate is constant.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if C < 2 or the order is unknown; in ``forward`` if the map has other channels.
    """

    def __init__(
        self,
        channels: int,
        *,
        softmax_order: str = "paper",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        _require_at_least(channels, 2)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        expand = nn.Conv2d(channels // 2, channels, 1, bias=False, **factory)
        super().__init__(channels, softmax_order, expand, **factory)

    def _gates(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights, channel = self._channel_gate(pixels)
        query = self._query(pixels.mean(2, keepdim=True))
        direction = query @ self.spatial_value.weight.flatten(1)  # (B, 1, C)
        scores = torch.bmm(direction, pixels)
        if self.softmax_order == "released":
            scores = _softmax(scores)
        return weights, channel, scores.sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale by the sum of both gates: (B, C, H, W) -> (B, C, H, W)."""
        if walks_by_image(x):
            return image_by_image(x, self._scale)
        channel, spatial = self.gates(x)
        return x * (channel + spatial)

    def _scale(self, x: Tensor, result: Tensor) -> None:
        channel, spatial = self.gates(x)
        torch.add(channel, spatial, out=result).mul_(x)


class PolarizedSequential(_Polarized):
    """Multiply the map by a channel gate, and the result by a pixel gate.

    Args:
        channels: number of input channels C, at least 8.
        softmax_order: ``"paper"``, or ``"released"`` for the code whose pixel gate is constant.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if C < 8 or the order is unknown; in ``forward`` if the map has other channels.
    """

    def __init__(
        self,
        channels: int,
        *,
        softmax_order: str = "paper",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        _require_at_least(channels, 8)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        narrow = channels // 2 // 4
        expand = nn.Sequential(
            nn.Conv2d(channels // 2, narrow, 1, **factory),
            nn.LayerNorm([narrow, 1, 1], **factory),
            nn.ReLU(),
            nn.Conv2d(narrow, channels, 1, **factory),
        )
        super().__init__(channels, softmax_order, expand, **factory)

    def _gates(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights, channel = self._channel_gate(pixels)
        row = channel.transpose(1, 2)  # (B, 1, C); scales weights instead of the map
        query = self._query(pixels.mean(2, keepdim=True) * channel)
        value = self.spatial_value.weight.flatten(1)
        if self.softmax_order == "paper":
            scores = torch.bmm((query @ value) * row, pixels)
        else:
            scores = torch.bmm(query, _softmax(torch.bmm(value * row, pixels)))
        return weights, channel, scores.sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale by one gate after the other: (B, C, H, W) -> (B, C, H, W)."""
        if walks_by_image(x):
            return image_by_image(x, self._scale)
        channel, spatial = self.gates(x)
        return x * channel * spatial

    def _scale(self, x: Tensor, result: Tensor) -> None:
        channel, spatial = self.gates(x)
        torch.mul(x, channel, out=result).mul_(spatial)


def _require_at_least(channels: int, least: int) -> None:
    require_positive(channels=channels)
    if channels < least:
        raise ValueError(f"channels={channels} leaves a layer without units; use at least {least}")


def _softmax(x: Tensor) -> Tensor:
    """Over the last axis, computed in float32 at least."""
    return x.softmax(-1, dtype=torch.promote_types(x.dtype, torch.float32)).to(x.dtype)
