"""What all tests share."""

import os

import pytest
import torch
from kernels import forking
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# One thread, here and in the kernels: the tensors are small, and two threads cost more than one.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"

# Its tests share nothing, and one worker would be at them when all others have long finished.
_SCATTERED = "test_every_exercise.py"


class _Scheduling(LoadFileScheduling):
    """One worker runs all tests of a file, which share what they make; but for one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return nodeid if file.endswith(_SCATTERED) else file


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Scheduling:
    """Spread the tests over the workers."""
    return _Scheduling(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")


def pytest_configure(config: pytest.Config) -> None:
    forking.start(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    forking.end(config)
