"""Grading on the workers of a Dask cluster, and what happens to the work of one that is lost."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import psutil
import pytest
from distributed import Client, LocalCluster
from tiny_course import RIGHT, Course, Work

SLOW = "import time\ntime.sleep(3)"


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
    ) as cluster:
        yield cluster


def kill_the_first_that_works(address: str, killed: list[int], stop: threading.Event) -> None:
    """Wait until a worker has something to do, and kill it."""
    with Client(address, set_as_default=False) as client:
        while not stop.wait(0.05):
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            if busy:
                # A moment later it has begun.
                stop.wait(1.0)
                pid = client.run(os.getpid, workers=busy[:1])[busy[0]]
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return


def test_work_of_a_lost_worker_is_done_elsewhere(course: Course, cluster: LocalCluster) -> None:
    for number in range(4):
        course.submit(f"learner {number}", Work(*RIGHT).insert(2, SLOW))
    killed: list[int] = []
    stop = threading.Event()
    killer = threading.Thread(
        target=kill_the_first_that_works, args=(cluster.scheduler_address, killed, stop)
    )
    killer.start()
    try:
        result = course.grade("--scheduler", cluster.scheduler_address)
    finally:
        stop.set()
        killer.join()
    assert len(killed) == 1
    assert result.exit_code == 0, result.output
    assert result.output.count("6/6 graded") == 4


def test_work_of_a_lost_worker_of_this_machine_is_done(course: Course) -> None:
    for number in range(4):
        course.submit(f"learner {number}", Work(*RIGHT).insert(2, SLOW))
    killed: list[int] = []
    stop = threading.Event()

    def forks() -> Iterator[psutil.Process]:
        for process in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any("forkserver" in word for word in process.cmdline()):
                    yield from process.children()

    def kill_the_first() -> None:
        while not stop.wait(0.05):
            for worker in forks():
                if worker.children():  # a sandbox: it works
                    worker.kill()
                    killed.append(worker.pid)
                    return

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    try:
        result = course.grade("--workers", "2")
    finally:
        stop.set()
        killer.join()
    assert len(killed) == 1
    assert result.exit_code == 0, result.output
    assert result.output.count("6/6 graded") == 4


def test_no_scheduler(course: Course) -> None:
    course.submit("ann", Work(*RIGHT))
    result = course.grade("--scheduler", "tcp://127.0.0.1:9")
    assert result.exit_code == 2
    assert "--scheduler tcp://127.0.0.1:9" in result.output
