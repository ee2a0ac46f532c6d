"""Non-local: the two published forms, pooling, its relation to position attention."""

import pytest
import torch

from course_lib.attention import NonLocal, PositionAttention

from .machinery import distance, feature_map, randomise

SAGAN = {"reduction": 8, "value_reduction": 2, "scaled": False, "norm": False, "bias": False}


def test_position_attention_is_the_form_with_an_output_layer_that_does_nothing():
    pam = randomise(PositionAttention(16, dtype=torch.float64))
    module = NonLocal(
        16, 8, value_reduction=1, scaled=False, pooled=False, norm=False, dtype=torch.float64
    )
    weights = {"gamma": pam.gamma}
    for ours, theirs in (("theta", "query"), ("phi", "key"), ("g", "value")):
        weights[f"{ours}.weight"] = getattr(pam, theirs).weight
        weights[f"{ours}.bias"] = getattr(pam, theirs).bias
    weights["out.weight"] = torch.eye(16, dtype=torch.float64)[:, :, None, None]
    weights["out.bias"] = torch.zeros(16, dtype=torch.float64)
    module.load_state_dict(weights)
    x = feature_map(2, 16, 7, 6)
    assert distance(module(x), pam(x)) < 1e-12


def test_the_map_of_a_pooled_module_is_a_quarter_as_wide():
    module = NonLocal(16)
    x = feature_map(2, 16, 8, 6, dtype=torch.float32)
    assert module.explain(x)["attention"].shape == (2, 48, 12)
    assert module.explain(x, queries=[3])["attention"].shape == (2, 1, 12)
    assert NonLocal(16, pooled=False).explain(x)["attention"].shape == (2, 48, 48)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 1), (3, 3)])
def test_thin_maps_are_not_pooled_away(size):
    for options in ({}, SAGAN):
        module = randomise(NonLocal(16, **options)).eval()
        y = module(feature_map(1, 16, *size, dtype=torch.float32))
        assert y.isfinite().all()


def test_sagan_has_the_parameters_of_its_code():
    module = NonLocal(64, **SAGAN)
    assert sum(p.numel() for p in module.parameters()) == 64 * (8 + 8 + 32 + 32) + 1


def test_empty_values_are_refused():
    with pytest.raises(ValueError, match="reduction=32"):
        NonLocal(16, value_reduction=32)
