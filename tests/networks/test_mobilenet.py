"""MobileNetV2: published counts, torchvision's names, the place of the mechanism."""

import pytest
import torch
from torch import nn

from course_lib.attention import CoordinateAttention
from course_lib.costs import count_macs, count_parameters
from course_lib.networks import build
from course_lib.networks.mobilenet import InvertedResidual, MobileNetV2


def on_meta(name, **options):
    with torch.device("meta"):
        return build(name, **options).eval()


@pytest.mark.parametrize(
    ("name", "parameters", "giga"),
    [("mobilenet_v2", 3_504_872, 0.301), ("mobilenet_v2_coordinate", 3_950_648, 0.307)],
)
def test_published_counts(name, parameters, giga):
    network = on_meta(name)
    assert count_parameters(network) == parameters
    assert round(count_macs(network, (1, 3, 224, 224)) / 1e9, 3) == giga


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("features.0.0.weight", (32, 3, 3, 3)),
        ("features.0.1.running_mean", (32,)),
        ("features.1.conv.0.0.weight", (32, 1, 3, 3)),
        ("features.1.conv.1.weight", (16, 32, 1, 1)),
        ("features.1.conv.2.bias", (16,)),
        ("features.2.conv.0.0.weight", (96, 16, 1, 1)),
        ("features.2.conv.1.0.weight", (96, 1, 3, 3)),
        ("features.2.conv.2.weight", (24, 96, 1, 1)),
        ("features.17.conv.3.num_batches_tracked", ()),
        ("features.18.0.weight", (1280, 320, 1, 1)),
        ("classifier.1.weight", (1000, 1280)),
    ],
)
def test_names_and_shapes_are_torchvisions(key, shape):
    state = on_meta("mobilenet_v2").state_dict()
    assert state[key].shape == shape
    assert len(state) == 314  # as many as in torchvision's checkpoint
    with_attention = on_meta("mobilenet_v2_coordinate").state_dict()
    assert {k for k in with_attention if "attention" not in k} == set(state)


def test_the_mechanism_stands_on_the_wide_map():
    class Triple(nn.Module):
        def forward(self, x):
            return 3 * x

    torch.manual_seed(0)
    block = InvertedResidual(6, 6, 1, 4, lambda c: Triple()).double().eval()
    x = torch.randn(2, 6, 5, 8, dtype=torch.float64)
    inner = block.conv[1](block.conv[0](x))
    assert inner.min() >= 0
    expected = x + block.conv[3](block.conv[2](3 * inner))
    assert torch.allclose(block(x), expected)


def test_all_blocks_but_the_first_have_coordinate_attention():
    network = on_meta("mobilenet_v2_coordinate")
    blocks = [m for m in network.modules() if isinstance(m, InvertedResidual)]
    assert len(blocks) == 17
    assert isinstance(blocks[0].attention, nn.Identity)
    assert all(isinstance(b.attention, CoordinateAttention) for b in blocks[1:])


def test_maps_and_scores_of_a_picture_that_is_not_square():
    network = on_meta("mobilenet_v2", attention="se", classes=5)
    x = torch.empty(2, 3, 65, 96, device="meta")
    assert network(x).shape == (2, 5)
    maps = network.maps(x, ["stem", "stage5", "last"])
    assert {k: tuple(v.shape) for k, v in maps.items()} == {
        "stem": (2, 32, 33, 48),
        "stage5": (2, 96, 5, 6),
        "last": (2, 1280, 3, 3),
    }


def test_an_unknown_map_and_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="feature='stage8' is unknown; there are: stem, stage1"):
        on_meta("mobilenet_v2").maps(torch.empty(1, 3, 32, 32, device="meta"), ["stage8"])
    with pytest.raises(ValueError, match="'mobilenet_v2_coordinate' has no option 'attention'"):
        build("mobilenet_v2_coordinate", attention="se")
    with pytest.raises(ValueError, match="dropout=1 must be a probability below 1"):
        MobileNetV2(dropout=1)
    with pytest.raises(ValueError, match="classes=0 must be"):
        MobileNetV2(classes=0)
    with pytest.raises(ValueError, match="need a mechanism"):
        build("mobilenet_v2", attention_options={"reduction": 4})
