"""Probes: fair comparisons, and the accuracy by hand."""

import pandas as pd
import pytest
import torch

from course_lib import attention, probes
from course_lib.data import scenes
from course_lib.networks.small import ConvolutionGate
from course_lib.probes import Comparison, Contestant, balanced_accuracy


def test_balanced_accuracy_by_hand():
    labels = torch.tensor([[0, 0, 0, 1], [255, 255, 1, 0]])
    predicted = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 0]])
    # class 0: 3 of 4 right; class 1: 1 of 2 right; 255 does not count
    assert balanced_accuracy(predicted, labels) == pytest.approx(100 * (3 / 4 + 1 / 2) / 2)


def test_guessing_one_class_is_chance_however_unequal_the_classes():
    labels = torch.tensor([0] * 90 + [1] * 10)
    assert balanced_accuracy(torch.zeros(100, dtype=torch.int64), labels) == 50.0


def test_every_contestant_sees_the_same_scenes_and_starts_from_the_seed(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    twice = probes.compare("cue", {"a": Contestant(), "b": Contestant()}, seeds=[3], steps=4)
    again = probes.compare("cue", {"b": Contestant()}, seeds=[3], steps=4)
    a, b = twice.networks["a", 3].state_dict(), twice.networks["b", 3].state_dict()
    alone = again.networks["b", 3].state_dict()
    for name in a:
        assert torch.equal(a[name], b[name]), name
        assert torch.equal(b[name], alone[name]), name


def test_seeds_differ_and_the_table_has_mean_std_and_parameters():
    result = probes.compare("lane", {"a": Contestant()}, seeds=[0, 1], steps=3)
    table = result.table()
    assert list(table.columns) == ["parameters", "mean", "std", 0, 1]
    assert table.loc["a", "parameters"] == 8_354
    values = result.accuracy.loc["a"]
    assert table.loc["a", "mean"] == pytest.approx(values.mean(), abs=0.051)
    assert list(result.table(seconds=True).columns) == [*table.columns, "seconds"]
    assert (result.seconds > 0).all(axis=None)
    first = result.networks["a", 0].stem[0].weight
    assert not torch.equal(first, result.networks["a", 1].stem[0].weight)


def test_a_grader_gets_shortened_experiments(monkeypatch):
    steps = []
    monkeypatch.setattr(probes, "_train", lambda *given: steps.append(given[3]) or [0.0])
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    full = probes.compare("cue", {"a": Contestant()}, seeds=[0], steps=50)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    short = probes.compare("cue", {"a": Contestant()}, seeds=[0], steps=50)
    assert steps == [50, 2]
    assert short.shortened
    assert not full.shortened


def test_above_with_every_seed_is_confirmed_or_refused():
    accuracy = pd.DataFrame({0: [60.0, 50.0], 1: [70.0, 61.0]}, index=["a", "b"])
    with pytest.raises(AssertionError, match=r"60\.0 % with a seed, another has 61\.0"):
        Comparison(accuracy, {}, {}, accuracy).confirm_above("a", ["b"])
    with pytest.raises(AssertionError, match=r"60\.0 % with a seed, another has 61\.0"):
        Comparison(accuracy, {}, {}, accuracy).confirm_above("a")
    assert "not judged" in Comparison(accuracy, {}, {}, accuracy, True).confirm_above("a", ["b"])
    accuracy.loc["a", 0] = 61.5
    for others in (["b"], None):
        sentence = Comparison(accuracy, {}, {}, accuracy).confirm_above("a", others)
        assert sentence == "a is above b with every seed"


def test_seeds_run_side_by_side_give_what_they_give_alone():
    together = probes.compare("cue", {"a": Contestant()}, seeds=[0, 1, 2], steps=3)
    alone = probes.compare("cue", {"a": Contestant()}, seeds=[1], steps=3)
    first, second = together.networks["a", 1], alone.networks["a", 1]
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    probes.compare("cue", {"a": Contestant()}, seeds=[0], steps=2)
    assert torch.equal(torch.rand(3), wanted)


@pytest.fixture
def tiny(monkeypatch):
    """Comparisons of two steps with a small test set, as a grader gets them."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")


@pytest.mark.parametrize("name", probes.mechanisms())
def test_the_control_has_at_least_the_parameters_and_hardly_more(name):
    mechanism = probes.fitted(name)
    control = probes.control(mechanism)
    with_mechanism = _count(Contestant(mechanism))
    assert _count(control) >= with_mechanism
    if control.channels > 16:
        narrower = Contestant(ConvolutionGate, control.channels - 1)
        assert _count(narrower) < with_mechanism
    assert control.blocks == 2


def _count(contestant):
    return sum(parameter.numel() for parameter in contestant.build(0).parameters())


def test_every_mechanism_that_gives_a_map_has_its_place():
    assert set(attention.names()) - set(probes.mechanisms()) == {"csra"}
    for name in probes.mechanisms():
        network = Contestant(probes.fitted(name)).build(0)
        assert network(torch.randn(2, 3, 64, 64)).shape == (2, 2, 16, 16)


def test_options_of_a_fitted_mechanism_replace_and_add():
    assert probes.fitted("se")(16).reduce.out_channels == 16
    assert probes.fitted("se", reduction=4)(16).reduce.out_channels == 4
    module = probes.fitted("cbam_channel", pools=("max",))(16)
    x = torch.randn(2, 16, 5, 6)
    louder = x - x.mean((2, 3), keepdim=True) + 3  # other means, and maxima
    same = torch.where(x == x.amax((2, 3), keepdim=True), x, x - 1)  # other means, same maxima
    assert torch.equal(module.explain(x)["gate"], module.explain(same)["gate"])
    assert not torch.equal(module.explain(x)["gate"], module.explain(louder)["gate"])


def test_a_mechanism_is_compared_with_two_controls(tiny):
    result = probes.with_controls("eca", "odd", seeds=[0, 1])
    assert list(result.accuracy.index) == ["eca", "plain", "conv gate"]
    table = result.table()
    assert list(table.columns) == ["parameters", "mean", "std", 0, 1]
    assert table.loc["plain", "parameters"] == 8_354
    assert table.loc["eca", "parameters"] == 8_354 + 2 * 3  # two slots, a kernel of three
    # A 3×3 convolution in each slot: 16 · 16 · 9 weights and 16 biases.
    assert table.loc["conv gate", "parameters"] == 8_354 + 2 * (16 * 16 * 9 + 16)
    again = probes.with_controls("eca", "odd", seeds=[0, 1])
    pd.testing.assert_frame_equal(table, again.table())


def test_an_own_module_is_compared_like_one_of_the_library(tiny):
    own = probes.with_controls("mine", "odd", [0], mechanism=probes.fitted("se"))
    library = probes.with_controls("se", "odd", [0])
    assert own.accuracy.loc["mine", 0] == library.accuracy.loc["se", 0]
    assert own.by_network()["conv gate"] == library.by_network()["conv gate"]


def test_a_rule_has_its_own_number_of_classes_and_steps(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    steps = []
    monkeypatch.setattr(probes, "_train", lambda *given: steps.append(given[3]) or [0.0])
    result = probes.compare("legend", {"a": Contestant()}, seeds=[0])
    assert result.networks["a", 0](torch.zeros(1, 3, 64, 64)).shape == (1, 4, 16, 16)
    probes.compare("cue", {"a": Contestant()}, seeds=[0])
    assert steps == [scenes.rule_named("legend").steps, 500]


def test_a_convolution_gate_scales_by_a_sigmoid_of_a_neighbourhood():
    gate = ConvolutionGate(3)
    x = torch.randn(2, 3, 6, 5)
    scores = gate.conv.bias[:, None, None].expand(3, 6, 5).clone()
    for y, u in ((0, 0), (3, 2)):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                if 0 <= y + dy < 6 and 0 <= u + dx < 5:
                    weights = gate.conv.weight[:, :, dy + 1, dx + 1]
                    scores[:, y, u] += weights @ x[1, :, y + dy, u + dx]
        expected = x[1, :, y, u] / (1 + torch.exp(-scores[:, y, u]))
        assert torch.allclose(gate(x)[1, :, y, u], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "rule", "words"),
    [
        ("SE", "cue", "no mechanism is called 'SE'"),
        ("csra", "cue", "gives scores and no map"),
        ("plain", "cue", "name of a control"),
        ("se", "queue", "no rule is called 'queue'"),
    ],
)
def test_an_unknown_mechanism_or_rule_is_refused(name, rule, words):
    with pytest.raises(ValueError, match=words):
        probes.with_controls(name, rule)


def test_an_unknown_option_is_refused_before_any_network_is_built():
    with pytest.raises(ValueError, match="has no option 'ratio'"):
        probes.fitted("se", ratio=4)


def test_predictions_are_classes_of_cells():
    network = Contestant().build(0).eval()
    images = torch.randn(70, 3, 64, 64)
    predicted = probes.predict(network, images)
    assert predicted.shape == (70, 16, 16)
    assert torch.equal(predicted[65], network(images[65:66])[0].argmax(0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rule": "no"}, "cue, flare, lane"),
        ({"contestants": {}}, "nothing to compare"),
        ({"seeds": []}, "nothing to compare"),
        ({"steps": 1}, "steps=1"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    given = {"rule": "cue", "contestants": {"a": Contestant()}, "seeds": [0], "steps": 4}
    with pytest.raises(ValueError, match=words):
        probes.compare(**{**given, **arguments})


def test_accuracy_refuses_other_shapes_and_no_labels():
    with pytest.raises(ValueError, match="differ in shape"):
        balanced_accuracy(torch.zeros(3), torch.zeros(4))
    with pytest.raises(ValueError, match="no cell has a label"):
        balanced_accuracy(torch.zeros(3), torch.full((3,), 255))


def _pictures(seed, steps):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        labels = torch.randint(0, 2, (8,), generator=generator)
        images = torch.randn(8, 1, 4, 6, generator=generator) + 4 * labels[:, None, None, None]
        yield images, labels


def _linear():
    return torch.nn.Sequential(torch.nn.Flatten(1), torch.nn.Linear(24, 2))


def _test_pictures(seed):
    return next(iter(_pictures(1000 + seed, 1)))


def test_classifiers_learn_from_the_same_start_and_the_same_batches(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    result = probes.compare_classifiers(
        {"a": _linear, "b": _linear},
        _pictures,
        _test_pictures,
        seeds=[0, 1],
        steps=60,
        learning_rate=0.05,
    )
    assert result.accuracy.shape == (2, 2)
    assert result.accuracy.min().min() == 100.0
    a, b = (result.networks[name, 1][1].weight for name in "ab")
    assert torch.equal(a, b)
    assert not torch.equal(a, result.networks["a", 0][1].weight)
    assert result.parameters == {"a": 50, "b": 50}
    images, _ = _test_pictures(1)
    expected = result.networks["a", 1](images).argmax(1)
    assert torch.equal(probes.classify(result.networks["a", 1], images), expected)


def test_a_grader_gets_shortened_classifiers(monkeypatch):
    asked = []

    def batches(seed, steps):
        asked.append(steps)
        return _pictures(seed, steps)

    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    result = probes.compare_classifiers({"a": _linear}, batches, _test_pictures, [0], steps=50)
    assert result.shortened
    assert asked == [2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"contestants": {}}, "nothing to compare"),
        ({"seeds": []}, "nothing to compare"),
        ({"steps": 1}, "steps=1"),
    ],
)
def test_wrong_arguments_of_classifiers_are_refused(arguments, words):
    given = {"contestants": {"a": _linear}, "seeds": [0], "steps": 4}
    with pytest.raises(ValueError, match=words):
        probes.compare_classifiers(**{**given, **arguments}, batches=_pictures, test=_test_pictures)
