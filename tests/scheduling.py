"""Which worker runs what, and when: a file to a worker, the longest first, what is small last.

`tests/seconds.csv` holds the seconds of each file when the tests were measured last; they need not
be exact. A file that is not in it counts as long. `make seconds` writes it from the last run.
"""

import csv
import math
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

MEASURED = Path(__file__).with_name("seconds.csv")
# Their tests share nothing, and each takes a moment: they fill what is left at the end.
SCATTERED = ("test_every_exercise.py",)


class Scheduling(LoadFileScheduling):
    """One worker runs all tests of a file, which share what they make; but for the scattered."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return nodeid if file.endswith(SCATTERED) else file


def scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """What spreads the tests over the workers, in the order in which they were collected."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def longest_first(items: list[pytest.Item], measured: Path = MEASURED) -> None:
    """Put the files that take long first: no worker is to be at one when all others are through."""
    with measured.open(encoding="utf-8", newline="") as file:
        seconds = {row["file"]: float(row["seconds"]) for row in csv.DictReader(file)}

    def expected(item: pytest.Item) -> float:
        file = item.nodeid.split("::")[0]
        return 0.0 if file.endswith(SCATTERED) else seconds.get(file, math.inf)

    items.sort(key=expected, reverse=True)
