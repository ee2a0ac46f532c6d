"""Truth of the mechanisms of the survey; see `machinery.py` for what a truth function is.

Elementary operations and einsum only: re-sampling is a product with its matrix, pooling a loop over
windows, and nothing is re-ordered to save work, unlike in the modules.
"""

import math
from typing import Any

import torch
from torch import Tensor

from . import mutants_survey as mutants
from .machinery import Case, Mutant
from .truth import (
    Maps,
    State,
    batch_norm,
    convolution,
    pointwise,
    relu,
    sigmoid,
    softmax,
    squeeze,
)


def layer_norm(p: State, name: str, x: Tensor) -> Tensor:
    """Over axis 1 of (B, C)."""
    centred = x - x.sum(1, keepdim=True) / x.shape[1]
    variance = (centred * centred).sum(1, keepdim=True) / x.shape[1]
    y = centred / (variance + 1e-5) ** 0.5
    return y * p[f"{name}.weight"].reshape(-1) + p[f"{name}.bias"].reshape(-1)


def linear_rows(given: int, wanted: int) -> Tensor:
    """The matrix (wanted, given) of linear interpolation with aligned corners."""
    matrix = torch.zeros(wanted, given, dtype=torch.float64)
    for i in range(wanted):
        place = i * (given - 1) / (wanted - 1) if wanted > 1 else 0.0
        low = min(int(place), given - 1)
        high = min(low + 1, given - 1)
        matrix[i, low] += 1 - (place - low)
        matrix[i, high] += place - low
    return matrix


def half_pixel_rows(given: int, wanted: int) -> Tensor:
    """The matrix (wanted, given) of linear interpolation between pixel centres."""
    matrix = torch.zeros(wanted, given, dtype=torch.float64)
    for i in range(wanted):
        place = max(0.0, (i + 0.5) * given / wanted - 0.5)
        low = min(int(place), given - 1)
        high = min(low + 1, given - 1)
        matrix[i, low] += 1 - (place - low)
        matrix[i, high] += place - low
    return matrix


def nearest_rows(given: int, wanted: int) -> Tensor:
    """The matrix (wanted, given) that repeats the nearest cell."""
    matrix = torch.zeros(wanted, given, dtype=torch.float64)
    for i in range(wanted):
        matrix[i, i * given // wanted] = 1
    return matrix


def resample(x: Tensor, height: int, width: int, rows: Any = linear_rows) -> Tensor:
    """To another size, by a matrix for each of the two axes."""
    vertical, horizontal = rows(x.shape[2], height), rows(x.shape[3], width)
    return torch.einsum("ih,bchw,jw->bcij", vertical, x, horizontal)


def window_means(x: Tensor, size: int) -> Tensor:
    """Adaptive average pooling to size x size."""
    b, c, h, w = x.shape
    y = x.new_zeros(b, c, size, size)
    for i in range(size):
        for j in range(size):
            rows = slice(i * h // size, math.ceil((i + 1) * h / size))
            columns = slice(j * w // size, math.ceil((j + 1) * w / size))
            y[:, :, i, j] = x[:, :, rows, columns].mean((2, 3))
    return y


def cell_means(x: Tensor, side: int) -> Tensor:
    """Means of the side x side cells; what is left over at the right and below is not seen."""
    h, w = x.shape[2] // side, x.shape[3] // side
    y = x[:, :, : h * side, : w * side].reshape(*x.shape[:2], h, side, w, side)
    return torch.einsum("bchiwj->bchw", y) / side**2


def halve(x: Tensor) -> Tensor:
    """Maximum over 3x3 windows around every second pixel."""
    b, c, h, w = x.shape
    padded = x.new_full((b, c, h + 2, w + 2), -math.inf)
    padded[:, :, 1 : h + 1, 1 : w + 1] = x
    parts = [padded[:, :, i : i + h : 2, j : j + w : 2] for i in range(3) for j in range(3)]
    return torch.stack(parts).amax(0)


def unit(p: State, name: str, x: Tensor, train: bool) -> Tensor:
    """The pre-activation residual unit R."""
    y = pointwise(p, f"{name}.layers.2", relu(batch_norm(p, f"{name}.layers.0", x, train)))
    y = convolution(p, f"{name}.layers.5", relu(batch_norm(p, f"{name}.layers.3", y, train)))
    y = pointwise(p, f"{name}.layers.8", relu(batch_norm(p, f"{name}.layers.6", y, train)))
    return x + y


def residual(
    p: State, x: Tensor, train: bool, reduction: int = 4, scales: int = 3, wiring: str = "authors"
) -> Maps:
    start = unit(p, "first", x, train)
    trunk = unit(p, "trunk.1", unit(p, "trunk.0", start, train), train)
    down = [start]
    for k in range(scales - 1):
        down.append(unit(p, f"descent.{k}.down", halve(down[-1]), train))
    mask = unit(p, "lowest.1", unit(p, "lowest.0", halve(down[-1]), train), train)
    for k in range(scales - 1):
        level = scales - 1 - k
        target = down[level]
        mask = resample(mask, *target.shape[2:])
        if wiring == "port":
            mask = mask + target
        mask = mask + unit(p, f"descent.{level - 1}.skip", target, train)
        mask = unit(p, f"ascent.{k}", mask, train)
    mask = resample(mask, *x.shape[2:])
    if wiring == "port":
        mask = mask + trunk
    mask = pointwise(p, "tail.2", relu(batch_norm(p, "tail.0", mask, train)))
    mask = pointwise(p, "tail.5", relu(batch_norm(p, "tail.3", mask, train)))
    mask = sigmoid(mask)
    return {"y": unit(p, "last", (1 + mask) * trunk, train), "trunk": trunk, "mask": mask}


def csra(
    p: State,
    x: Tensor,
    train: bool,
    classes: int = 20,
    temperature: float = 1.0,
    attention_weight: float = 0.1,
) -> Maps:
    weight = p["head.weight"].reshape(classes, -1)
    length = (weight * weight).sum(1).sqrt()[:, None, None]
    scores = torch.einsum("kc,bchw->bkhw", weight, x) / length
    flat = scores.reshape(*scores.shape[:2], -1)
    if temperature >= 99:
        attention = (flat == flat.amax(2, keepdim=True)).to(flat.dtype)
        attention = attention / attention.sum(2, keepdim=True)
    else:
        attention = softmax(temperature * flat, 2)
    attended = (attention * flat).sum(2)
    y = flat.sum(2) / flat.shape[2] + attention_weight * attended
    return {"y": y, "pixel_scores": scores, "pixel_weights": attention.reshape(scores.shape)}


def spm(p: State, x: Tensor, train: bool) -> Maps:
    h, w = x.shape[2:]
    row_means = torch.einsum("bchw->bch", x)[..., None] / w
    column_means = torch.einsum("bchw->bcw", x)[:, :, None] / h
    rows = batch_norm(p, "rows.1", convolution(p, "rows.0", row_means), train)
    columns = batch_norm(p, "columns.1", convolution(p, "columns.0", column_means), train)
    total = rows.repeat(1, 1, 1, w) + columns.repeat(1, 1, h, 1)
    gate = sigmoid(pointwise(p, "mix", relu(total)))
    return {"y": gate * x, "gate": gate}


def mpm(
    p: State,
    x: Tensor,
    train: bool,
    reduction: int = 4,
    pool_sizes: tuple[int, int] = (20, 12),
) -> Maps:
    def layer(name: str, t: Tensor) -> Tensor:
        return batch_norm(p, f"{name}.1", convolution(p, f"{name}.0", t), train)

    size = x.shape[2:]
    x1, x2 = relu(layer("reduce_square", x)), relu(layer("reduce_strip", x))
    fine = resample(layer("fine", window_means(x1, pool_sizes[0])), *size)
    coarse = resample(layer("coarse", window_means(x1, pool_sizes[1])), *size)
    square = relu(layer("full", x1) + fine + coarse)
    columns = resample(layer("columns", x2.mean(2, keepdim=True)), *size)
    rows = resample(layer("rows", x2.mean(3, keepdim=True)), *size)
    strip = relu(columns + rows)
    parts = [relu(layer("join_square", square)), relu(layer("join_strip", strip))]
    return {"y": relu(x + layer("expand", torch.cat(parts, 1))), "square": square, "strip": strip}


def scconv(
    p: State,
    x: Tensor,
    train: bool,
    pooling: int = 4,
    upsampling: str = "nearest",
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
) -> Maps:
    def layer(name: str, t: Tensor, step: int = 1) -> Tensor:
        return batch_norm(
            p, f"{name}.1", convolution(p, f"{name}.0", t, dilation, groups, step), train
        )

    rows = nearest_rows if upsampling == "nearest" else linear_rows
    context = layer("context", cell_means(x, pooling))
    gate = sigmoid(x + resample(context, x.shape[2], x.shape[3], rows))
    return {"y": layer("after", layer("before", x) * gate, stride), "gate": gate}


def lka(
    p: State,
    x: Tensor,
    train: bool,
    kernel_size: int = 5,
    dilated_kernel_size: int = 7,
    dilation: int = 3,
) -> Maps:
    channels = x.shape[1]
    near = convolution(p, "near", x, groups=channels)
    far = convolution(p, "far", near, dilation=dilation, groups=channels)
    attention = pointwise(p, "mix", far)
    return {"y": attention * x, "factor": attention}


def van(p: State, x: Tensor, train: bool, **options: Any) -> Maps:
    z = pointwise(p, "before", x)
    z = z * (1 + torch.erf(z / 2**0.5)) / 2
    inner = {key.removeprefix("attend."): value for key, value in p.items()}
    attended = lka(inner, z, train, **options)
    y = x + pointwise(p, "after", attended["y"])
    return {"y": y, "factor": attended["factor"]}


def bam(
    p: State,
    x: Tensor,
    train: bool,
    reduction: int = 16,
    fusion: str = "product",
    dilation: int = 4,
) -> Maps:
    c = relu(batch_norm(p, "channel.1", pointwise(p, "channel.0", squeeze(x)), train))
    c = pointwise(p, "channel.3", c)[:, :, None, None]
    s = relu(batch_norm(p, "spatial.1", pointwise(p, "spatial.0", x), train))
    s = relu(batch_norm(p, "spatial.4", convolution(p, "spatial.3", s, dilation), train))
    s = relu(batch_norm(p, "spatial.7", convolution(p, "spatial.6", s, dilation), train))
    s = pointwise(p, "spatial.9", s)
    gate = sigmoid(c * s if fusion == "product" else c + s)
    return {"y": x + x * gate, "gate": gate, "channel_score": c, "spatial_score": s}


def cse(p: State, x: Tensor, train: bool, reduction: int = 2) -> Maps:
    hidden = relu(pointwise(p, "reduce", squeeze(x)))
    gate = sigmoid(pointwise(p, "expand", hidden))[:, :, None, None]
    return {"y": x * gate, "gate": gate}


def sse(p: State, x: Tensor, train: bool) -> Maps:
    gate = sigmoid(pointwise(p, "score", x))
    return {"y": x * gate, "gate": gate}


def scse(p: State, x: Tensor, train: bool, reduction: int = 2, fusion: str = "max") -> Maps:
    hidden = relu(pointwise(p, "channel.reduce", squeeze(x)))
    c = sigmoid(pointwise(p, "channel.expand", hidden))[:, :, None, None]
    s = sigmoid(pointwise(p, "spatial.score", x))
    y = torch.stack((x * c, x * s)).amax(0) if fusion == "max" else x * c + x * s
    return {"y": y, "channel_gate": c, "spatial_gate": s}


def polarized_parallel(p: State, x: Tensor, train: bool, softmax_order: str = "paper") -> Maps:
    flat = x.reshape(*x.shape[:2], -1)
    attention = softmax(pointwise(p, "channel_query", flat), 2)
    value = pointwise(p, "channel_value", flat)
    attended = torch.einsum("bhn,bn->bh", value, attention[:, 0])
    a = sigmoid(pointwise(p, "expand", attended))[:, :, None]
    query = pointwise(p, "spatial_query", flat).mean(2)
    theta = pointwise(p, "spatial_value", flat)
    if softmax_order == "paper":
        scores = torch.einsum("bh,bhn->bn", softmax(query, 1), theta)
    else:
        scores = softmax(torch.einsum("bh,bhn->bn", query, theta), 1)
    m = sigmoid(scores)[:, None]
    y = (a * flat + m * flat).reshape(x.shape)
    square = (x.shape[0], 1, *x.shape[2:])
    return {
        "y": y,
        "pixel_weights": attention.reshape(square),
        "channel_gate": a[..., None],
        "spatial_gate": m.reshape(square),
    }


def polarized_sequential(p: State, x: Tensor, train: bool, softmax_order: str = "paper") -> Maps:
    flat = x.reshape(*x.shape[:2], -1)
    attention = softmax(pointwise(p, "channel_query", flat), 2)
    value = pointwise(p, "channel_value", flat)
    attended = torch.einsum("bhn,bn->bh", value, attention[:, 0])
    hidden = relu(layer_norm(p, "expand.1", pointwise(p, "expand.0", attended)))
    a = sigmoid(pointwise(p, "expand.3", hidden))[:, :, None]
    z = a * flat
    query = pointwise(p, "spatial_query", z).mean(2)
    theta = pointwise(p, "spatial_value", z)
    if softmax_order == "paper":
        scores = torch.einsum("bh,bhn->bn", softmax(query, 1), theta)
    else:
        scores = torch.einsum("bh,bhn->bn", query, softmax(theta, 2))
    m = sigmoid(scores)[:, None]
    square = (x.shape[0], 1, *x.shape[2:])
    return {
        "y": (m * z).reshape(x.shape),
        "pixel_weights": attention.reshape(square),
        "channel_gate": a[..., None],
        "spatial_gate": m.reshape(square),
    }


def triplet(p: State, x: Tensor, train: bool, kernel_size: int = 7, spatial: bool = True) -> Maps:
    def gate(name: str, t: Tensor) -> Tensor:
        pooled = torch.stack((t.amax(1), t.sum(1) / t.shape[1]), 1)
        return sigmoid(batch_norm(p, f"{name}.norm", convolution(p, f"{name}.conv", pooled), train))

    cw = gate("channel_column", x.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
    hc = gate("row_channel", x.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)
    if not spatial:
        y = (x * cw + x * hc) / 2
        return {"y": y, "channel_column_gate": cw, "row_channel_gate": hc}
    hw = gate("row_column", x)
    y = (x * cw + x * hc + x * hw) / 3
    return {"y": y, "channel_column_gate": cw, "row_channel_gate": hc, "row_column_gate": hw}


def gc(
    p: State,
    x: Tensor,
    train: bool,
    reduction: int = 16,
    pooling: str = "attention",
    fusion: str = "add",
) -> Maps:
    flat = x.reshape(*x.shape[:2], -1)
    if pooling == "attention":
        attention = softmax(pointwise(p, "score", flat), 2)
    else:
        attention = torch.full_like(flat[:, :1], 1 / flat.shape[2])
    context = torch.einsum("bcn,bn->bc", flat, attention[:, 0])
    maps = {"pixel_weights": attention.reshape(x.shape[0], 1, *x.shape[2:])}
    y = x
    if fusion in ("mul", "both"):
        hidden = relu(layer_norm(p, "mul.1", pointwise(p, "mul.0", context)))
        maps["gate"] = sigmoid(pointwise(p, "mul.3", hidden))[:, :, None, None]
        y = y * maps["gate"]
    if fusion in ("add", "both"):
        bottleneck = relu(layer_norm(p, "add.1", pointwise(p, "add.0", context)))
        maps["added"] = pointwise(p, "add.3", bottleneck)[:, :, None, None]
        y = y + maps["added"]
    return {"y": y, **maps}


def coordinate(
    p: State, x: Tensor, train: bool, reduction: int = 32, activation: str = "hardswish"
) -> Maps:
    functions = {
        "hardswish": lambda t: t * (t + 3).clamp(0, 6) / 6,
        "relu": relu,
        "silu": lambda t: t * sigmoid(t),
        "sigmoid": sigmoid,
    }
    h, w = x.shape[2:]
    rows = torch.einsum("bchw->bch", x) / w
    columns = torch.einsum("bchw->bcw", x) / h
    strips = torch.cat((rows, columns), 2)
    f = functions[activation](batch_norm(p, "norm", pointwise(p, "reduce", strips), train))
    g_rows = sigmoid(pointwise(p, "expand_rows", f[:, :, :h]))[..., None]
    g_columns = sigmoid(pointwise(p, "expand_columns", f[:, :, h:]))[:, :, None]
    return {"y": x * g_rows * g_columns, "row_gate": g_rows, "column_gate": g_columns}


def relation_gate(p: State, kind: str, x: Tensor, train: bool) -> tuple[Tensor, Tensor]:
    """Gate (B, nodes) and relations (B, nodes, nodes) of (B, features, nodes), R written out."""

    def layer(name: str, t: Tensor) -> Tensor:
        return batch_norm(p, f"layers.{name}.1", pointwise(p, f"layers.{name}.0", t), train)

    theta, phi = relu(layer(f"theta_{kind}", x)), relu(layer(f"phi_{kind}", x))
    own = relu(layer(f"own_{kind}", x)).mean(1, keepdim=True)
    relations = torch.einsum("bei,bej->bij", theta, phi)
    vectors = torch.cat((relations.transpose(1, 2), relations), 1)  # at i: R[i, :], then R[:, i]
    related = relu(layer(f"relation_{kind}", vectors))
    hidden = relu(layer(f"score_{kind}.0", torch.cat((own, related), 1)))
    return sigmoid(layer(f"score_{kind}.2", hidden))[:, 0], relations


def rga(
    p: State,
    x: Tensor,
    train: bool,
    reduction: int = 8,
    spatial_reduction: int = 8,
    hidden_reduction: int = 8,
    branches: str = "both",
) -> Maps:
    maps = {}
    y = x.reshape(*x.shape[:2], -1)
    if branches in ("both", "spatial"):
        gate, maps["spatial_relation"] = relation_gate(p, "spatial", y, train)
        maps["spatial_gate"] = gate.reshape(x.shape[0], 1, *x.shape[2:])
        y = y * gate[:, None]
    if branches in ("both", "channel"):
        gate, maps["channel_relation"] = relation_gate(p, "channel", y.transpose(1, 2), train)
        maps["channel_gate"] = gate[:, :, None, None]
        y = y * gate[:, :, None]
    return {"y": y.reshape(x.shape), **maps}


def wrong_relation_gate(old: str, new: str) -> Any:
    """For the mutants of `rga`: the gate of one branch with an edit made."""
    return Mutant("relation", old, new).apply(relation_gate)


Shapes = list[tuple[int, ...]]


def norm(n: int) -> Shapes:
    """BatchNorm: weight, bias, two running statistics, a counter."""
    return [(n,), (n,), (n,), (n,), ()]


def kernel(out: int, given: int, height: int = 1, width: int = 1, bias: bool = False) -> Shapes:
    return [(out, given, height, width), *([(out,)] if bias else [])]


def residual_layout(c: int, reduction: int = 4, scales: int = 3, **_: Any) -> Shapes:
    p = c // reduction
    one = [*norm(c), *kernel(p, c), *norm(p), *kernel(p, p, 3, 3), *norm(p), *kernel(c, p)]
    tail = [*norm(c), *kernel(c, c), *norm(c), *kernel(c, c)]
    return [*one * (2 + 3 * scales), *tail, *one]


def residual_parameters(c: int, reduction: int = 4, scales: int = 3, **_: Any) -> int:
    p = c // reduction
    return (3 + 3 * scales) * (2 * c * p + 9 * p * p + 2 * c + 4 * p) + 2 * c * c + 4 * c


def residual_macs(c: int, h: int, w: int, reduction: int = 4, scales: int = 3, **_: Any) -> int:
    p = c // reduction
    total = 2 * c * c * h * w
    for level in range(scales + 1):
        units = 4 if level == 0 else 2 if level == scales else 3
        total += units * h * w * (2 * c * p + 9 * p * p)
        h, w = -(-h // 2), -(-w // 2)
    return total


def mpm_macs(
    c: int, h: int, w: int, reduction: int = 4, pool_sizes: tuple[int, int] = (20, 12)
) -> int:
    p = c // reduction
    full = h * w * (2 * c * p + 27 * p * p + 2 * p * c)
    return full + 9 * p * p * sum(s * s for s in pool_sizes) + 3 * p * p * (h + w)


def mpm_layout(c: int, reduction: int = 4, **_: Any) -> Shapes:
    p = c // reduction
    square = [*kernel(p, p, 3, 3), *norm(p)]
    return [
        *[*kernel(p, c), *norm(p)] * 2,
        *square * 3,
        *kernel(p, p, 1, 3),
        *norm(p),
        *kernel(p, p, 3, 1),
        *norm(p),
        *square * 2,
        *kernel(c, 2 * p),
        *norm(c),
    ]


def scconv_macs(c: int, h: int, w: int, pooling: int = 4, groups: int = 1, **_: Any) -> int:
    return 9 * c * c // groups * (2 * h * w + (h // pooling) * (w // pooling))


def lka_layout(c: int, kernel_size: int = 5, dilated_kernel_size: int = 7, **_: Any) -> Shapes:
    k, d = kernel_size, dilated_kernel_size
    return [*kernel(c, 1, k, k, True), *kernel(c, 1, d, d, True), *kernel(c, c, bias=True)]


def lka_parameters(c: int, kernel_size: int = 5, dilated_kernel_size: int = 7, **_: Any) -> int:
    return c * c + (kernel_size**2 + dilated_kernel_size**2 + 3) * c


def lka_macs(c: int, h: int, w: int, **options: Any) -> int:
    return h * w * (lka_parameters(c, **options) - 3 * c)


def bam_layout(c: int, reduction: int = 16, **_: Any) -> Shapes:
    p = c // reduction
    dilated = [*norm(p), *kernel(p, p, 3, 3, True)]
    return [
        *[(p, c), (p,), *norm(p), (c, p), (c,)],
        *kernel(p, c, bias=True),
        *dilated * 2,
        *norm(p),
        *kernel(1, p, bias=True),
    ]


def bam_parameters(c: int, reduction: int = 16, **_: Any) -> int:
    p = c // reduction
    return 3 * c * p + c + 18 * p * p + 13 * p + 1


def bam_macs(c: int, h: int, w: int, reduction: int = 16, **_: Any) -> int:
    p = c // reduction
    return 2 * c * p + h * w * (c * p + 18 * p * p + p)


def cse_parameters(c: int, reduction: int = 2, **_: Any) -> int:
    return 2 * c * (c // reduction) + c // reduction + c


def cse_layout(c: int, reduction: int = 2, **_: Any) -> Shapes:
    p = c // reduction
    return [(p, c), (p,), (c, p), (c,)]


def parallel_layout(c: int, **_: Any) -> Shapes:
    h = c // 2
    return [*kernel(1, c), *kernel(h, c), *kernel(c, h), *kernel(h, c), *kernel(h, c)]


def sequential_layout(c: int, **_: Any) -> Shapes:
    h, q = c // 2, c // 2 // 4
    expand = [*kernel(q, h, bias=True), (q, 1, 1), (q, 1, 1), *kernel(c, q, bias=True)]
    return [*kernel(1, c), *kernel(h, c), *expand, *kernel(h, c), *kernel(h, c)]


def sequential_macs(c: int, h: int, w: int, softmax_order: str = "paper") -> int:
    half, q, n = c // 2, c // 2 // 4, h * w
    both = 2 * c * n + 2 * c * half + half * q + q * c
    return both + (half * c + c * n if softmax_order == "paper" else n * half * (c + 1))


def gc_layout(
    c: int, reduction: int = 16, pooling: str = "attention", fusion: str = "add"
) -> Shapes:
    p = c // reduction
    one = [*kernel(p, c, bias=True), (p, 1, 1), (p, 1, 1), *kernel(c, p, bias=True)]
    score = kernel(1, c, bias=True) if pooling == "attention" else []
    return [*score, *one * (2 if fusion == "both" else 1)]


def gc_parameters(
    c: int, reduction: int = 16, pooling: str = "attention", fusion: str = "add"
) -> int:
    p = c // reduction
    transforms = 2 if fusion == "both" else 1
    return (c + 1) * (pooling == "attention") + transforms * (2 * c * p + 3 * p + c)


def gc_macs(
    c: int, h: int, w: int, reduction: int = 16, pooling: str = "attention", fusion: str = "add"
) -> int:
    transforms = 2 if fusion == "both" else 1
    return (2 * c * h * w) * (pooling == "attention") + transforms * 2 * c * (c // reduction)


def rga_sizes(
    c: int, size: tuple[int, int], reduction: int = 8, spatial_reduction: int = 8, **_: Any
) -> dict[str, tuple[int, int, int, int]]:
    n = size[0] * size[1]
    narrow, short = c // reduction, n // spatial_reduction
    return {"spatial": (c, narrow, n, short), "channel": (n, short, c, narrow)}


def rga_layout(c: int, branches: str = "both", hidden_reduction: int = 8, **options: Any) -> Shapes:
    sizes = rga_sizes(c, **options)
    kinds = ["spatial", "channel"] if branches == "both" else [branches]
    shapes: Shapes = []
    for kind in kinds:
        features, embedded, _, _ = sizes[kind]
        shapes += [*kernel(embedded, features), *norm(embedded)] * 2
    for kind in kinds:
        features, embedded, _, _ = sizes[kind]
        shapes += [*kernel(embedded, features), *norm(embedded)]
    for kind in kinds:
        _, _, nodes, related = sizes[kind]
        shapes += [*kernel(related, 2 * nodes), *norm(related)]
    for kind in kinds:
        related = sizes[kind][3]
        k = (1 + related) // hidden_reduction
        shapes += [*kernel(k, 1 + related), *norm(k), *kernel(1, k), *norm(1)]
    return shapes


def rga_parameters(c: int, branches: str = "both", hidden_reduction: int = 8, **o: Any) -> int:
    total = 0
    for kind, (features, embedded, nodes, related) in rga_sizes(c, **o).items():
        if branches in ("both", kind):
            k = (1 + related) // hidden_reduction
            total += 3 * (features * embedded + 2 * embedded) + 2 * nodes * related + 2 * related
            total += (1 + related) * k + 3 * k + 2
    return total


def rga_macs(
    c: int, h: int, w: int, branches: str = "both", hidden_reduction: int = 8, **o: Any
) -> int:
    total = 0
    for kind, (features, embedded, nodes, related) in rga_sizes(c, **o).items():
        if branches in ("both", kind):
            k = (1 + related) // hidden_reduction
            total += 3 * nodes * features * embedded + 4 * nodes * related * embedded
            total += nodes * ((1 + related) * k + k)
    return total


def behaviours(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The four projections of the authors' polarized self-attention.
POLARIZED_INITIAL = {
    f"{branch}_{part}.weight": "kaiming"
    for branch in ("channel", "spatial")
    for part in ("query", "value")
}

CASES: dict[str, Case] = {
    "residual": Case(
        truth=residual,
        forms=({}, {"wiring": "port"}, {"scales": 1}, {"scales": 4, "reduction": 8}),
        parameters=residual_parameters,
        macs=residual_macs,
        layout=residual_layout,
        holds=behaviours("batch"),
        mutants=mutants.RESIDUAL,
        trains_on_one_pixel=False,
        tiny=4,
    ),
    "csra": Case(
        truth=csra,
        forms=(
            {},
            {"classes": 5, "temperature": 4.0},
            {"temperature": 99, "attention_weight": 1.0},
        ),
        parameters=lambda c, classes=20, **_: classes * c,
        macs=lambda c, h, w, classes=20, **_: classes * c * h * w,
        layout=lambda c, classes=20, **_: kernel(classes, c),
        holds=behaviours("batch"),
        wide=frozenset({"pixel_scores", "pixel_weights"}),
        mutants=mutants.CSRA,
        scores=True,
        tiny=4,
    ),
    "spm": Case(
        truth=spm,
        parameters=lambda c: 7 * c * c + 5 * c,
        macs=lambda c, h, w: 3 * c * c * (h + w) + c * c * h * w,
        layout=lambda c: [
            *kernel(c, c, 3, 1),
            *norm(c),
            *kernel(c, c, 1, 3),
            *norm(c),
            *kernel(c, c, bias=True),
        ],
        holds=behaviours("shrinks batch"),
        gate=(0, 1),
        mutants=mutants.SPM,
        trains_on_one_pixel=False,
        tiny=4,
    ),
    "mpm": Case(
        truth=mpm,
        forms=({}, {"pool_sizes": (3, 2)}, {"reduction": 2}),
        parameters=lambda c, reduction=4, **_: (
            4 * c * (c // reduction) + 51 * (c // reduction) ** 2 + 18 * (c // reduction) + 2 * c
        ),
        macs=mpm_macs,
        layout=mpm_layout,
        holds=behaviours("batch"),
        mutants=mutants.MPM,
        trains_on_one_pixel=False,
        tiny=4,
        tiny_options={"pool_sizes": (2, 1)},
    ),
    "scconv": Case(
        truth=scconv,
        forms=({}, {"upsampling": "bilinear", "pooling": 2}, {"groups": 4, "dilation": 2}),
        parameters=lambda c, groups=1, **_: 3 * (9 * c * c // groups + 2 * c),
        macs=scconv_macs,
        layout=lambda c, groups=1, **_: [*kernel(c, c // groups, 3, 3), *norm(c)] * 3,
        holds=behaviours("batch"),
        mutants=mutants.SCCONV,
        smallest=4,
        tiny=4,
    ),
    "lka": Case(
        truth=lka,
        forms=({}, {"kernel_size": 3, "dilated_kernel_size": 5, "dilation": 2}),
        parameters=lka_parameters,
        macs=lka_macs,
        layout=lka_layout,
        holds=behaviours("batch"),
        fresh=({}, -0.4539, 0.502),
        overflows=frozenset({(0, 300), (1, 300)}),
        mutants=mutants.LKA,
        tiny=4,
    ),
    "van": Case(
        truth=van,
        forms=({}, {"kernel_size": 3, "dilated_kernel_size": 5, "dilation": 2}),
        parameters=lambda c, **options: lka_parameters(c, **options) + 2 * c * c + 2 * c,
        macs=lambda c, h, w, **options: lka_macs(c, h, w, **options) + 2 * c * c * h * w,
        layout=lambda c, **options: [
            *kernel(c, c, bias=True),
            *lka_layout(c, **options),
            *kernel(c, c, bias=True),
        ],
        holds=behaviours("batch"),
        overflows=frozenset({(0, 20), (1, 20), (0, 300), (1, 300)}),
        mutants=mutants.VAN,
        tiny=4,
    ),
    "bam": Case(
        truth=bam,
        forms=({}, {"fusion": "sum"}, {"reduction": 4, "dilation": 2}),
        parameters=bam_parameters,
        macs=bam_macs,
        layout=bam_layout,
        holds=behaviours("batch"),
        gate=(1, 2),
        dead=frozenset({"channel.0.bias", *(f"spatial.{i}.bias" for i in (0, 3, 6))}),
        fresh=({}, 1.4949, 1.5052),
        mutants=mutants.BAM,
        trains_on_one_image=False,
        trains_on_one_pixel=False,
        tiny=8,
        tiny_options={"reduction": 4},
    ),
    "cse": Case(
        truth=cse,
        forms=({}, {"reduction": 16}),
        parameters=cse_parameters,
        macs=lambda c, h, w, reduction=2: 2 * c * (c // reduction),
        layout=cse_layout,
        holds=behaviours("positions rows flip transpose shift shrinks batch"),
        gate=(0, 1),
        mutants=mutants.CSE,
        tiny=4,
    ),
    "sse": Case(
        truth=sse,
        parameters=lambda c: c + 1,
        macs=lambda c, h, w: c * h * w,
        layout=lambda c: kernel(1, c, bias=True),
        holds=behaviours("positions rows flip transpose shift shrinks batch"),
        gate=(0, 1),
        mutants=mutants.SSE,
        tiny=4,
    ),
    "scse": Case(
        truth=scse,
        forms=({}, {"fusion": "sum", "reduction": 16}),
        parameters=lambda c, **options: cse_parameters(c, **options) + c + 1,
        macs=lambda c, h, w, reduction=2, **_: 2 * c * (c // reduction) + c * h * w,
        layout=lambda c, **options: [*cse_layout(c, **options), *kernel(1, c, bias=True)],
        holds=behaviours("positions rows flip transpose shift shrinks batch"),
        gate=(0, 1),
        mutants=mutants.SCSE,
        tiny=4,
    ),
    "polarized_parallel": Case(
        truth=polarized_parallel,
        forms=({}, {"softmax_order": "released"}),
        parameters=lambda c, **_: 2 * c * c + c,
        macs=lambda c, h, w, **_: 3 * c * h * w + 2 * c * c,
        layout=parallel_layout,
        holds=behaviours("positions rows flip transpose shift batch"),
        gate=(0, 2),
        initial=lambda **_: POLARIZED_INITIAL,
        fresh=({"softmax_order": "released"}, 0.9154, 1.1243),
        overflows=frozenset({(1, 300)}),
        mutants=mutants.POLARIZED_PARALLEL,
        tiny=4,
    ),
    "polarized_sequential": Case(
        truth=polarized_sequential,
        forms=({}, {"softmax_order": "released"}),
        parameters=lambda c, **_: c + 3 * c * (c // 2) + (c // 2 + c) * (c // 8) + 3 * (c // 8) + c,
        macs=sequential_macs,
        layout=sequential_layout,
        holds=behaviours("positions rows flip transpose shift shrinks batch"),
        gate=(0, 1),
        initial=lambda **_: POLARIZED_INITIAL,
        fresh=({"softmax_order": "released"}, 0.1106, 0.3767),
        mutants=mutants.POLARIZED_SEQUENTIAL,
        tiny=16,
    ),
    "triplet": Case(
        truth=triplet,
        forms=({}, {"spatial": False}, {"kernel_size": 3}),
        parameters=lambda c, kernel_size=7, spatial=True: (2 + spatial) * (2 * kernel_size**2 + 2),
        macs=lambda c, h, w, kernel_size=7, spatial=True: (
            2 * kernel_size**2 * (c * w + h * c + spatial * h * w)
        ),
        layout=lambda c, kernel_size=7, spatial=True: (
            [*kernel(1, 2, kernel_size, kernel_size), *norm(1)] * (2 + spatial)
        ),
        holds=behaviours("shrinks batch"),
        gate=(0, 1),
        fresh=({}, 0.2644, 0.5924),
        momentum=0.01,
        mutants=mutants.TRIPLET,
        trains_on_one_pixel=False,
        tiny=4,
        tiny_options={"kernel_size": 3},
    ),
    "gc": Case(
        truth=gc,
        forms=(
            {},
            {"reduction": 4, "pooling": "average"},
            {"fusion": "mul", "reduction": 4},
            {"fusion": "both", "reduction": 4},
        ),
        parameters=gc_parameters,
        macs=gc_macs,
        layout=gc_layout,
        holds=behaviours("positions rows flip transpose shift identity batch"),
        dead=frozenset({"score.bias"}),
        initial=lambda **_: {
            "score.weight": "kaiming",
            "score.bias": 0,
            **{f"{part}.3.{kind}": 0 for part in ("add", "mul") for kind in ("weight", "bias")},
        },
        fresh=({}, 1, 1),
        mutants=mutants.GC,
        tiny_options={"reduction": 4},
    ),
    "coordinate": Case(
        truth=coordinate,
        forms=(
            {},
            {"reduction": 4},
            {"activation": "relu"},
            {"activation": "silu"},
            {"activation": "sigmoid"},
        ),
        parameters=lambda c, reduction=32, **_: (
            3 * c * max(8, c // reduction) + 3 * max(8, c // reduction) + 2 * c
        ),
        macs=lambda c, h, w, reduction=32, **_: 2 * (h + w) * c * max(8, c // reduction),
        layout=lambda c, reduction=32, **_: [
            *kernel(max(8, c // reduction), c, bias=True),
            *norm(max(8, c // reduction)),
            *kernel(c, max(8, c // reduction), bias=True) * 2,
        ],
        holds=behaviours("rows flip shift shrinks batch"),
        gate=(0, 1),
        dead=frozenset({"reduce.bias"}),
        fresh=({}, 0.1585, 0.3566),
        mutants=mutants.COORDINATE,
        tiny=4,
    ),
    "rga": Case(
        truth=rga,
        forms=(
            {"hidden_reduction": 2},
            {"hidden_reduction": 2, "branches": "spatial"},
            {"hidden_reduction": 2, "branches": "channel"},
            {"hidden_reduction": 1, "reduction": 4, "spatial_reduction": 3},
        ),
        parameters=rga_parameters,
        macs=rga_macs,
        layout=rga_layout,
        holds=behaviours("shrinks batch"),
        gate=(0, 1),
        wide=frozenset({"spatial_relation", "channel_relation"}),
        mutants=mutants.RGA,
        sized=lambda height, width: {"size": (height, width)},
        smallest=3,
        tiny=8,
        tiny_options={"hidden_reduction": 1, "spatial_reduction": 3},
    ),
}
