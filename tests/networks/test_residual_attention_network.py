"""Residual attention network: the authors' counts, shapes, the unit against its equation."""

import pytest
import torch
from torch.nn import functional as F

from course_lib.attention import ResidualAttention
from course_lib.costs import count_macs, count_parameters
from course_lib.networks import build
from course_lib.networks.residual_attention_network import ProjectedUnit, ResidualAttentionNetwork


def on_meta(name, **options):
    with torch.device("meta"):
        return build(name, **options).eval()


@pytest.mark.parametrize(
    ("name", "parameters", "giga"),
    [("residual_attention_56", 31_810_728, 6.271), ("residual_attention_92", 52_466_344, 10.534)],
)
def test_published_counts(name, parameters, giga):
    network = on_meta(name)
    assert count_parameters(network) == parameters
    assert round(count_macs(network, (1, 3, 224, 224)) / 1e9, 3) == giga


@pytest.mark.parametrize(("depth", "scales"), [(56, [2, 1, 0]), (92, [2, 1, 1, 0, 0, 0])])
def test_deeper_stages_have_fewer_scales(depth, scales):
    network = on_meta(f"residual_attention_{depth}", wiring="port")
    modules = [m for m in network.modules() if isinstance(m, ResidualAttention)]
    assert [len(m.descent) for m in modules] == scales
    assert {m.wiring for m in modules} == {"port"}


def test_features_and_scores_of_a_picture_that_is_not_square():
    network = on_meta("residual_attention_56", classes=7)
    x = torch.empty(2, 3, 75, 96, device="meta")
    assert network(x).shape == (2, 7)
    maps = network.features(x, ["stage1", "stage4"])
    assert {k: tuple(v.shape) for k, v in maps.items()} == {
        "stage1": (2, 256, 19, 24),
        "stage4": (2, 2048, 3, 3),
    }


@pytest.mark.parametrize(("channels_in", "stride"), [(8, 1), (12, 1), (8, 2)])
def test_a_unit_projects_the_activated_input_where_the_shape_changes(channels_in, stride):
    torch.manual_seed(0)
    unit = ProjectedUnit(channels_in, 8, stride).double().eval()
    x = torch.randn(2, channels_in, 5, 8, dtype=torch.float64)
    root = (1 + 1e-5) ** 0.5  # a fresh BatchNorm in eval mode divides by this
    a = x.relu() / root
    y = F.conv2d(a, unit.branch[0].weight).relu() / root
    y = F.conv2d(y, unit.branch[3].weight, stride=stride, padding=1).relu() / root
    y = F.conv2d(y, unit.branch[6].weight)
    plain = channels_in == 8 and stride == 1
    assert (unit.project is None) == plain
    y = y + (x if plain else F.conv2d(a, unit.project.weight, stride=stride))
    assert torch.allclose(unit(x), y, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 50}, "depth=50 is unknown; there are: 56, 92"),
        ({"classes": 0}, "classes=0 must be a positive whole number"),
        ({"wiring": "none"}, "wiring='none' is unknown; there are: authors, port"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        ResidualAttentionNetwork(**arguments)
