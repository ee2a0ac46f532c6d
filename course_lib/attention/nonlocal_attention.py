r"""Non-local block, and SAGAN's self-attention: every position looks at all others.

.. math::
    S = \mathrm{softmax}(s\, \theta^\top \phi), \qquad
    Y = X + \mathrm{BN}(W_o\, g\, S^\top + b_o) \quad\text{or}\quad
    Y = X + \gamma (W_o\, g\, S^\top)

=========================  =====================  =============================================
symbol                     shape                  meaning
=========================  =====================  =============================================
:math:`X, Y`               (B, C, N), N = H W     positions of the map before and after
:math:`\theta`             (B, C // r, N)         queries
:math:`\phi, g`            (B, C // r, M)         keys and values of the 2 x 2 max-pooled map
:math:`s`                  number                 one over the root of C // r, or 1
:math:`S`                  (B, N, M)              attention map, rows sum to one
:math:`W_o, b_o`           (C, C // r), (C)       back to the channels
BN or :math:`\gamma`       (C) or (1)             starts at 0, so that a new module is the identity
=========================  =====================  =============================================

Position attention (PAM) is this without pooling, without scaling, with values of full width in
place of the output layer. The map S is never held; ``explain`` makes it.

Sources: X. Wang, R. Girshick, A. Gupta, K. He, *Non-local Neural Networks*, CVPR 2018,
https://arxiv.org/abs/1711.07971; authors' code (Caffe2):
https://github.com/facebookresearch/video-nonlocal-net (lib/models/nonlocal_helper.py). H. Zhang,
I. Goodfellow, D. Metaxas, A. Odena, *Self-Attention Generative Adversarial Networks*, ICML 2019,
https://arxiv.org/abs/1805.08318; authors' code:
https://github.com/brain-research/self-attention-gan (non_local.py).

Paper and code disagree: the non-local paper's embedded Gaussian has no factor s, the released code
divides by the root of the width; pooling is the paper's optional trick and the code's default.
SAGAN's paper takes values of C / 8, its code C / 2, max-pools keys and values, and normalises the
weights spectrally, which is the trainer's business (``torch.nn.utils.parametrizations``); here
``NonLocal(channels, 8, value_reduction=2, scaled=False, norm=False, bias=False)`` gives its map.
The key bias has no effect (a constant along the softmax), nor, in training, have the biases of the
values and of the output: rows that sum to one turn both into a constant per channel, which BN
removes. They are kept because released checkpoints hold them. A side of one pixel is not pooled.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import bottleneck, require_positive
from course_lib.attention._functional import attend, attention_map


class NonLocal(nn.Module):
    """Add to every position a softmax-weighted mixture of all positions, projected back.

    Args:
        channels: number of input channels C.
        reduction: ratio r; queries and keys have C // r numbers.
        value_reduction: the ratio for the values; None takes r.
        bias: whether the 1x1 convolutions have biases.
        scaled: whether the energies are divided by the square root of C // r.
        pooled: whether keys and values come from the 2 x 2 max-pooled map.
        norm: whether BatchNorm ends the branch and pooling precedes the convolutions (non-local),
            or one factor gamma ends it and pooling follows them (SAGAN).
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or queries or values would be empty.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 2,
        *,
        value_reduction: int | None = None,
        bias: bool = True,
        scaled: bool = True,
        pooled: bool = True,
        norm: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        width = bottleneck(channels, reduction)
        if value_reduction is None:
            value_reduction = reduction
        require_positive(value_reduction=value_reduction)
        value_width = bottleneck(channels, value_reduction)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.scale = width**-0.5 if scaled else 1.0
        self.pooled = pooled
        self.gamma = None if norm else nn.Parameter(torch.zeros(1, **factory))
        self.theta = nn.Conv2d(channels, width, 1, bias=bias, **factory)
        self.phi = nn.Conv2d(channels, width, 1, bias=bias, **factory)
        self.g = nn.Conv2d(channels, value_width, 1, bias=bias, **factory)
        self.out = nn.Conv2d(value_width, channels, 1, bias=bias, **factory)
        self.norm = nn.BatchNorm2d(channels, **factory) if norm else None
        if self.norm is not None:
            nn.init.zeros_(self.norm.weight)

    def _pool(self, x: Tensor) -> Tensor:
        if not self.pooled:
            return x
        return F.max_pool2d(x, (min(2, x.shape[2]), min(2, x.shape[3])))

    def forward(self, x: Tensor) -> Tensor:
        """Mix the positions: (B, C, H, W) -> (B, C, H, W)."""
        query = self.theta(x).flatten(2)
        if self.norm is not None:  # the non-local code pools before the convolutions, SAGAN after
            pooled = self._pool(x)
            key, value = self.phi(pooled), self.g(pooled)
        else:
            key, value = self._pool(self.phi(x)), self._pool(self.g(x))
        key, value = key.flatten(2), value.flatten(2)
        mixed = attend(query, key, value, self.scale).contiguous().unflatten(2, x.shape[2:])
        branch = self.out(mixed)
        if self.norm is not None:
            return x + self.norm(branch).to(x.dtype)
        return torch.addcmul(x, self.gamma.to(x.dtype), branch.to(x.dtype))

    def explain(self, x: Tensor, queries: Sequence[int] | None = None) -> dict[str, Tensor]:
        """The attention map.

        Args:
            x: (B, C, H, W).
            queries: row-major numbers of the positions whose rows are wanted; None takes all N.

        Returns:
            ``{"attention": (B, len(queries) or N, M)}``; every row sums to one.
        """
        query = self.theta(x).flatten(2)
        key = self.phi(self._pool(x)) if self.norm is not None else self._pool(self.phi(x))
        if queries is not None:
            query = query[:, :, list(queries)]
        return {"attention": attention_map(query, key.flatten(2), self.scale)}
