"""The answers of `bug_twice`: the reference, right and wrong ones, its cases."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Text
from course_lib.exercises.lesson_03.pool import dual_pool
from course_lib.exercises.lesson_03.shared import small_network


class MendedClassifier(nn.Module):
    """The reference of exercise 6: each live parameter once, and no other."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        channels = network.fc.in_features
        self.features = nn.Sequential(*list(network.children())[:-2])
        self.reduce = nn.Linear(2 * channels, channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, K)."""
        return self.fc(F.relu(self.reduce(dual_pool(self.features(x)))))


class Classifier(nn.Module):
    """Where the mutants and alternates of the classifier differ: what they register."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        channels = network.fc.in_features
        self.register(network)
        self.reduce = nn.Linear(2 * channels, channels)
        self.fc = nn.Linear(channels, classes)

    def register(self, network: nn.Module) -> None:
        self.features = nn.Sequential(*list(network.children())[:-2])

    def maps(self, x: Tensor) -> Tensor:
        return self.features(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.reduce(dual_pool(self.maps(x))).relu())


def classifier_of(**differences: object) -> type[nn.Module]:
    return type("Classifier", (Classifier,), differences)


def register_both(self: Classifier, network: nn.Module) -> None:
    self.base = network
    Classifier.register(self, network)


def register_both_without_head(self: Classifier, network: nn.Module) -> None:
    Classifier.register(self, network)
    del network.fc, network.avgpool
    self.base = network


def register_base(self: Classifier, network: nn.Module) -> None:
    self.base = network


def register_base_without_head(self: Classifier, network: nn.Module) -> None:
    del network.avgpool, network.fc
    self.base = network


def maps_of_base(self: Classifier, x: Tensor) -> Tensor:
    for name, layer in self.base.named_children():
        if name not in ("avgpool", "fc"):
            x = layer(x)
    return x


def register_hidden(self: Classifier, network: nn.Module) -> None:
    self.hidden = [network]  # a list hides it from PyTorch


def maps_of_hidden(self: Classifier, x: Tensor) -> Tensor:
    for name, layer in self.hidden[0].named_children():
        if name not in ("avgpool", "fc"):
            x = layer(x)
    return x


def maps_frozen(self: Classifier, x: Tensor) -> Tensor:
    with torch.no_grad():
        return self.features(x)


class ReusedHead(nn.Module):
    """Puts the new classifier where the old one was."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        channels = network.fc.in_features
        network.avgpool = nn.Identity()
        network.fc = nn.Sequential(
            nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, classes)
        )
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.network.named_children():
            x = layer(dual_pool(x) if name == "fc" else x)
        return x


def classifier_case(text: Text, batch: int, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        build = {
            "network": small_network(draw, draw.integer(6, 8)),
            "classes": draw.integer(2, 4),
        }
        return Call((draw.normal(batch, 3, 32, 48),), build)

    return Case(text, make, **options)
