"""The answers of `channel_attention`: the reference, right and wrong ones, its cases."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.checks import Call, Case, Draw, Text
from course_lib.exercises.lesson_05.bug_mix import mix
from course_lib.exercises.lesson_05.shared import draw_features, gram_of, weights_of


class ChannelAttention(nn.Module):
    """The reference of exercise 7: map, mixture, residual; one parameter."""

    def __init__(self, channels: int, plain: bool = False) -> None:
        super().__init__()
        self.plain = plain
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        energy = gram_of(x)
        attention = (energy if self.plain else -energy).softmax(-1)
        return mix(attention, x, self.gamma)


class Module(nn.Module):
    """Where the mutants and alternates of the module differ."""

    def __init__(self, channels: int, plain: bool = False) -> None:
        super().__init__()
        self.sign = 1.0 if plain else -1.0
        self.scale = nn.Parameter(self.start(channels))

    def start(self, channels: int) -> Tensor:
        return torch.zeros(1)

    def flat(self, x: Tensor) -> Tensor:
        return x.flatten(2)

    def attention(self, a: Tensor) -> Tensor:
        return (self.sign * a @ a.mT).softmax(-1)

    def mixture(self, a: Tensor) -> Tensor:
        return self.attention(a) @ a

    def together(self, mixed: Tensor, x: Tensor) -> Tensor:
        return self.scale * mixed + x

    def forward(self, x: Tensor) -> Tensor:
        return self.together(self.mixture(self.flat(x)).reshape(x.shape), x)


def cam_module(**differences: object) -> type[nn.Module]:
    return type("Module", (Module,), differences)


def released_form(self: Module, a: Tensor) -> Tensor:
    """The released line for either sign."""
    energy = self.sign * a @ a.mT
    return (energy - energy.amax(-1, keepdim=True)).softmax(-1)


def released_by_hand(self: Module, a: Tensor) -> Tensor:
    """The guard of exercise 3 that is none."""
    energy = -self.sign * a @ a.mT
    return weights_of(energy.amax(-1, keepdim=True) - energy)


class ModuleUnregistered(nn.Module):
    """What is no parameter stays at zero, so nothing is added."""

    def __init__(self, channels: int, plain: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x + 0 * x


class ModuleBroadcast(nn.Module):
    """A parameter of another shape that counts as the same, and no product of matrices."""

    def __init__(self, channels: int, plain: bool = False) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1, 1, 1).view(1))
        self.order = [plain]

    def forward(self, x: Tensor) -> Tensor:
        energy = torch.einsum("bihw,bjhw->bij", x, x)
        if not self.order[0]:
            energy = energy.amax(2, keepdim=True) - energy
        return torch.einsum("bij,bjhw->bihw", self.beta * energy.softmax(2), x) + x


def module_case(
    text: Text,
    plain: bool | None,
    make_map: Callable[[Draw], Tensor] = draw_features,
    **options: object,
) -> Case:
    def make(draw: Draw) -> Call:
        x = make_map(draw)
        build = {"channels": x.shape[1]}
        return Call((x,), build if plain is None else {**build, "plain": plain})

    return Case(text, make, **options)
