"""Position attention: memory, large maps block by block, structure of the map."""

import pytest
import torch

from course_lib.attention import PositionAttention, _functional
from course_lib.costs import peak_bytes

from .machinery import distance, feature_map, noise, randomise, state
from .truth import pam


@pytest.fixture
def small_blocks(monkeypatch):
    """Every map goes block by block, five queries at a time."""
    monkeypatch.setattr(_functional, "_SMALL", 0)
    monkeypatch.setattr(_functional, "_rows", lambda query, key: 5)


def test_published_parameters():
    for channels, expected in {64: 5_201, 512: 328_321}.items():
        module = PositionAttention(channels, device="meta")
        assert sum(p.numel() for p in module.parameters()) == expected


@pytest.mark.parametrize("scaled", [False, True])
def test_blocks_of_queries_give_the_same_and_its_gradients(small_blocks, scaled):
    module = randomise(PositionAttention(16, scaled=scaled, dtype=torch.float64))
    p = state(module)
    x = feature_map(2, 16, 7, 6).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    y, truth = module(x), pam(p, twin, True, scaled=scaled)["y"]
    assert distance(y, truth) < 1e-10
    weights = noise(*y.shape, seed=3)
    (y * weights).sum().backward()
    (truth * weights).sum().backward()
    assert distance(x.grad, twin.grad) < 1e-10
    for name, parameter in module.named_parameters():
        assert distance(parameter.grad, p[name].grad) < 1e-10, name


def test_blocks_pass_gradcheck(small_blocks):
    q, k, v = (noise(2, c, n, seed=n).requires_grad_() for c, n in ((3, 7), (3, 6), (4, 6)))
    assert torch.autograd.gradcheck(lambda *a: _functional.attend(*a, 0.7), (q, k, v))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_blocks_in_half_precision(small_blocks, dtype):
    module = randomise(PositionAttention(16)).to(dtype)
    x = feature_map(2, 16, 7, 6, dtype=dtype)
    truth = module.float()(x.float())
    y = module.to(dtype)(x)
    assert y.dtype == dtype
    assert distance(y, truth) < (0.05 if dtype == torch.bfloat16 else 0.01)


def test_blocks_under_autocast_and_with_an_empty_batch(small_blocks):
    module = randomise(PositionAttention(16))
    x = feature_map(2, 16, 7, 6, dtype=torch.float32).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = module(x)
    assert distance(y, module(x)) < 0.05
    y.sum().backward()
    assert module(x[:0]).shape == (0, 16, 7, 6)


def test_large_energies_do_not_overflow():
    module = randomise(PositionAttention(16)).to(torch.float16)
    x = 20 * feature_map(1, 16, 12, 10, dtype=torch.float16)
    assert module(x).isfinite().all()


@pytest.mark.parametrize("small", [0, 1 << 20], ids=["blocks", "whole"])
def test_energies_beyond_the_range_of_half_precision(small, monkeypatch):
    monkeypatch.setattr(_functional, "_SMALL", small)
    q, k, v = (noise(1, c, 20, seed=c) for c in (8, 8, 16))
    q, k, v = (100 * q).half(), (100 * k).half(), v.half()
    assert torch.bmm(q.double().mT, k.double()).abs().max() > 65504
    truth = _functional.attend(q.double(), k.double(), v.double(), 1.0)
    found = _functional.attend(q, k, v, 1.0)
    assert found.dtype == torch.float16
    assert distance(found, truth) < 1e-2


def test_the_map_is_never_held():
    module = randomise(PositionAttention(16))
    x = feature_map(1, 16, 80, 80, dtype=torch.float32).requires_grad_()
    energies = 4 * (80 * 80) ** 2
    with torch.no_grad():
        assert peak_bytes(lambda: module(x)) < energies / 20
    assert peak_bytes(lambda: module(x).sum().backward()) < energies / 20


def test_memory_is_linear_in_the_number_of_positions():
    module = randomise(PositionAttention(16))

    def peak(side):
        x = feature_map(1, 16, side, side, dtype=torch.float32)
        with torch.no_grad():
            return peak_bytes(lambda: module(x))

    assert peak(112) - peak(96) < 1.5 * (112**2 - 96**2) / (96**2 - 80**2) * (peak(96) - peak(80))


def test_rows_of_the_map_on_demand():
    module = randomise(PositionAttention(16, dtype=torch.float64))
    x = feature_map(2, 16, 7, 6)
    whole = module.explain(x)["attention"]
    some = module.explain(x, queries=[0, 41, 5])["attention"]
    assert whole.shape == (2, 42, 42)
    assert distance(some, whole[:, [0, 41, 5]]) < 1e-12


def test_the_mixture_lies_between_the_extremes_of_the_values():
    module = randomise(PositionAttention(16, dtype=torch.float64))
    x = feature_map(2, 16, 7, 6)
    mixed = (module(x) - x) / module.gamma
    value = module.value(x)
    low, high = value.amin((2, 3), keepdim=True), value.amax((2, 3), keepdim=True)
    assert ((mixed >= low - 1e-9) & (mixed <= high + 1e-9)).all()


def test_at_the_start_only_gamma_has_a_gradient():
    module = PositionAttention(16, dtype=torch.float64)
    module(feature_map(2, 16, 7, 6)).square().sum().backward()
    moved = {name for name, p in module.named_parameters() if p.grad.abs().max() > 0}
    assert moved == {"gamma"}


@pytest.mark.gpu
@pytest.mark.parametrize("channels", [16, 32, 64])  # queries of 2, 4 and 8 numbers
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_on_cuda_the_map_is_never_held(channels, dtype):
    module = randomise(PositionAttention(channels)).to("cuda", dtype)
    x = torch.randn(1, channels, 128, 128, device="cuda", dtype=dtype, requires_grad=True)
    energies = x.element_size() * (128 * 128) ** 2
    module(x).sum().backward()  # the libraries' workspaces stay
    with torch.no_grad():
        assert peak_bytes(lambda: module(x), device="cuda") < energies / 4
    assert peak_bytes(lambda: module(x).sum().backward(), device="cuda") < energies / 4


@pytest.mark.gpu
@pytest.mark.parametrize("channels", [16, 32, 64])
def test_on_cuda_it_gives_what_it_gives_on_the_cpu(channels):
    module = randomise(PositionAttention(channels))
    x = feature_map(2, channels, 24, 20, dtype=torch.float32)
    y = module(x)
    assert distance(module.cuda()(x.cuda()).cpu(), y) < 1e-2  # TF32


@pytest.mark.parametrize(("width", "wide"), [(2, 8), (8, 8), (9, 16)])
def test_padded_widths_change_nothing(width, wide):
    q, k, v = (noise(2, width, n, seed=n) for n in (7, 6, 6))
    rows = [_functional._widened(t.mT, wide) for t in (q, k, v)]
    assert all(t.shape[-1] == wide for t in rows)
    mixed = torch.nn.functional.scaled_dot_product_attention(*rows, scale=0.7)
    assert distance(mixed[..., :width].mT, _functional.attend(q, k, v, 0.7)) < 1e-12
