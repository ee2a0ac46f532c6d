"""`make bench-grading`: this grader beside `nbgrader autograde` as it ships, in one run.

Each row grades the same submissions of lesson 01 in a fresh copy of the course: right and half
right ones in turn. Ours writes feedback and registers the lesson within its time, nbgrader's does
neither. Processor time is the fair measure on a machine with other work; memory is the largest sum
of what all processes of the row hold, shared pages counted once (PSS).

nbgrader's time grows with the number, so it is not made to grade 200; `-` stands where it was not.
"""

import csv
import itertools
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from nbgrader.utils import is_solution

LESSON = "01_squeeze_excitation"
_ROOT = Path(__file__).resolve().parents[2]
# A kernel lives for a second or two, and what it used is lost with it.
_SAMPLE_SECONDS = 0.1
_SAMPLES_BETWEEN_MEMORY = 5
_COLUMNS = (
    *("grader", "submissions", "seconds", "seconds_each", "processor_seconds_each"),
    *("times_nbgrader", "times_nbgrader_processor", "peak_mib"),
)
_SHORT = ("", "submissions", "s", "s each", "cpu s each", "x", "x cpu", "MiB")
_ALWAYS = ("course-grade", "course-grade, 2 workers")
ROWS = {
    "nbgrader autograde": None,
    "course-grade": ["--workers", "1"],
    "course-grade, 2 workers": ["--workers", "2"],
    "course-grade, not strict": ["--workers", "1", "--no-strict"],
    "course-grade, not strict, 2 workers": ["--workers", "2", "--no-strict"],
    "course-grade, every cell": ["--workers", "1", "--every-cell"],
}


def make_course(root: Path, submissions: int) -> None:
    """A course with the lesson, registered, and so many submissions."""
    shutil.copy(_ROOT / "nbgrader_config.py", root)
    shutil.copytree(_ROOT / "solutions" / LESSON, root / "solutions" / LESSON)
    released = _ROOT / "notebooks" / LESSON / f"{LESSON}.ipynb"
    shutil.copytree(released.parent, root / "notebooks" / LESSON)
    solution = nbformat.read(_ROOT / "solutions" / LESSON / f"{LESSON}.ipynb", as_version=4)
    answers = {
        cell.metadata.nbgrader.grade_id: cell.source for cell in solution.cells if is_solution(cell)
    }
    for number in range(submissions):
        work = nbformat.read(released, as_version=4)
        for place, cell in enumerate(filter(is_solution, work.cells)):
            if number % 2 == 0 or place % 2 == 0:
                cell.source = answers[cell.metadata.nbgrader.grade_id]
        folder = root / "submitted" / f"learner{number:04}" / LESSON
        folder.mkdir(parents=True)
        nbformat.write(work, folder / f"{LESSON}.ipynb")


def measure(command: Sequence[str], root: Path) -> tuple[float, float, float]:
    """Seconds that pass, seconds of processors, and the most bytes held, of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    environment = {**os.environ, "PATH": f"{sys.prefix}/bin{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peak, used = [0], {}
    over = threading.Event()

    def sample() -> None:
        for number in itertools.count():
            if over.wait(_SAMPLE_SECONDS):
                return
            pids = _tree(process.pid)
            used.update({pid: max(_used(pid), used.get(pid, 0.0)) for pid in pids})
            if number % _SAMPLES_BETWEEN_MEMORY == 0:
                peak[0] = max(peak[0], sum(map(_held, pids)))

    sampler = threading.Thread(target=sample)
    sampler.start()
    code = process.wait()
    passed = time.perf_counter() - begin
    over.set()
    sampler.join()
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    waited = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return passed, max(waited, sum(used.values())), peak[0]


def _tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _held(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def _used(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0.0


def grade(options: Sequence[str] | None, count: int) -> tuple[float, float, float]:
    """Measure one row: options of course-grade, or none for nbgrader."""
    with tempfile.TemporaryDirectory(prefix="bench-grading-") as folder:
        root = Path(folder)
        make_course(root, count)
        # Ours registers the lesson in each run, nbgrader only when told to: here, before it begins.
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        register = [f"{sys.prefix}/bin/nbgrader", "generate_assignment", LESSON, "--force"]
        subprocess.run(register, cwd=root, check=True, **quiet)
        if options is None:
            return measure([f"{sys.prefix}/bin/nbgrader", "autograde", LESSON, "--create"], root)
        return measure([f"{sys.prefix}/bin/course-grade", *options], root)


def conditions() -> str:
    """Where and with what it was measured, in one line."""
    load = f"{os.cpu_count()} processors, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    names = ("nbgrader", "nbconvert", "nbclient", "sqlalchemy", "torch", "distributed")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{datetime.now(UTC):%Y-%m-%d}, {load}, Python {platform.python_version()}, {versions}"


def main(
    submissions: Annotated[list[int] | None, typer.Argument(min=1)] = None,
    only: Annotated[list[str] | None, typer.Option(help="Rows with this in their name.")] = None,
    most_nbgrader: Annotated[int, typer.Option(help="nbgrader grades no more than these.")] = 20,
    most_others: Annotated[
        int, typer.Option(help="Only `course-grade` by itself and 2 workers grade more than these.")
    ] = 20,
    table: Annotated[
        Path | None, typer.Option(help="Write the table to this CSV file, too.")
    ] = None,
) -> None:
    """Print the table."""
    told = conditions()
    print(told)
    print("{:38}{:>12}{:>9}{:>9}{:>14}{:>9}{:>9}{:>8}".format(*_SHORT))
    lines: list[list[str]] = []
    for count in submissions or (1, 20, 200):
        stock: tuple[float, float] | None = None
        for name, options in ROWS.items():
            most = most_nbgrader if options is None else most_others
            if only and not any(part in name for part in only):
                continue
            if count > most and name not in _ALWAYS:
                continue
            passed, used, peak = grade(options, count)
            if options is None:
                stock = passed, used
            times = (
                [f"{old / new:.1f}" for old, new in zip(stock, (passed, used), strict=True)]
                if stock
                else ["-", "-"]
            )
            each = [f"{passed:.1f}", f"{passed / count:.2f}", f"{used / count:.2f}"]
            lines.append([name, str(count), *each, *times, f"{peak / 2**20:.0f}"])
            print("{:38}{:>12}{:>9}{:>9}{:>14}{:>9}{:>9}{:>8}".format(*lines[-1]), flush=True)
    if table is not None:
        with table.open("w", encoding="utf-8", newline="") as file:
            file.write(f"# {told}\n")
            csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *lines])


if __name__ == "__main__":
    typer.run(main)
