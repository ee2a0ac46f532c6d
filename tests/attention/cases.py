"""All cases: the dictionaries `CASES` of the truth files, joined, and modules made from them."""

import pytest
import torch

from . import truth, truth_survey
from .machinery import Case, feature_map, randomise

CASES: dict[str, Case] = {**truth.CASES, **truth_survey.CASES}

HEIGHT, WIDTH = 12, 10
ALL = sorted(CASES)
FORMS = [
    pytest.param(name, form, id=f"{name}-{number}")
    for name in ALL
    for number, form in enumerate(CASES[name].forms)
]


def built(name, height=HEIGHT, width=WIDTH, *, channels=None, form=None, **keywords):
    """A module with random parameters, in eval mode."""
    case = CASES[name]
    channels = channels or max(case.channels)
    options = case.forms[0] if form is None else form
    module = case.make(name, channels, height, width, **options, **keywords)
    return randomise(module, seed=21).eval(), channels


def example(name, batch=2, height=HEIGHT, width=WIDTH, dtype=torch.float32, seed=22):
    return feature_map(batch, max(CASES[name].channels), height, width, seed=seed, dtype=dtype)
