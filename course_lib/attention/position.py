r"""Position attention (PAM): every position becomes a mixture of all positions.

.. math::
    S_{ij} = \frac{\exp(q_i^\top k_j)}{\sum_{j'} \exp(q_i^\top k_{j'})}, \qquad
    y_i = \gamma \sum_j S_{ij} v_j + x_i, \qquad
    q = W_q x + b_q,\; k = W_k x + b_k,\; v = W_v x + b_v

===============  =====================  =======================================================
symbol           shape                  meaning
===============  =====================  =======================================================
:math:`x, y`     (B, C, N), N = H W     positions of the map before and after
:math:`q, k`     (B, C // r, N)         queries and keys, r = 8
:math:`v`        (B, C, N)              values
:math:`S`        (B, N, N)              attention map: row i holds the weights of position i
:math:`\gamma`   (1)                    starts at 0, so that a new module returns its input
===============  =====================  =======================================================

The map S is never held: the product is computed in memory linear in N, exactly. ``explain`` makes
the map, or the rows of it that are asked for.

Source: J. Fu, J. Liu, H. Tian, Y. Li, Y. Bao, Z. Fang, H. Lu, *Dual Attention Network for Scene
Segmentation*, CVPR 2019, https://arxiv.org/abs/1809.02983; authors' code:
https://github.com/junfu1115/DANet (encoding/nn/da_att.py).

Warnings: the energies are not divided by the root of the width (``scaled=True`` does it). The key
bias has no effect: it adds the same number to a whole row of energies, and the softmax removes it;
it is kept because the released checkpoints hold it. While gamma is 0, only gamma has a gradient.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import bottleneck
from course_lib.attention._functional import attend, attention_map


class PositionAttention(nn.Module):
    """Add to every position a softmax-weighted mixture of the values of all positions.

    Args:
        channels: number of input channels C.
        reduction: ratio r; queries and keys have C // r numbers.
        scaled: whether the energies are divided by the square root of C // r.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or queries would be empty (C < r).
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 8,
        *,
        scaled: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        width = bottleneck(channels, reduction)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.scale = width**-0.5 if scaled else 1.0
        self.gamma = nn.Parameter(torch.zeros(1, **factory))
        self.query = nn.Conv2d(channels, width, 1, **factory)
        self.key = nn.Conv2d(channels, width, 1, **factory)
        self.value = nn.Conv2d(channels, channels, 1, **factory)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the positions: (B, C, H, W) -> (B, C, H, W)."""
        query, key, value = (f(x).flatten(2) for f in (self.query, self.key, self.value))
        mixed = attend(query, key, value, self.scale).unflatten(2, x.shape[2:])
        return torch.addcmul(x, self.gamma.to(x.dtype), mixed.to(x.dtype))

    def explain(self, x: Tensor, queries: Sequence[int] | None = None) -> dict[str, Tensor]:
        """The attention map.

        Args:
            x: (B, C, H, W).
            queries: row-major numbers of the positions whose rows are wanted; None takes all N,
                which is N * N numbers an image.

        Returns:
            ``{"attention": (B, len(queries) or N, N)}``; every row sums to one.
        """
        query, key = self.query(x).flatten(2), self.key(x).flatten(2)
        if queries is not None:
            query = query[:, :, list(queries)]
        return {"attention": attention_map(query, key, self.scale)}
