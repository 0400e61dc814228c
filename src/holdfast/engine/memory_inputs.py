"""How a memory keeps inputs of several tensors: a column for each, as small as possible."""

from collections.abc import Mapping
from typing import TypedDict

import torch
from torch import Tensor

from holdfast.engine.policies import Books
from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs, padded, trimmed

ONE = "x"  # the column of inputs that are one tensor
SEVERAL = "x_"  # what the names of the columns of several tensors begin with
INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64)


class InputBooks(TypedDict):
    """What a memory notes of inputs of several tensors; see `NamedInputs`."""

    names: list[str]
    padding: dict[str, float]
    positional: bool
    hidden: list[str]


def input_columns(x: Inputs) -> dict[str, Tensor]:
    """The columns of inputs, by the names under which a memory keeps them.

    Args:
        x: The inputs.

    Returns:
        One column, or one for each tensor in order. Their own names may not be those of states.
    """
    if isinstance(x, Tensor):
        return {ONE: x}
    return {f"{SEVERAL}{number}": tensor for number, tensor in enumerate(x.tensors.values())}


def input_books(x: Inputs) -> InputBooks | None:
    """What must be noted to make the inputs from their columns again; None for one tensor."""
    if isinstance(x, Tensor):
        return None
    return {
        "names": x.keys(),
        "padding": dict(x.padding),
        "positional": x.positional,
        "hidden": list(x.hidden),
    }


def note_inputs(books: Books, x: Inputs) -> None:
    """Note what inputs of several tensors consist of, and refuse others than those before.

    Args:
        books: The books of the memory.
        x: The inputs that are going to be stored.

    Raises:
        HoldfastError: The memory holds inputs of other tensors.
    """
    new = input_books(x)
    if not books["filled"] and new is not None:
        books["inputs"] = new
    if new != books.get("inputs"):
        raise HoldfastError(
            f"the memory holds inputs that consist of {books.get('inputs')}, but these consist of "
            f"{new}; give all tasks inputs of the same tensors"
        )


def inputs_at(
    columns: Mapping[str, Tensor | None], index: Tensor, books: InputBooks | None
) -> Inputs:
    """Read the inputs in some slots.

    Args:
        columns: The columns of the memory by name.
        index: The slots, (N,), on the device of the columns.
        books: What was noted of inputs of several tensors; None for one tensor.

    Returns:
        The inputs. Their integers are int64 again, and their sequences are as long as the longest.
    """
    if books is None:
        return _rows_of(columns, ONE, index)
    tensors = {}
    for number, name in enumerate(books["names"]):
        tensor = _rows_of(columns, f"{SEVERAL}{number}", index)
        if tensor.dtype in INTEGERS:
            tensor = tensor.long()
        tensors[name] = tensor
    return trimmed(NamedInputs(tensors, books["padding"], books["positional"], books["hidden"]))


def _rows_of(columns: Mapping[str, Tensor | None], name: str, index: Tensor) -> Tensor:
    """Rows of a column, which a memory with rows has."""
    column = columns[name]
    if column is None:
        raise KeyError(name)
    return column.index_select(0, index)


def equally_wide(stored: Tensor, value: Tensor, filling: float | None) -> tuple[Tensor, Tensor]:
    """Make a column of one of several tensors fit what is written into it.

    Args:
        stored: The column.
        value: The rows.
        filling: What fills short sequences. None: both must have one shape.

    Returns:
        Both, with sequences of one length and integers of one type.
    """
    if filling is not None:
        longest = max(stored.shape[1], value.shape[1])
        stored = padded(stored, longest, filling)
        value = padded(value, longest, filling)
    if stored.dtype in INTEGERS and value.dtype in INTEGERS:
        # The column became as small as the rows before these allowed.
        needed = torch.promote_types(stored.dtype, smallest_type(SEVERAL, value))
        stored = stored.to(needed)
        value = value.to(needed)
    return stored, value


def padding_of(column: str, books: InputBooks | None) -> float | None:
    """The value that fills the sequences of a column; None if it holds none of several lengths."""
    if books is None or not column.startswith(SEVERAL):
        return None
    name = books["names"][int(column.removeprefix(SEVERAL))]
    return books["padding"].get(name)


def smallest_type(column: str, value: Tensor) -> torch.dtype:
    """The type in which a memory keeps a column that has no rows yet.

    Args:
        column: The name of the column.
        value: Its first rows.

    Returns:
        The smallest integer type that holds the integers of one of several tensors, such as a mask.
        All other columns keep their type.

    Example:
        >>> smallest_type("x_1", torch.tensor([0, 1])), smallest_type("x", torch.tensor([0, 1]))
        (torch.int8, torch.int64)
    """
    if not column.startswith(SEVERAL) or value.dtype not in INTEGERS or not value.numel():
        return value.dtype
    least = int(value.min())
    largest = int(value.max())
    for dtype in INTEGERS:
        limits = torch.iinfo(dtype)
        if limits.min <= least and largest <= limits.max:
            return dtype
    return torch.int64
