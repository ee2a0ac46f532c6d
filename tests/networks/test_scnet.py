"""SCNet: published counts, shapes, the block against its parts."""

import pytest
import torch
from torch.nn import functional as F

from course_lib.costs import count_macs, count_parameters
from course_lib.networks import build
from course_lib.networks.scnet import SCBottleneck, SCNet


def on_meta(name, **options):
    with torch.device("meta"):
        return build(name, **options).eval()


@pytest.mark.parametrize(
    ("name", "parameters", "giga"),
    [
        ("scnet50", 25_564_584, 3.925),
        ("scnet50_v1d", 25_583_816, 4.685),
        ("scnet101", 44_565_416, 7.169),
    ],
)
def test_published_counts(name, parameters, giga):
    network = on_meta(name)
    assert count_parameters(network) == parameters
    assert round(count_macs(network, (1, 3, 224, 224)) / 1e9, 3) == giga


def test_count_of_a_block():
    with torch.device("meta"):
        assert count_parameters(SCBottleneck(256, 64, 1)) == 70_528


@pytest.mark.parametrize("name", ["scnet50", "scnet50_v1d"])
def test_features_and_scores_of_a_picture_that_is_not_square(name):
    network = on_meta(name, classes=7)
    x = torch.empty(2, 3, 97, 160, device="meta")
    assert network(x).shape == (2, 7)
    maps = network.features(x, ["stem", "layer4", "layer2"])
    assert {k: tuple(v.shape) for k, v in maps.items()} == {
        "stem": (2, 64, 25, 40),
        "layer2": (2, 512, 13, 20),
        "layer4": (2, 2048, 4, 5),
    }


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_joins_both_halves(pooled, stride):
    torch.manual_seed(0)
    block = SCBottleneck(12, 8, stride, pooled=pooled).double().eval()
    x = torch.randn(2, 12, 9, 14, dtype=torch.float64)

    def convolve(layer, t, s=1):  # a fresh BatchNorm in eval mode only divides by sqrt(1 + eps)
        weight = layer.weight
        return F.conv2d(t, weight, stride=s, padding=weight.shape[2] // 2) / (1 + 1e-5) ** 0.5

    inside = 1 if pooled else stride
    plain = convolve(block.plain[0], convolve(block.reduce_plain[0], x).relu(), inside)
    y = convolve(block.reduce_calibrated[0], x).relu()
    context = convolve(block.calibrated.context[0], F.avg_pool2d(y, 4))
    gate = (y + F.interpolate(context, y.shape[2:])).sigmoid()
    y = convolve(block.calibrated.after[0], convolve(block.calibrated.before[0], y) * gate, inside)
    both = torch.cat((plain, y), 1).relu()
    shortcut = x
    if pooled and stride == 2:
        both = F.avg_pool2d(both, 3, 2, 1)
        shortcut = F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
    shortcut = convolve(block.downsample[-2], shortcut, inside)
    expected = (shortcut + convolve(block.expand[0], both)).relu()
    assert expected.shape[2:] == (-(-9 // stride), 14 // stride)
    assert torch.allclose(block(x), expected, atol=1e-12)


def test_a_picture_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="3x5 is smaller than pooling=4"):
        on_meta("scnet50")(torch.empty(1, 3, 96, 160, device="meta"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 34}, "depth=34 is unknown; there are: 50, 101"),
        ({"variant": "v2"}, "variant='v2' is unknown; there are: v1b, v1d"),
        ({"classes": -1}, "classes=-1 must be a positive whole number"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SCNet(**arguments)
