"""The committed leaderboard: whole, of today's library, and the page says what the rows say."""

import pandas as pd
import pytest

from course_lib import probes
from course_lib.benchmarks import leaderboard, reading
from course_lib.data import scenes

ROWS = leaderboard.read(leaderboard.TABLE)
MISSING = leaderboard.not_measured(ROWS)


@pytest.mark.skipif(MISSING > 0, reason=f"{MISSING} runs are not measured yet: make leaderboard")
def test_every_contestant_has_every_rule_and_seed():
    rows = set(ROWS[["rule", "contestant", "seed"]].itertuples(index=False, name=None))
    assert rows == {
        (rule, name, seed)
        for rule in scenes.rules()
        for name in leaderboard.contestants()
        for seed in leaderboard.SEEDS
    }
    assert leaderboard.TABLE.with_suffix(".png").exists()


def test_no_run_stands_twice_and_every_name_is_known():
    assert not ROWS.duplicated(["rule", "contestant", "seed"]).any()
    assert set(ROWS["rule"]) <= set(scenes.rules())
    assert set(ROWS["contestant"]) <= set(leaderboard.contestants())
    assert set(ROWS["seed"]) <= set(leaderboard.SEEDS)


def test_accuracies_are_shares_and_every_row_says_where_it_comes_from():
    assert ROWS["accuracy"].between(0, 100).all()
    assert (ROWS["seconds"] > 0).all()
    assert not ROWS.isna().any().any()


@pytest.mark.parametrize("rule", sorted(set(ROWS["rule"])))
def test_all_of_a_rule_were_trained_for_the_same_steps(rule):
    wanted = leaderboard.STEPS.get(rule, scenes.rule_named(rule).steps)
    assert set(ROWS.loc[ROWS["rule"] == rule, "steps"]) == {wanted}


@pytest.mark.parametrize("name", sorted(set(ROWS["contestant"])))
def test_a_row_has_the_parameters_of_the_network_that_there_is_now(name):
    contestant = leaderboard.contestant(name)
    for rule, found in ROWS[ROWS["contestant"] == name].groupby("rule")["parameters"]:
        network = contestant.build(0, scenes.rule_named(rule).classes)
        assert set(found) == {sum(p.numel() for p in network.parameters())}, rule


def test_the_page_is_that_of_the_rows():
    path = leaderboard.TABLE.with_suffix(".md")
    assert path.read_text(encoding="utf-8") == reading.page(ROWS, MISSING)


def test_what_the_readme_says_of_the_rows():
    read = reading.read(ROWS)
    beats = {rule: set(names) for rule, names in read.beats.items()}
    assert {"se", "gc", "cbam_channel", "nonlocal"} <= beats["cue"]
    assert {"cbam_channel", "cbam_channel, max only"} <= beats["flare"]
    assert read.mean.loc["se", "flare"] < scenes.rule_named("flare").chance + 3
    assert {"coordinate", "spm", "triplet", "lka", "van"} <= beats["lane"]
    assert {"lka", "van", "cbam_spatial"} <= beats["reach"]
    assert not beats["reach"] & {"se", "eca", "gc", "cse", "cbam_channel"}
    assert "pam" in beats["legend"]
    assert read.beats["legend"][0] == "rga"
    assert not beats["touch"]
    assert not read.solved_by("sse")
    assert set(read.solved_by("sge")) <= set(read.solved_by("se"))


def test_every_rule_has_its_words():
    assert set(reading.RULES) == set(scenes.rules())
    assert set(reading.CONTROLS) <= set(leaderboard.OTHERS)
    assert not set(reading.CONTROLS) & set(probes.mechanisms())


def _rows(**accuracies):
    """Rows of one rule, from the accuracies of the seeds by contestant."""
    rest = {"rule": "cue", "parameters": 7, "date": "d", "torch": "t", "machine": "m"}
    return pd.DataFrame(
        [
            {"contestant": name.replace("_", " "), "seed": seed, "accuracy": value, **rest}
            for name, values in accuracies.items()
            for seed, value in enumerate(values)
        ]
    )


CONTROLS = {"plain": [50, 51], "wide": [50, 52], "deep": [49, 60], "conv_gate": [50, 50]}


@pytest.mark.parametrize(
    ("accuracies", "beats"),
    [
        ([61, 90], True),
        ([60, 90], False),  # no better with a seed than the best control
        ([61, 68.9], False),  # less than the margin above 60 on average
        ([61, 69], True),
    ],
)
def test_a_mechanism_beats_with_every_seed_and_by_the_margin(accuracies, beats):
    read = reading.read(_rows(se=accuracies, eca=[100, 100], **CONTROLS))
    assert read.beats["cue"] == (["eca", "se"] if beats else ["eca"])
    assert read.solved_by("se") == (["cue"] if beats else [])


def test_the_page_says_what_is_missing_what_wins_and_what_has_no_effect():
    rows = _rows(se=[90, 91], eca=[50, 50], **CONTROLS)
    rows.loc[rows["contestant"] == "se", "parameters"] = 8
    page = reading.page(rows, missing=3)
    assert "| `cue` | one large thing, anywhere | `deep` 54 | `se` 90 |" in page
    assert "| `se` | 8 | `cue` 90 (54) |" in page
    assert "| `eca` | 7 | no effect seen |" in page
    assert "| `eca` | 7 | 没有看到作用 |" in page
    assert "3 runs are missing" in page
    assert "as many parameters as `se`." in page
    assert "are missing" not in reading.page(rows, missing=0)


def test_without_a_control_nothing_is_read():
    with pytest.raises(ValueError, match="'wide' is not measured"):
        reading.read(_rows(se=[90], plain=[50], deep=[50], conv_gate=[50]))
