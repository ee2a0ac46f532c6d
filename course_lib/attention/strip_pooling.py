r"""Strip pooling: a gate from the means of rows and columns (SPM), and a context block (MPM).

.. math::
    \text{SPM:}\quad g = \sigma\big(W\,\delta(\mathrm{BN}(k_{3\times1} * h)\mathbf 1^\top
    + \mathbf 1\,\mathrm{BN}(k_{1\times3} * v)) + b\big), \qquad Y = g \odot X

.. math::
    \text{MPM:}\quad a = \delta\big(F_0 x_1 + \textstyle\sum_{i=1,2}\uparrow F_i\,
    \mathrm{AAP}_{s_i} x_1\big), \quad b = \delta\big(F_3 v_2 + F_4 h_2\big), \quad
    Y = \delta\big(X + F_7[F_5 a; F_6 b]\big)

====================  ====================  ====================================================
symbol                shape                 meaning
====================  ====================  ====================================================
:math:`X, Y`          (B, C, H, W)          feature map before and after
:math:`h, v`          (B, C, H, 1), …       means of the rows (over W), of the columns (over H)
:math:`k`             (C, C, 3, 1), …       convolutions along the strips, no bias
:math:`W, b`          (C, C, 1, 1), (C)     mixes the channels of the sum of both strips
:math:`g`             (B, C, H, W)          gate in (0, 1)
:math:`x_1, x_2`      (B, p, H, W)          two reductions (1×1, BN, ReLU), p = C // 4
:math:`F_0 … F_2`     (p, p, 3, 3)          convolution and BatchNorm, also F_5, F_6 (then ReLU)
:math:`F_3, F_4`      (p, p, 1, 3), …       the same along a strip of columns, of rows
:math:`F_7`           (C, 2p, 1, 1)         back to the channels, and BatchNorm
====================  ====================  ====================================================

Source: Q. Hou, L. Zhang, M.-M. Cheng, J. Feng, *Strip Pooling: Rethinking Spatial Pooling for Scene
Parsing*, CVPR 2020, https://arxiv.org/abs/2003.13328; authors' code:
https://github.com/Andrew-Qibin/SPNet (``models/resnet.py``, ``models/customize.py``).

MPM is no attention: it has no gate, only a residual sum with output >= 0, though surveys show it in
the place of SPM. Its pool sizes make *square* maps, whatever the shape of the input. The code has a
ReLU before the 1×1 convolution of SPM that the paper's formula of the fusion leaves out.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import bottleneck, require_pair, require_positive


class StripPoolingAttention(nn.Module):
    """Gate every value by what the means of its row and its column say (SPM).

    Args:
        channels: number of input channels C.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if ``channels`` is not positive.
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
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.rows = _normalised(channels, channels, (3, 1), **factory)
        self.columns = _normalised(channels, channels, (1, 3), **factory)
        self.mix = nn.Conv2d(channels, channels, 1, **factory)

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every value: (B, C, H, W) -> (B, C, H, W), in (0, 1)."""
        rows = self.rows(x.mean(3, keepdim=True))
        columns = self.columns(x.mean(2, keepdim=True))
        return self.mix(F.relu_(rows + columns)).sigmoid_()

    def forward(self, x: Tensor) -> Tensor:
        """Scale every value by its gate: (B, C, H, W) -> (B, C, H, W)."""
        return x * self.gate(x)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, C, H, W)}``."""
        return {"gate": self.gate(x)}


class MixedPooling(nn.Module):
    """Add context from two square poolings and from both strip poolings (MPM).

    Args:
        channels: number of input channels C.
        reduction: ratio; both branches have C // reduction channels.
        pool_sizes: sides of the two square pooled maps.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive, C < reduction, or there are not two pool sizes.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 4,
        *,
        pool_sizes: tuple[int, int] = (20, 12),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden = bottleneck(channels, reduction)
        require_pair("pool_sizes", pool_sizes, "(20, 12)")
        for size in pool_sizes:
            require_positive(pool_sizes=size)
        self.pool_sizes = (int(pool_sizes[0]), int(pool_sizes[1]))
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.reduce_square = _normalised(channels, hidden, (1, 1), **factory)
        self.reduce_strip = _normalised(channels, hidden, (1, 1), **factory)
        self.full = _normalised(hidden, hidden, (3, 3), **factory)
        self.fine = _normalised(hidden, hidden, (3, 3), **factory)
        self.coarse = _normalised(hidden, hidden, (3, 3), **factory)
        self.columns = _normalised(hidden, hidden, (1, 3), **factory)
        self.rows = _normalised(hidden, hidden, (3, 1), **factory)
        self.join_square = _normalised(hidden, hidden, (3, 3), **factory)
        self.join_strip = _normalised(hidden, hidden, (3, 3), **factory)
        self.expand = _normalised(2 * hidden, channels, (1, 1), **factory)

    def _square(self, x: Tensor) -> Tensor:
        """Context of the two pooled squares: (B, C, H, W) -> (B, p, H, W)."""
        x = F.relu_(self.reduce_square(x))
        context = self.full(x)
        for size, layer in zip(self.pool_sizes, (self.fine, self.coarse), strict=True):
            pooled = layer(F.adaptive_avg_pool2d(x, size))
            context += F.interpolate(pooled, x.shape[2:], mode="bilinear", align_corners=True)
        return F.relu_(context)

    def _strip(self, x: Tensor) -> Tensor:
        """Context of the row and the column: (B, C, H, W) -> (B, p, H, W)."""
        x = F.relu_(self.reduce_strip(x))
        # To up-sample a strip is to repeat it, which broadcasting does without copies.
        return F.relu_(self.rows(x.mean(3, keepdim=True)) + self.columns(x.mean(2, keepdim=True)))

    def forward(self, x: Tensor) -> Tensor:
        """Add the context of both branches, then ReLU: (B, C, H, W) -> (B, C, H, W)."""
        square = F.relu_(self.join_square(self._square(x)))
        strip = F.relu_(self.join_strip(self._strip(x)))
        return F.relu_(x + self.expand(torch.cat((square, strip), 1)))

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """The contexts of both branches: ``square`` and ``strip``, (B, C // reduction, H, W)."""
        return {"square": self._square(x), "strip": self._strip(x)}


def _normalised(inputs: int, outputs: int, kernel: tuple[int, int], **factory: Any) -> nn.Module:
    """Convolution without bias that keeps the size, and BatchNorm."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False, **factory)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs, **factory))
