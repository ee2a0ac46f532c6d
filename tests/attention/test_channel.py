"""Channel attention: the sign, the collapse of the plain form, what it is equivariant to."""

import pytest
import torch

from course_lib.attention import ChannelAttention
from course_lib.attention.channel import _Gram
from course_lib.benchmarks.attention import Straightforward, training_of
from course_lib.costs import peak_bytes

from .machinery import distance, feature_map, noise, randomise


def test_a_channel_attends_to_the_least_like_it():
    x = torch.zeros(1, 3, 1, 4, dtype=torch.float64)
    x[0, 0, 0] = torch.tensor([1.0, 1, 1, 1])
    x[0, 1, 0] = torch.tensor([1.0, 1, 1, 0])
    x[0, 2, 0] = torch.tensor([-1.0, -1, -1, -1])
    by_default = ChannelAttention(3).explain(x)["attention"]
    plain = ChannelAttention(3, plain=True).explain(x)["attention"]
    assert by_default[0, 0].argmax() == 2
    assert plain[0, 0].argmax() == 0


def test_the_plain_form_collapses_to_the_identity():
    x = noise(1, 64, 12, 10)
    attention = ChannelAttention(64, plain=True).explain(x)["attention"]
    diagonal = attention.diagonal(dim1=1, dim2=2)
    assert diagonal.min() > 0.999
    attention = ChannelAttention(64).explain(x)["attention"]
    entropy = -(attention * attention.clamp_min(1e-300).log()).sum(-1).mean()
    assert 0.1 < entropy < 1


def test_any_rotation_of_the_positions_is_carried_through():
    module = randomise(ChannelAttention(8, dtype=torch.float64))
    x = feature_map(2, 8, 4, 5) / 4
    rotation, _ = torch.linalg.qr(noise(20, 20, seed=3))

    def turn(t):
        return (t.flatten(2) @ rotation).reshape(t.shape)

    assert distance(module(turn(x)), turn(module(x))) < 1e-10


def test_energies_of_half_precision_inputs_do_not_overflow():
    module = randomise(ChannelAttention(16))
    x = 20 * feature_map(1, 16, 56, 56, dtype=torch.float32)
    for dtype in (torch.float16, torch.bfloat16):
        y = module.to(dtype)(x.to(dtype))
        assert y.dtype == dtype
        assert y.isfinite().all()


def test_one_parameter():
    assert sum(p.numel() for p in ChannelAttention(512).parameters()) == 1


@pytest.mark.parametrize(("shape", "share"), [((2, 64, 24, 24), 0.85), ((2, 256, 10, 10), 1.0)])
def test_training_holds_no_more_than_the_straightforward_form(shape, share):
    module = randomise(ChannelAttention(shape[1]))
    x = feature_map(*shape, dtype=torch.float32)
    forms = (module, Straightforward("cam", module))
    ours, plain = (peak_bytes(training_of(form, module, x)) for form in forms)
    assert ours <= share * plain


@pytest.mark.parametrize("factor", [1, -1])
def test_gram_matrix_has_all_derivatives(factor):
    a = noise(2, 3, 5, seed=1).requires_grad_()

    def gram(t):
        return _Gram.apply(t, factor)

    assert distance(gram(a), factor * a @ a.mT) < 1e-14
    assert torch.autograd.gradcheck(gram, (a,), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(gram, (a,))


def test_training_compiles_and_exports():
    module = randomise(ChannelAttention(8))
    x = feature_map(2, 8, 6, 5, dtype=torch.float32).requires_grad_()
    y = module(x)
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")(x)
    assert distance(compiled, y) < 1e-5
    assert distance(torch.autograd.grad(compiled.square().sum(), x)[0], gradient) < 1e-5
    program = torch.export.export(module, (x.detach(),))
    assert distance(program.module()(x), y) < 1e-5


def test_under_autocast_and_vmap_it_trains():
    module = randomise(ChannelAttention(8))
    x = feature_map(2, 8, 6, 5, dtype=torch.float32)
    leaf = x.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = module(leaf)
    y.sum().backward()
    gradients = torch.func.vmap(torch.func.grad(lambda t: module(t[None]).sum()))(x)
    assert distance(gradients, leaf.grad) < 1e-5
