"""Seed the global generator before every test of this folder.

No test can then depend on the tests that ran before it.
"""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
