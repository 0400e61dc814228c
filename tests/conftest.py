"""Shared fixtures."""

import os
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.set_warn_always(True)  # else a warning fails one test a process, whichever comes first


@pytest.fixture
def data_dir() -> str:
    """The folder of real data sets; the test is skipped where there is none."""
    folder = os.environ.get("HOLDFAST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("HOLDFAST_DATA names no folder of data sets")
    return folder
