"""The leaderboard: it measures what is missing and loses nothing."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from course_lib import plots, probes
from course_lib.benchmarks import leaderboard
from course_lib.data import scenes


@pytest.fixture(autouse=True)
def _in_full_and_in_this_process(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    # A new process takes seconds to start; one test starts some.
    monkeypatch.setattr(
        leaderboard, "ProcessPoolExecutor", lambda jobs, **_: ThreadPoolExecutor(jobs)
    )


def _run(table: Path, *more: str) -> pd.DataFrame:
    given = ["--rules", "touch", "--seeds", "0", "--steps", "2", "--jobs", "1"]
    assert leaderboard.main([*given, "--table", str(table), *more]) == 0
    return pd.read_csv(table)


def test_a_run_writes_rows_and_a_picture_and_the_next_one_only_adds(tmp_path, monkeypatch):
    table = tmp_path / "board.csv"
    first = _run(table, "--contestants", "eca")
    assert (tmp_path / "board.png").stat().st_size > 1000
    compared = probes.compare(
        "touch", {"eca": probes.Contestant(probes.fitted("eca"))}, [0], steps=2
    )
    assert first.loc[0, "accuracy"] == pytest.approx(compared.accuracy.loc["eca", 0], abs=0.001)
    assert first.loc[0, "parameters"] == compared.parameters["eca"]
    # Stopped in the middle of the next rows: they are lost, the old ones are not.
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _no_space)
        with pytest.raises(OSError, match="no space"):
            _run(table, "--contestants", "eca", "plain")
    pd.testing.assert_frame_equal(pd.read_csv(table), first)
    both = _run(table, "--contestants", "eca", "plain")
    assert list(both["contestant"]) == ["eca", "plain"]
    pd.testing.assert_frame_equal(both[both["contestant"] == "eca"], first)
    assert not list(tmp_path.glob(".*.new"))


def test_a_killed_run_is_continued(tmp_path):
    table, names = tmp_path / "board.csv", ["eca", "plain", "se", "simam", "sse", "cse"]
    command = [sys.executable, "-m", "course_lib.benchmarks.leaderboard", "--rules", "touch"]
    command += ["--seeds", "0", "--steps", "2", "--jobs", "1", "--table", str(table)]
    command += ["--contestants", *names]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    line = started.stdout.readline()  # comes with the first rows
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    assert "touch, seed 0: eca" in line
    killed = pd.read_csv(table)
    assert len(killed) >= 4
    finished = _run(table, "--contestants", *names)
    assert sorted(finished["contestant"]) == sorted(names)
    kept = finished[finished["contestant"].isin(killed["contestant"])]
    pd.testing.assert_frame_equal(kept.reset_index(drop=True), killed)


def _no_space(self, target):
    raise OSError("no space")


def test_what_is_measured_is_not_measured_again():
    names, rules = ["a", "b", "c", "d", "e", "f"], ["cue", "odd"]
    rows = pd.DataFrame(
        [{"rule": "cue", "contestant": name, "seed": 0, "steps": 9} for name in "abd"]
    )
    units = list(leaderboard.missing(rows, rules, names, [0, 1], 9))
    assert [unit.seed for unit in units] == sorted(unit.seed for unit in units)
    left = [(u.rule, name, u.seed) for u in units for name in u.contestants]
    everything = {(rule, name, seed) for rule in rules for name in names for seed in (0, 1)}
    assert len(left) == len(set(left)) == len(everything) - 3
    assert set(left) == everything - {("cue", name, 0) for name in "abd"}


def test_rows_of_other_lengths_are_not_mixed(tmp_path, capsys):
    table = tmp_path / "board.csv"
    row = dict.fromkeys(leaderboard._COLUMNS, 1) | {"rule": "touch", "steps": 7}
    leaderboard.add(table, [row])
    with pytest.raises(SystemExit):
        _run(table, "--contestants", "eca")
    assert "'touch' are of 7 steps and not 2" in capsys.readouterr().err


def test_a_shortened_run_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(SystemExit):
        _run(tmp_path / "board.csv")
    assert "unset NBGRADER_EXECUTION" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--contestants", "--rules"])
def test_unknown_names_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        leaderboard.main([option, "nonsense"])
    assert "'nonsense'" in capsys.readouterr().err


def test_parts_of_a_mechanism_are_what_their_names_say():
    for name, pool in (("mean", "avg"), ("max", "max")):
        module = leaderboard.contestant(f"cbam_channel, {name} only").build(0).blocks[0].attention
        assert list(module.pools) == [pool]


def test_a_heat_map_writes_every_number_where_it_belongs():
    mean = np.array([[50.0, 62.4], [np.nan, 99.6]])
    std = np.array([[1.4, np.nan], [np.nan, 0.2]])
    axis = plots.heat_map(mean, std, ["a", "b"], ["x", "y"], [50, 25], "t").axes[0]
    texts = {tuple(text.get_position()): text.get_text() for text in axis.texts}
    assert texts == {(0, 0): "50 ±1", (1, 0): "62", (1, 1): "100 ±0"}
    shares = np.ma.filled(axis.images[0].get_array(), np.nan)
    assert shares[0, 0] == 0
    assert shares[0, 1] == pytest.approx((62.4 - 25) / 75)
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["x", "y"]


def test_every_rule_and_contestant_has_its_steps():
    rules, names = scenes.rules(), leaderboard.contestants()
    none = leaderboard.read(Path("no such file"))
    units = list(leaderboard.missing(none, rules, names, [0], steps=0))
    planned = {(unit.rule, name) for unit in units for name in unit.contestants}
    assert planned == {(rule, name) for rule in rules for name in names}
    assert all(2 <= unit.steps <= scenes.rule_named(unit.rule).steps for unit in units)
