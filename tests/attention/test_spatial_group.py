"""Spatial group-wise enhance: the start, what leaves its gate unchanged, a single position."""

import pytest
import torch

from course_lib.attention import SpatialGroupEnhance
from course_lib.costs import peak_bytes

from .machinery import distance, feature_map, noise, randomise


@pytest.mark.parametrize(("bias", "gate"), [(1.0, 0.7310585786300049), (0.0, 0.5)])
def test_a_new_module_scales_by_one_factor(bias, gate):
    module = SpatialGroupEnhance(64, groups=8, initial_bias=bias, dtype=torch.float64)
    x = feature_map(2, 64, 9, 7)
    assert distance(module(x), gate * x) < 1e-12


def test_sge_resnet_50_has_its_published_parameters():
    module = SpatialGroupEnhance(64)
    assert 25_557_032 + 16 * sum(p.numel() for p in module.parameters()) == 25_559_080


def test_the_gate_does_not_change_with_sign_or_scale():
    module = randomise(SpatialGroupEnhance(16, groups=4, dtype=torch.float64))
    x = feature_map(2, 16, 9, 7)
    assert distance(module.gate(-x), module.gate(x)) < 1e-12
    assert distance(module.gate(7 * x), module.gate(x)) < 1e-3


def test_the_likeness_is_standardised_over_space():
    module = SpatialGroupEnhance(16, groups=4, initial_bias=0, dtype=torch.float64)
    with torch.no_grad():
        module.weight.fill_(1)
    logits = module.gate(feature_map(3, 16, 9, 7)).logit().flatten(2)
    assert logits.mean(2).abs().max() < 1e-10
    assert (logits.std(2) - 1).abs().max() < 1e-3


def test_a_single_position_has_the_gate_of_the_bias():
    module = randomise(SpatialGroupEnhance(16, groups=4, dtype=torch.float64))
    gate = module.gate(feature_map(3, 16, 1, 1))
    assert distance(gate, module.bias.sigmoid().expand_as(gate)) < 1e-12


def test_groups_and_channels_of_a_group_do_not_mix():
    module = randomise(SpatialGroupEnhance(16, groups=4, dtype=torch.float64))
    x = feature_map(2, 16, 9, 7)
    other = x.clone()
    other[:, 8:12] = noise(2, 4, 9, 7, seed=9)
    same = [0, 1, 3]
    assert torch.equal(module.gate(other)[:, same], module.gate(x)[:, same])
    order = torch.tensor([3, 0, 2, 1, *range(4, 16)])
    assert distance(module(x[:, order]), module(x)[:, order]) < 1e-12


def test_one_channel_per_group():
    module = randomise(SpatialGroupEnhance(16, groups=16, dtype=torch.float64))
    x = feature_map(2, 16, 9, 7)
    standard = (x - x.mean((2, 3), keepdim=True)) * x.mean((2, 3), keepdim=True).sign()
    spread = x.flatten(2).std(2)[:, :, None, None]
    expected = (module.weight * standard / spread + module.bias).sigmoid()
    assert distance(module.gate(x), expected) < 1e-3


def test_half_precision_does_not_overflow():
    module = randomise(SpatialGroupEnhance(16, groups=4)).to(torch.float16)
    x = 300 * feature_map(2, 16, 20, 20, dtype=torch.float32)
    with torch.no_grad():
        truth = module.float()(x)
        y = module.to(torch.float16)(x.half())
    assert distance(y, truth) < 0.01


@pytest.mark.parametrize("groups", [3, 5, 32, 0])
def test_groups_divide_the_channels(groups):
    with pytest.raises(ValueError, match=f"groups={groups}"):
        SpatialGroupEnhance(16, groups=groups)
    with pytest.raises(ValueError, match="channels=32 is not divisible by groups=64"):
        SpatialGroupEnhance(32)


@pytest.mark.parametrize("groups", [64, 8])
def test_without_gradients_little_memory_and_the_same_numbers(groups):
    module = randomise(SpatialGroupEnhance(64, groups=groups))
    x = feature_map(1, 64, 24, 24, dtype=torch.float32)
    size = x.numel() * x.element_size()
    with torch.no_grad():
        before = x.clone()
        y = module(x)
        held = peak_bytes(lambda: module(x))
    assert torch.equal(x, before)
    assert distance(y, module(x)) < 1e-6
    # One channel per group: one map that becomes the gate, and the result.
    assert held < (2.1 if groups == 64 else 1.5) * size
