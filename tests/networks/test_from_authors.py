"""Published weights: names and shapes as the authors have them, run by their names alone."""

import math

import pytest
import torch
from torch.nn import functional as F

from course_lib.networks import build, from_authors
from course_lib.networks.danet import DANetHead


def _norm(name, channels):
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def _conv(name, out, into, size, bias=False):
    return {f"{name}.weight": (out, into, size, size)} | ({f"{name}.bias": (out,)} if bias else {})


def _van():
    """Names and shapes of van_tiny, which is B0 here."""
    shapes, into = {}, 3
    for i, (c, depth, wider) in enumerate(
        [(32, 3, 8), (64, 3, 8), (160, 5, 4), (256, 2, 4)], start=1
    ):
        shapes |= _conv(f"patch_embed{i}.proj", c, into, 7 if i == 1 else 3, True)
        shapes |= _norm(f"patch_embed{i}.norm", c)
        for j in range(depth):
            b = f"block{i}.{j}"
            shapes |= _norm(f"{b}.norm1", c) | _norm(f"{b}.norm2", c)
            for scale in ("layer_scale_1", "layer_scale_2"):
                shapes[f"{b}.{scale}"] = (c,)
            for name, out, group, size in (
                ("attn.proj_1", c, c, 1),
                ("attn.spatial_gating_unit.conv0", c, 1, 5),
                ("attn.spatial_gating_unit.conv_spatial", c, 1, 7),
                ("attn.spatial_gating_unit.conv1", c, c, 1),
                ("attn.proj_2", c, c, 1),
                ("mlp.fc1", wider * c, c, 1),
                ("mlp.dwconv.dwconv", wider * c, 1, 3),
                ("mlp.fc2", c, wider * c, 1),
            ):
                shapes |= _conv(f"{b}.{name}", out, group, size, True)
        shapes |= {f"norm{i}.weight": (c,), f"norm{i}.bias": (c,)}
        into = c
    return shapes | {"head.weight": (1000, 256), "head.bias": (1000,)}


def _scnet():
    """Names and shapes of scnet50."""
    shapes, into = _conv("conv1", 64, 3, 7) | _norm("bn1", 64), 64
    for i, count in enumerate((3, 4, 6, 3), start=1):
        half, out = 16 * 2**i, 128 * 2**i
        for j in range(count):
            b = f"layer{i}.{j}"
            for name, wide, narrow, size in (
                ("conv1_a bn1_a", half, into, 1),
                ("k1.0 k1.1", half, half, 3),
                ("conv1_b bn1_b", half, into, 1),
                ("scconv.k2.1 scconv.k2.2", half, half, 3),
                ("scconv.k3.0 scconv.k3.1", half, half, 3),
                ("scconv.k4.0 scconv.k4.1", half, half, 3),
                ("conv3 bn3", out, 2 * half, 1),
                *([("downsample.0 downsample.1", out, into, 1)] if j == 0 else []),
            ):
                conv, norm = name.split()
                shapes |= _conv(f"{b}.{conv}", wide, narrow, size) | _norm(f"{b}.{norm}", wide)
            into = out
    return shapes | {"fc.weight": (1000, 2048), "fc.bias": (1000,)}


def _danet_head(channels, classes):
    """Names and shapes of the head of danet, of any width."""
    inner, shapes = channels // 4, {"head.sa.gamma": (1,), "head.sc.gamma": (1,)}
    for name, into in (("5a", channels), ("5c", channels), ("51", inner), ("52", inner)):
        shapes |= _conv(f"head.conv{name}.0", inner, into, 3) | _norm(f"head.conv{name}.1", inner)
    for name, out in (("query", inner // 8), ("key", inner // 8), ("value", inner)):
        shapes |= _conv(f"head.sa.{name}_conv", out, inner, 1, True)
    for name in ("conv6", "conv7", "conv8"):
        shapes |= _conv(f"head.{name}.1", classes, inner, 1, True)
    return shapes


def _drawn(shapes):
    generator = torch.Generator().manual_seed(8)
    state = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator, dtype=torch.float64)
        if len(shape) > 1:
            value /= math.sqrt(value[0].numel())
        elif name.endswith("running_var"):
            value = value.abs() + 0.5
        state[name] = value if shape else torch.tensor(7)
    return state


class _Layers:
    """Convolutions and norms of a state by name, without any module."""

    def __init__(self, state):
        self.state = state

    def conv(self, x, name, **options):
        return F.conv2d(x, self.state[f"{name}.weight"], self.state.get(f"{name}.bias"), **options)

    def norm(self, x, name):
        mean, var, weight, bias = (
            self.state[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def linear(self, x, name):
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]


def _run_van(state, x):
    net = _Layers(state)
    for i, depth in enumerate((3, 3, 5, 2), start=1):
        stride, padding = (4, 3) if i == 1 else (2, 1)
        x = net.conv(x, f"patch_embed{i}.proj", stride=stride, padding=padding)
        x = net.norm(x, f"patch_embed{i}.norm")
        for j in range(depth):
            b, c = f"block{i}.{j}", x.shape[1]
            y = net.norm(x, f"{b}.norm1")
            z = F.gelu(net.conv(y, f"{b}.attn.proj_1"))
            unit = f"{b}.attn.spatial_gating_unit"
            factor = net.conv(z, f"{unit}.conv0", padding=2, groups=c)
            factor = net.conv(factor, f"{unit}.conv_spatial", padding=9, dilation=3, groups=c)
            y = y + net.conv(z * net.conv(factor, f"{unit}.conv1"), f"{b}.attn.proj_2")
            x = x + state[f"{b}.layer_scale_1"][:, None, None] * y
            y = net.conv(net.norm(x, f"{b}.norm2"), f"{b}.mlp.fc1")
            y = net.conv(y, f"{b}.mlp.dwconv.dwconv", padding=1, groups=y.shape[1])
            y = net.conv(F.gelu(y), f"{b}.mlp.fc2")
            x = x + state[f"{b}.layer_scale_2"][:, None, None] * y
        x = x.movedim(1, -1)
        x = F.layer_norm(x, x.shape[-1:], state[f"norm{i}.weight"], state[f"norm{i}.bias"], 1e-6)
        x = x.movedim(-1, 1)
    return net.linear(x.mean((2, 3)), "head")


def _run_scnet(state, x):
    net = _Layers(state)
    x = net.norm(net.conv(x, "conv1", stride=2, padding=3), "bn1").relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for i, count in enumerate((3, 4, 6, 3), start=1):
        for j in range(count):
            b, stride = f"layer{i}.{j}", 2 if i > 1 and j == 0 else 1
            first = net.norm(net.conv(x, f"{b}.conv1_a"), f"{b}.bn1_a").relu()
            first = net.conv(first, f"{b}.k1.0", stride=stride, padding=1)
            first = net.norm(first, f"{b}.k1.1").relu()
            second = net.norm(net.conv(x, f"{b}.conv1_b"), f"{b}.bn1_b").relu()
            s = f"{b}.scconv"
            seen = net.conv(F.avg_pool2d(second, 4), f"{s}.k2.1", padding=1)
            seen = F.interpolate(net.norm(seen, f"{s}.k2.2"), second.shape[2:])
            gated = net.norm(net.conv(second, f"{s}.k3.0", padding=1), f"{s}.k3.1")
            gated = gated * (second + seen).sigmoid()
            second = net.conv(gated, f"{s}.k4.0", stride=stride, padding=1)
            second = net.norm(second, f"{s}.k4.1").relu()
            y = net.norm(net.conv(torch.cat((first, second), 1), f"{b}.conv3"), f"{b}.bn3")
            if j == 0:
                x = net.conv(x, f"{b}.downsample.0", stride=stride)
                x = net.norm(x, f"{b}.downsample.1")
            x = (x + y).relu()
    return net.linear(x.mean((2, 3)), "fc")


def _run_danet_head(state, x):
    net = _Layers(state)

    def convolved(x, name):
        return net.norm(net.conv(x, f"head.{name}.0", padding=1), f"head.{name}.1").relu()

    size = x.shape[2:]
    position = convolved(x, "conv5a")
    query, key, value = (
        net.conv(position, f"head.sa.{name}_conv").flatten(2) for name in ("query", "key", "value")
    )
    mixed = value @ (query.mT @ key).softmax(-1).mT
    position = position + state["head.sa.gamma"] * mixed.unflatten(2, size)
    channel = convolved(x, "conv5c")
    flat = channel.flatten(2)
    energy = flat @ flat.mT
    mixed = (energy.amax(-1, keepdim=True) - energy).softmax(-1) @ flat
    channel = channel + state["head.sc.gamma"] * mixed.unflatten(2, size)
    position, channel = convolved(position, "conv51"), convolved(channel, "conv52")
    return (
        net.conv(position + channel, "head.conv8.1"),
        net.conv(position, "head.conv6.1"),
        net.conv(channel, "head.conv7.1"),
    )


@pytest.mark.parametrize(
    ("family", "name", "shapes", "run", "count"),
    [
        ("van", "van_b0", _van(), _run_van, 4_105_800),
        ("scnet", "scnet50", _scnet(), _run_scnet, 25_564_584),
    ],
)
def test_a_network_of_the_authors_loads_whole_and_computes_what_theirs_does(
    family, name, shapes, run, count
):
    counted = [s for n, s in shapes.items() if "running" not in n and "num_batches" not in n]
    assert sum(map(math.prod, counted)) == count
    state = _drawn(shapes)
    network = build(name).double().eval()
    network.load_state_dict(from_authors(family, state))  # strict: no name is missing or left over
    x = torch.randn(2, 3, 97, 130, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        scores = network(x)
        assert scores.std() > 0.01
        torch.testing.assert_close(scores, run(state, x), rtol=1e-8, atol=1e-8)


def test_the_authors_head_of_danet_loads_and_their_backbone_is_left_out():
    state = _drawn(_danet_head(64, 5))
    renamed = from_authors("danet", state | {"pretrained.conv1.0.weight": torch.zeros(1)})
    assert renamed.pop("pretrained.conv1.0.weight").shape == (1,)
    assert all(name.startswith("head.") for name in renamed)
    head = DANetHead(64, 5).double().eval()
    head.load_state_dict({name.removeprefix("head."): v for name, v in renamed.items()})
    x = torch.randn(2, 64, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for mine, theirs in zip(head(x), _run_danet_head(state, x), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-8)
    with torch.device("meta"):
        names = build("danet_resnet50").state_dict()
    assert set(renamed) == {name for name in names if name.startswith("head.")}


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match="known for 'resnet'; there are: van, scnet, danet"):
        from_authors("resnet", {})
