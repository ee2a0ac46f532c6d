"""The committed table of `make danet`: whole, of today's networks, and it says what is claimed."""

from pathlib import Path

import pandas as pd
import pytest

from course_lib.networks import build
from course_lib.train import danet, tasks

TABLE = Path(__file__).parents[2] / "measurements" / "danet.csv"
MEASURED = pd.read_csv(TABLE)
KEY = ["data", "head", "seed"]
RUNS = MEASURED.set_index(KEY).sort_index()
DRAWN = ["scenes", "cue", "legend"]  # in the order of `make danet`


def test_every_task_head_and_seed_is_there_once():
    wanted = [(d, head, seed) for d in DRAWN for seed in (0, 1, 2) for head in danet.HEADS]
    assert list(MEASURED[KEY].itertuples(index=False, name=None)) == wanted


@pytest.mark.parametrize("data", DRAWN)
def test_epochs_and_parameters_are_those_of_today(data):
    task = tasks.drawn(data, 0)
    for head in danet.HEADS:
        model = build(task.network, classes=len(task.classes), head=head)
        runs = RUNS.loc[data, head]
        assert set(runs["epochs"]) == {task.epochs}
        assert set(runs["parameters"]) == {sum(p.numel() for p in model.parameters())}


def test_streets_reach_75_within_90_seconds_of_cpu_with_either_head():
    streets = RUNS.loc["scenes"]
    assert streets["mIoU"].min() >= 75
    assert streets["CPU seconds"].max() <= 90


def test_streets_do_not_need_the_head():
    mean = RUNS.loc["scenes", "mIoU"].groupby("head").mean()
    assert abs(mean["dual"] - mean["plain"]) < 1


@pytest.mark.parametrize("data", ["cue", "legend"])
def test_boards_need_the_head_with_every_seed(data):
    runs = RUNS.loc[data, "mIoU"]
    assert runs["dual"].min() > runs["plain"].max() + 10
