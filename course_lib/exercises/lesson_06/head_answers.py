"""The answers of `head`: the reference, right and wrong ones, its cases."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Fresh, Text


def three_by_three(
    channels_in: int,
    channels: int,
    norm: Callable[[int], nn.Module],
    last: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Module:
    convolution = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
    return nn.Sequential(convolution, norm(channels), last())


class DualHead(nn.Module):
    """The reference of exercise 5: two branches, three outputs."""

    def __init__(
        self,
        channels: int,
        inner: int,
        classes: int,
        position: nn.Module,
        channel: nn.Module,
        dropout: float = 0.1,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.before_position = three_by_three(channels, inner, norm)
        self.position = position
        self.after_position = three_by_three(inner, inner, norm)
        self.before_channel = three_by_three(channels, inner, norm)
        self.channel = channel
        self.after_channel = three_by_three(inner, inner, norm)
        self.classify, self.classify_position, self.classify_channel = (
            nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(inner, classes, 1)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, D, H, W) -> three scores (B, K, H, W)."""
        position = self.after_position(self.position(self.before_position(x)))
        channel = self.after_channel(self.channel(self.before_channel(x)))
        return (
            self.classify(position + channel),
            self.classify_position(position),
            self.classify_channel(channel),
        )


class Head(nn.Module):
    """The authors' order of layers, and where the mutants of the head differ."""

    entries = 2
    classifiers = 3
    exits = 2
    widening = 1
    classifier_bias = True
    last = nn.ReLU
    names = 1  # under how many names the entry or the classifier is registered

    def __init__(
        self,
        channels: int,
        inner: int,
        classes: int,
        position: nn.Module,
        channel: nn.Module,
        dropout: float = 0.1,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        enter = [three_by_three(channels, inner, norm, self.last) for _ in range(self.entries)]
        self.enter = nn.ModuleList(enter * (self.names if self.entries == 1 else 1))
        self.attention = nn.ModuleList([position, channel])
        self.leave = nn.ModuleList(
            three_by_three(inner, inner, norm, self.last) for _ in range(self.exits)
        )
        wide = [self.widening * inner, inner, inner][: self.classifiers]
        classify = [nn.Conv2d(width, classes, 1, bias=self.classifier_bias) for width in wide]
        self.classify = nn.ModuleList(classify * (self.names if self.classifiers == 1 else 1))
        self.share = dropout

    def drop(self, maps: Tensor) -> Tensor:
        return F.dropout2d(maps, self.share, self.training)

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        entered = [self.enter[0](x), self.enter[-1](x)]
        attended = [a(e) for a, e in zip(self.attention, entered, strict=True)]
        if not self.exits:
            return attended[0], attended[1]
        return self.leave[0](attended[0]), self.leave[-1](attended[1])

    def join(self, position: Tensor, channel: Tensor) -> Tensor:
        return position + channel

    def outputs(self, position: Tensor, channel: Tensor) -> tuple[Tensor, ...]:
        maps = (self.join(position, channel), position, channel)
        classify = [self.classify[0], self.classify[-2], self.classify[-1]]
        if self.classifiers == 1:
            classify = [self.classify[0]] * 3
        return tuple(c(self.drop(m)) for c, m in zip(classify, maps, strict=True))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.outputs(*self.branches(x))


def head_of(**differences: object) -> type[nn.Module]:
    return type("Head", (Head,), differences)


class NormIgnored(Head):
    """Always BatchNorm2d; registered branch by branch, as the task says."""

    def __init__(self, *arguments: object, norm: object = None, **options: object) -> None:
        super().__init__(*arguments, **options)
        enter, leave, classify = list(self.enter), list(self.leave), self.classify
        del self.enter, self.leave, self.classify
        self.layers = nn.ModuleList([enter[0], leave[0], enter[1], leave[1]])
        self.enter, self.leave, self.classify = enter, leave, classify


class HeadLinear(Head):
    """Classifies by matrix products, one position after the other."""

    def outputs(self, position: Tensor, channel: Tensor) -> list[Tensor]:
        maps = torch.stack([position + channel, position, channel])
        weights = torch.stack([c.weight.flatten(1) for c in self.classify])
        biases = torch.stack([c.bias for c in self.classify])[:, None, :, None, None]
        dropped = torch.stack([self.drop(m) for m in maps])
        return list((torch.einsum("okc,obchw->obkhw", weights, dropped) + biases).unbind())


class OtherOrder(Head):
    """Makes the layers of the channel branch first."""

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        position = self.leave[1](self.attention[0](self.enter[1](x)))
        return position, self.leave[0](self.attention[1](self.enter[0](x)))


def head_case(text: Text, dropout: float | None, *, large: bool = False, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels, inner = (2, 1) if large else (draw.integer(9, 10), draw.integer(6, 7))
        build = {
            "channels": channels,
            "inner": inner,
            "classes": draw.integer(3, 4),
            "position": Fresh(partial(nn.AvgPool2d, 3, 1, 1), "AvgPool2d(3, 1, 1)"),
            "channel": Fresh(nn.Softmax2d, "Softmax2d()"),
            "norm": Fresh(
                partial(partial, nn.BatchNorm2d, affine=False, track_running_stats=False),
                "BatchNorm2d without parameters",
            ),
        }
        sides = (160, draw.integer(170, 180)) if large else (draw.integer(4, 5), 7)
        x = draw.normal(1 if large else draw.integer(2, 3), channels, *sides)
        return Call((x,), build if dropout is None else {**build, "dropout": dropout})

    return Case(text, make, **options)
