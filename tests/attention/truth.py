"""Truth of SE, ECA, CBAM, position and channel attention, non-local, SGE and SimAM.

Elementary operations and einsum only; see `machinery.py`. `p` is the state dictionary. The small
functions at the top serve every truth file.
"""

from typing import Any

import torch
from torch import Tensor

from .machinery import Case, Mutant

State = dict[str, Tensor]
Maps = dict[str, Tensor]


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def relu(x: Tensor) -> Tensor:
    return x * (x > 0)


def softmax(x: Tensor, axis: int) -> Tensor:
    e = torch.exp(x - x.amax(axis, keepdim=True).detach())
    return e / e.sum(axis, keepdim=True)


def pointwise(p: State, name: str, x: Tensor) -> Tensor:
    """A 1x1 convolution, or a linear layer, over axis 1 of (B, C, ...)."""
    weight = p[f"{name}.weight"].reshape(p[f"{name}.weight"].shape[:2])
    y = torch.einsum("oc,bc...->bo...", weight, x)
    if f"{name}.bias" in p:
        y = y + p[f"{name}.bias"].reshape(-1, *[1] * (x.ndim - 2))
    return y


def convolution(
    p: State, name: str, x: Tensor, dilation: int = 1, groups: int = 1, stride: int = 1
) -> Tensor:
    """Zero-padded to keep the size: a sum of shifted copies, one for every tap of the kernel."""
    weight = p[f"{name}.weight"]
    out, per_group, kh, kw = weight.shape
    b, c, h, w = x.shape
    ph, pw = dilation * (kh - 1) // 2, dilation * (kw - 1) // 2
    padded = x.new_zeros(b, c, h + 2 * ph, w + 2 * pw)
    padded[:, :, ph : ph + h, pw : pw + w] = x
    kernel = weight.reshape(groups, out // groups, per_group, kh, kw)
    y: Any = 0
    for i in range(kh):
        for j in range(kw):
            part = padded[:, :, i * dilation :, j * dilation :][:, :, :h:stride, :w:stride]
            part = part.reshape(b, groups, per_group, part.shape[2], part.shape[3])
            y = y + torch.einsum("goc,bgchw->bgohw", kernel[:, :, :, i, j], part)
    y = y.reshape(b, out, *y.shape[3:])
    if f"{name}.bias" in p:
        y = y + p[f"{name}.bias"].reshape(-1, 1, 1)
    return y


def batch_norm(p: State, name: str, x: Tensor, train: bool, eps: float = 1e-5) -> Tensor:
    """Over every axis but 1; batch statistics in train mode, running ones in eval mode."""
    shape = (1, -1, *[1] * (x.ndim - 2))
    if train:
        axes = [0, *range(2, x.ndim)]
        mean = x.mean(axes, keepdim=True)
        variance = ((x - mean) ** 2).mean(axes, keepdim=True)
    else:
        mean = p[f"{name}.running_mean"].reshape(shape)
        variance = p[f"{name}.running_var"].reshape(shape)
    y = (x - mean) / torch.sqrt(variance + eps)
    if f"{name}.weight" in p:
        y = y * p[f"{name}.weight"].reshape(shape) + p[f"{name}.bias"].reshape(shape)
    return y


def se(p: State, x: Tensor, train: bool, reduction: int = 16, bias: bool = True) -> Maps:
    squeezed = torch.einsum("bchw->bc", x) / (x.shape[2] * x.shape[3])
    hidden = relu(pointwise(p, "reduce", squeezed))
    gate = sigmoid(pointwise(p, "expand", hidden))[:, :, None, None]
    return {"y": x * gate, "gate": gate}


CASES: dict[str, Case] = {
    "se": Case(
        truth=se,
        forms=({}, {"bias": False}, {"reduction": 4}),
        parameters=lambda c, reduction=16, bias=True: (
            2 * c * (c // reduction) + bias * (c // reduction + c)
        ),
        macs=lambda c, h, w, reduction=16, bias=True: 2 * c * (c // reduction),
        layout=lambda c, reduction=16, bias=True: [
            shape
            for shape in (
                (c // reduction, c, 1, 1),
                (c // reduction,) * bias,
                (c, c // reduction, 1, 1),
                (c,) * bias,
            )
            if shape
        ],
        holds=frozenset("positions rows flip transpose shift shrinks batch".split()),
        gate=(0, 1),
        mutants=(
            Mutant("sum instead of mean", " / (x.shape[2] * x.shape[3])", ""),
            Mutant("maximum instead of mean", 'torch.einsum("bchw->bc", x)', "x.amax((2, 3)) * 99"),
            Mutant("no ReLU", "relu(pointwise(p, \"reduce\", squeezed))", "pointwise(p, \"reduce\", squeezed)"),
            Mutant("ReLU last", "sigmoid(", "relu("),
            Mutant("no sigmoid", "sigmoid(", "("),
            Mutant("gate returned alone", '"y": x * gate', '"y": x * 0 + gate'),
            Mutant("gate added", "x * gate", "x + gate"),
            Mutant("squeezed over the batch too", "squeezed =", "squeezed = 0 * x[:, :, 0, 0] + x.mean((0, 2, 3)) #"),
            Mutant("identity added", "x * gate", "x * gate + x"),
        ),
    ),
}
