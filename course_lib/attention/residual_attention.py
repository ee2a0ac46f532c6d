r"""Residual attention module: a mask from an hourglass, applied as 1 + mask.

.. math::
    x_0 = R(X), \qquad T = R(R(x_0)), \qquad d_k = R(\mathrm{mp}(d_{k-1})), \qquad
    u_{k} = R(\uparrow u_{k+1} + R_k(d_k))

.. math::
    M = \sigma\big(W_2\,\delta\,\mathrm{BN}(W_1\,\delta\,\mathrm{BN}(\uparrow u_1))\big), \qquad
    Y = R\big((1 + M) \odot T\big)

==================  ==============  ==========================================================
symbol              shape           meaning
==================  ==============  ==========================================================
:math:`X, Y`        (B, C, H, W)    feature map before and after
:math:`R`           C → C           pre-activation bottleneck unit of width C // 4, own weights
:math:`T`           (B, C, H, W)    trunk branch
:math:`d_k`         (B, C, ·, ·)    on the way down, :math:`d_0 = x_0`; mp halves the map
:math:`u_k`         (B, C, ·, ·)    on the way up, to the size of :math:`d_k`; the lowest scale
                                    has two units and no skip
:math:`W_1, W_2`    (C, C, 1, 1)    the mask's last layers, no bias
:math:`M`           (B, C, H, W)    mask in (0, 1), one value per channel and position
==================  ==============  ==========================================================

mp is a 3 × 3 maximum with stride 2, ↑ bilinear with aligned corners. With S scales the module has
6 + 3 (S − 1) units: S = 3 is the first stage of Attention-56, S = 1 its last.

Source: F. Wang, M. Jiang, C. Qian, S. Yang, C. Li, H. Zhang, X. Wang, X. Tang, *Residual Attention
Network for Image Classification*, CVPR 2017, https://arxiv.org/abs/1704.06904; authors' model:
https://github.com/fwang91/residual-attention-network (Caffe).

The authors' model and its well-known PyTorch port disagree: after every up-sampling the port adds
the map of that size again (at the end, the trunk), which the model does not (``wiring="port"``).
The port also creates a projection in every unit that it never uses; those parameters do not exist
here. Its pools differ too: see ``pool``.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import bottleneck, require_one_of, require_positive


class _ResidualUnit(nn.Module):
    """Pre-activation bottleneck with an identity shortcut: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, hidden: int, **factory: Any) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_activated(channels, **factory),
            nn.Conv2d(channels, hidden, 1, bias=False, **factory),
            *_activated(hidden, **factory),
            nn.Conv2d(hidden, hidden, 3, padding=1, bias=False, **factory),
            *_activated(hidden, **factory),
            nn.Conv2d(hidden, channels, 1, bias=False, **factory),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class _Scale(nn.Module):
    """A step down the hourglass: the unit on the pooled map, and the unit of the skip."""

    def __init__(self, channels: int, hidden: int, **factory: Any) -> None:
        super().__init__()
        self.down = _ResidualUnit(channels, hidden, **factory)
        self.skip = _ResidualUnit(channels, hidden, **factory)


class ResidualAttention(nn.Module):
    """Multiply a trunk branch by 1 + mask, the mask from a small hourglass network.

    Args:
        channels: number of input channels C.
        reduction: ratio; the units have C // reduction channels inside.
        scales: how often the mask branch halves the map, S.
        wiring: ``"authors"``, or ``"port"`` for the additions of the PyTorch port.
        pool: ``"port"`` for the pools of the PyTorch port, padded by one pixel on all sides, or
            ``"caffe"`` for those of the authors' model, which are not padded and whose last window
            hangs over the edge. The default is the port's, also with the authors' wiring. From an
            odd side 2k + 1 > 1 the port's make k + 1, the model's k; from 2k both make k.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if a number is not positive, C < reduction, or the wiring or pool is unknown.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 4,
        *,
        scales: int = 3,
        wiring: str = "authors",
        pool: str = "port",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden = bottleneck(channels, reduction)
        require_positive(scales=scales)
        require_one_of("wiring", wiring, ("authors", "port"))
        require_one_of("pool", pool, ("port", "caffe"))
        self.wiring = wiring
        self.pool = pool
        factory: dict[str, Any] = {"device": device, "dtype": dtype}

        def units(count: int) -> list[nn.Module]:
            return [_ResidualUnit(channels, hidden, **factory) for _ in range(count)]

        self.first = units(1)[0]
        self.trunk = nn.Sequential(*units(2))
        self.descent = nn.ModuleList(_Scale(channels, hidden, **factory) for _ in range(scales - 1))
        self.lowest = nn.Sequential(*units(2))
        self.ascent = nn.ModuleList(units(scales - 1))
        self.tail = nn.Sequential(
            *_activated(channels, **factory),
            nn.Conv2d(channels, channels, 1, bias=False, **factory),
            *_activated(channels, **factory),
            nn.Conv2d(channels, channels, 1, bias=False, **factory),
        )
        self.last = units(1)[0]

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Trunk and mask: (B, C, H, W) -> two maps (B, C, H, W), the mask in (0, 1)."""
        x = self.first(x)
        trunk = self.trunk(x)
        maps, skips = [trunk], []
        for scale in self.descent:
            x = scale.down(self._halved(x))
            maps.append(x)
            skips.append(scale.skip(x))
        x = self.lowest(self._halved(x))
        for unit in self.ascent:
            x = unit(self._enlarged(x, maps.pop()) + skips.pop())
        return trunk, self.tail(self._enlarged(x, trunk)).sigmoid_()

    def _enlarged(self, x: Tensor, target: Tensor) -> Tensor:
        x = F.interpolate(x, target.shape[2:], mode="bilinear", align_corners=True)
        return x + target if self.wiring == "port" else x

    def _halved(self, x: Tensor) -> Tensor:
        """The maximum over 3 × 3 windows, two pixels apart: half the sides, at least one."""
        if self.pool == "port":
            return F.max_pool2d(x, 3, stride=2, padding=1)
        window = (min(3, x.shape[2]), min(3, x.shape[3]))
        return F.max_pool2d(x, window, stride=2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        """Amplify the trunk by the mask: (B, C, H, W) -> (B, C, H, W)."""
        trunk, mask = self.branches(x)
        return self.last(trunk * (1 + mask))

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Both branches: ``trunk`` and ``mask``, (B, C, H, W)."""
        trunk, mask = self.branches(x)
        return {"trunk": trunk, "mask": mask}


def _activated(channels: int, **factory: Any) -> tuple[nn.Module, nn.Module]:
    """BatchNorm, and a ReLU that overwrites its result."""
    return nn.BatchNorm2d(channels, **factory), nn.ReLU(inplace=True)
