"""Efficient channel attention: the rule for the kernel, what the order of channels does."""

import pytest
import torch

from course_lib.attention import EfficientChannelAttention
from course_lib.attention.efficient_channel import adaptive_kernel_size

from .machinery import distance, feature_map, randomise


@pytest.mark.parametrize(
    ("channels", "size"),
    [(8, 3), (16, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7), (4096, 7)],
)
def test_the_rule_of_the_paper(channels, size):
    assert adaptive_kernel_size(channels) == size
    assert EfficientChannelAttention(channels, kernel_size=None).conv.kernel_size == (size,)


def test_eca_net_50_has_the_parameters_of_its_readme():
    # "24.37M" is in units of 2**20; kernels 3, 5, 5, 7 over 3, 4, 6, 3 blocks.
    kernels = 3 * 3 + 4 * 5 + 6 * 5 + 3 * 7
    assert round((25_557_032 + kernels) / 2**20, 2) == 24.37


def test_a_gate_sees_its_neighbours_only():
    module = randomise(EfficientChannelAttention(16, kernel_size=5, dtype=torch.float64))
    x = feature_map(1, 16, 4, 3)
    other = x.clone()
    other[:, 8] += 1
    changed = (module.gate(other) - module.gate(x)).abs().flatten() > 1e-9
    assert changed.nonzero().flatten().tolist() == [6, 7, 8, 9, 10]


def test_the_ends_are_padded_with_zeros():
    module = EfficientChannelAttention(4, kernel_size=3, dtype=torch.float64)
    with torch.no_grad():
        module.conv.weight.fill_(1)
    x = torch.ones(1, 4, 2, 2, dtype=torch.float64)
    logits = module.gate(x).logit().flatten()
    assert distance(logits, torch.tensor([2.0, 3, 3, 2])) < 1e-12


@pytest.mark.parametrize("size", [0, 2, 4, -1])
def test_kernels_are_odd(size):
    with pytest.raises(ValueError, match=f"kernel_size={size}"):
        EfficientChannelAttention(16, kernel_size=size)
