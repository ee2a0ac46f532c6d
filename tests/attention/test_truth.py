"""Every mechanism against its independent truth: outputs, maps, gradients, both modes."""

import copy

import pytest
import torch

from course_lib.attention import _functional

from .cases import CASES
from .machinery import distance, feature_map, noise, randomise, state
from .truth import batch_norm

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


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("by_image", [True, False], ids=["by image", "whole"])
@pytest.mark.parametrize(("name", "form", "channels"), NARROW)
def test_without_gradients_large_maps_give_the_same(
    name, form, channels, by_image, train, monkeypatch
):
    monkeypatch.setattr(_functional, "_BATCH_BYTES", 0 if by_image else 1 << 40)
    monkeypatch.setattr(_functional, "_IMAGE_BYTES", 0)
    case = CASES[name]
    # What is built for one size has weights, and here a truth, of N x N numbers.
    height, width = (24, 23) if case.sized(1, 1) else (48, 46)
    module = case.make(name, channels, height, width, dtype=torch.float64, **form)
    randomise(module, seed=3).train(train)
    x = feature_map(3, channels, height, width, seed=7)
    truthful = copy.deepcopy(module)
    with_gradients = truthful(x)
    for given in (
        x,
        x.to(memory_format=torch.channels_last),
        x.transpose(2, 3).contiguous().mT,
    ):
        twin = copy.deepcopy(module)
        with torch.no_grad():
            assert distance(twin(given), with_gradients) < TOLERANCE
        for key, buffer in twin.named_buffers():
            assert distance(buffer, truthful.get_buffer(key)) < TOLERANCE, key
    if name not in ("rga", "pam", "nonlocal"):  # a truth that holds an N x N map is slow here
        truth = case.truth(state(module), x, train, **form)["y"]
        assert distance(with_gradients, truth) < TOLERANCE


@pytest.mark.parametrize(("name", "form", "channels"), NARROW)
def test_running_statistics_after_one_step(name, form, channels, monkeypatch):
    """New = (1 - momentum) old + momentum * (mean, unbiased variance) of what the truth feeds."""
    seen = {}

    def record(p, key, x, *rest):
        seen[key] = x.detach()
        return batch_norm(p, key, x, *rest)

    case = CASES[name]
    height, width = max(SIZE[0], case.smallest), max(SIZE[1], case.smallest)
    module = case.make(name, channels, height, width, dtype=torch.float64, **form)
    randomise(module, seed=channels).train()
    before = state(module)
    x = feature_map(3, channels, height, width, seed=5)
    with monkeypatch.context() as patch:
        patch.setitem(case.truth.__globals__, "batch_norm", record)
        case.truth(before, x, True, **form)
    module(x)
    assert {key.rpartition(".")[0] for key, _ in module.named_buffers()} == set(seen)
    for key, values in seen.items():
        values = values.transpose(0, 1).flatten(1)
        count = values.shape[1]
        mean = values.sum(1) / count
        variance = (values - mean[:, None]).square().sum(1) / (count - 1)
        for name_, new in (("running_mean", mean), ("running_var", variance)):
            old = before[f"{key}.{name_}"]
            expected = (1 - case.momentum) * old + case.momentum * new
            found = module.get_buffer(f"{key}.{name_}")
            assert distance(found, expected) < TOLERANCE, f"{key}.{name_}"
        assert module.get_buffer(f"{key}.num_batches_tracked") == (
            before[f"{key}.num_batches_tracked"] + 1
        )


def test_every_mechanism_has_a_case():
    from course_lib.attention import names

    assert set(CASES) == set(names())
