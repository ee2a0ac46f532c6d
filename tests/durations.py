"""What a run of the tests ends with: its slowest tests, and the seconds of each room and file."""

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from _pytest.terminal import TerminalReporter

KEPT = Path("build", "seconds.csv")
SLOWEST = 10


def durations(reporter: TerminalReporter) -> dict[str, float]:
    """Seconds of every test, its fixtures included, by its id."""
    seconds: Counter[str] = Counter()
    for reports in reporter.stats.values():
        for report in reports:
            if hasattr(report, "duration") and hasattr(report, "nodeid"):
                seconds[report.nodeid] += report.duration
    return dict(seconds)


def room_of(file: str) -> str:
    """The room whose tests a file holds: a folder of `tests`, a file beside them, or a notebook."""
    top, *rest = Path(file).with_suffix("").parts
    return rest[0].removeprefix("test_") if top == "tests" and rest else "/".join([top, *rest[:1]])


def summed(pairs: Iterable[tuple[str, float]]) -> list[tuple[str, int, float]]:
    """Names with how often each is there and the sum of its numbers, the largest first."""
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for name, number in pairs:
        counts[name] += 1
        sums[name] += number
    return [(name, counts[name], total) for name, total in sums.most_common()]


def report(reporter: TerminalReporter, root: Path) -> None:
    """Print the slowest tests and the rooms, and keep the seconds of each file for the next run."""
    seconds = durations(reporter)
    if not seconds:
        return
    reporter.section(f"the {SLOWEST} slowest, in seconds")
    for name, taken in sorted(seconds.items(), key=lambda pair: -pair[1])[:SLOWEST]:
        reporter.write_line(f"{taken:8.1f}  {name}")
    files = summed((name.split("::")[0], taken) for name, taken in seconds.items())
    rooms = summed((room_of(name.split("::")[0]), taken) for name, taken in seconds.items())
    reporter.section("each room, in seconds of its tests")
    for room, count, taken in [*rooms, ("all", len(seconds), sum(seconds.values()))]:
        reporter.write_line(f"{taken:8.1f}  {count:5d}  {room}")
    kept = root / KEPT
    kept.parent.mkdir(exist_ok=True)
    with kept.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "tests", "seconds"])
        writer.writerows([name, count, f"{taken:.1f}"] for name, count, taken in files)
