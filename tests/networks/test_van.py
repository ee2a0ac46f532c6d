"""VAN: published counts, shapes, the block against its equation, stochastic depth."""

import pytest
import torch
from torch.nn import functional as F

from course_lib.costs import count_macs, count_parameters
from course_lib.networks import build
from course_lib.networks.van import VAN, StochasticDepth, VANBlock


def on_meta(name, **options):
    with torch.device("meta"):
        return build(name, **options).eval()


@pytest.mark.parametrize(
    ("name", "parameters", "giga"),
    [
        ("van_b0", 4_105_800, 0.864),
        ("van_b1", 13_861_800, 2.495),
        ("van_b2", 26_578_472, 4.993),
        ("van_b3", 44_765_608, 8.925),
    ],
)
def test_published_counts(name, parameters, giga):
    network = on_meta(name)
    assert count_parameters(network) == parameters
    assert round(count_macs(network, (1, 3, 224, 224)) / 1e9, 3) == giga


def test_features_and_scores_of_a_picture_that_is_not_square():
    network = on_meta("van_b0", classes=7)
    x = torch.empty(2, 3, 65, 96, device="meta")
    assert network(x).shape == (2, 7)
    maps = network.features(x, ["stage3", "stage1"])
    assert {k: tuple(v.shape) for k, v in maps.items()} == {
        "stage1": (2, 32, 17, 24),
        "stage3": (2, 160, 5, 6),
    }


def randomised(module):
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.1)
    return module


def test_a_block_is_two_scaled_residuals():
    torch.manual_seed(0)
    block = randomised(VANBlock(4, 2)).double().eval()
    with torch.no_grad():
        for p in block.parameters():
            p.sub_(0.5)
    x = torch.randn(2, 4, 9, 11, dtype=torch.float64)

    def normed(norm, t):
        wide = (slice(None), None, None)
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return (t - norm.running_mean[wide]) * scale[wide] + norm.bias[wide]

    middle = x + block.scale1[:, None, None] * block.attention(normed(block.norm1, x))
    inner = torch.einsum(
        "oc,bchw->bohw", block.mlp.expand.weight[..., 0, 0], normed(block.norm2, middle)
    )
    inner = inner + block.mlp.expand.bias[:, None, None]
    inner = F.gelu(F.conv2d(inner, block.mlp.mix.weight, block.mlp.mix.bias, padding=1, groups=8))
    expected = middle + block.scale2[:, None, None] * block.mlp.project(inner)
    assert torch.allclose(block(x), expected, atol=1e-10)


def test_the_norm_of_a_stage_is_over_channels():
    torch.manual_seed(0)
    network = VAN("b0", 2).eval()
    y = network.features(torch.randn(1, 3, 40, 56), ["stage2"])["stage2"]
    assert torch.allclose(y.mean(1), torch.zeros(1, 5, 7), atol=1e-5)
    assert torch.allclose(y.var(1, unbiased=False), torch.ones(1, 5, 7), atol=1e-2)


def test_a_new_network_has_layer_scales_of_a_hundredth_and_drawn_convolutions():
    torch.manual_seed(0)
    network = VAN("b0", 2)
    assert torch.all(network.stage1.blocks[0].scale1 == 0.01)
    depthwise = network.stage4.blocks[0].attention.attend.far
    assert depthwise.weight.std().item() == pytest.approx((2 / 49) ** 0.5, rel=0.05)
    assert torch.all(depthwise.bias == 0)


def test_stochastic_depth_keeps_the_mean_and_whole_images():
    torch.manual_seed(0)
    drop = StochasticDepth(0.25)
    y = drop(torch.ones(4000, 2, 3))
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(y.amin((1, 2)), y.amax((1, 2)))
    assert y.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(y), y)


def test_the_rate_grows_to_the_last_block():
    with torch.device("meta"):
        network = VAN("b0", drop_path=0.1)
    rates = [m.rate for m in network.modules() if isinstance(m, StochasticDepth)]
    assert rates == pytest.approx([0.1 * i / 12 for i in range(13)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": "b9"}, "size='b9' is unknown; there are: b0, b1, b2, b3"),
        ({"classes": 0}, "classes=0 must be a positive whole number"),
        ({"drop_path": 1.0}, "drop_path=1.0 must be a probability below 1"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        VAN(**arguments)
