r"""Squeeze-and-excitation (SE): one gate per channel, computed from the channel means.

.. math::
    z = \mathrm{GAP}(X), \qquad s = \sigma(W_2\,\delta(W_1 z + b_1) + b_2), \qquad Y = X \odot s

==================  =====================  =========================================
symbol              shape                  meaning
==================  =====================  =========================================
:math:`X, Y`        (B, C, H, W)           feature map before and after
:math:`z`           (B, C, 1, 1)           squeeze: the mean of each channel
:math:`W_1, b_1`    (C // r, C), (C // r)  reduction to the bottleneck
:math:`W_2, b_2`    (C, C // r), (C)       expansion back to the channels
:math:`s`           (B, C, 1, 1)           gate in (0, 1)
==================  =====================  =========================================

Source: J. Hu, L. Shen, G. Sun, *Squeeze-and-Excitation Networks*, CVPR 2018,
https://arxiv.org/abs/1709.01507; authors' code: https://github.com/hujie-frank/SENet (Caffe).

Paper and code disagree: the equations of the paper have no biases, the released Caffe models have
them (SE-ResNet-50: 28,088,024 parameters with, 28,071,976 without). ``bias=False`` gives the form
of the equations, which most PyTorch ports use.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import bottleneck


class SqueezeExcitation(nn.Module):
    """Gate every channel by a two-layer network of all channel means.

    Args:
        channels: number of input channels C.
        reduction: ratio r; the bottleneck has C // r hidden units.
        bias: whether both layers have biases (the released models) or not (the paper's equations).
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or the bottleneck would be empty (C < r).
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden = bottleneck(channels, reduction)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.reduce = nn.Conv2d(channels, hidden, 1, bias=bias, **factory)
        self.expand = nn.Conv2d(hidden, channels, 1, bias=bias, **factory)

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every channel: (B, C, H, W) -> (B, C, 1, 1), in (0, 1)."""
        squeezed = x.mean((2, 3), keepdim=True)
        return self.expand(F.relu(self.reduce(squeezed))).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale every channel by its gate: (B, C, H, W) -> (B, C, H, W)."""
        return x * self.gate(x).to(x.dtype)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, C, 1, 1)}``."""
        return {"gate": self.gate(x)}
