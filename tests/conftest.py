"""What all tests share."""

import os

import durations
import pytest
import scheduling
import torch
from _pytest.terminal import TerminalReporter
from kernels import forking
from xdist.remote import Producer

# One thread, here and in the kernels: the tensors are small, and two threads cost more than one.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    forking.start(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    forking.end(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    scheduling.longest_first(items)


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> scheduling.Scheduling:
    return scheduling.scheduler(config, log)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    durations.report(terminalreporter, config.rootpath)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
