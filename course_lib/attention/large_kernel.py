r"""Large-kernel attention (LKA), and the attention of VAN built around it.

.. math::
    A = W_{1\times1} * \mathrm{DW}^{7\times7}_{d=3} * \mathrm{DW}^{5\times5} * X, \qquad
    \mathrm{LKA}(X) = A \odot X, \qquad
    \mathrm{VAN}(X) = X + W_2\,\mathrm{LKA}\big(\mathrm{GELU}(W_1 X + b_1)\big) + b_2

===========================  ================  ===========================================
symbol                       shape             meaning
===========================  ================  ===========================================
:math:`X, Y`                 (B, C, H, W)      feature map before and after
:math:`\mathrm{DW}^{5}`      (C, 1, 5, 5)      depthwise convolution, with bias
:math:`\mathrm{DW}^{7}_{3}`  (C, 1, 7, 7)      the same, dilated by 3, with bias
:math:`W_{1\times1}`         (C, C, 1, 1)      mixes the channels, with bias
:math:`A`                    (B, C, H, W)      attention; any sign, any size
:math:`W_1, W_2`             (C, C, 1, 1)      projections before and after, with biases
===========================  ================  ===========================================

Source: M.-H. Guo, C.-Z. Lu, Z.-N. Liu, M.-M. Cheng, S.-M. Hu, *Visual Attention Network*, 2022,
https://arxiv.org/abs/2202.09741; authors' code:
https://github.com/Visual-Attention-Network/VAN-Classification (``models/van.py``).

Paper and code disagree: the paper decomposes a 21 × 21 kernel, the released 5 × 5 and 7 × 7
dilated by 3 reach 23 × 23. A is not a gate: nothing bounds it, so that LKA is a polynomial of
degree two of its input. VAN's attention has its own residual inside that of the block around it.
The initialisation here is torch's; the networks of the paper draw all convolutions anew.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import require_odd, require_positive


class LargeKernelAttention(nn.Module):
    """Multiply the map by a convolution of itself with a large, decomposed kernel.

    Args:
        channels: number of input channels C.
        kernel_size: side of the first depthwise kernel, odd.
        dilated_kernel_size: side of the second, dilated depthwise kernel, odd.
        dilation: dilation of the second kernel.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or a kernel is not odd.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel_size: int = 5,
        dilated_kernel_size: int = 7,
        dilation: int = 3,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels, dilation=dilation)
        require_odd(kernel_size=kernel_size, dilated_kernel_size=dilated_kernel_size)
        factory: dict[str, Any] = {"groups": channels, "device": device, "dtype": dtype}
        self.near = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, **factory)
        self.far = nn.Conv2d(
            channels,
            channels,
            dilated_kernel_size,
            padding=dilation * (dilated_kernel_size // 2),
            dilation=dilation,
            **factory,
        )
        self.mix = nn.Conv2d(channels, channels, 1, device=device, dtype=dtype)

    def attention(self, x: Tensor) -> Tensor:
        """The factor of every value, of any sign: (B, C, H, W) -> (B, C, H, W)."""
        return self.mix(self.far(self.near(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the attention: (B, C, H, W) -> (B, C, H, W)."""
        return x * self.attention(x)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"factor": (B, C, H, W)}``."""
        return {"factor": self.attention(x)}


class VisualAttention(nn.Module):
    """VAN's attention: project, GELU, large-kernel attention, project, add the input.

    Args:
        channels: number of input channels C.
        kernel_size: side of the first depthwise kernel, odd.
        dilated_kernel_size: side of the second, dilated depthwise kernel, odd.
        dilation: dilation of the second kernel.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or a kernel is not odd.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel_size: int = 5,
        dilated_kernel_size: int = 7,
        dilation: int = 3,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.before = nn.Conv2d(channels, channels, 1, **factory)
        self.attend = LargeKernelAttention(
            channels,
            kernel_size=kernel_size,
            dilated_kernel_size=dilated_kernel_size,
            dilation=dilation,
            **factory,
        )
        self.after = nn.Conv2d(channels, channels, 1, **factory)

    def forward(self, x: Tensor) -> Tensor:
        """Add the attended projection: (B, C, H, W) -> (B, C, H, W)."""
        return x + self.after(self.attend(F.gelu(self.before(x))))

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the attention inside computed: ``{"factor": (B, C, H, W)}``."""
        return self.attend.explain(F.gelu(self.before(x)))
