"""Every mechanism compiles to one graph and can be exported; one of each kind runs in inductor."""

import copy

import pytest
import torch
from torch import nn

from .cases import FORMS, HEIGHT, WIDTH, built, example
from .machinery import distance, feature_map, noise

# One of each kind: a product of vectors, a formula, groups, matrices, BatchNorm.
KINDS = ["se", "simam", "sge", "cam", "triplet"]
# Most of inductor's time is the C++ compiler's: with the C++ wrapper it runs once for all kernels
# of a graph and not once for each, and then neither a precompiled header nor processes that
# compile side by side pay for themselves.
ONE_RUN_OF_THE_COMPILER = {
    "cpp_wrapper": True,
    "cpp_cache_precompile_headers": False,
    "compile_threads": 1,
}


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_compiles_to_one_graph(name, form):
    torch._dynamo.reset()
    module, channels = built(name, form=form)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=8, dtype=torch.float32)

    def both(x):  # many mechanisms save memory where nothing is learned: another way, traced too
        learning = module(x)
        with torch.no_grad():
            return learning, module(x)

    learning, quiet = torch.compile(both, fullgraph=True, backend="eager")(x)
    assert learning.requires_grad == module(x).requires_grad
    assert not quiet.requires_grad
    assert distance(learning, module(x)) < 1e-6
    with torch.no_grad():
        assert distance(quiet, module(x)) < 1e-6


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_exports(name, form):
    module, channels = built(name, form=form)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=8, dtype=torch.float32)
    program = torch.export.export(module, (x,))
    assert distance(program.module()(x), module(x)) < 1e-6


class Side(nn.Module):
    """Modules side by side, each with an input and an output of its own."""

    def __init__(self, modules):
        super().__init__()
        self.parts = nn.ModuleDict(modules)

    def forward(self, inputs):
        return {name: part(inputs[name]) for name, part in self.parts.items()}


def outputs_and_gradients(modules, run):
    """By name: the output, the gradient of the input, the gradients of the parameters."""
    inputs = {name: example(name).requires_grad_() for name in modules}
    outputs = run(inputs)
    weighted = [(y * noise(*y.shape, seed=9, dtype=y.dtype)).sum() for y in outputs.values()]
    sum(weighted).backward()
    return {
        name: (y, inputs[name].grad, {k: p.grad for k, p in modules[name].named_parameters()})
        for name, y in outputs.items()
    }


@pytest.fixture(scope="module")
def compiled_and_eager():
    torch._dynamo.reset()
    modules = {name: built(name)[0] for name in KINDS}
    twins = copy.deepcopy(modules)
    with torch._inductor.config.patch(ONE_RUN_OF_THE_COMPILER):
        compiled = torch.compile(Side(modules), fullgraph=True)
        found = outputs_and_gradients(modules, compiled)
    return found, outputs_and_gradients(twins, Side(twins))


@pytest.mark.parametrize("name", KINDS)
def test_inductor(name, compiled_and_eager):
    found, truth = (results[name] for results in compiled_and_eager)
    assert distance(found[0], truth[0]) < 1e-5
    assert distance(found[1], truth[1]) < 1e-4
    assert found[2].keys() == truth[2].keys()
    for key, gradient in found[2].items():
        assert distance(gradient, truth[2][key]) < 1e-4, key
