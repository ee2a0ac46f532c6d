"""Runs jobs in this process, on a cluster of this machine, or on one that exists already."""

import contextlib
import gc
import importlib
import multiprocessing
import multiprocessing.forkserver
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from course_lib.grading.sandbox import warm_process
from course_lib.grading.worker.job import Executed, Job

if TYPE_CHECKING:
    from distributed import Client, Future

# How long a scheduler may take to answer.
_CONNECT_SECONDS = 10
# How many jobs wait at each worker: enough to keep it busy, few enough to keep memory flat.
_WAITING = 3
_START_METHOD = "forkserver"
_DASK = {
    "distributed.worker.multiprocessing-method": _START_METHOD,
    # Else it keeps the last thousand messages, and all submissions are in them.
    "distributed.admin.low-level-log-length": 0,
    "distributed.worker.profile.enabled": False,
}
# What executing needs and what takes a while to import.
_EXECUTE = [*warm_process.COURSE, "course_lib.grading.worker.execute"]

Result = tuple[Job, Executed | Exception]


def warm_up(workers: int) -> None:
    """Start what a pool of this machine needs and what takes its time; returns at once."""
    warm_process.shared()
    if workers > 1:
        # Each worker is a fork of a process that has imported all of this once.
        context = multiprocessing.get_context(_START_METHOD)
        context.set_forkserver_preload([*_EXECUTE, "distributed"])
        multiprocessing.forkserver.ensure_running()


def _execute(job: Job, warm: bytes = b"") -> Executed:
    # torch comes with it: a process that only records results does without.
    from course_lib.grading.worker.execute import execute

    return execute(job, warm)


@contextlib.contextmanager
def pool(workers: int = 1, scheduler: str | None = None) -> Iterator["Here | Cluster"]:
    """Open a pool; it is closed with the block.

    Args:
        workers: processes on this machine; one means this process.
        scheduler: address of a running Dask scheduler, whose workers are used instead.

    Raises:
        OSError: no scheduler answers there.
    """
    if scheduler is None and workers == 1:
        yield Here()
        return
    import dask
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(_DASK))
        warm = b""
        if scheduler is None:
            warm = warm_process.shared().address
            scheduler = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    silence_logs="CRITICAL",
                )
            )
        client = stack.enter_context(
            Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
        )
        if warm:
            # Memory that the workers have in common stays so: collecting garbage writes to it.
            with contextlib.suppress(OSError):  # of a worker that is just being replaced
                client.run(gc.freeze)
        yield Cluster(client, warm)


class Here:
    """One job after the other, in this process."""

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Run jobs and give each back with its result, or with what kept it from one."""
        # While the warm process warms up, too.
        for name in _EXECUTE:
            importlib.import_module(name)
        for job in jobs:
            try:
                result: Executed | Exception = _execute(job)
            except Exception as error:
                result = error
            yield job, result


class Cluster:
    """Jobs on the workers of a Dask cluster; what a lost worker held is run again elsewhere."""

    def __init__(self, client: "Client", warm: bytes) -> None:
        """Take the workers of a cluster.

        Args:
            client: connected to it.
            warm: address of a warm process that all workers share; they must be on this machine.
        """
        self._client, self._warm = client, warm

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Run jobs and give each back with its result as it comes, in any order."""
        from distributed import as_completed

        waiting = iter(jobs)
        held: dict[Future, Job] = {}
        running = as_completed(loop=self._client.loop, raise_errors=False)

        def fill() -> None:
            threads = sum(self._client.nthreads().values()) or 1
            while len(held) < _WAITING * threads:
                job = next(waiting, None)
                if job is None:
                    return
                future = self._client.submit(_execute, job, self._warm, pure=False)
                held[future] = job
                running.add(future)

        fill()
        while held:
            future = next(running)
            job = held.pop(future)
            result = future.exception() if future.status != "finished" else future.result()
            future.release()
            fill()
            yield job, result if isinstance(result, Executed) else _as_exception(result)


def _as_exception(error: object) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
