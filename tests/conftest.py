"""What all tests share."""

import os

import pytest
import torch

# One thread, here and in the kernels: the tensors are small, and two threads cost more than one.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests share what they make, so one worker runs them; an exercise's share nothing."""
    for item in items:
        call = getattr(item, "callspec", None)
        exercise = getattr(call.params.get("exercise"), "id", "") if call else ""
        item.add_marker(pytest.mark.xdist_group(f"{item.path} {exercise}"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
