"""Costs: counts against closed forms, kept memory by hand, the table."""

import pytest
import torch
from torch import nn

from course_lib.attention import create, names
from course_lib.costs import (
    PARAMETERS,
    Cost,
    CostTable,
    activation_bytes,
    compare,
    cost,
    count_macs,
    count_parameters,
    parameters_by_formula,
    peak_bytes,
    race,
)


@pytest.mark.parametrize("name", names())
def test_formula_and_count_agree(name):
    for channels in (64, 128, 192, 256, 512, 1024):
        for height, width in ((12, 10), (16, 16)):
            options = {"size": (height, width)} if name == "rga" else {}
            module = create(name, channels, device="meta", **options)
            formula = parameters_by_formula(name, channels, height, width)
            assert formula == count_parameters(module)


def test_every_mechanism_has_a_formula():
    assert set(PARAMETERS) == set(names())
    with pytest.raises(ValueError, match="no formula for 'nonsense'"):
        parameters_by_formula("nonsense", 64)


@pytest.mark.parametrize(
    ("name", "at_64", "at_512"),
    [
        ("se", 580, 33_312),
        ("cbam", 680, 33_412),
        ("pam", 5_201, 328_321),
        ("cam", 1, 1),
        ("sge", 128, 128),
        ("simam", 0, 0),
        ("spm", 28_992, 1_837_568),
        ("mpm", 17_568, 1_101_056),
        ("scconv", 110_976, 7_080_960),
        ("lka", 9_024, 301_568),
        ("van", 17_344, 826_880),
        ("bam", 1_173, 68_513),
        ("scse", 4_257, 263_425),
        ("polarized_parallel", 8_256, 524_800),
        ("polarized_sequential", 7_064, 443_584),
        ("triplet", 300, 300),
        ("gc", 653, 33_889),
        ("coordinate", 1_688, 25_648),
        ("residual", 62_976, 3_887_104),
        ("csra", 1_280, 10_240),
    ],
)
def test_published_parameters(name, at_64, at_512):
    assert parameters_by_formula(name, 64) == at_64
    assert parameters_by_formula(name, 512) == at_512


def test_macs_of_layers_known_by_hand():
    assert count_macs(nn.Conv2d(3, 8, 5), (2, 3, 12, 10)) == 2 * 8 * 3 * 25 * 8 * 6
    assert count_macs(nn.Linear(7, 5), (4, 7)) == 4 * 7 * 5
    assert count_macs(create("se", 64), (1, 64, 12, 10)) == 512
    n = 12 * 10
    assert count_macs(create("pam", 64), (1, 64, 12, 10)) == n * (2 * 64 * 8 + 64 * 64) + n * n * 72
    assert count_macs(create("simam", 64), (1, 64, 12, 10)) == 0


def test_macs_change_nothing_in_the_module():
    module = create("cbam", 64).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    count_macs(module, (1, 64, 12, 10))
    activation_bytes(module, (2, 64, 12, 10))
    assert module.training
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert all(value.device.type == "cpu" for value in module.state_dict().values())


def test_kept_memory_of_layers_known_by_hand():
    class Gate(nn.Module):
        def forward(self, x):
            return x * x.sigmoid()

    shape = (2, 8, 6, 5)
    size = 4 * 2 * 8 * 6 * 5
    assert activation_bytes(nn.ReLU(), shape) == size  # its output
    assert activation_bytes(nn.Conv2d(8, 4, 1), shape) == 0  # the input and the weight
    assert activation_bytes(Gate(), shape) == size  # the sigmoid, once, though two keep it
    assert activation_bytes(nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()), shape) == size


def test_position_attention_keeps_no_map():
    small = activation_bytes(create("pam", 16), (1, 16, 64, 64))
    large = activation_bytes(create("pam", 16), (1, 16, 128, 128))
    assert large == 4 * small
    assert large < 4 * (128 * 128) ** 2 / 100


def test_peak_memory_counts_what_is_alive_together():
    x = torch.zeros(1 << 18)  # one MiB

    def two():
        a = x + 1
        b = a + 1
        del a
        return b + 1

    assert 2 << 20 <= peak_bytes(two) < (2 << 20) + 4096
    assert peak_bytes(lambda: x.add_(1)) < 4096


def test_race_runs_everything_in_turns():
    calls = []
    times = race({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, seconds=0)
    assert calls == ["a", "b"] * 4
    assert set(times) == {"a", "b"}
    assert all(0 <= t < 1 for t in times.values())


@pytest.mark.parametrize("name", names())
def test_everything_can_be_counted(name):
    options = {"size": (12, 10)} if name == "rga" else {}
    found = cost(create(name, 64, **options), (1, 64, 12, 10), name=name)
    assert found.parameters == parameters_by_formula(name, 64, 12, 10)
    assert found.macs >= 0
    assert found.activations >= 0
    assert found.forward is None


def test_table():
    table = compare(["se", "simam", "cbam"], 64, 12, 10, options={"se": {"bias": False}})
    text = str(table)
    lines = text.splitlines()
    assert lines[0].split() == ["mechanism", "parameters", "MACs", "kept", "for", "backward"]
    assert lines[2].split()[:3] == ["se", "512", "512"]
    assert "64×12×10" in lines[-1]
    assert table["cbam"].parameters == 680
    with pytest.raises(KeyError):
        table["pam"]
    page = table._repr_html_()
    assert page.count("<tr>") == 4
    assert page.startswith("<table>")
    assert "680" in page


def test_measured_table_has_times_and_peak():
    table = compare(["se", "rga"], 64, 12, 10, batch=2, measure=True, seconds=0.01)
    assert "forward + backward" in str(table)
    for found in table.costs:
        assert found.forward > 0
        assert found.training > 0
        assert found.peak > 2 * 64 * 12 * 10 * 4


def test_the_caption_names_times_only_where_the_table_has_them():
    counted, measured = Cost("a", 1, 2, 3), Cost("b", 1, 2, 3, 0.5, 2.0, 7)
    table = CostTable([counted], (4, 8, 12, 10))
    assert str(table).splitlines()[-1] == table.caption == "one image of 8×12×10, float32"
    assert "one image of 8×12×10, float32" in table._repr_html_()
    table = CostTable([counted, measured], (4, 8, 12, 10))
    expected = "one image of 8×12×10; times and peak memory for a batch of 4, float32"
    assert table.caption == expected


def test_names_are_escaped_and_missing_times_are_dashes():
    table = CostTable([Cost("<b>", 1, 2, 3), Cost("x", 1, 2_500_000, 3 << 20, 0.5, 2.0, 7)], (1, 2))
    assert "<b>" not in table._repr_html_()
    assert "–" in str(table)
    assert "2.5 M" in str(table)
    assert "3 MiB" in str(table)
    assert "500 ms" in str(table)


def test_measuring_leaves_out_the_training_that_batch_norm_refuses():
    for size, chosen in (((12, 10), names()), ((1, 1), ["cbam", "bam", "cbam_spatial", "triplet"])):
        table = compare(chosen, 64, *size, measure=True, seconds=0)
        assert all(found.forward is not None for found in table.costs)
        for found in table.costs:
            assert (found.training is None) == (found.peak is None)
    table = compare(["bam", "se"], 64, 12, 10, measure=True, seconds=0)
    assert table["bam"].training is None
    assert table["se"].training is not None
    assert str(table).splitlines()[2].split()[-2:] == ["–", "–"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_counts_do_not_depend_on_the_dtype(dtype):
    for name in ("se", "pam", "cam", "sge", "gc"):
        expected = count_macs(create(name, 64), (1, 64, 12, 10))
        assert count_macs(create(name, 64, dtype=dtype), (1, 64, 12, 10)) == expected
    found = cost(create("cbam", 64, dtype=dtype), (2, 64, 12, 10), measure=True, seconds=0)
    assert found.training > 0


@pytest.mark.gpu
def test_race_on_cuda_measures_the_device():
    small, large = (torch.ones(n, n, device="cuda") for n in (64, 8192))
    times = race({"small": lambda: small @ small, "large": lambda: large @ large}, device="cuda")
    assert 0 < times["small"] < times["large"]
