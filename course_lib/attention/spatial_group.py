r"""Spatial group-wise enhance (SGE): a gate per group and position.

The channels are split into G groups of m = C / G. For the vectors :math:`x_i \in R^m` of a group:

.. math::
    g = \frac1N \sum_i x_i, \qquad c_i = g^\top x_i, \qquad
    \hat c_i = \frac{c_i - \mathrm{mean}(c)}{\mathrm{std}(c) + \varepsilon}, \qquad
    y_i = \sigma(w \hat c_i + b)\, x_i

=================  ============  ==============================================================
symbol             shape         meaning
=================  ============  ==============================================================
:math:`x, y`       (B, C, H, W)  feature map before and after
:math:`g`          (B, G, m)     mean vector of the group
:math:`c, \hat c`  (B, G, N)     likeness to the mean vector, and standardised over space
:math:`w, b`       (1, G, 1, 1)  one factor and one offset per group, 0 and 1 at the start
gate               (B, G, H, W)  in (0, 1)
=================  ============  ==============================================================

Source: X. Li, X. Hu, J. Yang, *Spatial Group-wise Enhance: Improving Semantic Feature Learning in
Convolutional Networks*, 2019, https://arxiv.org/abs/1905.09646; authors' code:
https://github.com/implus/PytorchInsight (classification/models/imagenet/resnet_sge.py).

Paper and code disagree: the code divides by the unbiased standard deviation and adds epsilon = 1e-5
outside the root. Copies of the code start b at 0 (``initial_bias=0``), so that a new module halves
its input; the authors' starts at 1 (gate 0.7311). On a map of one position the released code gives
NaN; here the standardised likeness is 0 there and the gate sigmoid(b). Nothing is running: the
statistics are those of one sample, in training and evaluation alike.
"""

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import at_least_float32, require_channels, require_positive
from course_lib.attention._functional import image_by_image, walks_by_image, without_autocast


class SpatialGroupEnhance(nn.Module):
    """Gate every position of a group of channels by its likeness to the group's mean vector.

    Args:
        channels: number of input channels C.
        groups: number of groups G, a divisor of C.
        initial_bias: the value that b starts at.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive or G does not divide C; in ``forward`` if the map
            has other channels.
    """

    epsilon = 1e-5

    def __init__(
        self,
        channels: int,
        *,
        groups: int = 64,
        initial_bias: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels, groups=groups)
        if channels % groups:
            raise ValueError(
                f"channels={channels} is not divisible by groups={groups}; use a divisor of "
                f"{channels}"
            )
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.channels = channels
        self.groups = groups
        self.weight = nn.Parameter(torch.zeros(1, groups, 1, 1, **factory))
        self.bias = nn.Parameter(torch.full((1, groups, 1, 1), float(initial_bias), **factory))

    def gate(self, x: Tensor) -> Tensor:
        """The factor of every group and position: (B, C, H, W) -> (B, G, H, W), in (0, 1)."""
        require_channels(x, self.channels)
        batch, channels, height, width = x.shape
        positions = height * width
        with without_autocast(x):
            # (B G, m, N): one matrix per group, so that the inner products are one bmm.
            shape = (batch * self.groups, channels // self.groups, positions)
            wide = at_least_float32(x).reshape(shape)
            mean = wide.mean(2, keepdim=True)
            # One channel per group needs no inner product, and tiny matrix products are slow.
            single = channels == self.groups
            likeness = wide * mean if single else torch.bmm(mean.transpose(1, 2), wide)
            likeness = likeness.reshape(batch, self.groups, positions)
            # With one channel per group these maps are as large as x: one is enough.
            in_place = not torch.is_grad_enabled()
            centre = likeness.mean(2, keepdim=True)
            centred = likeness.sub_(centre) if in_place else likeness - centre
            # A norm, since its gradient at a constant map is 0 where that of a root is infinite.
            spread = torch.linalg.vector_norm(centred, dim=2, keepdim=True)
            spread = spread / max(1, positions - 1) ** 0.5
            spread = spread + self.epsilon
            if in_place:
                standard = centred.div_(spread).unflatten(2, (height, width))
                return standard.mul_(self.weight).add_(self.bias).sigmoid_()
            standard = (centred / spread).unflatten(2, (height, width))
            return (standard * self.weight + self.bias).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale every group and position by its gate: (B, C, H, W) -> (B, C, H, W)."""
        require_channels(x, self.channels)
        if walks_by_image(x):
            return image_by_image(x, self._scale)
        return (self._grouped(x) * self.gate(x).unsqueeze(2).to(x.dtype)).flatten(1, 2)

    def _grouped(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, G, m, H, W), a view."""
        return x.unflatten(1, (self.groups, x.shape[1] // self.groups))

    def _scale(self, image: Tensor, result: Tensor) -> None:
        gate = self.gate(image).unsqueeze(2).to(image.dtype)
        torch.mul(self._grouped(image), gate, out=self._grouped(result))

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """What the module computed on the way: ``{"gate": (B, G, H, W)}``."""
        return {"gate": self.gate(x)}
