"""CBAM: published counts, the start of the authors' networks, what the gates see."""

import pytest
import torch

from course_lib.attention import CBAM, ChannelGate, SpatialGate

from .machinery import distance, feature_map, randomise


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_published_parameters():
    assert count(CBAM(64)) == 680
    assert count(CBAM(512)) == 33_412
    blog = {"bias": False, "norm": False, "mean_first": True}
    assert count(CBAM(64, **blog)) == 610
    assert count(CBAM(512, **blog)) == 32_866
    assert count(SpatialGate(64, norm=False)) == 98
    assert count(SpatialGate(64, norm=False, kernel_size=3)) == 18


def test_cbam_resnet_50_has_its_published_parameters():
    blocks = {256: 3, 512: 4, 1024: 6, 2048: 3}
    added = sum(n * count(CBAM(c, device="meta")) for c, n in blocks.items())
    assert 25_557_032 + added == 28_089_624
    blog = {"bias": False, "norm": False}
    added = sum(n * count(CBAM(c, device="meta", **blog)) for c, n in blocks.items())
    assert 25_557_032 + added == 28_073_544


def test_with_the_authors_start_of_batch_norm_the_spatial_gate_is_one_half():
    module = randomise(CBAM(32, 4, dtype=torch.float64)).eval()
    with torch.no_grad():
        module.spatial.norm.weight.zero_()
        module.spatial.norm.bias.zero_()
    x = feature_map(2, 32, 9, 7)
    assert distance(module(x), 0.5 * module.channel(x)) == 0


def test_batch_norm_moves_its_running_statistics_by_one_hundredth():
    module = CBAM(32, 4, dtype=torch.float64).train()
    module(feature_map(2, 32, 9, 7))
    x = feature_map(2, 32, 9, 7)
    logits = module.spatial.conv(
        torch.stack([f(module.channel(x)) for f in (lambda t: t.amax(1), lambda t: t.mean(1))], 1)
    )
    norm = module.spatial.norm
    assert norm.momentum == 0.01
    assert distance(norm.running_mean, 0.01 * logits.mean().reshape(1)) < 1e-12
    assert distance(norm.running_var, 0.99 + 0.01 * logits.var().reshape(1)) < 1e-12


def test_a_rolled_map_rolls_the_interior_and_not_the_border():
    module = randomise(SpatialGate(8, dtype=torch.float64)).eval()
    x = feature_map(1, 8, 20, 18)
    there = (module.gate(x.roll(5, 3)) - module.gate(x).roll(5, 3)).abs()
    seam = [5, 6, 7, 2, 3, 4, 0, 1, 15, 16, 17]
    inside = [column for column in range(18) if column not in seam]
    assert there[..., inside].max() < 1e-12
    assert there[..., seam].max() > 1e-3


def test_each_pool_by_hand():
    x = torch.tensor([[[[3.0, -4.0]]]], dtype=torch.float64)
    for pool, value in {
        "avg": -0.5,
        "max": 3.0,
        "lp": 5.0,
        "lse": 3.000911466453774,
    }.items():
        gate = ChannelGate(1, 1, pools=[pool], bias=False, dtype=torch.float64)
        with torch.no_grad():
            gate.reduce.weight.fill_(1)
            gate.expand.weight.fill_(1)
        expected = torch.tensor(max(value, 0.0), dtype=torch.float64).sigmoid()
        assert distance(gate.gate(x).squeeze(), expected) < 1e-12


@pytest.mark.parametrize("pools", [(), ("mean",), "avg", ("avg", "median")])
def test_unknown_pools(pools):
    with pytest.raises(ValueError, match="avg, max, lp, lse"):
        ChannelGate(16, pools=pools)


@pytest.mark.parametrize("size", [0, 2, 6])
def test_kernels_are_odd(size):
    with pytest.raises(ValueError, match=f"kernel_size={size}"):
        CBAM(16, kernel_size=size)


def test_few_channels_are_refused_where_the_released_code_is_silently_constant():
    with pytest.raises(ValueError, match="use reduction <= 8"):
        CBAM(8)


def test_without_spatial_gate_it_is_the_channel_gate():
    module = randomise(CBAM(32, 4, spatial=False, dtype=torch.float64))
    x = feature_map(2, 32, 9, 7)
    assert torch.equal(module(x), module.channel(x))
    assert set(module.explain(x)) == {"channel_gate"}
