"""The straightforward forms of the benchmark compute what the modules compute."""

import pytest
import torch

from course_lib.benchmarks import attention as benchmark
from course_lib.benchmarks.straightforward import FORMS

from .cases import CASES
from .machinery import distance, feature_map, randomise


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", sorted(FORMS))
def test_both_forms_are_equal(name, train):
    module = benchmark.prepared(name, (2, 64, 12, 10), "cpu", torch.float64)
    randomise(module, seed=1).train(train)
    x = feature_map(2, 64, 12, 10)
    assert distance(module(x), FORMS[name](module, x)) < 1e-10


def test_every_map_has_a_straightforward_form():
    without = set(CASES) - set(FORMS)
    assert without == {"csra", "residual"}  # nothing but layers: both forms would be the same


def test_the_table_is_printed(capsys):
    shape = ["--sizes", "2x64x8x6", "--seconds", "0"]
    assert benchmark.main(["se", "simam", *shape]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split()[:2] == ["se", "2x64x8x6"]
    assert lines[-1].split()[:2] == ["simam", "2x64x8x6"]
    assert "eager" in lines[0]


def test_unknown_names_end_the_benchmark(capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["nonsense"])
    assert "no plain form of nonsense" in capsys.readouterr().err
