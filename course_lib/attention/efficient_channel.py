r"""Efficient channel attention (ECA): a gate per channel from the means of its neighbours.

.. math::
    z = \mathrm{GAP}(X), \qquad s = \sigma(w \star z), \qquad Y = X \odot s

==============  ============  =================================================================
symbol          shape         meaning
==============  ============  =================================================================
:math:`X, Y`    (B, C, H, W)  feature map before and after
:math:`z`       (B, C, 1, 1)  squeeze: the mean of each channel
:math:`w`       (k)           one kernel that slides over the channels, zero-padded at both ends
:math:`s`       (B, C, 1, 1)  gate in (0, 1)
==============  ============  =================================================================

It is squeeze-and-excitation without the bottleneck: k numbers in place of 2 C² / r, and a gate that
sees k neighbouring channels in place of all. The order of the channels therefore matters.

Source: Q. Wang, B. Wu, P. Zhu, P. Li, W. Zuo, Q. Hu, *ECA-Net: Efficient Channel Attention for Deep
Convolutional Neural Networks*, CVPR 2020, https://arxiv.org/abs/1910.03151; authors' code:
https://github.com/BangguWu/ECANet (models/eca_module.py).

Paper and code disagree: the paper derives k from C, as the odd number next to (log2(C) + 1) / 2;
the released layer takes k as an argument with default 3, and the released networks follow no rule
on C (ECA-Net-50 has 3, 5, 5, 7 where the rule on its 256, 512, 1024, 2048 channels gives 5, 5, 5,
7). The "24.37M" parameters of the README are 25.56 million divided by 2**20.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import require_channels, require_odd, require_positive


def adaptive_kernel_size(channels: int, gamma: float = 2, offset: float = 1) -> int:
    """The paper's k: |log2(C) / gamma + offset / gamma|, made odd upwards after truncation."""
    size = int(abs((math.log2(channels) + offset) / gamma))
    return size if size % 2 else size + 1


class EfficientChannelAttention(nn.Module):
    """Gate every channel by a one-dimensional convolution over the channel means.

    Args:
        channels: number of input channels C.
        kernel_size: odd width k of the kernel; None takes the paper's rule.
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
        kernel_size: int | None = 3,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels)
        if kernel_size is None:
            kernel_size = adaptive_kernel_size(channels)
        require_odd(kernel_size=kernel_size)
        self.channels = channels
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False, **factory)

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every channel: (B, C, H, W) -> (B, C, 1, 1), in (0, 1)."""
        require_channels(x, self.channels)
        squeezed = x.mean((2, 3)).unsqueeze(1)
        return self.conv(squeezed).sigmoid().transpose(1, 2).unsqueeze(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale every channel by its gate: (B, C, H, W) -> (B, C, H, W)."""
        return x * self.gate(x).to(x.dtype)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, C, 1, 1)}``."""
        return {"gate": self.gate(x)}
