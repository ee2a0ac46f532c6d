"""How an answer is judged, on one small exercise made here."""

import contextlib
import dataclasses
import os
import re
import sys
import time
import warnings
from functools import partial

import pytest
import torch
from torch import nn

from course_lib.checks import (
    Alternate,
    Call,
    Case,
    CheckFailed,
    Exercise,
    Fresh,
    Mutant,
    Outcome,
    Report,
    Text,
    choice,
    examine,
)
from course_lib.checks.metered import metered


def double(x):
    return 2 * x


def _three_times(x):
    return 3 * x


FUNCTION = Exercise(
    id="double",
    kind="implement",
    title=Text("加倍", "Double"),
    difficulty=1,
    minutes=1,
    points=1,
    reference=double,
    cases=(
        Case(Text("单精度", "single"), lambda draw: Call((draw.normal(draw.integer(2, 4), 3),))),
        Case(
            Text("双精度", "double"), lambda draw: Call((draw.normal(2, 5),)), dtype=torch.float64
        ),
    ),
    mutants=(Mutant("triple", _three_times, Text("乘了三", "three <times>")),),
    alternates=(Alternate("sum", lambda x: x + x),),
    seconds=1.0,
)


class Affine(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(channels))
        self.mix = nn.Linear(channels, 2 * channels)

    def forward(self, x):
        return self.mix(x * self.scale)


MODULE = Exercise(
    id="affine",
    kind="implement",
    title=Text("仿射", "Affine"),
    difficulty=1,
    minutes=1,
    points=1,
    reference=Affine,
    cases=(
        Case(
            Text("随机参数", "random parameters"),
            lambda draw: Call((draw.normal(2, 4, 3),), {"channels": 3}),
        ),
    ),
    mutants=(),
)


def outcome(answer, exercise=FUNCTION):
    return examine(exercise, answer).outcome


def test_a_right_answer_passes_and_says_nothing_wrong():
    verdict = examine(FUNCTION, lambda x: x + x)
    assert verdict.outcome is Outcome.RIGHT
    assert len(verdict.rows) == 2
    assert not any(row.difference for row in verdict.rows)


def test_a_mutant_is_named_and_its_text_is_shown_in_both_forms():
    verdict = examine(FUNCTION, lambda x: x + x + x)
    assert verdict.outcome is Outcome.WRONG
    assert verdict.mutant.name == "triple"
    plain, page = str(Report(verdict)), Report(verdict)._repr_html_()
    assert "乘了三" in plain
    assert "three <times>" in plain
    assert "three &lt;times&gt;" in page
    assert '<span lang="zh">乘了三</span>' in page


def test_an_unknown_mistake_shows_expected_got_largest_difference_and_index():
    def wrong(x):
        y = 2 * x
        y[1, 2] = y[1, 2] + 0.5
        return y

    verdict = examine(FUNCTION, wrong)
    assert verdict.mutant is None
    shown = str(Report(verdict))
    assert "[1, 2] = " in shown
    assert "max |Δ| = 0.5, 1/" in shown


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: (2 * x)[0], "another shape"),
        (lambda x: 2 * x.float() if x.dtype == torch.float64 else 2 * x, "another dtype"),
        (lambda x: 2 * x.detach(), "gradient of x"),
        (lambda x: 2.0, "not a tensor"),
        (lambda x: x.mul_(2), "changed its input"),
        (lambda x: None, "not a tensor"),
    ],
)
def test_what_is_wrong_is_named(answer, words):
    verdict = examine(FUNCTION, answer)
    assert verdict.outcome is Outcome.WRONG
    assert words in str(Report(verdict))


def test_a_placeholder_is_unfinished_and_not_an_error():
    def blank(x):
        raise NotImplementedError()

    assert outcome(blank) is Outcome.UNFINISHED
    assert "还没有做" in str(Report(examine(FUNCTION, blank)))


def test_a_placeholder_in_the_constructor_is_unfinished():
    class Blank(nn.Module):
        def __init__(self, channels):
            super().__init__()
            raise NotImplementedError()

    assert outcome(Blank, MODULE) is Outcome.UNFINISHED


def test_a_module_without_forward_is_an_error_and_not_unfinished():
    class NoForward(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(channels))
            self.mix = nn.Linear(channels, 2 * channels)

    verdict = examine(MODULE, NoForward)
    assert verdict.outcome is Outcome.WRONG
    assert 'missing the required "forward"' in str(Report(verdict))


def test_an_exception_shows_the_learners_own_line():
    def broken(x):
        y = x.transpose(0, 1)
        return x @ y @ x.view(-1)[:1]

    verdict = examine(FUNCTION, broken)
    assert verdict.failure.line == "return x @ y @ x.view(-1)[:1]"
    assert verdict.failure.name == "RuntimeError"
    shown = str(Report(verdict))
    assert "return x @ y @ x.view(-1)[:1]" in shown
    assert "observe.py" not in shown


def test_an_answer_that_never_ends_is_stopped():
    def endless(x):
        while True:
            x = x + 1

    def stubborn(x):
        while True:
            with contextlib.suppress(Exception):
                time.sleep(60)

    for answer in (endless, stubborn):
        start = time.monotonic()
        assert outcome(answer) is Outcome.ENDLESS
        assert time.monotonic() - start < 20
    assert "1 秒" in str(Report(examine(FUNCTION, endless)))


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, AssertionError])
def test_no_exception_of_an_answer_gets_out(error):
    def leaving(x):
        raise error("out")

    assert outcome(leaving) is Outcome.WRONG


def test_the_reference_is_noticed_in_every_disguise():
    class Sub(Affine):
        pass

    class Wrapper(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.inner = Affine(channels)

        def forward(self, x):
            return self.inner(x)

    assert outcome(double) is Outcome.REFERENCE
    assert outcome(lambda x: double(x)) is Outcome.REFERENCE
    assert outcome(Affine, MODULE) is Outcome.REFERENCE
    assert outcome(Sub, MODULE) is Outcome.REFERENCE
    assert outcome(Wrapper, MODULE) is Outcome.REFERENCE


def test_a_mechanism_of_the_library_is_noticed():
    from course_lib.attention import create

    def library(x):
        create("se", 16)(torch.zeros(1, 16, 2, 3))
        return 2 * x

    assert outcome(library) is Outcome.REFERENCE


def test_parameters_are_matched_by_shape_and_not_by_name_or_order():
    class Other(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.bias = nn.Parameter(torch.ones(2 * channels))
            self.weight = nn.Parameter(torch.ones(2 * channels, channels))
            self.factor = nn.Parameter(torch.ones(channels))

        def forward(self, x):
            return torch.einsum("oc,blc->blo", self.weight, x * self.factor) + self.bias

    assert outcome(Other, MODULE) is Outcome.RIGHT


def test_missing_and_surplus_parameters_are_listed():
    class Unbiased(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(channels))
            self.mix = nn.Linear(channels, 2 * channels, bias=False)
            self.extra = nn.Parameter(torch.zeros(7))

        def forward(self, x):
            return self.mix(x * self.scale)

    shown = str(Report(examine(MODULE, Unbiased)))
    assert "missing (6,), too much (7,)" in shown


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (lambda x: [1.0, 2.0], lambda x: torch.zeros(2), "no list or tuple"),
        (lambda x: [1.0, 2.0], lambda x: (1.0,), "another length"),
        (lambda x: {"a": 1}, lambda x: (1,), "no dict"),
        (lambda x: {"a": 1}, lambda x: {"b": 1}, "other keys"),
    ],
)
def test_another_kind_of_result_is_not_called_another_length_or_other_keys(right, wrong, said):
    exercise = dataclasses.replace(FUNCTION, reference=right, gradients=False)
    assert said in str(Report(examine(exercise, wrong)))


def test_layers_that_are_not_registered_are_explained():
    class Listed(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.layers = [nn.Linear(channels, 2 * channels)]

        def forward(self, x):
            return self.layers[0](x)

    assert "not in a plain list" in str(Report(examine(MODULE, Listed)))


def test_equality_at_the_initial_values_does_not_pass():
    class Wrong(Affine.__base__):
        def __init__(self, channels):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(channels))
            self.mix = nn.Linear(channels, 2 * channels)

        def forward(self, x):  # the scale is zero at first, so its sign does not show
            return self.mix(-x * self.scale)

    assert outcome(Wrong, MODULE) is Outcome.WRONG


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.factor = nn.Parameter(torch.zeros(1))
        self.layer = nn.Linear(channels, channels)

    def forward(self, x):
        return self.factor * self.layer(x) + x


def _residual(start, bias=None):
    """The same in other words, with another start of the factor or of the bias."""

    class Other(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.factor = nn.Parameter(torch.full((1,), start))
            self.layer = nn.Linear(channels, channels)
            if bias is not None:
                nn.init.constant_(self.layer.bias, bias)

        def forward(self, x):
            return x + self.factor * self.layer(x)

    return Other


def test_what_a_module_starts_from_is_tried_where_a_case_asks_for_it():
    (random,) = MODULE.cases
    module = dataclasses.replace(MODULE, reference=Residual)
    both = dataclasses.replace(module, cases=(random, dataclasses.replace(random, initial=True)))
    assert outcome(_residual(1.0), module) is Outcome.RIGHT
    verdict = examine(both, _residual(1.0))
    assert [bool(row.difference) for row in verdict.rows] == [False, True]
    # With a factor of 0 the bias does not show, though the gradient of the factor depends on it.
    assert outcome(_residual(0.0, bias=0.0), both) is Outcome.RIGHT


def test_a_metered_result_is_compared_like_any_other():
    case = Case(Text("少占内存", "little memory"), lambda draw: Call((metered(torch.ones(6), 6),)))
    exercise = dataclasses.replace(FUNCTION, cases=(case,))
    assert outcome(lambda x: x + x, exercise) is Outcome.RIGHT
    # More coordinates of wrong numbers than numbers: the comparison itself needs more memory.
    case = dataclasses.replace(case, make=lambda draw: Call((metered(draw.normal(2, 3, 2), 12),)))
    exercise = dataclasses.replace(FUNCTION, cases=(case,))
    shown = str(Report(examine(exercise, lambda x: 2 * x + 1)))
    assert "max |Δ| = 1" in shown


def test_frozen_parameters_are_seen_in_the_gradients():
    class Frozen(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(channels), requires_grad=False)
            self.mix = nn.Linear(channels, 2 * channels)

        def forward(self, x):
            return self.mix(x * self.scale)

    assert "gradient of 3 [0]" in str(Report(examine(MODULE, Frozen)))


def test_everything_that_an_answer_writes_is_caught(capfd):
    def noisy(x):
        print("to stdout")
        print("to stderr", file=sys.stderr)
        os.write(2, b"to descriptor 2\n")
        warnings.warn("a warning", stacklevel=1)
        return 2 * x

    verdict = examine(FUNCTION, noisy)
    assert verdict.outcome is Outcome.RIGHT
    for words in ("to stdout", "to stderr", "to descriptor 2", "a warning"):
        assert words in verdict.printed
        assert words in str(Report(verdict))
    assert capfd.readouterr() == ("", "")


def test_a_mutant_that_warns_is_not_heard(capfd):
    def warning(x):
        os.write(2, b"native noise\n")
        warnings.warn("noise", stacklevel=1)
        return 4 * x

    noisy = Mutant("noisy", warning, Text("吵", "noisy"))
    exercise = Exercise(**{**_fields(FUNCTION), "mutants": (noisy,)})
    assert examine(exercise, lambda x: 4 * x).mutant is noisy
    assert capfd.readouterr() == ("", "")


def _fields(exercise):
    return {
        name: getattr(exercise, name)
        for name in exercise.__dataclass_fields__
        if name != "input_names"
    }


class Normed(nn.Module):
    """A BatchNorm, so that buffers and modes matter."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.norm(x)


def _normed(training):
    return Exercise(
        **{
            **_fields(MODULE),
            "reference": Normed,
            "cases": (
                Case(
                    Text("归一化", "normed"),
                    lambda draw: Call((draw.normal(4, 3, 2, 5),), {"channels": 3}),
                    training=training,
                ),
            ),
        }
    )


class IgnoresStatistics(nn.Module):
    """Right only where the running statistics are 0 and 1, as they are at first."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        w, b = self.norm.weight, self.norm.bias
        if self.training:
            return self.norm(x)
        return x * w[:, None, None] + b[:, None, None]


class IgnoresTheBatch(nn.Module):
    """Right in eval mode only."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        n = self.norm
        return torch.nn.functional.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias)


def test_running_statistics_are_random_and_both_modes_are_real():
    assert outcome(IgnoresTheBatch, _normed(False)) is Outcome.RIGHT
    assert outcome(IgnoresStatistics, _normed(False)) is Outcome.WRONG
    assert outcome(IgnoresStatistics, _normed(True)) is Outcome.RIGHT
    assert outcome(IgnoresTheBatch, _normed(True)) is Outcome.WRONG


def test_an_error_of_one_in_a_thousand_is_wrong_and_rounding_is_not():
    assert outcome(lambda x: 2 * x * 1.001) is Outcome.WRONG
    # In single precision alone, so that the double case cannot be what notices it.
    off = {torch.float32: 1.001, torch.float64: 1.0}
    assert outcome(lambda x: 2 * x * off[x.dtype]) is Outcome.WRONG
    assert outcome(lambda x: 2 * x * (1 + 1e-9)) is Outcome.RIGHT


def test_the_largest_difference_is_shown():
    def wrong(x):
        y = 2 * x
        y[0, 0] = y[0, 0] + 0.25
        y[1, 1] = y[1, 1] + 0.75
        return y

    assert "max |Δ| = 0.75, 2/" in str(Report(examine(FUNCTION, wrong)))


def test_numbers_that_differ_are_shown_with_digits_that_differ():
    off = {torch.float32: 1.0, torch.float64: 1 + 3e-8}
    report = str(Report(examine(FUNCTION, lambda x: 2 * x * off[x.dtype])))
    expected = re.search(r"expected: (.*)", report).group(1)
    got = re.search(r"got: (.*?)  \(", report).group(1)
    assert expected != got
    assert float(expected.split()[-1]) == pytest.approx(float(got.split()[-1]), rel=1e-6)


def test_global_settings_of_torch_are_used_for_nothing_and_set_back():
    def careless(x):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        return 2 * x

    assert outcome(careless) is Outcome.WRONG  # no gradient arrives
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    with torch.no_grad():
        assert outcome(lambda x: x + x) is Outcome.RIGHT


def test_profiler_tracer_and_alarm_are_as_before():
    import signal

    def endless(x):
        while True:
            x = x + 1

    before = sys.getprofile(), sys.gettrace(), signal.getsignal(signal.SIGALRM)
    start = time.monotonic()
    assert outcome(endless) is Outcome.ENDLESS
    assert time.monotonic() - start < 20
    assert outcome(lambda x: x + x) is Outcome.RIGHT
    assert (sys.getprofile(), sys.gettrace(), signal.getsignal(signal.SIGALRM)) == before


def test_an_endless_print_is_stopped_and_cut():
    def printing(x):
        while True:
            print("x" * 1000)

    verdict = examine(FUNCTION, printing)
    assert verdict.outcome is Outcome.ENDLESS
    assert 0 < len(verdict.printed) <= 200_000


def test_the_watch_cannot_be_taken_away_or_gone_round():
    import threading

    def blind(x):
        sys.setprofile(None)
        return double(x)

    def threaded(x):
        found = []
        thread = threading.Thread(target=lambda: found.append(double(x)))
        thread.start()
        thread.join()
        return found[0]

    assert outcome(blind) is Outcome.REFERENCE
    assert outcome(threaded) is Outcome.REFERENCE


def test_a_class_that_is_no_module_is_told_so():
    class Plain:
        def __init__(self, channels):
            pass

    assert "not an nn.Module" in str(Report(examine(MODULE, Plain)))


@pytest.mark.parametrize("result", [torch.eye(3).to_sparse(), object()])
def test_a_strange_result_is_wrong_and_no_crash(result):
    assert outcome(lambda x: result) is Outcome.WRONG


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    examine(MODULE, type("Copy", (nn.Module,), {}))
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("answer", [None, 3, torch.zeros(2)])
def test_an_answer_that_cannot_be_called_is_refused(answer):
    with pytest.raises(ValueError, match="cannot be called"):
        examine(FUNCTION, answer)


def test_an_instance_in_place_of_a_class_is_refused():
    with pytest.raises(ValueError, match="not a class"):
        examine(MODULE, Affine(3))


QUESTION = choice(
    "which",
    Text("哪个", "Which"),
    "b",
    {"a": Text("甲错", "a is wrong"), "b": Text("乙对", "b is right"), "c": Text("丙错", "c too")},
)


def test_a_wrong_choice_is_explained_and_the_answer_not_shown():
    shown = str(Report(examine(QUESTION, lambda: "a")))
    assert "a is wrong" in shown
    assert "b is right" not in shown
    assert "'b'" not in shown


def test_a_right_choice_says_why():
    assert "b is right" in str(Report(examine(QUESTION, lambda: "b")))


@pytest.mark.parametrize("letter", ["B", "z", None, 2])
def test_another_letter_is_told_the_choices(letter):
    verdict = examine(QUESTION, lambda: letter)
    assert verdict.outcome is Outcome.WRONG
    assert "'a', 'b', 'c'" in str(Report(verdict))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("id", "Not_kebab", "kebab-case"),
        ("kind", "guess", "kind"),
        ("difficulty", 6, "difficulty"),
        ("points", 0, "points"),
    ],
)
def test_an_exercise_that_breaks_a_rule_is_refused(field, value, words):
    with pytest.raises(ValueError, match=words):
        Exercise(**{**_fields(FUNCTION), field: value})


def test_the_error_is_one_line_in_a_notebook():
    lines = CheckFailed("double: wrong")._render_traceback_()
    assert lines == ["CheckFailed: double: wrong"]


class LastOfTwo(nn.Module):
    """Takes the last layer of a network of two, and needs no other."""

    def __init__(self, network):
        super().__init__()
        self.layer = network[1]

    def forward(self, x):
        return self.layer(x)


class TakesApart(nn.Module):
    def __init__(self, network):
        super().__init__()
        del network[0]
        self.rest = network

    def forward(self, x):
        return self.rest(x)


class RegistersTwice(TakesApart):
    def __init__(self, network):
        super().__init__(network)
        self.again = network[0]


class KeepsAll(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network[1](x)


def _two_layers():
    return nn.Sequential(nn.Linear(4, 5), nn.Linear(4, 3))


def _from_a_network(draw):
    return Call((draw.normal(2, 4),), {"network": Fresh(partial(_two_layers), "TwoLayers()")})


FROM_A_NETWORK = dataclasses.replace(
    FUNCTION,
    reference=LastOfTwo,
    cases=(Case(Text("一", "one"), _from_a_network, dtype=torch.float64),),
    mutants=(Mutant("twice", RegistersTwice, Text("两次", "two names")),),
    alternates=(),
)


def test_an_answer_may_take_a_fresh_argument_apart():
    for _ in range(2):
        assert examine(FROM_A_NETWORK, TakesApart).outcome is Outcome.RIGHT


def test_a_parameter_under_two_names_counts_twice():
    verdict = examine(FROM_A_NETWORK, RegistersTwice)
    assert verdict.outcome is Outcome.WRONG
    assert verdict.mutant.name == "twice"
    assert "too much (3, 4), (3,)" in str(verdict.rows[0].difference.text)
    assert "network=TwoLayers()" in str(Report(verdict))
    assert "too much (5, 4), (5,)" in str(examine(FROM_A_NETWORK, KeepsAll).rows[0].difference.text)


def _last_layer(network, x):
    return network[1](x)


ON_A_NETWORK = dataclasses.replace(
    FUNCTION,
    reference=_last_layer,
    cases=(
        Case(
            Text("一", "one"),
            lambda draw: Call((Fresh(partial(_two_layers), "TwoLayers()"), draw.normal(2, 4))),
            dtype=torch.float64,
        ),
    ),
    mutants=(),
    alternates=(),
)


def test_a_module_among_the_inputs_gets_the_dtype_of_the_case():
    def with_its_own_arithmetic(network, x):
        return x @ network[1].weight.T + network[1].bias

    assert examine(ON_A_NETWORK, with_its_own_arithmetic).outcome is Outcome.RIGHT
    assert examine(ON_A_NETWORK, lambda network, x: network[1](2 * x)).outcome is Outcome.WRONG


@pytest.mark.parametrize(
    "touch",
    [
        lambda network: network[0].register_forward_hook(lambda *seen: None),
        lambda network: network[0].train(),
        lambda network: setattr(network[0], "forward", lambda x: x),
        lambda network: setattr(network[0], "in_features", 9),
    ],
    ids=["hook", "mode", "forward", "setting"],
)
def test_what_an_answer_leaves_in_a_module_is_noticed(touch):
    def touching(network, x):
        touch(network)
        return network[1](x)

    verdict = examine(ON_A_NETWORK, touching)
    assert verdict.outcome is Outcome.WRONG
    assert "changed its input" in str(verdict.rows[0].difference.text)
    assert verdict.rows[0].difference.got == "network"
