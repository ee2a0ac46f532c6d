"""What fills a slot of a network."""

from collections.abc import Callable

from torch import nn

#: Makes the mechanism for a number of channels.
Slot = Callable[[int], nn.Module]
