"""The behaviour matrix: what a case names holds, what it does not name is seen to fail."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from .cases import CASES
from .machinery import BEHAVIOURS, distance, feature_map, generator, noise, randomise

HEIGHT, WIDTH, CHANNELS = 12, 10, 64
HOLDS, FAILS = 1e-9, 1e-3
NORMS = (torch.nn.modules.batchnorm._BatchNorm, torch.nn.LayerNorm, torch.nn.GroupNorm)


def permutation(n: int) -> Tensor:
    return torch.randperm(n, generator=generator(4))


def permute_positions(x: Tensor) -> Tensor:
    return x.flatten(2)[:, :, permutation(x.shape[2] * x.shape[3])].reshape(x.shape)


TRANSFORMS = {
    "positions": permute_positions,
    "rows": lambda x: x[:, :, permutation(x.shape[2])],
    "channels": lambda x: x[:, permutation(x.shape[1])],
    "flip": lambda x: x.flip(3),
    "transpose": lambda x: x.transpose(2, 3),
    "shift": lambda x: x.roll((3, 1), (2, 3)),
}

MAPS = sorted(name for name, case in CASES.items() if not case.scores)


def built(name: str, height: int = HEIGHT, width: int = WIDTH, dtype=torch.float64):
    case = CASES[name]
    channels = max(case.channels)
    module = case.make(name, channels, height, width, dtype=dtype, **case.forms[0])
    return randomise(module, seed=11).eval(), channels


@pytest.mark.parametrize("behaviour", sorted(TRANSFORMS))
@pytest.mark.parametrize("name", MAPS)
def test_equivariance(name, behaviour):
    module, channels = built(name)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=12)
    move = TRANSFORMS[behaviour]
    try:
        gap = distance(module(move(x)), move(module(x)))
    except ValueError:  # built for one size (RGA) and given another
        assert behaviour not in CASES[name].holds
        return
    assert (gap < HOLDS) if behaviour in CASES[name].holds else (gap > FAILS)


@pytest.mark.parametrize("name", MAPS)
def test_twice_the_input(name):
    module, channels = built(name)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=12)
    gap = distance(module(2 * x), 2 * module(x))
    # SimAM and SGE hold it up to their regulariser only.
    assert (gap < FAILS) if "double" in CASES[name].holds else (gap > 2 * FAILS)


@pytest.mark.parametrize("name", MAPS)
def test_shrinks(name):
    module, channels = built(name)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=12)
    assert bool((module(x).abs() <= x.abs()).all()) == ("shrinks" in CASES[name].holds)


@pytest.mark.parametrize("name", MAPS)
def test_identity_of_a_new_module(name):
    case = CASES[name]
    channels = max(case.channels)
    module = case.make(name, channels, HEIGHT, WIDTH, dtype=torch.float64, **case.forms[0]).eval()
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=12)
    gap = distance(module(x), x)
    assert (gap == 0) if "identity" in case.holds else (gap > FAILS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_first_values_of_the_parameters(name):
    case, channels = CASES[name], 512
    torch.manual_seed(0)
    unused = set(case.initial())
    for form in case.forms:
        module = case.make(name, channels, HEIGHT, WIDTH, **form)
        initial = case.initial(**form)
        for key, parameter in module.named_parameters():
            owner, _, kind = key.rpartition(".")
            owner = module.get_submodule(owner)
            if key in initial:
                unused.discard(key)
                law = initial[key]
            elif isinstance(owner, NORMS):
                law = 1 if kind == "weight" else 0
            else:
                law = "uniform"
            if not isinstance(law, str):
                assert (parameter == law).all(), key
                continue
            fan_in = owner.weight[0].numel()
            largest = parameter.abs().max()
            if law == "uniform":  # what torch gives convolutions and linear layers
                assert largest <= fan_in**-0.5 * 1.0001, key
                spread = (3 * fan_in) ** -0.5
            else:
                spread = (2 / fan_in) ** 0.5
                assert largest > 2 * spread, key  # normal, not uniform
            if parameter.numel() >= 500:  # the spread of 500 normal numbers is known to 3 %
                assert abs(parameter.std() / spread - 1) < 0.15, key
                assert abs(parameter.mean()) < 0.2 * spread, key
            else:
                assert parameter.numel() < 2 or largest > 0, key
    assert not unused


@pytest.mark.parametrize("name", [name for name in MAPS if CASES[name].fresh is not None])
def test_a_new_module_scales_as_the_authors_does(name):
    """Their lowest and highest y / x lie among those of some new modules, or nearly."""
    case = CASES[name]
    options, *theirs = case.fresh
    torch.manual_seed(0)
    found = []
    for seed in range(12):
        module = case.make(name, CHANNELS, HEIGHT, WIDTH, **options).eval()
        x = noise(2, CHANNELS, HEIGHT, WIDTH, seed=seed, dtype=torch.float32)
        with torch.no_grad():
            ratio = (module(x) / x)[x.abs() > 1e-2]
        found.append((ratio.min().item(), ratio.max().item()))
    slack = 1e-3 + 0.15 * (theirs[1] - theirs[0])
    for ours, their in zip(zip(*found, strict=True), theirs, strict=True):
        assert min(ours) - slack < their < max(ours) + slack


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_image_does_not_see_the_others_in_eval_mode(name):
    module, channels = built(name)
    x = feature_map(3, channels, HEIGHT, WIDTH, seed=12)
    assert "batch" in CASES[name].holds
    assert distance(module(x)[1:2], module(x[1:2])) < HOLDS


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_image_sees_the_others_in_train_mode_where_there_is_batch_norm(name):
    module, channels = built(name)
    norms = [m for m in module.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    x = feature_map(3, channels, HEIGHT, WIDTH, seed=12)
    module.train()
    gap = distance(module(x)[:2], module(x[:2]))
    assert (gap > 1e-4) if norms else (gap < HOLDS)


@pytest.mark.parametrize("name", [name for name in MAPS if CASES[name].gate is not None])
def test_the_gate_lies_in_its_interval(name):
    low, high = CASES[name].gate
    module, channels = built(name)
    for seed in range(3):
        x = feature_map(2, channels, HEIGHT, WIDTH, seed=seed)
        gate = (module(x) / x)[x.abs() > 1e-2]
        assert low < gate.min()
        assert gate.max() < high


@pytest.mark.parametrize("name", sorted(CASES))
def test_only_dead_parameters_have_no_gradient(name):
    case = CASES[name]
    module, channels = built(name)
    module.train()
    y = module(feature_map(3, channels, HEIGHT, WIDTH, seed=13).requires_grad_())
    (y * noise(*y.shape, seed=14)).sum().backward()
    silent = {
        key for key, p in module.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-9
    }
    assert silent == case.dead


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=12, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_shape_any_values(name, data):
    """Shape and finite values kept for small, thin and constant maps; the truth agrees on them."""
    case = CASES[name]
    height = data.draw(st.integers(case.smallest, case.smallest + 9), "height")
    width = data.draw(st.integers(case.smallest, case.smallest + 9), "width")
    batch = data.draw(st.integers(1, 3), "batch")
    channels = data.draw(st.sampled_from(case.channels), "channels")
    kind = data.draw(st.sampled_from(["noise", "constant", "one hot"]), "kind")
    form = data.draw(st.sampled_from(case.forms), "form")
    try:
        module = case.make(name, channels, height, width, dtype=torch.float64, **form)
    except ValueError:
        assert case.sized(1, 1)  # only what is built for one size may refuse one
        return
    randomise(module, seed=15).eval()
    x = feature_map(batch, channels, height, width, seed=16)
    if kind == "constant":
        x = x * 0 + data.draw(st.sampled_from([0.0, 3.0, -1e3]))
    elif kind == "one hot":
        x = x * 0
        x[:, :, 0, 0] = 5
    x.requires_grad_()
    y = module(x)
    assert y.isfinite().all()
    if not case.scores:
        assert y.shape == x.shape
    y.sum().backward()
    assert x.grad.isfinite().all()
    with torch.no_grad():
        truth = case.truth(dict(module.state_dict()), x, False, **form)
    assert distance(y, truth["y"]) < 1e-8


def test_cases_name_only_behaviours_that_exist():
    for name, case in CASES.items():
        assert case.holds <= set(BEHAVIOURS), name
