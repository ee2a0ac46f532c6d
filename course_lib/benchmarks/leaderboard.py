"""Every mechanism on every rule of the probe scenes: accuracies as a table and as a picture.

    python -m course_lib.benchmarks.leaderboard               all that is not in the table yet
    python -m course_lib.benchmarks.leaderboard --jobs 4      with four processes of one thread
    python -m course_lib.benchmarks.leaderboard --contestants se eca --rules cue --table mine.csv

Rows are added as they are measured, so a run that ends early is continued by the next one. The
networks, the scenes and the recipe are those of ``course_lib.probes``, with fewer steps for some
rules. All of it takes about two hours of CPU; the column ``seconds`` says where they go.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import torch

from course_lib import costs, plots, probes
from course_lib.atomic import replacing
from course_lib.benchmarks import reading
from course_lib.data import scenes
from course_lib.networks.small import ConvolutionGate

TABLE = Path(__file__).with_name("leaderboard.csv")
PICTURE = Path(__file__).with_name("leaderboard.png")
SEEDS = (0, 1, 2)
#: Training steps, where a rule is decided before its usual number of steps.
STEPS = {
    "both": 600,
    "cue": 300,
    "flare": 300,
    "lane": 250,
    "legend": 800,
    "odd": 300,
    "reach": 400,
    "touch": 100,
}
#: Networks without a mechanism, and mechanisms with a part taken away.
OTHERS: dict[str, Callable[[], probes.Contestant]] = {
    "plain": probes.Contestant,
    "wide": lambda: probes.Contestant(channels=32),
    "deep": lambda: probes.Contestant(blocks=3),
    "conv gate": lambda: probes.Contestant(ConvolutionGate),
    "cbam_channel, mean only": lambda: probes.Contestant(
        probes.fitted("cbam_channel", pools=("avg",))
    ),
    "cbam_channel, max only": lambda: probes.Contestant(
        probes.fitted("cbam_channel", pools=("max",))
    ),
}
_KEY = ["rule", "contestant", "seed"]
_COLUMNS = [*_KEY, "steps", "parameters", "accuracy", "seconds", "date", "torch", "machine"]
_TOGETHER = 4  # contestants trained on the same drawn scenes


@dataclass(frozen=True)
class Unit:
    """What a process measures at once.

    Attributes:
        rule: rule of the scenes.
        seed: seed of scenes and networks.
        contestants: names.
        steps: training steps.
    """

    rule: str
    seed: int
    contestants: tuple[str, ...]
    steps: int


def contestants() -> list[str]:
    """The names of all contestants: mechanisms, networks without one, parts of one."""
    return [*OTHERS, *probes.mechanisms()]


def contestant(name: str) -> probes.Contestant:
    """The contestant of that name."""
    return OTHERS[name]() if name in OTHERS else probes.Contestant(probes.fitted(name))


def read(table: Path) -> pd.DataFrame:
    """The rows that were measured; none if there is no file."""
    return pd.read_csv(table) if table.exists() else pd.DataFrame(columns=_COLUMNS)


def missing(
    rows: pd.DataFrame, rules: Sequence[str], names: Sequence[str], seeds: Sequence[int], steps: int
) -> Iterator[Unit]:
    """What is still to be measured, a seed of everything before the next seed.

    Args:
        rows: what was measured.
        rules: rules to measure.
        names: contestants to measure.
        seeds: seeds to measure.
        steps: training steps; 0 takes those of ``STEPS``.

    Raises:
        ValueError: if the rows of a rule were measured with another number of steps.
    """
    done = set(rows[_KEY].itertuples(index=False, name=None))
    for rule in rules:
        wanted = steps or _steps(rule)
        other = set(rows[rows["rule"] == rule]["steps"]) - {wanted}
        if other:
            raise ValueError(
                f"rows of rule {rule!r} are of {other.pop()} steps and not {wanted}; "
                "choose another --table or remove them"
            )
    for seed in seeds:
        for rule in rules:
            left = [name for name in names if (rule, name, seed) not in done]
            for start in range(0, len(left), _TOGETHER):
                together = tuple(left[start : start + _TOGETHER])
                yield Unit(rule, seed, together, steps or _steps(rule))


def _steps(rule: str) -> int:
    return STEPS.get(rule, scenes.rule_named(rule).steps)


def measure(unit: Unit) -> list[dict[str, object]]:
    """Rows of the table, one a contestant."""
    made = {name: contestant(name) for name in unit.contestants}
    result = probes.compare(unit.rule, made, [unit.seed], unit.steps)
    return [
        {
            "rule": unit.rule,
            "contestant": name,
            "seed": unit.seed,
            "steps": unit.steps,
            "parameters": result.parameters[name],
            "accuracy": round(result.accuracy.loc[name, unit.seed], 3),
            "seconds": round(result.seconds.loc[name, unit.seed], 2),
            "date": datetime.now(UTC).date().isoformat(),
            "torch": torch.__version__,
            "machine": f"{costs.processor()}, {os.cpu_count()} cores",
        }
        for name in unit.contestants
    ]


def add(table: Path, rows: list[dict[str, object]]) -> None:
    """Add rows to the file, which is whole at every moment."""
    old, new = read(table), pd.DataFrame(rows)
    joined = pd.concat([old, new]) if len(old) else new
    with replacing(table) as part:
        joined.sort_values(_KEY).to_csv(part, index=False, columns=_COLUMNS, lineterminator="\n")


def run(units: Sequence[Unit], table: Path, jobs: int) -> None:
    """Measure the units in processes of one thread each, and add their rows as they come."""
    # Spawned: a fork of a process that has used torch's threads may hang.
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    )
    try:
        for count, future in enumerate(as_completed([pool.submit(measure, u) for u in units]), 1):
            rows = future.result()
            add(table, rows)
            found = ", ".join(f"{r['contestant']} {r['accuracy']:.1f}" for r in rows)
            print(f"{count}/{len(units)} {rows[0]['rule']}, seed {rows[0]['seed']}: {found}")
            sys.stdout.flush()
    finally:
        pool.shutdown(cancel_futures=True)


def draw(table: Path, picture: Path) -> None:
    """Draw mean and standard deviation over the seeds; rows are ordered by their mean colour.

    Args:
        table: what was measured.
        picture: the PNG file to write.
    """
    accuracy = read(table).groupby(["contestant", "rule"])["accuracy"]
    mean, std = accuracy.mean().unstack(), accuracy.std().unstack()
    chance = [scenes.rule_named(rule).chance for rule in mean.columns]
    order = ((mean - chance) / [100 - c for c in chance]).mean(axis=1).sort_values().index[::-1]
    figure = plots.heat_map(
        mean.loc[order].to_numpy(),
        std.loc[order].to_numpy(),
        [f"{name} (control)" if name in reading.CONTROLS else name for name in order],
        list(mean.columns),
        chance,
        "Balanced accuracy in %, mean ± standard deviation over seeds",
    )
    plots.save(figure, picture)


def write_page(table: Path) -> None:
    """Write what the table says beside it, as a page."""
    rows = read(table)
    with replacing(table.with_suffix(".md")) as new:
        new.write_text(reading.page(rows, not_measured(rows)), encoding="utf-8")


def not_measured(rows: pd.DataFrame) -> int:
    """How many runs of the whole board are not in the rows yet."""
    units = missing(rows, scenes.rules(), contestants(), SEEDS, steps=0)
    return sum(len(unit.contestants) for unit in units)


def main(arguments: list[str] | None = None) -> int:
    """Measure what is missing and draw the picture; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.benchmarks.leaderboard",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--contestants", nargs="+", default=contestants(), choices=contestants())
    parser.add_argument("--rules", nargs="+", default=scenes.rules(), choices=scenes.rules())
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--steps", type=int, default=0, help="training steps; 0: by the rule")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="number of processes")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--picture", type=Path, help="default: beside the table, as PNG")
    asked = parser.parse_args(arguments)
    if probes.shortened():
        parser.error("experiments are shortened here; unset NBGRADER_EXECUTION")
    try:
        rows = read(asked.table)
        units = list(missing(rows, asked.rules, asked.contestants, asked.seeds, asked.steps))
    except ValueError as error:
        parser.error(str(error))
    run(units, asked.table, asked.jobs)
    draw(asked.table, asked.picture or asked.table.with_suffix(".png"))
    if asked.table == TABLE:
        write_page(TABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
