r"""Self-calibrated convolution (SCConv): a gate per value, from a pooled view of the same map.

.. math::
    G = \sigma\big(X + \uparrow K_2(\mathrm{AvgPool}_r X)\big), \qquad
    Y = K_4\big(K_3(X) \odot G\big), \qquad K_i = \mathrm{BN} \circ (3\times3\ \text{conv})

==================  ====================  ===================================================
symbol              shape                 meaning
==================  ====================  ===================================================
:math:`X, Y`        (B, C, H, W)          feature map before and after
:math:`K_2`         (C, C / g, 3, 3)      context on the map pooled by r, no bias, BatchNorm
:math:`K_3, K_4`    (C, C / g, 3, 3)      before and after the gate, no bias, BatchNorm
:math:`G`           (B, C, H, W)          gate in (0, 1), one per channel and position
==================  ====================  ===================================================

Source: J.-J. Liu, Q. Hou, M.-M. Cheng, C. Wang, J. Feng, *Improving Convolutional Networks with
Self-Calibrated Convolutions*, CVPR 2020, https://mftp.mmcheng.net/Papers/20cvprSCNet.pdf; authors'
code: https://github.com/MCG-NKU/SCNet (``scnet.py``).

Paper and code disagree: the paper up-samples bilinearly, the code takes the nearest cell
(``upsampling``). Where H or W is no multiple of r the last rows and columns are not pooled, and
the cells of the nearest grid are wider than the pooling windows. This is the self-calibrated half
only: in the networks it sees one half of the channels, and an ordinary convolution the other
(four C/2 kernels cost what one C kernel does); on all channels it costs three convolutions.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import require_one_of, require_positive


class SelfCalibratedConv(nn.Module):
    """Two 3 × 3 convolutions with a gate between them that sees a wider surrounding.

    Args:
        channels: number of input and output channels C.
        pooling: side r of the pooled cells; the map must be at least r × r.
        upsampling: ``"nearest"`` (the code) or ``"bilinear"`` (the paper).
        stride: stride of the last convolution; the output has ceil(H / stride) rows.
        groups: groups g of the three convolutions.
        dilation: dilation of the three convolutions.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive, C is no multiple of the groups, or the
            up-sampling is unknown; in ``forward`` if the map is smaller than the pool.
    """

    def __init__(
        self,
        channels: int,
        *,
        pooling: int = 4,
        upsampling: str = "nearest",
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(
            channels=channels, pooling=pooling, stride=stride, groups=groups, dilation=dilation
        )
        require_one_of("upsampling", upsampling, ("nearest", "bilinear"))
        if channels % groups:
            raise ValueError(f"channels={channels} is not divisible by groups={groups}")
        self.pooling = pooling
        self.upsampling = upsampling

        def convolution(stride: int = 1) -> nn.Sequential:
            factory: dict[str, Any] = {"device": device, "dtype": dtype}
            return nn.Sequential(
                nn.Conv2d(
                    channels,
                    channels,
                    3,
                    stride=stride,
                    padding=dilation,
                    dilation=dilation,
                    groups=groups,
                    bias=False,
                    **factory,
                ),
                nn.BatchNorm2d(channels, **factory),
            )

        self.context = convolution()  # K2
        self.before = convolution()  # K3
        self.after = convolution(stride)  # K4

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every value: (B, C, H, W) -> (B, C, H, W), in (0, 1)."""
        height, width = x.shape[2:]
        if height < self.pooling or width < self.pooling:
            raise ValueError(
                f"a map of {height}x{width} is smaller than pooling={self.pooling}; "
                f"use pooling <= {min(height, width)}"
            )
        context = self.context(F.avg_pool2d(x, self.pooling))
        align_corners = True if self.upsampling == "bilinear" else None
        context = F.interpolate(
            context, (height, width), mode=self.upsampling, align_corners=align_corners
        )
        return (context + x).sigmoid_()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, gate, convolve: (B, C, H, W) -> (B, C, ceil(H / stride), ceil(W / stride))."""
        gate = self.gate(x)
        return self.after(self.before(x) * gate).to(x.dtype)  # autocast narrows it

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, C, H, W)}``."""
        return {"gate": self.gate(x)}
