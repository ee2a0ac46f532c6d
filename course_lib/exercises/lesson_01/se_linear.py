"""Exercise se-linear: the module, from two Linear layers."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_01.shared import (
    MODULE_CASES,
    SEConv,
    SELinear,
    SELinearSequential,
    SEModule,
    einsum_form,
    module_mutants,
    se_module,
)


def _shared_layer_forward(self: SEModule, x: Tensor) -> Tensor:
    # Both layers hold the weight of the first one: W2 is tied to the transpose of W1.
    squeezed = F.relu(self.first(x.mean((2, 3))))
    gate = (squeezed @ self.first.weight + self.second.bias).sigmoid()
    return x * gate[:, :, None, None]


class _SEParameters(nn.Module):
    """Bare parameters, in another order than the layers use them."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = channels // reduction
        self.b2, self.b1 = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(hidden))
        self.w2 = nn.Parameter(torch.zeros(channels, hidden))
        self.w1 = nn.Parameter(torch.zeros(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        return einsum_form(x, self.w1, self.b1, self.w2, self.b2)


SE_LINEAR = Exercise(
    id="se-linear",
    kind="implement",
    title=Text("模块，用全连接层", "The module, with fully connected layers"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=SELinear,
    cases=MODULE_CASES,
    mutants=(
        *module_mutants(convolution=False),
        Mutant(
            "tied-weights",
            se_module(forward=_shared_layer_forward),
            Text(
                "第二层用的是第一层权重的转置；两层各有自己的权重。",
                "The second layer uses the transposed weight of the first; each has its own.",
            ),
        ),
    ),
    alternates=(
        Alternate("sequential", SELinearSequential),
        Alternate("bare-parameters", _SEParameters),
        Alternate("convolutions", SEConv),
    ),
)
