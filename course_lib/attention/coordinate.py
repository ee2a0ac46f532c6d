r"""Coordinate attention: one gate per row and one per column of every channel.

.. math::
    z^h_c(i) = \tfrac1W\sum_j x_c(i, j), \qquad z^w_c(j) = \tfrac1H\sum_i x_c(i, j), \qquad
    f = \phi(\mathrm{BN}(W_1[z^h; z^w] + b_1))

.. math::
    g^h = \sigma(W_h f^h + b_h), \qquad g^w = \sigma(W_w f^w + b_w), \qquad
    y_c(i, j) = x_c(i, j)\, g^h_c(i)\, g^w_c(j)

=====================  =================  ==================================================
symbol                 shape              meaning
=====================  =================  ==================================================
:math:`x, y`           (B, C, H, W)       feature map before and after
:math:`z^h, z^w`       (B, C, H), (…, W)  mean of every row, mean of every column
:math:`W_1, b_1`       (m, C), (m)        shared reduction, m = max(8, C // r)
:math:`f`              (B, m, H + W)      both strips one after the other, :math:`\phi` = h-swish
:math:`W_h, W_w`       (C, m)             expansion, one for each direction, with biases
:math:`g^h, g^w`       (B, C, H, 1), …    gates of the rows and of the columns, in (0, 1)
=====================  =================  ==================================================

Source: Q. Hou, D. Zhou, J. Feng, *Coordinate Attention for Efficient Mobile Network Design*,
CVPR 2021, https://arxiv.org/abs/2103.02907; code: https://github.com/houqb/CoordAttention.

Paper and code disagree: the paper writes a generic non-linearity (the survey a ReLU), the code has
h-swish: ``activation``. Both strips share one BatchNorm, whose statistics are therefore those of
rows and columns together; in train mode the bias before it has no effect. ``mbv2_ca.py`` of the
same repository names its layers differently, so that checkpoints need a rename between the two.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import require_one_of, require_positive
from course_lib.attention._functional import image_by_image, walks_by_image

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "hardswish": F.hardswish,
    "relu": F.relu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
}


class CoordinateAttention(nn.Module):
    """Gate every pixel by the product of a gate of its row and a gate of its column.

    Args:
        channels: number of input channels C.
        reduction: ratio r; the bottleneck has max(8, C // r) hidden units.
        activation: ``"hardswish"`` (the code), ``"relu"``, ``"silu"`` or ``"sigmoid"``.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or the activation is unknown.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 32,
        *,
        activation: str = "hardswish",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels, reduction=reduction)
        require_one_of("activation", activation, tuple(_ACTIVATIONS))
        hidden = max(8, channels // reduction)
        self.activation = activation
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.reduce = nn.Conv2d(channels, hidden, 1, **factory)
        self.norm = nn.BatchNorm2d(hidden, **factory)
        self.expand_rows = nn.Conv2d(hidden, channels, 1, **factory)
        self.expand_columns = nn.Conv2d(hidden, channels, 1, **factory)

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The factors: (B, C, H, W) -> rows (B, C, H, 1) and columns (B, C, 1, W), in (0, 1)."""
        height, width = x.shape[2:]
        strips = torch.cat((x.mean(3), x.mean(2)), 2).unsqueeze(3)  # (B, C, H + W, 1)
        hidden = _ACTIVATIONS[self.activation](self.norm(self.reduce(strips)))
        rows, columns = hidden.split((height, width), 2)
        rows = self.expand_rows(rows).sigmoid()
        columns = self.expand_columns(columns).sigmoid()
        return rows, columns.transpose(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Scale rows and columns of every channel: (B, C, H, W) -> (B, C, H, W)."""
        if walks_by_image(x) and not self.norm.training:
            return image_by_image(x, self._scale)
        rows, columns = self.gates(x)
        return x * rows * columns

    def _scale(self, x: Tensor, result: Tensor) -> None:
        rows, columns = self.gates(x)
        torch.mul(x, rows, out=result).mul_(columns)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Both gates: ``{"row_gate": (B, C, H, 1), "column_gate": (B, C, 1, W)}``."""
        rows, columns = self.gates(x)
        return {"row_gate": rows, "column_gate": columns}
