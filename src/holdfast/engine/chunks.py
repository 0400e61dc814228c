"""How many rows are read at once when nothing is trained: by bytes, not by a fixed number.

Small inputs are read in chunks of `MOST_ROWS`. Larger ones are read in chunks that keep what a
forward pass holds within `BUDGET`, by an estimate from the outputs of all modules for one row. It
is an upper estimate, because a forward pass without gradients frees most of them as it goes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from holdfast.engine.snapshot import evaluating
from holdfast.named_inputs import Inputs, bytes_of

BUDGET = 2**28  # bytes (256 MiB) that the rows of a chunk and what a network makes of them may take
MOST_ROWS = 2048  # more would not be faster, even for the smallest inputs


def rows_within(bytes_per_row: int, most: int = MOST_ROWS, budget: int = BUDGET) -> int:
    """The number of rows that a budget of bytes allows.

    Args:
        bytes_per_row: The bytes that one row takes.
        most: The most rows.
        budget: The bytes that all rows may take together.

    Returns:
        The number of rows, from 1 to `most`. One row is read even if it is beyond the budget.

    Example:
        >>> rows_within(3_000), rows_within(2**25), rows_within(2**40)
        (2048, 8, 1)
    """
    return max(1, min(most, budget // max(bytes_per_row, 1)))


@contextmanager
def counting(model: nn.Module) -> Iterator[list[int]]:
    """Collect the bytes of what the innermost modules of a model give while this is open.

    Args:
        model: The model.

    Yields:
        A list that gains the bytes of every output.
    """
    sizes: list[int] = []

    def note(module: nn.Module, inputs: object, output: object) -> None:
        """Add the bytes of an output to the list."""
        # Several outputs in a tuple, as those of an LSTM, are small beside what led to them.
        if isinstance(output, Tensor):
            sizes.append(output.numel() * output.element_size())

    # The output of a module with children is that of one of them, and would count twice.
    innermost = [m for m in model.modules() if not any(True for _ in m.children())]
    handles = [m.register_forward_hook(note) for m in innermost]
    try:
        yield sizes
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def bytes_per_row(model: nn.Module, forward: Callable[[Inputs], object], rows: Inputs) -> int:
    """The bytes that a forward pass takes per row: its input, and the outputs of all modules.

    Args:
        model: The model, whose modules are watched. It runs in evaluation mode.
        forward: Runs the model on rows.
        rows: One row or a few, (N, ...), as `forward` takes them.

    Returns:
        The bytes per row, at least 1.

    Example:
        >>> bytes_per_row(net := nn.Linear(4, 2), net, torch.zeros(1, 4))
        24
    """
    with evaluating(model), counting(model) as sizes:
        forward(rows)
    total = bytes_of(rows) + sum(sizes)
    return max(1, total // max(len(rows), 1))
