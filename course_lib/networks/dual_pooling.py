r"""Dual pooling: a classifier that sees the mean and the maximum of every channel.

.. math::
    v = [\mathrm{GAP}(X);\, \mathrm{GMP}(X)], \qquad
    \text{scores} = W_2\, \mathrm{Dropout}\big(\delta(W_1 v + b_1)\big) + b_2

========================  ================  =============================================
symbol                    shape             meaning
========================  ================  =============================================
:math:`X`                 (B, C, h, w)      last map of the ResNet
:math:`v`                 (B, 2C)           mean and maximum of every channel
:math:`W_1`               (C, 2C)           reduction, with bias
:math:`W_2`               (K, C)            classifier, with bias
========================  ================  =============================================

There is no paper; the idea is known from competitions. Copies of it on the web lose layer4 of the
ResNet (``children()`` without the last three are not the network without its head), register the
ResNet twice, keep its unused classifier, and have no non-linearity between the two layers, which
together are one linear map then (``nonlinear=False`` shows that form).
"""

from collections.abc import Collection

import torch
from torch import Tensor, nn

from course_lib.networks._arguments import require_classes, require_one_of
from course_lib.networks.placement import resnet


class DualPoolingClassifier(nn.Module):
    """Mean and maximum of every channel, a reduction, a classifier.

    Args:
        channels: channels C of the input.
        classes: number of classes K.
        order: ``"avg_max"`` or ``"max_avg"``, which of the two stands first.
        nonlinear: whether a ReLU stands between the two layers.
        dropout: share of the reduced features that training drops.

    Raises:
        ValueError: if an option has no such value.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        order: str = "avg_max",
        nonlinear: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        require_classes(classes)
        require_one_of("order", order, ("avg_max", "max_avg"))
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout!r} must be a probability below 1")
        self.order = order
        self.reduce = nn.Linear(2 * channels, channels)
        self.activation = nn.ReLU() if nonlinear else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)

    def pooled(self, x: Tensor) -> Tensor:
        """Mean and maximum: (B, C, H, W) -> (B, 2C)."""
        both = (x.mean((2, 3)), x.amax((2, 3)))
        return torch.cat(both if self.order == "avg_max" else both[::-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> scores (B, K)."""
        return self.fc(self.dropout(self.activation(self.reduce(self.pooled(x)))))


class DualPoolingResNet(nn.Module):
    """A ResNet under a dual-pooling classifier, for pictures of any size.

    Args:
        depth: depth of the ResNet.
        classes: number of classes K.
        attention: mechanism in the blocks of the ResNet, by name; None is the plain one.
        order: which of mean and maximum stands first.
        nonlinear: whether a ReLU stands between the two layers.
        dropout: share of the reduced features that training drops.
        stem: ``"large"`` or ``"small"``, see `ResNet`.

    Raises:
        ValueError: if an option has no such value.
    """

    def __init__(
        self,
        depth: int = 18,
        classes: int = 1000,
        *,
        attention: str | None = None,
        order: str = "avg_max",
        nonlinear: bool = True,
        dropout: float = 0.5,
        stem: str = "large",
    ) -> None:
        super().__init__()
        self.backbone = resnet(depth, attention, stem=stem, classes=1)
        del self.backbone.fc, self.backbone.avgpool  # a layer that no loss reaches is no part
        self.classifier = DualPoolingClassifier(
            self.backbone.channels, classes, order=order, nonlinear=nonlinear, dropout=dropout
        )

    def features(self, x: Tensor, names: Collection[str] = ("layer4",)) -> dict[str, Tensor]:
        """Feature maps of the ResNet by name; see `ResNet.features`."""
        return self.backbone.features(x, names)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, K)."""
        return self.classifier(self.features(x)["layer4"])
