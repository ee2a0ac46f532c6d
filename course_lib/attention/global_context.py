r"""Global context (GC): one attention map over the pixels, and what it collects added everywhere.

.. math::
    \alpha = \mathrm{softmax}_N(w_k^\top X + b_k), \qquad z = X\alpha, \qquad
    t(z) = W_2\,\delta\big(\mathrm{LN}(W_1 z + b_1)\big) + b_2, \qquad Y = X + t(z)

==================  =====================  ================================================
symbol              shape                  meaning
==================  =====================  ================================================
:math:`X, Y`        (B, C, H, W)           feature map before and after, N = HW
:math:`w_k, b_k`    (1, C, 1, 1), (1)      score of every pixel
:math:`\alpha`      (B, 1, H, W)           attention map, the same for all queries, sums to 1
:math:`z`           (B, C, 1, 1)           context: mean of the pixels weighted by the map
:math:`W_1, b_1`    (C // r, C, 1, 1), …   reduction, then LayerNorm over C // r and ReLU
:math:`W_2, b_2`    (C, C // r, 1, 1), …   expansion, zero at the start
:math:`t`           (B, C, 1, 1)           what is added to every pixel
==================  =====================  ================================================

Source: Y. Cao, J. Xu, S. Lin, F. Wei, H. Hu, *GCNet: Non-local Networks Meet Squeeze-Excitation
Networks and Beyond*, ICCV Workshops 2019, https://arxiv.org/abs/1904.11492; authors' code:
https://github.com/xvjiarui/GCNet (``mmdet/ops/gcb/context_block.py``).

It is neither SE nor self-attention: the map does not depend on a query, the bottleneck is
normalised, and the result is added without a sigmoid. ``fusion="mul"`` and ``"both"`` are the
code's other forms (:math:`Y = X \odot \sigma(t') + t`), timm's default is ``"mul"`` with r = 8.
:math:`b_k` is a dead parameter (a softmax does not see it), kept because released checkpoints have
it. With C // r = 1 the LayerNorm sees a single number and returns its bias: the same vector is
added to every image.
"""

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import (
    at_least_float32,
    bottleneck,
    require_channels,
    require_one_of,
)
from course_lib.attention._functional import pixel_scores


def _transform(channels: int, hidden: int, **factory: Any) -> nn.Sequential:
    """The bottleneck, whose last layer is zero: (B, C, 1, 1) -> (B, C, 1, 1)."""
    last = nn.Conv2d(hidden, channels, 1, **factory)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 1, **factory),
        nn.LayerNorm([hidden, 1, 1], **factory),
        nn.ReLU(),
        last,
    )


class GlobalContext(nn.Module):
    """Add one vector to all pixels, computed from their mean under an attention map.

    Args:
        channels: number of input channels C.
        reduction: ratio r; the bottleneck has C // r hidden units.
        pooling: ``"attention"``, or ``"average"`` for the plain mean without an attention map.
        fusion: ``"add"`` the vector, ``"mul"`` by its sigmoid, or ``"both"`` (two bottlenecks).
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive, C < r, or the pooling or fusion is unknown; in
            ``forward`` if the map has other channels.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        pooling: str = "attention",
        fusion: str = "add",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden = bottleneck(channels, reduction)
        require_one_of("pooling", pooling, ("attention", "average"))
        require_one_of("fusion", fusion, ("add", "mul", "both"))
        self.channels = channels
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.score = None
        if pooling == "attention":
            self.score = nn.Conv2d(channels, 1, 1, **factory)
            nn.init.kaiming_normal_(self.score.weight, mode="fan_in")
            nn.init.zeros_(self.score.bias)
        self.add = _transform(channels, hidden, **factory) if fusion != "mul" else None
        self.mul = _transform(channels, hidden, **factory) if fusion != "add" else None

    def attention(self, pixels: Tensor) -> Tensor:
        """Weights of the pixels: (B, C, N) -> (B, 1, N), each image's sum is 1."""
        if self.score is None:
            return torch.full_like(pixels[:, :1], 1 / pixels.shape[2])
        scores = at_least_float32(pixel_scores(self.score, pixels))
        return scores.softmax(2).to(pixels.dtype)

    def context(self, x: Tensor) -> Tensor:
        """The weighted mean of the pixels: (B, C, H, W) -> (B, C, 1, 1)."""
        require_channels(x, self.channels)
        if self.score is None:
            return x.mean((2, 3), keepdim=True)
        pixels = x.flatten(2)
        return torch.bmm(pixels, self.attention(pixels).transpose(1, 2)).unsqueeze(3)

    def forward(self, x: Tensor) -> Tensor:
        """Add or multiply by what the context says: (B, C, H, W) -> (B, C, H, W)."""
        context = self.context(x)
        if self.mul is None:
            return x + self.add(context)
        gate = self.mul(context).sigmoid()
        return x * gate if self.add is None else torch.addcmul(self.add(context), x, gate)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """``pixel_weights`` (B, 1, H, W); ``added`` and ``gate`` (B, C, 1, 1) where there are."""
        context = self.context(x)
        parts = {"pixel_weights": self.attention(x.flatten(2)).unflatten(2, x.shape[2:])}
        if self.add is not None:
            parts["added"] = self.add(context)
        if self.mul is not None:
            parts["gate"] = self.mul(context).sigmoid()
        return parts
