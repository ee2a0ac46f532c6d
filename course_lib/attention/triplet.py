r"""Triplet attention: three pixel gates, one across each pair of the axes C, H and W.

.. math::
    a_{hw} = g_{hw}\big([\max_c X; \mathrm{mean}_c X]\big), \quad
    a_{cw} = g_{cw}\big([\max_h X; \mathrm{mean}_h X]\big), \quad
    a_{hc} = g_{hc}\big([\max_w X; \mathrm{mean}_w X]\big)

.. math::
    g(Z) = \sigma\big(\mathrm{BN}(f^{7\times7} * Z)\big), \qquad
    Y = X \odot \tfrac13\,(a_{cw} + a_{hc} + a_{hw})

==================  =================  ======================================================
symbol              shape              meaning
==================  =================  ======================================================
:math:`X, Y`        (B, C, H, W)       feature map before and after
:math:`Z`           (B, 2, ·, ·)       maximum and mean along the axis that is left out
:math:`f`           (1, 2, 7, 7)       a kernel for each pair of axes, no bias
:math:`a_{hw}`      (B, 1, H, W)       gate over rows and columns
:math:`a_{cw}`      (B, C, 1, W)       gate over channels and columns
:math:`a_{hc}`      (B, C, H, 1)       gate over channels and rows; its kernel runs over (H, C)
==================  =================  ======================================================

Source: D. Misra, T. Nalamada, A. U. Arasanipalai, Q. Hou, *Rotate to Attend: Convolutional Triplet
Attention Module*, WACV 2021, https://arxiv.org/abs/2010.03045; authors' code:
https://github.com/landskape-ai/triplet-attention (``triplet_attention.py``).

Paper and code disagree: the paper rotates the tensor, the code permutes its axes. For one of the
two directions this is the same, for the other one kernel axis is reversed. The code's two permuted
copies of the map are not made here: to permute, pool, gate and permute back is to pool along
another axis. The gates over channels see neighbouring channels in a window of seven, so that the
order of the channels matters.
"""

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import require_channels, require_odd, require_positive
from course_lib.attention._functional import image_by_image, walks_by_image


class _PairGate(nn.Module):
    """A gate from the maximum and the mean along an axis: (B, 2, ·, ·) -> (B, 1, ·, ·)."""

    def __init__(self, kernel_size: int, **factory: Any) -> None:
        super().__init__()
        padding = (kernel_size - 1) // 2
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=padding, bias=False, **factory)
        self.norm = nn.BatchNorm2d(1, momentum=0.01, **factory)

    def forward(self, pooled: Tensor) -> Tensor:
        return self.norm(self.conv(pooled)).sigmoid()


def _pool(x: Tensor, axis: int) -> Tensor:
    """Maximum and mean along one axis: (B, 2, ·, ·) with the two other axes in their order."""
    return torch.stack((_maximum(x, axis), x.mean(axis)), 1)


def _maximum(x: Tensor, axis: int) -> Tensor:
    """The maximum along one axis, in the form that is fastest where it runs."""
    if torch.is_grad_enabled():
        return x.max(axis).values  # the backward pass touches one position of each line
    if axis == 1 or x.device.type != "cpu" or torch.compiler.is_compiling():
        return x.amax(axis)
    # Along the inner axes amax compares one number at a time on the CPU, maximum compares many.
    while (length := x.shape[axis]) > 1:
        half = (length + 1) // 2
        x = torch.maximum(x.narrow(axis, 0, half), x.narrow(axis, length - half, half))
    return x.squeeze(axis)


class TripletAttention(nn.Module):
    """Gate by the mean of three gates that see channel-column, channel-row and row-column pairs.

    Args:
        channels: number of input channels C; the module has the same parameters for every C.
        kernel_size: side of the three kernels, odd.
        spatial: whether the third gate, over rows and columns, takes part (else the mean of two).
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if ``channels`` is not positive or the kernel is not odd; in ``forward`` if the
            map has other channels.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel_size: int = 7,
        spatial: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels)
        require_odd(kernel_size=kernel_size)
        self.channels = channels
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.channel_column = _PairGate(kernel_size, **factory)
        self.row_channel = _PairGate(kernel_size, **factory)
        self.row_column = _PairGate(kernel_size, **factory) if spatial else None

    def gates(self, x: Tensor) -> list[Tensor]:
        """Two or three gates in (0, 1): (B, C, 1, W), (B, C, H, 1) and (B, 1, H, W)."""
        require_channels(x, self.channels)
        channel_column = self.channel_column(_pool(x, 2)).transpose(1, 2)
        # Over (H, C) as the authors have it, hence the exchange before and after.
        row_channel = self.row_channel(_pool(x, 3).transpose(2, 3)).permute(0, 3, 2, 1)
        gates = [channel_column, row_channel]
        if self.row_column is not None:
            gates.append(self.row_column(_pool(x, 1)))
        return gates

    def forward(self, x: Tensor) -> Tensor:
        """Scale by the mean of the gates: (B, C, H, W) -> (B, C, H, W)."""
        if walks_by_image(x) and not self.row_channel.norm.training:
            return image_by_image(x, self._scale)
        first, *others = self._shares(x)
        factor = first + others[0]
        for share in others[1:]:
            factor += share
        return x * factor

    def _scale(self, x: Tensor, result: Tensor) -> None:
        first, *others = self._shares(x)
        torch.add(first, others[0], out=result)
        for share in others[1:]:
            result += share
        result *= x

    def _shares(self, x: Tensor) -> list[Tensor]:
        """The gates divided by their number, while they are small."""
        gates = self.gates(x)
        return [gate / len(gates) for gate in gates]

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """The gates: ``channel_column_gate``, ``row_channel_gate`` and ``row_column_gate``."""
        labels = ("channel_column_gate", "row_channel_gate", "row_column_gate")
        return dict(zip(labels, self.gates(x), strict=False))
