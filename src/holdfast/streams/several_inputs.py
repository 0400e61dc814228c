"""Inputs of several tensors as users bring them: dicts, tuples, sequences of several lengths."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs, as_dict, padded
from holdfast.streams.inputs import input_rows, input_tensor, refuse_unfinite
from holdfast.streams.task import Stream
from holdfast.streams.types import Values


def several_of(x: object) -> Mapping[str, object] | None:
    """The parts of an input that consists of several, by name.

    Args:
        x: A mapping of names to parts, such as what a tokenizer returns, or a tuple of arrays or
            tensors.

    Returns:
        The parts. The names of those of a tuple are their numbers. None: the input is one array.

    Example:
        >>> list(several_of((np.zeros(2), np.zeros(2)))), several_of([[1, 2]])
        (['0', '1'], None)
    """
    if isinstance(x, Mapping):
        return {str(name): part for name, part in x.items()}
    # A list of rows is one array, and a tuple of numbers is a row of one.
    if isinstance(x, tuple) and x and all(isinstance(part, Tensor | np.ndarray) for part in x):
        return {str(number): part for number, part in enumerate(x)}
    return None


def inputs_of(
    x: object,
    padding: Mapping[str, float] | None = None,
    aside: Mapping[str, Values] | None = None,
    what: str = "inputs",
) -> Inputs:
    """Turn all inputs that a user brings into one tensor or several, and check them.

    Args:
        x: One array, (N, ...), a mapping of names to arrays, a tuple of arrays, or what `tokenize`
            returns. With `padding`, an entry may be a list of sequences of several lengths.
        padding: The value that fills short sequences, by name.
        aside: Values that stay with each example but that the network does not get, by name, each
            (N, ...).
        what: What messages call the inputs.

    Returns:
        The inputs.

    Raises:
        HoldfastError: A part is not numbers, has NaN, or is refused by `NamedInputs`.

    Example:
        >>> x = inputs_of({"ids": [[5, 6], [7]]}, padding={"ids": 0})
        >>> x["ids"].tolist()
        [[5, 6], [7, 0]]
    """
    if isinstance(x, NamedInputs):
        return _with_aside(x, padding, aside, what)
    parts = several_of(x)
    # One array stays one tensor, unless something has to travel with it.
    if parts is None and not padding and not aside:
        return input_rows(x, what)
    positional = not isinstance(x, Mapping)
    if parts is None:
        parts = {"0": x}
    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        where = f"{what} {name!r}"
        if padding and name in padding:
            tensors[name] = _sequences(part, padding[name], where)
        else:
            tensors[name] = _rows(part, where)
    for name, values in (aside or {}).items():
        if name in tensors:
            raise HoldfastError(f"aside names {name!r}, which is one of the inputs; rename it")
        tensors[name] = input_tensor(values, f"aside {name!r}")
    inputs = NamedInputs(tensors, padding, positional, hidden=tuple(aside or ()))
    refuse_unfinite(inputs, what)
    return inputs


def _with_aside(
    x: NamedInputs,
    padding: Mapping[str, float] | None,
    aside: Mapping[str, Values] | None,
    what: str,
) -> Inputs:
    """Inputs that are tensors already, with what is to stay beside them."""
    if not padding and not aside:
        return x
    # What is padded now has been padded before, too.
    return inputs_of(x.for_network, x.padding | dict(padding or {}), aside, what)


def _rows(part: object, where: str) -> Tensor:
    """One of several inputs, which may be a single number per example."""
    tensor = input_tensor(part, where)
    if tensor.dim() == 0:
        raise HoldfastError(f"{where} need one entry per example, got a single number")
    return tensor


def _sequences(part: object, filling: float, where: str) -> Tensor:
    """Sequences of several lengths as one tensor, (N, longest, ...)."""
    # NumPy keeps sequences of several lengths as objects.
    if isinstance(part, Tensor | np.ndarray) and part.dtype != object:
        return _of_two_dimensions(input_tensor(part, where), where)
    if not isinstance(part, Sequence | np.ndarray):
        raise HoldfastError(
            f"{where} must be a list of sequences or an array, got {type(part).__name__}"
        )
    rows = [input_tensor(sequence, f"{where}, example {n}") for n, sequence in enumerate(part)]
    for number, row in enumerate(rows):
        if row.dim() == 0:
            raise HoldfastError(
                f"{where} must be sequences, but example {number} is a single number"
            )
    return stacked(rows, filling, where)


def _of_two_dimensions(tensor: Tensor, where: str) -> Tensor:
    """Refuse what has no dimension of places."""
    if tensor.dim() < 2:
        raise HoldfastError(
            f"{where} must be sequences, shape (N, L, ...), got shape {tuple(tensor.shape)}"
        )
    return tensor


def stacked(rows: Sequence[Tensor], filling: float | None, where: str) -> Tensor:
    """Put rows into one tensor.

    Args:
        rows: The rows, each of one shape, or each a sequence (L, ...).
        filling: What fills sequences to the longest. None: all rows must have one shape.
        where: What messages call them.

    Returns:
        (N, ...).

    Raises:
        HoldfastError: The shapes differ in another way.
    """
    if filling is not None and rows:
        longest = max(len(row) for row in rows)
        rows = [padded(row[None], longest, filling)[0] for row in rows]
    shapes = {tuple(row.shape) for row in rows}
    if len(shapes) > 1:
        raise HoldfastError(
            f"{where} have different shapes, such as {sorted(shapes)[:3]}; pad or resize them, or "
            "name the value that fills them in padding="
        )
    return torch.stack(list(rows))


def as_inputs(x: object) -> Inputs:
    """Take a batch of tensors as it is: one tensor, a mapping of names to tensors, or a tuple.

    Args:
        x: The batch.

    Returns:
        The inputs.

    Raises:
        HoldfastError: It is something else.
    """
    if isinstance(x, Tensor | NamedInputs):
        return x
    parts = several_of(x)
    tensors = {n: part for n, part in (parts or {}).items() if isinstance(part, Tensor)}
    if not parts or len(tensors) < len(parts):
        raise HoldfastError(
            "expected a tensor, a mapping of names to tensors, or a tuple of tensors, got "
            f"{type(x).__name__}"
        )
    # The parts of a tuple have no names by which a network could take them.
    return NamedInputs(tensors, positional=not isinstance(x, Mapping))


def shapes_of(stream: Stream) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of one input, by its name.

    Args:
        stream: The stream. Its inputs that no network gets are left out.

    Returns:
        The shapes, without the dimension of examples. One tensor alone has an empty name.

    Example:
        >>> from holdfast.streams import from_arrays
        >>> x = {"row": np.zeros((4, 3)), "age": np.zeros((4, 1))}
        >>> shapes_of(from_arrays(x, [0, 1, 0, 1], [0] * 4, "class", test=0.5))
        {'row': (3,), 'age': (1,)}
    """
    inputs, _, _ = stream[0].test.fetch(torch.tensor([0]))
    tensors = as_dict(inputs)
    if isinstance(inputs, NamedInputs):
        tensors = inputs.for_network
    return {name: tuple(tensor.shape[1:]) for name, tensor in tensors.items()}
