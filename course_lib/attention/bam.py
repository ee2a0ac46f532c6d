r"""Bottleneck attention module (BAM): channel and pixel scores joined to one gate per value.

.. math::
    m_c = W_1\,\delta\,\mathrm{BN}(W_0\,\mathrm{GAP}(X) + b_0) + b_1, \qquad
    m_s = f_3 * \delta\,\mathrm{BN}(f_2 * \delta\,\mathrm{BN}(f_1 * \delta\,\mathrm{BN}(f_0 * X)))

.. math::
    M = \sigma(m_c \odot m_s), \qquad Y = (1 + M) \odot X

==================  =========================  ================================================
symbol              shape                      meaning
==================  =========================  ================================================
:math:`X, Y`        (B, C, H, W)               feature map before and after
:math:`m_c`         (B, C, 1, 1)               score of every channel; bottleneck p = C // r
:math:`f_0`         (p, C, 1, 1)               reduction, with bias
:math:`f_1, f_2`    (p, p, 3, 3), dilation d   context, with bias
:math:`f_3`         (1, p, 1, 1)               score, with bias
:math:`m_s`         (B, 1, H, W)               score of every pixel
:math:`M`           (B, C, H, W)               gate in (0, 1), one per channel and pixel
==================  =========================  ================================================

Source: J. Park, S. Woo, J.-Y. Lee, I. S. Kweon, *BAM: Bottleneck Attention Module*, BMVC 2018,
https://arxiv.org/abs/1807.06514; authors' code: https://github.com/Jongchan/attention-module.

Paper and code disagree. The paper adds the scores, :math:`\sigma(m_c + m_s)`, and ends both
branches with a BatchNorm; the released code, on which the released weights rely, multiplies them
and has no BatchNorm at the end. ``fusion="sum"`` gives the paper's fusion (in the layers of the
code). As released the code raises NameError at construction, and its channel branch pools an H × H
square, which fails or ignores columns where H and W differ: here the mean is over all pixels.
The biases in front of a BatchNorm have no effect in train mode; checkpoints have them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import bottleneck, require_one_of, require_positive
from course_lib.attention._functional import image_by_image, walks_by_image


class BottleneckAttention(nn.Module):
    """Amplify every value by a factor in (1, 2), from a channel score and a pixel score.

    Args:
        channels: number of input channels C.
        reduction: ratio r; both branches have C // r hidden channels.
        fusion: ``"product"`` of the scores (the released code) or their ``"sum"`` (the paper).
        dilation: dilation d of the two 3 × 3 convolutions.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive, C < r, or the fusion is unknown.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        fusion: str = "product",
        dilation: int = 4,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden = bottleneck(channels, reduction)
        require_positive(dilation=dilation)
        require_one_of("fusion", fusion, ("product", "sum"))
        self.fusion = fusion
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.channel = nn.Sequential(
            nn.Linear(channels, hidden, **factory),
            nn.BatchNorm1d(hidden, **factory),
            nn.ReLU(),
            nn.Linear(hidden, channels, **factory),
        )
        layers: list[nn.Module] = [nn.Conv2d(channels, hidden, 1, **factory)]
        for _ in range(2):
            layers += [
                nn.BatchNorm2d(hidden, **factory),
                nn.ReLU(inplace=True),
                nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation, **factory),
            ]
        layers += [
            nn.BatchNorm2d(hidden, **factory),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, 1, 1, **factory),
        ]
        self.spatial = nn.Sequential(*layers)

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the channels (B, C, 1, 1) and of the pixels (B, 1, H, W)."""
        return self.channel(x.mean((2, 3)))[:, :, None, None], self.spatial(x)

    def gate(self, x: Tensor) -> Tensor:
        """The gate of every value: (B, C, H, W) -> (B, C, H, W), in (0, 1)."""
        return self._join(*self.scores(x))

    def _join(self, channel: Tensor, spatial: Tensor) -> Tensor:
        joined = channel * spatial if self.fusion == "product" else channel + spatial
        return joined.sigmoid_()  # joined is a fresh map, and no gradient needs its values

    def forward(self, x: Tensor) -> Tensor:
        """Add the gated map to the map: (B, C, H, W) -> (B, C, H, W)."""
        if walks_by_image(x) and not self.training:
            return image_by_image(x, self._scale)
        if torch.is_grad_enabled():
            return x * (1 + self.gate(x))  # the lighter backward pass
        return torch.addcmul(x, x, self.gate(x))  # x + x * gate in one pass

    def _scale(self, x: Tensor, result: Tensor) -> None:
        torch.addcmul(x, x, self.gate(x), out=result)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """``gate`` (B, C, H, W), ``channel_score`` (B, C, 1, 1), ``spatial_score`` (B, 1, H, W)."""
        channel, spatial = self.scores(x)
        gate = self._join(channel, spatial)
        return {"gate": gate, "channel_score": channel, "spatial_score": spatial}
