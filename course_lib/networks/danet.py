r"""Dual attention network (DANet): a label for every pixel, from position and channel attention.

.. math::
    P = F_1(\mathrm{PAM}(F_0 X)), \qquad C = G_1(\mathrm{CAM}(G_0 X)), \qquad
    \text{scores} = \big(W (P + C),\; W_P P,\; W_C C\big)

==================  =====================  ====================================================
symbol              shape                  meaning
==================  =====================  ====================================================
:math:`X`           (B, D, H / s, W / s)   last map of a dilated ResNet, output stride s
:math:`F_0, G_0`    D → D / 4              3×3 convolution, BatchNorm, ReLU
:math:`F_1, G_1`    D / 4 → D / 4          the same, behind the attention
:math:`P, C`        (B, D / 4, ·, ·)       the two branches
:math:`W`           (K, D / 4, 1, 1)       classifiers, with bias, behind a dropout of channels
==================  =====================  ====================================================

The scores are enlarged to the picture's size behind the classifiers, so that the convolutions run
on the small map. In training each of the three has its loss; the first is the prediction.

Source: J. Fu, J. Liu, H. Tian, Y. Li, Y. Bao, Z. Fang, H. Lu, *Dual Attention Network for Scene
Segmentation*, CVPR 2019, https://arxiv.org/abs/1809.02983; authors' code:
https://github.com/junfu1115/DANet (``encoding/models/sseg/danet.py``).

The authors' names of the head's parameters differ; see `from_authors`. Their backbone begins with
three 3×3 convolutions of 64, 64 and 128 channels where this one has one 7×7 of 64; so their
weights of it do not fit.

``head="single"`` is the head of a widely read blog, repaired: the branches are added before one
common convolution, and two 3×3 convolutions classify. There queries and keys keep all channels and
have no biases, and CAM is the paper's softmax(G). As printed it computes queries, keys and values
with one and the same layer, weighs CAM by columns, and enlarges the map eightfold before the last
convolutions, which then cost 64 times as much and miss the size of most pictures.
"""

from collections.abc import Collection, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention import ChannelAttention, PositionAttention
from course_lib.networks._arguments import require_classes, require_one_of
from course_lib.networks.placement import resnet


def _convolution(channels_in: int, channels_out: int) -> nn.Sequential:
    """3×3 convolution without bias, BatchNorm, ReLU; the map keeps its size."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def _require_head(channels: int, classes: int, dropout: float) -> None:
    require_classes(classes)
    if channels < 32:
        raise ValueError(
            f"channels={channels} leave no query channels after C // 4 // 8; use at least 32"
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout!r} must be a probability below 1")


class DANetHead(nn.Module):
    """The authors' head, with three outputs.

    Args:
        channels: channels D of the input, at least 32.
        classes: number of classes K.
        dropout: probability that training drops a channel before a classifier.

    Raises:
        ValueError: if a number is out of its range.
    """

    def __init__(self, channels: int, classes: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        _require_head(channels, classes, dropout)
        inner = channels // 4
        self.before_position = _convolution(channels, inner)
        self.position = PositionAttention(inner)
        self.after_position = _convolution(inner, inner)
        self.before_channel = _convolution(channels, inner)
        self.channel = ChannelAttention(inner)
        self.after_channel = _convolution(inner, inner)
        self.classify, self.classify_position, self.classify_channel = (
            nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(inner, classes, 1)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, D, H, W) -> scores (B, K, H, W) of both branches, of PAM alone, of CAM alone."""
        position = self.after_position(self.position(self.before_position(x)))
        channel = self.after_channel(self.channel(self.before_channel(x)))
        return (
            self.classify(position + channel),
            self.classify_position(position),
            self.classify_channel(channel),
        )

    def explain(self, x: Tensor, queries: Sequence[int] | None = None) -> dict[str, Tensor]:
        """Both attention maps.

        Args:
            x: (B, D, H, W).
            queries: row-major numbers of the positions whose maps are wanted; None takes all N.

        Returns:
            ``position`` (B, len(queries) or N, N) and ``channel`` (B, D / 4, D / 4); rows sum to 1.
        """
        position = self.position.explain(self.before_position(x), queries)
        channel = self.channel.explain(self.before_channel(x))
        return {"position": position["attention"], "channel": channel["attention"]}


class SingleOutputHead(nn.Module):
    """The blog's head, repaired: one output.

    Args:
        channels: channels D of the input, at least 32.
        classes: number of classes K.

    Raises:
        ValueError: if a number is out of its range.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        _require_head(channels, classes, 0)
        inner = channels // 4
        self.before_position = _convolution(channels, inner)
        self.position = PositionAttention(inner, 1)
        for projection in (self.position.query, self.position.key, self.position.value):
            projection.register_parameter("bias", None)
        self.before_channel = _convolution(channels, inner)
        self.channel = ChannelAttention(inner, plain=True)
        self.after = _convolution(inner, inner)
        self.classify = nn.Sequential(
            _convolution(inner, inner // 2),
            nn.Conv2d(inner // 2, classes, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """(B, D, H, W) -> scores (B, K, H, W), alone in a tuple."""
        position = self.position(self.before_position(x))
        channel = self.channel(self.before_channel(x))
        return (self.classify(self.after(position + channel)),)

    explain = DANetHead.explain


class DANet(nn.Module):
    """A dilated ResNet under a dual attention head, for pictures of any size.

    Args:
        depth: depth of the ResNet.
        classes: number of classes K.
        head: ``"dual"``, the authors' with three outputs, or ``"single"``, the blog's.
        output_stride: pixels of the picture per cell of the head's map: 8, 16 or 32.
        multi_grid: factors of the dilations of the last stage's blocks; ``(1, 2, 4)`` gives the
            authors' 4, 8, 16. None is all ones.
        attention: mechanism in the blocks of the ResNet, by name; None is the plain one.
        dropout: probability that training drops a channel before a classifier; only ``"dual"``.

    Raises:
        ValueError: if an option has no such value.
    """

    def __init__(
        self,
        depth: int = 50,
        classes: int = 19,
        *,
        head: str = "dual",
        output_stride: int = 8,
        multi_grid: Sequence[int] | None = None,
        attention: str | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        require_one_of("head", head, ("dual", "single"))
        self.backbone = resnet(
            depth, attention, output_stride=output_stride, multi_grid=multi_grid, classes=1
        )
        channels = self.backbone.channels
        del self.backbone.fc, self.backbone.avgpool  # a layer that no loss reaches is no part
        self.head = (
            DANetHead(channels, classes, dropout=dropout)
            if head == "dual"
            else SingleOutputHead(channels, classes)
        )

    def features(self, x: Tensor, names: Collection[str] = ("layer4",)) -> dict[str, Tensor]:
        """Feature maps of the ResNet by name; see `ResNet.features`."""
        return self.backbone.features(x, names)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) -> scores (B, K, H, W): three with the authors' head, one with the blog's.

        The first is the prediction.
        """
        size = x.shape[2:]
        return tuple(
            F.interpolate(scores, size, mode="bilinear", align_corners=True)
            for scores in self.head(self.features(x)["layer4"])
        )

    def explain(self, x: Tensor, queries: Sequence[int] | None = None) -> dict[str, Tensor]:
        """The attention maps of the head for pictures (B, 3, H, W); see `DANetHead.explain`."""
        return self.head.explain(self.features(x)["layer4"], queries)


def weighted_loss(
    outputs: Sequence[Tensor],
    labels: Tensor,
    *,
    weights: Sequence[float] | None = None,
    **options: Any,
) -> Tensor:
    """The sum of the cross-entropies of all outputs.

    Args:
        outputs: scores (B, K, H, W), as `DANet` gives them.
        labels: (B, H, W), classes.
        weights: factor of every output; None is 1 for all, as in the authors' training.
        **options: further arguments of ``torch.nn.functional.cross_entropy``, such as
            ``ignore_index``.

    Returns:
        A number.

    Raises:
        ValueError: if there are more or fewer weights than outputs.
    """
    factors = [1.0] * len(outputs) if weights is None else list(weights)
    if len(factors) != len(outputs):
        raise ValueError(f"weights={weights!r} must have {len(outputs)} numbers, one an output")
    losses = (
        factor * F.cross_entropy(scores, labels, **options)
        for factor, scores in zip(factors, outputs, strict=True)
    )
    return sum(losses, start=labels.new_zeros((), dtype=outputs[0].dtype))
