r"""SimAM: a gate per channel and position, without parameters.

.. math::
    \frac{1}{e_t} = \frac{(t - \mu)^2}{4(\sigma^2 + \lambda)} + \frac12, \qquad
    Y = \mathrm{sigmoid}(1 / e) \odot X

=======================  ============  ======================================================
symbol                   shape         meaning
=======================  ============  ======================================================
:math:`X, Y`             (B, C, H, W)  feature map before and after; t is one number of X
:math:`\mu, \sigma^2`    (B, C, 1, 1)  mean and variance of the channel over its N positions
:math:`\lambda`          number        regulariser
:math:`1/e`              (B, C, H, W)  how far t stands out of its channel; at least 1/2
gate                     (B, C, H, W)  in [0.6225, 1): SimAM can favour but not suppress
=======================  ============  ======================================================

It is computed from the instance-normalised map z, whose kernel reads X once for both statistics:
with the variance over N - 1, :math:`1/e = \frac{N-1}{4N} z^2 + \frac12`, where z has epsilon
:math:`\lambda (N-1) / N`. On a map of one position that is 1/2, where the released code gives NaN.

Source: L. Yang, R.-Y. Zhang, L. Li, X. Xie, *SimAM: A Simple, Parameter-Free Attention Module for
Convolutional Neural Networks*, ICML 2021, https://proceedings.mlr.press/v139/yang21o.html; authors'
code: https://github.com/ZjjConan/SimAM (networks/attentions/simam_module.py).

Paper and code disagree: the paper divides the variance by N, the code by N - 1 (``unbiased=False``
gives the paper's). The default 1e-4 is the module's; the authors' ImageNet command trains with 0.1.
In float16 the released code's sum of squares overflows long before the map does, and every gate
becomes sigmoid(1/2); here the statistics are of float32.
"""

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import require_above_zero, require_channels, require_positive
from course_lib.attention._functional import image_by_image, walks_by_image


class SimAM(nn.Module):
    """Gate every number by how far it stands out of its channel.

    Args:
        channels: number of input channels C.
        e_lambda: regulariser, positive.
        unbiased: whether the variance is over N - 1 (the released code) or N (the paper).
        device: accepted like everywhere; there are no parameters.
        dtype: accepted like everywhere; there are no parameters.

    Raises:
        ValueError: if a number is not positive; in ``forward`` if the map has other channels.
    """

    def __init__(
        self,
        channels: int,
        *,
        e_lambda: float = 1e-4,
        unbiased: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels)
        require_above_zero("e_lambda", e_lambda, "the authors use 1e-4 and 0.1")
        self.channels = channels
        self.e_lambda = e_lambda
        self.unbiased = unbiased

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every number: (B, C, H, W) -> (B, C, H, W), in [0.6225, 1)."""
        require_channels(x, self.channels)
        positions = x.shape[2] * x.shape[3]
        share = (positions - 1) / positions if self.unbiased else 1.0
        # Not F.group_norm, which refuses one position of one image; there `standard` is 0.
        epsilon = self.e_lambda * share or 1.0
        standard = torch.group_norm(x, x.shape[1], None, None, epsilon)
        if torch.is_grad_enabled():
            return (standard.square() * (share / 4) + 0.5).sigmoid()
        half = standard.new_full((), 0.5)
        return torch.addcmul(half, standard, standard, value=share / 4, out=standard).sigmoid_()

    def forward(self, x: Tensor) -> Tensor:
        """Scale every number by its gate: (B, C, H, W) -> (B, C, H, W)."""
        if walks_by_image(x):
            return image_by_image(x, self._scale)
        return x * self.gate(x).to(x.dtype)

    def _scale(self, image: Tensor, result: Tensor) -> None:
        torch.mul(image, self.gate(image).to(image.dtype), out=result)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, C, H, W)}``."""
        return {"gate": self.gate(x)}
