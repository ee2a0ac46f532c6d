"""What one submission may use, and how it is held to that: alone in its kernel, or from outside.

A new limit is a line of `Limits` and a line of `impose` (the system refuses what is more) or of
`broken_by_all` (the watcher ends the sandbox); `worker/execute.py` keeps those of time and output.
"""

import contextlib
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Attributes:
        address_space: bytes of address space of one process.
        memory: bytes that all its processes hold together.
        cpu_seconds: processor time of one process.
        processes: how many it may have; with more it is ended.
        tasks: processes and threads together; a further one cannot be started.
        file_bytes: size of one file.
        cell_seconds: after this time a cell is interrupted.
        total_seconds: after this time no further cell is started.
        output_bytes: how much output of a cell is kept.
    """

    address_space: int = 8 << 30
    memory: int = 3 << 30
    cpu_seconds: int = 600
    processes: int = 32
    tasks: int = 96
    file_bytes: int = 64 * _MEBIBYTE
    cell_seconds: int = 120
    total_seconds: int = 600
    output_bytes: int = 1_000_000


def impose(limits: Limits) -> None:
    """Have the system refuse this process, and all that it starts, what is more."""
    for what, value in (
        (resource.RLIMIT_AS, limits.address_space),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_NPROC, limits.tasks),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


def broken_by_all(limits: Limits) -> str:
    """The limit that the processes of the sandbox break together, in words, or nothing.

    `/proc` is the sandbox's: it lists its processes and no others.
    """
    processes = [Path("/proc", name) for name in os.listdir("/proc") if name.isdigit()]
    if len(processes) > limits.processes:
        return f"it had more than {limits.processes} processes"
    # What forks share counts once; that is slow to find out, so only where it decides.
    if _sum(_resident, processes) > limits.memory and _sum(_share, processes) > limits.memory:
        return f"it held more than {limits.memory >> 20} MiB of memory"
    return ""


def _sum(bytes_of: Callable[[Path], int], processes: list[Path]) -> int:
    total = 0
    for process in processes:
        with contextlib.suppress(OSError, IndexError, ValueError):  # it has ended
            total += bytes_of(process)
    return total


def _resident(process: Path) -> int:
    return int((process / "statm").read_text().split()[1]) * resource.getpagesize()


def _share(process: Path) -> int:
    fields = (process / "smaps_rollup").read_text().partition("\nPss:")[2].split()
    return int(fields[0]) * 1024
