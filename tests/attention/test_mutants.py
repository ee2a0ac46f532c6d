"""The comparison with the truth is sharp: every known wrong form is told from the module."""

import pytest
import torch

from .cases import CASES
from .machinery import distance, feature_map, randomise, state

MUTANTS = [
    pytest.param(name, mutant, id=f"{name}: {mutant.label}")
    for name, case in sorted(CASES.items())
    for mutant in case.mutants
]


@pytest.mark.parametrize(("name", "mutant"), MUTANTS)
def test_the_mutant_is_told_from_the_module(name, mutant):
    case = CASES[name]
    form = case.forms[0] | (mutant.options or {})
    height, width = max(7, case.smallest), max(6, case.smallest)
    channels = max(case.channels)
    module = case.make(name, channels, height, width, dtype=torch.float64, **form)
    randomise(module, seed=1).train(mutant.train)
    x = feature_map(3, channels, height, width, seed=2)
    y = module(x)
    assert distance(y, case.truth(state(module), x, mutant.train, **form)["y"]) < 1e-10
    wrong = mutant.apply(case.truth)(state(module), x, mutant.train, **form)["y"]
    gap = (y - wrong).abs()
    assert not gap.isfinite().all() or gap.max() > mutant.distance


def test_every_mechanism_has_mutants():
    assert not [name for name, case in CASES.items() if len(case.mutants) < 4]


def test_labels_are_told_apart():
    for name, case in CASES.items():
        labels = [mutant.label for mutant in case.mutants]
        assert len(labels) == len(set(labels)), name
