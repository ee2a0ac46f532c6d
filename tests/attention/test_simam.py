"""SimAM: the energy that it minimises, its mean, its bounds, half precision."""

import math

import pytest
import torch

from course_lib.attention import SimAM

from .machinery import distance, feature_map, noise

HALF = 1 / (1 + math.exp(-0.5))


def inverse_energy(x, **options):
    return SimAM(x.shape[1], **options).gate(x).logit()


def test_the_inverse_energy_is_that_of_the_paper():
    """1 / e* with e* = 4 (v + l) / ((t - m)^2 + 2 v + 2 l), the variance over N."""
    x, regulariser = feature_map(1, 3, 5, 4), 0.3
    mean = x.mean((2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean((2, 3), keepdim=True)
    energy = 4 * (variance + regulariser) / ((x - mean) ** 2 + 2 * variance + 2 * regulariser)
    found = inverse_energy(x, e_lambda=regulariser, unbiased=False)
    assert distance(found, 1 / energy) < 1e-10


def test_the_mean_inverse_energy_is_known():
    x = feature_map(2, 8, 12, 10)
    n, variance = 120, x.flatten(2).var(2)
    expected = 0.5 + (n - 1) / (4 * n) * variance / (variance + 1e-4)
    assert distance(inverse_energy(x).flatten(2).mean(2), expected) < 1e-10


def test_a_one_hot_map_reaches_the_bound():
    x = torch.zeros(1, 1, 6, 5, dtype=torch.float64)
    x[0, 0, 2, 2] = 1e3
    n = 30
    assert inverse_energy(x).max() == pytest.approx((n - 1) ** 2 / (4 * n) + 0.5, rel=1e-6)


def test_it_never_suppresses_by_more_than_the_constant_factor():
    gate = SimAM(8).gate(noise(4, 8, 9, 7))
    assert gate.min() >= HALF
    assert gate.max() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 3)])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("unbiased", [True, False])
def test_constant_maps_and_a_single_position(size, batch, unbiased):
    x = torch.full((batch, 4, *size), 3.0, dtype=torch.float64, requires_grad=True)
    y = SimAM(4, unbiased=unbiased)(x)
    assert distance(y, HALF * x) < 1e-12
    y.sum().backward()
    assert distance(x.grad, torch.full_like(x, HALF)) < 1e-12


def test_the_gate_does_not_change_with_an_offset_or_a_mirror_image():
    x = feature_map(2, 8, 9, 7)
    gate = SimAM(8).gate
    assert distance(gate(x + 5), gate(x)) < 1e-10
    assert distance(gate(2 * x.mean((2, 3), keepdim=True) - x), gate(x)) < 1e-10
    assert distance(gate(3 * x), gate(x)) < 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("spread", [5, 100])
def test_half_precision_keeps_the_attention(dtype, spread):
    """The sum of squares of the released code overflows here, and all its gates are equal."""
    x = (spread * noise(1, 4, 56, 56)).to(dtype)
    truth = SimAM(4).gate(x.double())
    for mode in (torch.no_grad, torch.enable_grad):
        with mode():
            gate = SimAM(4).gate(x)
        assert (gate.double() - truth).abs().max() < 0.02
        assert gate.std() > 0.05


@pytest.mark.parametrize("regulariser", [0, -1e-4, float("nan")])
def test_the_regulariser_is_positive(regulariser):
    with pytest.raises(ValueError, match="e_lambda="):
        SimAM(8, e_lambda=regulariser)


def test_nothing_is_learned():
    assert not list(SimAM(8).state_dict())
