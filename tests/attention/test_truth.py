"""Every mechanism against its independent truth: outputs, maps, gradients, both modes."""

import pytest
import torch

from course_lib.attention import _functional

from .cases import CASES
from .machinery import distance, feature_map, noise, randomise, state

SIZE = (7, 6)
TOLERANCE = 1e-10

FORMS = [
    pytest.param(name, form, channels, id=f"{name}-{number}-{channels}")
    for name, case in sorted(CASES.items())
    for number, form in enumerate(case.forms)
    for channels in case.channels
]


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize(("name", "form", "channels"), FORMS)
def test_output_maps_and_gradients_are_those_of_the_equations(name, form, channels, train):
    case = CASES[name]
    height, width = max(SIZE[0], case.smallest), max(SIZE[1], case.smallest)
    module = case.make(name, channels, height, width, dtype=torch.float64, **form)
    randomise(module, seed=channels).train(train)
    p = state(module)
    x = feature_map(3, channels, height, width, seed=5).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    y, truth = module(x), case.truth(p, twin, train, **form)
    assert distance(y, truth["y"]) < TOLERANCE
    weights = noise(*y.shape, seed=9)
    (y * weights).sum().backward()
    (truth["y"] * weights).sum().backward()
    assert distance(x.grad, twin.grad) < TOLERANCE
    for key, parameter in module.named_parameters():
        found, true = parameter.grad, p[key].grad
        if found is None or true is None:
            assert not any(g is not None and g.any() for g in (found, true)), key
            continue
        assert distance(found, true) < TOLERANCE, key


@pytest.mark.parametrize(("name", "form", "channels"), FORMS)
def test_explain_gives_the_maps_of_the_equations(name, form, channels):
    case = CASES[name]
    height, width = max(SIZE[0], case.smallest), max(SIZE[1], case.smallest)
    module = case.make(name, channels, height, width, dtype=torch.float64, **form)
    randomise(module, seed=channels).eval()
    x = feature_map(2, channels, height, width, seed=6)
    maps = module.explain(x)
    truth = case.truth(state(module), x, False, **form)
    assert set(maps) == set(truth) - {"y"}
    for key, found in maps.items():
        assert distance(found, truth[key]) < TOLERANCE, key


NARROW = [form for form in FORMS if form.values[2] == min(CASES[form.values[0]].channels)]


@pytest.mark.parametrize("by_image", [True, False], ids=["by image", "whole"])
@pytest.mark.parametrize(("name", "form", "channels"), NARROW)
def test_without_gradients_large_maps_give_the_same(name, form, channels, by_image, monkeypatch):
    monkeypatch.setattr(_functional, "_BATCH_BYTES", 0 if by_image else 1 << 40)
    monkeypatch.setattr(_functional, "_IMAGE_BYTES", 0)
    case = CASES[name]
    height, width = 48, 46
    module = case.make(name, channels, height, width, dtype=torch.float64, **form)
    randomise(module, seed=3).eval()
    x = feature_map(3, channels, height, width, seed=7)
    with_gradients = module(x)
    with torch.no_grad():
        for given in (
            x,
            x.to(memory_format=torch.channels_last),
            x.transpose(2, 3).contiguous().mT,
        ):
            assert distance(module(given), with_gradients) < TOLERANCE
    if name not in ("rga", "pam", "nonlocal"):  # a truth that holds an N x N map is slow here
        assert (
            distance(with_gradients, case.truth(state(module), x, False, **form)["y"]) < TOLERANCE
        )


def test_every_mechanism_has_a_case():
    from course_lib.attention import names

    assert set(CASES) == set(names())
