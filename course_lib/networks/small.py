"""The small network of the probes: 64×64 pixels in, one decision per cell of 4×4 pixels out."""

from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.networks.slot import Slot


class SmallBlock(nn.Module):
    """Residual block of a 3×3 and a 1×1 convolution, with a slot after the last BatchNorm.

    Args:
        channels: channels in and out.
        mechanism: makes the module of the slot from the number of channels.
    """

    def __init__(self, channels: int, mechanism: Slot) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.attention = mechanism(channels)

    def branch(self, x: Tensor) -> Tensor:
        """What the slot receives: (B, C, H, W) -> (B, C, H, W)."""
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return F.relu(x + self.attention(self.branch(x)))


class SmallNetwork(nn.Module):
    """Two strided convolutions, residual blocks, a decision per cell.

    A decision sees 23×23 pixels with two blocks: 7×7 through the stem, whose stride is 4, and 8
    more in each direction for the 3×3 convolution of every block.

    Args:
        mechanism: makes the module of each block's slot; ``lambda channels: nn.Identity()`` is the
            plain network.
        channels: width.
        blocks: number of residual blocks.
        classes: number of classes per cell.
    """

    def __init__(
        self, mechanism: Slot, channels: int = 16, blocks: int = 2, classes: int = 2
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(SmallBlock(channels, mechanism) for _ in range(blocks)))
        self.head = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, classes, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 64, 64) -> scores (B, classes, 16, 16)."""
        return self.head(self.blocks(self.stem(x)))
