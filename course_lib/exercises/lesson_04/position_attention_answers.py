"""The answers of `position_attention`: the reference, right and wrong ones, its cases."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Text
from course_lib.exercises.lesson_04.attention_map import attention_map
from course_lib.exercises.lesson_04.energy import energy
from course_lib.exercises.lesson_04.mix import mix


class PositionAttention(nn.Module):
    """The reference of exercise 4."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
        return mix(x, value, attention_map(energy(query, key)), self.gamma)


class Pam(nn.Module):
    """Where the mutants and alternates of the module differ."""

    bias = True
    own_reduction: int | None = None
    factor_shape: tuple[int, ...] = (1,)
    first = 0.0

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        width = channels // (self.own_reduction or reduction)
        self.q = nn.Conv2d(channels, width, 1, bias=self.bias)
        self.k = nn.Conv2d(channels, width, 1, bias=self.bias)
        self.v = nn.Conv2d(channels, channels, 1, bias=self.bias)
        self.factor = nn.Parameter(torch.full(self.factor_shape, self.first))

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.q(x).flatten(2), self.k(x).flatten(2), self.v(x).flatten(2)

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        return (q.transpose(1, 2) @ k).softmax(-1)

    def mixed(self, v: Tensor, weights: Tensor) -> Tensor:
        return v @ weights.transpose(1, 2)

    def out(self, x: Tensor, mixed: Tensor) -> Tensor:
        return x + self.factor * mixed

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(x)
        return self.out(x, self.mixed(v, self.weights(q, k)).reshape(x.shape))


def pam(**differences: object) -> type[nn.Module]:
    return type("Pam", (Pam,), differences)


class PamWithoutFactor(Pam):
    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__(channels, reduction)
        del self.factor

    def out(self, x: Tensor, mixed: Tensor) -> Tensor:
        return x + mixed


class PamNarrowValue(Pam):
    """SAGAN's paper: values as narrow as queries, and an output layer."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__(channels, reduction)
        self.v = nn.Conv2d(channels, channels // reduction, 1)
        self.o = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(x)
        mixed = self.mixed(v, self.weights(q, k)).unflatten(2, x.shape[2:])
        return self.out(x, self.o(mixed))


class PamLinear(nn.Module):
    """Fully connected layers on positions instead of 1x1 convolutions."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1))
        self.to_query = nn.Linear(channels, channels // reduction)
        self.to_key = nn.Linear(channels, channels // reduction)
        self.to_value = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        positions = x.flatten(2).transpose(1, 2)
        energies = self.to_query(positions) @ self.to_key(positions).transpose(1, 2)
        mixed = energies.softmax(2) @ self.to_value(positions)
        return x + self.scale * mixed.transpose(1, 2).reshape(x.shape)


class PamEinsum(Pam):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.q(x), self.k(x), self.v(x)
        energies = torch.einsum("bdhw,bdij->bhwij", q, k)
        weights = energies.flatten(3).softmax(3).view_as(energies)
        return torch.einsum("bhwij,bcij->bchw", weights, v) * self.factor + x


class PamFused(Pam):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.transpose(1, 2) for part in self.parts(x))
        mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        return torch.addcmul(x, self.factor, mixed.transpose(1, 2).reshape(x.shape))


def pam_case(
    text: Text, batch: int | None = None, reduction: bool = True, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(2, 3) if batch is None else batch
        ratio = draw.pick(2, 3) if reduction else 8
        channels = ratio * draw.integer(2, 3) + (draw.integer(0, 1) if reduction else 0)
        x = draw.normal(count, channels, draw.integer(3, 4), draw.integer(5, 6))
        build = {"channels": channels}
        return Call((x,), {**build, "reduction": ratio} if reduction else build)

    return Case(text, make, **options)
