"""Truth of SE, ECA, CBAM, position and channel attention, non-local, SGE and SimAM.

Elementary operations and einsum only; see `machinery.py`. `p` is the state dictionary. The small
functions at the top serve every truth file.
"""

import math
from typing import Any

import torch
from torch import Tensor

from . import mutants
from .machinery import Case

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


def squeeze(x: Tensor) -> Tensor:
    """The mean of every channel: (B, C, H, W) -> (B, C)."""
    return torch.einsum("bchw->bc", x) / (x.shape[2] * x.shape[3])


def se(p: State, x: Tensor, train: bool, reduction: int = 16, bias: bool = True) -> Maps:
    squeezed = squeeze(x)
    hidden = relu(pointwise(p, "reduce", squeezed))
    gate = sigmoid(pointwise(p, "expand", hidden))[:, :, None, None]
    return {"y": x * gate, "gate": gate}


def eca(p: State, x: Tensor, train: bool, kernel_size: int | None = 3) -> Maps:
    squeezed = squeeze(x)
    kernel = p["conv.weight"].reshape(-1)
    half = len(kernel) // 2
    logits: Any = 0
    for tap in range(len(kernel)):
        shift = tap - half
        seen = torch.zeros_like(squeezed)
        for c in range(x.shape[1]):
            if 0 <= c + shift < x.shape[1]:
                seen[:, c] = squeezed[:, c + shift]
        logits = logits + kernel[tap] * seen
    gate = sigmoid(logits)[:, :, None, None]
    return {"y": x * gate, "gate": gate}


def cbam_channel(
    p: State,
    x: Tensor,
    train: bool,
    reduction: int = 16,
    bias: bool = True,
    pools: tuple[str, ...] = ("avg", "max"),
    prefix: str = "",
) -> Maps:
    flat = x.reshape(*x.shape[:2], -1)
    summaries = {
        "avg": flat.sum(2) / flat.shape[2],
        "max": flat.amax(2),
        "lp": (flat * flat).sum(2) ** 0.5,
        "lse": flat.amax(2) + (flat - flat.amax(2, keepdim=True)).exp().sum(2).log(),
    }
    logits: Any = 0
    for pool in pools:
        hidden = relu(pointwise(p, prefix + "reduce", summaries[pool]))
        logits = logits + pointwise(p, prefix + "expand", hidden)
    gate = sigmoid(logits)[:, :, None, None]
    return {"y": x * gate, "gate": gate}


def cbam_spatial(
    p: State,
    x: Tensor,
    train: bool,
    kernel_size: int = 7,
    norm: bool = True,
    mean_first: bool = False,
    prefix: str = "",
) -> Maps:
    mean, largest = x.sum(1) / x.shape[1], x.amax(1)
    planes = torch.stack([mean, largest] if mean_first else [largest, mean], 1)
    logits = convolution(p, prefix + "conv", planes)
    if norm:
        logits = batch_norm(p, prefix + "norm", logits, train)
    gate = sigmoid(logits)
    return {"y": x * gate, "gate": gate}


def cbam(
    p: State,
    x: Tensor,
    train: bool,
    reduction: int = 16,
    bias: bool = True,
    pools: tuple[str, ...] = ("avg", "max"),
    spatial: bool = True,
    kernel_size: int = 7,
    norm: bool = True,
    mean_first: bool = False,
) -> Maps:
    first = cbam_channel(p, x, train, reduction, bias, pools, "channel.")
    if not spatial:
        return {"y": first["y"], "channel_gate": first["gate"]}
    second = cbam_spatial(p, first["y"], train, kernel_size, norm, mean_first, "spatial.")
    return {"y": second["y"], "channel_gate": first["gate"], "spatial_gate": second["gate"]}


def pam(p: State, x: Tensor, train: bool, reduction: int = 8, scaled: bool = False) -> Maps:
    flat = x.reshape(*x.shape[:2], -1)
    query, key, value = (pointwise(p, name, flat) for name in ("query", "key", "value"))
    energy = torch.einsum("bdi,bdj->bij", query, key)
    if scaled:
        energy = energy / (x.shape[1] // reduction) ** 0.5
    attention = softmax(energy, 2)
    mixed = torch.einsum("bij,bcj->bci", attention, value)
    return {"y": x + p["gamma"] * mixed.reshape(x.shape), "attention": attention}


def cam(p: State, x: Tensor, train: bool, plain: bool = False) -> Maps:
    flat = x.reshape(*x.shape[:2], -1)
    gram = torch.einsum("bin,bjn->bij", flat, flat)
    attention = softmax(gram if plain else -gram, 2)
    mixed = torch.einsum("bij,bjn->bin", attention, flat)
    return {"y": x + p["gamma"] * mixed.reshape(x.shape), "attention": attention}


def halve(x: Tensor) -> Tensor:
    """The maximum of 2 x 2 blocks, what is over at the edge dropped."""
    b, c, h, w = x.shape
    kh, kw = min(2, h), min(2, w)
    whole = x[:, :, : h // kh * kh, : w // kw * kw]
    return whole.reshape(b, c, h // kh, kh, w // kw, kw).amax((3, 5))


def nonlocal_(
    p: State,
    x: Tensor,
    train: bool,
    reduction: int = 2,
    value_reduction: int | None = None,
    bias: bool = True,
    scaled: bool = True,
    pooled: bool = True,
    norm: bool = True,
) -> Maps:
    theta = pointwise(p, "theta", x).flatten(2)
    keep = halve if pooled else (lambda t: t)
    if norm:
        phi, g = pointwise(p, "phi", keep(x)), pointwise(p, "g", keep(x))
    else:
        phi, g = keep(pointwise(p, "phi", x)), keep(pointwise(p, "g", x))
    energy = torch.einsum("bdi,bdj->bij", theta, phi.flatten(2))
    if scaled:
        energy = energy / (x.shape[1] // reduction) ** 0.5
    attention = softmax(energy, 2)
    mixed = torch.einsum("bij,bcj->bci", attention, g.flatten(2))
    branch = pointwise(p, "out", mixed.reshape(x.shape[0], -1, *x.shape[2:]))
    branch = batch_norm(p, "norm", branch, train) if norm else p["gamma"] * branch
    return {"y": x + branch, "attention": attention}


def sge(p: State, x: Tensor, train: bool, groups: int = 64, initial_bias: float = 1.0) -> Maps:
    b, c, h, w = x.shape
    grouped = x.reshape(b, groups, c // groups, h * w)
    vector = grouped.sum(3) / (h * w)
    likeness = torch.einsum("bgm,bgmn->bgn", vector, grouped)
    centred = likeness - likeness.mean(2, keepdim=True)
    spread = (centred**2).sum(2, keepdim=True) / max(1, h * w - 1)
    standard = centred / (spread.sqrt() + 1e-5)
    logits = p["weight"] * standard.reshape(b, groups, h, w) + p["bias"]
    gate = sigmoid(logits)
    y = grouped * gate.reshape(b, groups, 1, h * w)
    return {"y": y.reshape(x.shape), "gate": gate}


def simam(p: State, x: Tensor, train: bool, e_lambda: float = 1e-4, unbiased: bool = True) -> Maps:
    n = x.shape[2] * x.shape[3]
    squared = (x - x.sum((2, 3), keepdim=True) / n) ** 2
    variance = squared.sum((2, 3), keepdim=True) / (max(1, n - 1) if unbiased else n)
    gate = sigmoid(squared / (4 * (variance + e_lambda)) + 0.5)
    return {"y": x * gate, "gate": gate}


def shapes(*sizes: Any) -> list[tuple[int, ...]]:
    """The shapes that are there: `None` stands for a tensor that this form does not have."""
    return [tuple(size) for size in sizes if size is not None]


def gate_layout(c: int, reduction: int = 16, bias: bool = True, **_: Any) -> list[tuple[int, ...]]:
    """The shared network of CBAM: two linear layers."""
    p = c // reduction
    return shapes((p, c), (p,) if bias else None, (c, p), (c,) if bias else None)


def spatial_layout(
    c: int, kernel_size: int = 7, norm: bool = True, **_: Any
) -> list[tuple[int, ...]]:
    """The convolution, then weight, bias, mean, variance and counter of BatchNorm."""
    k = kernel_size
    return shapes((1, 2, k, k), *([(1,), (1,), (1,), (1,), ()] if norm else []))


def nonlocal_layout(
    c: int,
    reduction: int = 2,
    value_reduction: int | None = None,
    bias: bool = True,
    norm: bool = True,
    **_: Any,
) -> list[tuple[int, ...]]:
    d, e = c // reduction, c // (value_reduction or reduction)
    layers = [
        ((d, c, 1, 1), (d,)),
        ((d, c, 1, 1), (d,)),
        ((e, c, 1, 1), (e,)),
        ((c, e, 1, 1), (c,)),
    ]
    found = [] if norm else [(1,)]
    for weight, offset in layers:
        found += [weight, offset] if bias else [weight]
    return found + ([(c,), (c,), (c,), (c,), ()] if norm else [])


def gate_parameters(c: int, reduction: int = 16, bias: bool = True, **_: Any) -> int:
    p = c // reduction
    return 2 * c * p + (p + c if bias else 0)


def spatial_parameters(c: int, kernel_size: int = 7, norm: bool = True, **_: Any) -> int:
    return 2 * kernel_size**2 + (2 if norm else 0)


def nonlocal_parameters(
    c: int,
    reduction: int = 2,
    value_reduction: int | None = None,
    bias: bool = True,
    norm: bool = True,
    **_: Any,
) -> int:
    d, e = c // reduction, c // (value_reduction or reduction)
    return 2 * d * c + 2 * e * c + (2 * d + e + c if bias else 0) + (2 * c if norm else 1)


def nonlocal_macs(
    c: int,
    h: int,
    w: int,
    reduction: int = 2,
    value_reduction: int | None = None,
    pooled: bool = True,
    norm: bool = True,
    **_: Any,
) -> int:
    d, e, n = c // reduction, c // (value_reduction or reduction), h * w
    m = (h // min(2, h)) * (w // min(2, w)) if pooled else n
    projected = m if norm else n
    return n * c * d + projected * c * (d + e) + n * m * (d + e) + n * e * c


def behaviours(text: str) -> frozenset[str]:
    return frozenset(text.split())


CASES: dict[str, Case] = {
    "se": Case(
        truth=se,
        forms=({}, {"bias": False}, {"reduction": 4}),
        parameters=gate_parameters,
        macs=lambda c, h, w, reduction=16, **_: 2 * c * (c // reduction),
        layout=lambda c, **options: [
            (*shape, 1, 1) if len(shape) == 2 else shape for shape in gate_layout(c, **options)
        ],
        holds=behaviours("positions rows flip transpose shift shrinks batch"),
        gate=(0, 1),
        fresh=({"bias": False}, 0.4897, 0.5119),
        mutants=mutants.SE,
    ),
    "eca": Case(
        truth=eca,
        forms=({}, {"kernel_size": 5}, {"kernel_size": None}),
        parameters=lambda c, kernel_size=3: kernel_size or int((math.log2(c) + 1) / 2) // 2 * 2 + 1,
        macs=lambda c, h, w, kernel_size=3: (
            c * (kernel_size or int((math.log2(c) + 1) / 2) // 2 * 2 + 1)
        ),
        layout=lambda c, kernel_size=3: [
            (1, 1, kernel_size or int((math.log2(c) + 1) / 2) // 2 * 2 + 1)
        ],
        holds=behaviours("positions rows flip transpose shift shrinks batch"),
        gate=(0, 1),
        mutants=mutants.ECA,
        tiny=4,
    ),
    "cbam": Case(
        truth=cbam,
        forms=(
            {},
            {"bias": False, "norm": False, "mean_first": True},
            {"pools": ("avg", "max", "lp", "lse"), "kernel_size": 3, "reduction": 4},
            {"spatial": False},
        ),
        parameters=lambda c, spatial=True, **options: (
            gate_parameters(c, **options) + spatial * spatial_parameters(c, **options)
        ),
        macs=lambda c, h, w, reduction=16, pools=("avg", "max"), spatial=True, kernel_size=7, **_: (
            len(pools) * 2 * c * (c // reduction) + spatial * 2 * kernel_size**2 * h * w
        ),
        layout=lambda c, spatial=True, **options: (
            gate_layout(c, **options) + (spatial_layout(c, **options) if spatial else [])
        ),
        holds=behaviours("shrinks batch"),
        gate=(0, 1),
        fresh=({}, 0.0555, 0.5213),
        momentum=0.01,
        mutants=mutants.CBAM,
        trains_on_one_pixel=False,
        tiny_options={"reduction": 4, "kernel_size": 3},
        tiny=8,
    ),
    "cbam_channel": Case(
        truth=cbam_channel,
        forms=({}, {"bias": False, "reduction": 4}, {"pools": ("lp", "lse")}, {"pools": ("max",)}),
        parameters=gate_parameters,
        macs=lambda c, h, w, reduction=16, pools=("avg", "max"), **_: (
            len(pools) * 2 * c * (c // reduction)
        ),
        layout=gate_layout,
        holds=behaviours("positions rows flip transpose shift shrinks batch"),
        gate=(0, 1),
        mutants=mutants.CBAM_CHANNEL,
        tiny_options={"reduction": 4},
        tiny=8,
    ),
    "cbam_spatial": Case(
        truth=cbam_spatial,
        forms=({}, {"kernel_size": 3, "norm": False}, {"mean_first": True}),
        parameters=spatial_parameters,
        macs=lambda c, h, w, kernel_size=7, **_: 2 * kernel_size**2 * h * w,
        layout=spatial_layout,
        holds=behaviours("channels shrinks batch"),
        gate=(0, 1),
        fresh=({"norm": False, "mean_first": True}, 0.2575, 0.8316),
        momentum=0.01,
        mutants=mutants.CBAM_SPATIAL,
        trains_on_one_pixel=False,
        tiny_options={"kernel_size": 3},
        tiny=4,
    ),
    "pam": Case(
        truth=pam,
        forms=({}, {"scaled": True}, {"reduction": 4}),
        parameters=lambda c, reduction=8, **_: 2 * (c + 1) * (c // reduction) + c * c + c + 1,
        macs=lambda c, h, w, reduction=8, **_: (
            h * w * (2 * c * (c // reduction) + c * c) + (h * w) ** 2 * (c // reduction + c)
        ),
        layout=lambda c, reduction=8, **_: shapes(
            (1,),
            *[(c // reduction, c, 1, 1), (c // reduction,)] * 2,
            *[(c, c, 1, 1), (c,)],
        ),
        holds=behaviours("positions rows flip transpose shift identity batch"),
        dead=frozenset({"key.bias"}),
        initial=lambda **_: {"gamma": 0},
        fresh=({}, 1, 1),
        mutants=mutants.PAM,
        tiny=8,
    ),
    "cam": Case(
        truth=cam,
        forms=({}, {"plain": True}),
        parameters=lambda c, **_: 1,
        macs=lambda c, h, w, **_: 2 * c * c * h * w,
        layout=lambda c, **_: [(1,)],
        holds=behaviours("positions rows channels flip transpose shift identity batch"),
        initial=lambda **_: {"gamma": 0},
        fresh=({}, 1, 1),
        wide=frozenset({"attention"}),
        keeps_autocast_out=True,
        mutants=mutants.CAM,
        tiny=4,
    ),
    "nonlocal": Case(
        truth=nonlocal_,
        forms=(
            {},
            {"pooled": False, "scaled": False},
            {
                "reduction": 8,
                "value_reduction": 2,
                "bias": False,
                "scaled": False,
                "norm": False,
            },
            {"reduction": 4, "value_reduction": 8, "norm": False, "pooled": False},
        ),
        parameters=nonlocal_parameters,
        macs=nonlocal_macs,
        layout=nonlocal_layout,
        holds=behaviours("flip transpose identity batch"),
        dead=frozenset({"phi.bias", "g.bias", "out.bias"}),
        initial=lambda **_: {"norm.weight": 0, "gamma": 0},
        mutants=mutants.NONLOCAL,
        trains_on_one_pixel=False,
        tiny=4,
    ),
    "sge": Case(
        truth=sge,
        forms=({"groups": 8}, {"groups": 4, "initial_bias": 0.0}),
        parameters=lambda c, groups=64, **_: 2 * groups,
        macs=lambda c, h, w, **_: c * h * w,
        layout=lambda c, groups=64, **_: [(1, groups, 1, 1)] * 2,
        holds=behaviours("positions rows flip transpose shift double shrinks batch"),
        gate=(0, 1),
        initial=lambda initial_bias=1, **_: {"weight": 0, "bias": initial_bias},
        fresh=({"groups": 64}, 0.7311, 0.7311),
        wide=frozenset({"gate"}),
        keeps_autocast_out=True,
        mutants=mutants.SGE,
        tiny_options={"groups": 2},
        tiny=4,
    ),
    "simam": Case(
        truth=simam,
        forms=({}, {"unbiased": False}, {"e_lambda": 0.1}),
        parameters=lambda c, **_: 0,
        macs=lambda c, h, w, **_: 0,
        layout=lambda c, **_: [],
        holds=behaviours("positions rows channels flip transpose shift double shrinks batch"),
        gate=(0.62245, 1),
        fresh=({}, 0.6225, 0.9896),
        keeps_autocast_out=True,
        mutants=mutants.SIMAM,
        tiny=4,
    ),
}
