"""Which rows a stream sets aside for validation, because nothing may be fitted on them.

A stream draws its validation rows by itself, after inputs are encoded. To know them before, the
stream is made once of numbers in the place of inputs: that of the data set, and that of the row.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from holdfast.streams.parts import ArrayPart
from holdfast.streams.source import Source
from holdfast.streams.task import Stream


def held_out_rows(stream: Stream, number: int, rows: int) -> np.ndarray:
    """Find the validation rows of examples in a stream of numbered examples.

    Args:
        stream: The stream, in whose inputs are the numbers of examples and of their rows.
        number: The number of the examples.
        rows: How many rows they have.

    Returns:
        The mask of the rows, (N,).
    """
    mask = np.zeros(rows, dtype=bool)
    for task in stream:
        part = task.validation
        # Only such parts are made of a source, and a transform must not change the numbers.
        if isinstance(part, ArrayPart) and isinstance(part.x, Tensor):
            found = part.x[part.rows]
            mask[found[found[:, 0] == number, 1].numpy()] = True
    return mask


def unnumbered(source: Source) -> Source:
    """A source that is not the user's own, as it is read beside numbered examples."""
    trained = torch.full((len(source.train_y), 2), -1)
    return replace(source, train_x=trained, test_x=torch.full((len(source.test_y), 2), -1))
