"""Runs jobs in this process, on a cluster of this machine, or on one that exists already."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from course_lib.grading.execute import Executed, Job, execute

# How many jobs wait at each worker: enough to keep it busy, few enough to keep memory flat.
_WAITING = 3

Result = tuple[Job, Executed | Exception]


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
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        if scheduler is None:
            scheduler = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    silence_logs="CRITICAL",
                )
            )
        client = stack.enter_context(Client(scheduler, timeout=10, set_as_default=False))
        yield Cluster(client)


class Here:
    """One job after the other, in this process."""

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Run jobs and give each back with its result, or with what kept it from one."""
        for job in jobs:
            try:
                result: Executed | Exception = execute(job)
            except Exception as error:
                result = error
            yield job, result


class Cluster:
    """Jobs on the workers of a Dask cluster; what a lost worker held is run again elsewhere."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Run jobs and give each back with its result as it comes, in any order."""
        from distributed import as_completed

        waiting = iter(jobs)
        held: dict[Any, Job] = {}
        running = as_completed(loop=self._client.loop, raise_errors=False)

        def fill() -> None:
            threads = sum(self._client.nthreads().values()) or 1
            while len(held) < _WAITING * threads:
                job = next(waiting, None)
                if job is None:
                    return
                future = self._client.submit(execute, job, pure=False)
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
