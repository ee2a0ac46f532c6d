r"""Channel attention (CAM): every channel becomes a mixture of all channels.

.. math::
    G = A A^\top, \qquad S = \mathrm{softmax}(-G), \qquad Y = \gamma\, S A + A

===============  =================  ==========================================================
symbol           shape              meaning
===============  =================  ==========================================================
:math:`A, Y`     (B, C, N), N = HW  channels of the map before and after
:math:`G`        (B, C, C)          Gram matrix: inner products of channels
:math:`S`        (B, C, C)          attention map: row i holds the weights of channel i
:math:`\gamma`   (1)                starts at 0, so that a new module returns its input
===============  =================  ==========================================================

Source: J. Fu, J. Liu, H. Tian, Y. Li, Y. Bao, Z. Fang, H. Lu, *Dual Attention Network for Scene
Segmentation*, CVPR 2019, https://arxiv.org/abs/1809.02983; authors' code:
https://github.com/junfu1115/DANet (encoding/nn/da_att.py).

Paper and code disagree: the paper takes softmax(G); the released code subtracts the energies from
their maximum before the softmax, which looks like the usual guard against overflow but turns the
sign: a channel attends to those that resemble it *least*. The default is the code's; ``plain=True``
gives the paper's, which is close to the identity on real maps, since the squared norm on the
diagonal of G exceeds all else in its row by far.
"""

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import at_least_float32, require_channels, require_positive
from course_lib.attention._functional import without_autocast


class ChannelAttention(nn.Module):
    """Add to every channel a softmax-weighted mixture of all channels.

    Args:
        channels: number of input channels C; the parameter does not depend on it.
        plain: whether the weights are softmax(G) (the paper) in place of softmax(-G).
        device: device of the parameter.
        dtype: dtype of the parameter.

    Raises:
        ValueError: if the number of channels is not positive; in ``forward`` if the map has others.
    """

    def __init__(
        self,
        channels: int,
        *,
        plain: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.channels = channels
        self.plain = plain
        self.gamma = nn.Parameter(torch.zeros(1, **factory))

    def _attention(self, flat: Tensor) -> Tensor:
        """(B, C, N) -> (B, C, C), with energies of at least float32."""
        with without_autocast(flat):
            wide = at_least_float32(flat)
            # The product is made with its sign, which saves a pass over the C * C numbers.
            sign = 1 if self.plain else -1
            if torch.is_grad_enabled() and not torch.compiler.is_compiling():
                return _Gram.apply(wide, sign).softmax(-1)
            return _product(wide, wide.transpose(1, 2), sign).softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the channels: (B, C, H, W) -> (B, C, H, W)."""
        require_channels(x, self.channels)
        flat = x.flatten(2)
        weights, gamma = self._attention(flat).to(x.dtype), self.gamma.to(x.dtype)
        with without_autocast(x):
            if flat.shape[1] <= flat.shape[2]:  # gamma goes to the smaller of the two
                mixed = torch.baddbmm(flat, weights * gamma, flat)
            else:
                mixed = torch.addcmul(flat, torch.bmm(weights, flat), gamma)
        return mixed.unflatten(2, x.shape[2:])

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"attention": (B, C, C)}``, rows sum to one."""
        require_channels(x, self.channels)
        return {"attention": self._attention(x.flatten(2))}


def _product(left: Tensor, right: Tensor, factor: float) -> Tensor:
    """A scaled product of matrices in one pass: (B, m, k), (B, k, n) -> (B, m, n)."""
    return torch.baddbmm(left.new_zeros(()), left, right, beta=0, alpha=factor)


class _Gram(torch.autograd.Function):
    """The Gram matrix times a factor, whose gradient is one product: (g + g^T) a.

    As a product of two maps its gradient would be two, each as large as the map.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, factor: float) -> Tensor:
        """(B, C, N) -> (B, C, C)."""
        return _product(a, a.transpose(1, 2), factor)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        """Keep the map."""
        a, ctx.factor = inputs
        ctx.save_for_backward(a)
        ctx.save_for_forward(a)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Gradient of the map, differentiable in its turn."""
        (a,) = ctx.saved_tensors
        with without_autocast(a):
            return _product(gradient + gradient.transpose(1, 2), a, ctx.factor), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        """Derivative in the direction of the tangent."""
        (a,) = ctx.saved_tensors
        with without_autocast(a):
            half = _product(tangent, a.transpose(1, 2), ctx.factor)
        return half + half.transpose(1, 2)
