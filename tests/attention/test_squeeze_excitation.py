"""Squeeze-and-excitation: published counts, invariances of the gate."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.attention import SqueezeExcitation

from .machinery import distance, feature_map, noise, randomise


@pytest.mark.parametrize(
    ("channels", "with_bias", "without"), [(64, 580, 512), (512, 33_312, 32_768)]
)
def test_published_parameters(channels, with_bias, without):
    def count(module):
        return sum(p.numel() for p in module.parameters())

    assert count(SqueezeExcitation(channels)) == with_bias
    assert count(SqueezeExcitation(channels, bias=False)) == without


def test_biases_of_resnet_50_are_what_separates_the_two_published_counts():
    # 3, 4, 6, 3 blocks of 256, 512, 1024, 2048 channels: 28,088,024 - 28,071,976 parameters.
    blocks = {256: 3, 512: 4, 1024: 6, 2048: 3}
    biases = 0
    for channels, count in blocks.items():
        module = SqueezeExcitation(channels, device="meta")
        biases += count * (module.reduce.bias.numel() + module.expand.bias.numel())
    assert biases == 28_088_024 - 28_071_976


def test_a_new_module_about_halves_its_input():
    module = SqueezeExcitation(64)
    gate = module.explain(feature_map(4, 64, 9, 7, dtype=torch.float32))["gate"]
    assert gate.min() > 0.2
    assert gate.max() < 0.8


def test_the_gate_sees_channel_means_only():
    module = randomise(SqueezeExcitation(32, 4, dtype=torch.float64))
    x = feature_map(2, 32, 6, 5)
    pattern = noise(2, 32, 6, 5, seed=5)
    pattern = pattern - pattern.mean((2, 3), keepdim=True)
    assert distance(module.gate(x + pattern), module.gate(x)) < 1e-12
    assert distance(module.gate(x + 1), module.gate(x)) > 1e-3


def test_channels_can_be_renamed_together_with_the_weights():
    module = randomise(SqueezeExcitation(32, 4, dtype=torch.float64))
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    renamed = SqueezeExcitation(32, 4, dtype=torch.float64)
    weights = module.state_dict()
    weights["reduce.weight"] = weights["reduce.weight"][:, order]
    weights["expand.weight"] = weights["expand.weight"][order]
    weights["expand.bias"] = weights["expand.bias"][order]
    renamed.load_state_dict(weights)
    x = feature_map(2, 32, 6, 5)
    assert distance(renamed(x[:, order]), module(x)[:, order]) < 1e-12


@settings(max_examples=30, deadline=None, derandomize=True)
@given(channels=st.integers(1, 64), reduction=st.integers(1, 64))
def test_the_bottleneck_is_never_empty(channels, reduction):
    if channels < reduction:
        with pytest.raises(ValueError, match=f"channels={channels} is less than reduction="):
            SqueezeExcitation(channels, reduction)
        return
    module = SqueezeExcitation(channels, reduction, device="meta")
    hidden = channels // reduction
    assert module.reduce.out_channels == hidden
