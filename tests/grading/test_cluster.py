"""Grading on the workers of a Dask cluster, and what happens to the work of one that is lost."""

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator

import dask
import psutil
import pytest
from distributed import LocalCluster
from tiny_course import RIGHT, Course, Work

from course_lib.grading.worker.pool import warm_up

SLOW = "import time\ntime.sleep(1)"


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    # Its workers are forks, as those of `--workers` are: torch is imported once for all of them.
    warm_up(2)
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
        ) as cluster,
    ):
        yield cluster


def graded_while_one_is_killed(
    course: Course, busy: Callable[[], Iterator[int]], *arguments: str
) -> None:
    """Grade four slow ones; kill the first worker that `busy` names; all are graded."""
    for number in range(4):
        course.submit(f"learner {number}", Work(*RIGHT).insert(2, SLOW))
    killed: list[int] = []
    stop = threading.Event()

    def kill_the_first_that_works() -> None:
        while not killed and not stop.wait(0.05):
            for pid in itertools.islice(busy(), 1):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    killer = threading.Thread(target=kill_the_first_that_works)
    killer.start()
    try:
        result = course.grade(*arguments)
    finally:
        stop.set()
        killer.join()
    assert len(killed) == 1
    assert result.exit_code == 0, result.output
    assert result.output.count("6/6 graded") == 4


def at_work(workers: Iterable[psutil.Process]) -> Iterator[int]:
    """Those of some processes that have a sandbox, or what makes one."""
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(child.name() == "bwrap" for child in worker.children()):
                yield worker.pid


def test_work_of_a_lost_worker_is_done_elsewhere(course: Course, cluster: LocalCluster) -> None:
    workers = [psutil.Process(worker.pid) for worker in cluster.workers.values()]
    graded_while_one_is_killed(
        course, lambda: at_work(workers), "--scheduler", cluster.scheduler_address
    )


def test_work_of_a_lost_worker_of_this_machine_is_done(course: Course) -> None:
    def forks() -> Iterator[psutil.Process]:
        for process in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any("forkserver" in word for word in process.cmdline()):
                    yield from process.children()

    graded_while_one_is_killed(course, lambda: at_work(forks()), "--workers", "2")


def test_no_scheduler(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.grading.worker.pool._CONNECT_SECONDS", 1)
    course.submit("ann", Work(*RIGHT))
    result = course.grade("--scheduler", "tcp://127.0.0.1:9")
    assert result.exit_code == 2
    assert "--scheduler tcp://127.0.0.1:9" in result.output
