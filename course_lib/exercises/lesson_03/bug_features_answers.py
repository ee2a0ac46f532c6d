"""The answers of `bug_features`: the reference, right and wrong ones, its cases."""

import torch
from torch import Tensor, nn

from course_lib.checks import Call, Case, Draw, Text
from course_lib.exercises.lesson_03.shared import small_network


class Features(nn.Module):
    """The reference of exercise 4: the network up to its last map."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*list(network.children())[:-2])

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, h, w)."""
        return self.layers(x)


def cut(end: int | None, start: int = 0) -> type[nn.Module]:
    class Cut(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.layers = nn.Sequential(*list(network.children())[start:end])

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)

    return Cut


class WholeKept(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.network.named_children():
            if name == "avgpool":
                break
            x = layer(x)
        return x


class PlainList(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.layers = list(network.children())[:-2]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class StagesOnly(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.conv1 = network.conv1
        self.stages = nn.Sequential(network.layer1, network.layer2, network.layer3, network.layer4)

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(self.conv1(x))


class NoStem(nn.Module):
    """Forgets bn1, relu and maxpool, but keeps the parameters."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*list(network.children())[:-2])

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.layers.named_children():
            x = x if name == "3" else layer(x)
        return x


class HeadReplaced(nn.Module):
    """The usual trick: the classifier replaced by an identity, all else as the network runs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        network.fc = nn.Identity()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


class Frozen(cut(-2)):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.layers(x)


class ByName(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.conv1, self.bn1 = network.conv1, network.bn1
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4
        self.maxpool = network.maxpool

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class HeadDeleted(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        del network.avgpool, network.fc
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.network.children():
            x = layer(x)
        return x


def features_case(text: Text, batch: int, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        build = {"network": small_network(draw, draw.integer(2, 5))}
        return Call((draw.normal(batch, 3, 32, 48),), build)

    return Case(text, make, **options)
