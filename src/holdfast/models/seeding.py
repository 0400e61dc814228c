"""Randomness as an argument: a block that runs under a seed of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Run a block under a seed, and put the global generator back afterwards.

    Only the generator of the CPU is set, because networks are made there.

    Args:
        seed: The seed. None leaves the global generator alone, so that the block draws from it.

    Example:
        >>> with seeded(3):
        ...     a = torch.rand(1)
        >>> with seeded(3):
        ...     b = torch.rand(1)
        >>> bool(a == b)
        True
    """
    # A network would otherwise depend on what was drawn before it.
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        yield
