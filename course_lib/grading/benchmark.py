"""`make bench-grading`: this grader beside `nbgrader autograde` as it ships, in one run.

Each row grades the same submissions of lesson 01 in a fresh copy of the course: right and half
right ones in turn. Ours writes feedback and registers the lesson within its time, nbgrader's does
neither. Processor time is the fair measure on a machine with other work; memory is the largest sum
of what all processes of the row hold, shared pages counted once (PSS).
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from nbgrader.utils import is_solution

LESSON = "01_squeeze_excitation"
_ROOT = Path(__file__).resolve().parents[2]
_SAMPLE_SECONDS = 0.5
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
        while not over.wait(_SAMPLE_SECONDS):
            pids = _tree(process.pid)
            peak[0] = max(peak[0], sum(map(_held, pids)))
            used.update({pid: _used(pid) for pid in pids})

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


def main(
    submissions: Annotated[list[int] | None, typer.Argument(min=1)] = None,
    only: Annotated[list[str] | None, typer.Option(help="Rows with this in their name.")] = None,
) -> None:
    """Print the table."""
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before the start")
    head = ("", "submissions", "s", "s each", "processor s each", "x nbgrader", "MiB")
    print("{:38}{:>12}{:>9}{:>9}{:>18}{:>12}{:>8}".format(*head))
    for count in submissions or (1, 20):
        stock = None
        for name, options in ROWS.items():
            if only and not any(part in name for part in only):
                continue
            with tempfile.TemporaryDirectory(prefix="bench-grading-") as folder:
                root = Path(folder)
                make_course(root, count)
                if options is None:
                    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                    register = [f"{sys.prefix}/bin/nbgrader", "generate_assignment", LESSON]
                    subprocess.run([*register, "--force"], cwd=root, check=True, **quiet)
                    command = [f"{sys.prefix}/bin/nbgrader", "autograde", LESSON, "--create"]
                else:
                    command = [f"{sys.prefix}/bin/course-grade", *options]
                passed, used, peak = measure(command, root)
            stock = stock or (passed if options is None else None)
            ratio = f"{stock / passed:.1f}" if stock else "-"
            print(
                f"{name:38}{count:12}{passed:9.1f}{passed / count:9.2f}{used / count:18.2f}"
                f"{ratio:>12}{peak / 2**20:8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    typer.run(main)
