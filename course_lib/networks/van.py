"""Visual attention network (VAN): four stages of large-kernel attention and a convolutional MLP.

A block adds to its input the attention, then the MLP, each of a BatchNorm of the map and scaled
per channel by a learned factor that starts at 0.01. A stage begins with a strided convolution and
ends with a LayerNorm over the channels of every position.

Source: M.-H. Guo, C.-Z. Lu, Z.-N. Liu, M.-M. Cheng, S.-M. Hu, *Visual Attention Network*, 2022,
https://arxiv.org/abs/2202.09741; authors' code:
https://github.com/Visual-Attention-Network/VAN-Classification (``models/van.py``).

Every convolution has a bias, also where a BatchNorm follows and takes it out again (the released
weights have them). The authors' names of the parameters differ; see `from_authors`.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention import VisualAttention
from course_lib.networks._arguments import require_classes, require_one_of
from course_lib.networks._features import walk


@dataclass(frozen=True)
class _Size:
    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]


_SIZES: Mapping[str, _Size] = {
    "b0": _Size((32, 64, 160, 256), (3, 3, 5, 2)),
    "b1": _Size((64, 128, 320, 512), (2, 2, 4, 2)),
    "b2": _Size((64, 128, 320, 512), (3, 3, 12, 3)),
    "b3": _Size((64, 128, 320, 512), (3, 5, 27, 3)),
}
#: How much wider the MLP is inside than outside, in each stage.
_EXPANSIONS = (8, 8, 4, 4)


class StochasticDepth(nn.Module):
    """In training leave a branch out for a share of the images, and scale up the others.

    Args:
        rate: probability of leaving out, in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, …) -> (B, …), with the same expectation."""
        if not self.training or not self.rate:
            return x
        kept = 1 - self.rate
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        return x * x.new_empty(shape).bernoulli_(kept).div_(kept)


class _ConvolutionalMLP(nn.Module):
    """1×1, depthwise 3×3, GELU, 1×1: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, hidden, 1)
        self.mix = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.project = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(F.gelu(self.mix(self.expand(x))))


class VANBlock(nn.Module):
    """Attention and MLP, each behind a BatchNorm and inside a residual.

    Args:
        channels: number of channels C.
        expansion: how much wider the MLP is inside.
        drop_path: probability that an image skips a branch in training.
    """

    def __init__(self, channels: int, expansion: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.attention = VisualAttention(channels)
        self.scale1 = nn.Parameter(torch.full((channels,), 0.01))
        self.norm2 = nn.BatchNorm2d(channels)
        self.mlp = _ConvolutionalMLP(channels, channels * expansion)
        self.scale2 = nn.Parameter(torch.full((channels,), 0.01))
        self.drop_path = StochasticDepth(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        x = x + self.drop_path(self.scale1[:, None, None] * self.attention(self.norm1(x)))
        return x + self.drop_path(self.scale2[:, None, None] * self.mlp(self.norm2(x)))


class _Stage(nn.Module):
    """A strided convolution, blocks, and a LayerNorm over the channels."""

    def __init__(
        self, channels_in: int, channels: int, expansion: int, drop_paths: list[float], first: bool
    ) -> None:
        super().__init__()
        size, stride = (7, 4) if first else (3, 2)
        self.embed = nn.Sequential(
            nn.Conv2d(channels_in, channels, size, stride, padding=size // 2),
            nn.BatchNorm2d(channels),
        )
        self.blocks = nn.Sequential(*(VANBlock(channels, expansion, p) for p in drop_paths))
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.embed(x))
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class VAN(nn.Module):
    """A visual attention network for pictures of any size.

    Args:
        size: ``"b0"``, ``"b1"``, ``"b2"`` or ``"b3"``.
        classes: number of classes.
        drop_path: probability that an image skips a branch of the last block in training; it
            grows linearly from 0 in the first.

    Raises:
        ValueError: if there is no such size, or a number is out of its range.
    """

    def __init__(self, size: str = "b0", classes: int = 1000, *, drop_path: float = 0.0) -> None:
        super().__init__()
        require_one_of("size", size, tuple(_SIZES))
        require_classes(classes)
        if not 0 <= drop_path < 1:
            raise ValueError(f"drop_path={drop_path!r} must be a probability below 1")
        widths, depths = _SIZES[size].widths, _SIZES[size].depths
        last = sum(depths) - 1
        channels, block = 3, 0
        for i, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            rates = [drop_path * (block + j) / last for j in range(depth)]
            self.add_module(
                f"stage{i + 1}", _Stage(channels, width, _EXPANSIONS[i], rates, first=i == 0)
            )
            channels, block = width, block + depth
        self.head = nn.Linear(channels, classes)
        self.apply(_draw)

    def features(self, x: Tensor, names: Collection[str] = ("stage4",)) -> dict[str, Tensor]:
        """The feature maps called so, for (B, 3, H, W): ``stage1`` at stride 4 … ``stage4`` at 32.

        Raises:
            ValueError: if a name is unknown or there is none.
        """
        return walk({f"stage{i}": getattr(self, f"stage{i}") for i in range(1, 5)}, x, names)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        return self.head(self.features(x)["stage4"].mean((2, 3)))


def _draw(module: nn.Module) -> None:
    """The authors' first weights: convolutions by their fan-out, the classifier narrow."""
    if isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
