"""How a process is set up that trains runs one after another."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Options of mallopt, in <malloc.h>. By default every large tensor, such as a gradient, is mapped,
# zeroed page by page and unmapped again, which takes longer than a small step of training itself.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30


@contextmanager
def settled() -> Iterator[None]:
    """Set up this process for training, for the block.

    It uses one thread, so that runs in parallel do not fight for cores and results do not depend on
    the number of cores. Numbers below 1e-38 count as 0, because the decaying averages of Adam make
    many of them, which are slow to compute with.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    _keep_freed_memory()
    try:
        yield
    finally:
        # The process may be the caller's own, in which small numbers must not change.
        torch.set_flush_denormal(False)


def _keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next step, where it can."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    # Other C libraries than glibc have no such function.
    if hasattr(library, "mallopt"):
        for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            library.mallopt(option, KEPT_BYTES)
