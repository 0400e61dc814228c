"""Randomness as an argument: a block that runs under a seed of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Runs the block under `seed`; the global generator is afterwards as it was. None leaves it alone.

    >>> with seeded(3): a = torch.rand(1)
    >>> with seeded(3): b = torch.rand(1)
    >>> bool(a == b)
    True
    """
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.random.default_generator.manual_seed(seed)
        yield
