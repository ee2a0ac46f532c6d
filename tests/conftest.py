"""What all tests share."""

import os

import pytest
import torch

# One thread, here and in the kernels: the tensors are small, and two threads cost more than one.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
