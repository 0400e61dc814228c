"""Inputs of several tensors: token ids with their mask, an image with a table row, two sentences.

The rest of the package handles them as it handles one tensor: it takes rows, joins rows, and moves
them. A network gets them as its arguments, by name or by position.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import overload

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.errors import HoldfastError, Unsuitable


class NamedInputs:
    """Tensors that belong together, each with one entry per example.

    Args:
        tensors: The tensors by name, each (N, ...). There is at least one.
        padding: The value that fills short sequences, by the name of the tensor. The second
            dimension of these tensors may have another length in other rows. None: all have one
            shape.
        positional: Whether a network takes the tensors in their order instead of by name.
        hidden: Names of tensors that travel with the examples, but that a network does not get,
            such as the weight or the number of an example.

    Raises:
        HoldfastError: There is no tensor for the network, tensors differ in their number of
            examples, or `padding` or `hidden` names another tensor.

    Example:
        >>> ids = torch.tensor([[5, 6], [7, 0]])
        >>> x = NamedInputs({"ids": ids, "age": torch.tensor([[3], [4]])})
        >>> len(x), x[torch.tensor([1])]["ids"].tolist(), x.describe()
        (2, [[7, 0]], 'ids of shape (2,) and type int64, age of shape (1,) and type int64')
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        padding: Mapping[str, float] | None = None,
        positional: bool = False,
        hidden: Collection[str] = (),
    ) -> None:
        self.tensors = dict(tensors)
        self.padding = dict(padding or {})
        self.positional = positional
        self.hidden = tuple(hidden)
        # Hidden tensors alone would leave the network without any input.
        if not self.tensors.keys() - set(self.hidden):
            raise HoldfastError("inputs need at least one tensor for the network, got none")
        lengths = {name: len(tensor) for name, tensor in self.tensors.items()}
        if len(set(lengths.values())) > 1:
            raise HoldfastError(
                f"the tensors of an input need one entry per example, got {lengths} entries"
            )
        for what, names in (("padding", self.padding), ("hidden", self.hidden)):
            unknown = set(names) - self.tensors.keys()
            if unknown:
                raise HoldfastError(
                    f"{what} names {sorted(unknown)}, but the inputs are {list(self.tensors)}"
                )

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def keys(self) -> list[str]:
        """The names of the tensors, in order."""
        return list(self.tensors)

    @overload
    def __getitem__(self, key: str) -> Tensor: ...

    @overload
    def __getitem__(self, key: Tensor | slice) -> "NamedInputs": ...

    def __getitem__(self, key: "str | Tensor | slice") -> "Tensor | NamedInputs":
        """One tensor by its name, or some rows of all tensors."""
        if isinstance(key, str):
            return self.tensors[key]
        return self.map(lambda tensor: tensor[key])

    def map(self, change: Callable[[Tensor], Tensor]) -> "NamedInputs":
        """Change every tensor.

        Args:
            change: Takes a tensor and gives another one. It treats all examples alike.

        Returns:
            The changed tensors, under the same names.
        """
        return self.replaced({name: change(tensor) for name, tensor in self.tensors.items()})

    def replaced(self, tensors: Mapping[str, Tensor]) -> "NamedInputs":
        """Give inputs of the same kind other tensors, under the same names."""
        return NamedInputs(tensors, self.padding, self.positional, self.hidden)

    @property
    def for_network(self) -> dict[str, Tensor]:
        """The tensors that a network gets, by name."""
        return {name: t for name, t in self.tensors.items() if name not in self.hidden}

    def index_select(self, dimension: int, index: Tensor) -> "NamedInputs":
        """Take rows, as `Tensor.index_select(0, index)` does."""
        return self.map(lambda tensor: tensor.index_select(dimension, index))

    def to(self, device: torch.device | str) -> "NamedInputs":
        """The same inputs on a device."""
        return self.map(lambda tensor: tensor.to(device))

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return next(iter(self.tensors.values())).device

    def describe(self) -> str:
        """Names, shapes and types in words, for messages."""
        return ", ".join(f"{name} {_described(t)}" for name, t in self.tensors.items())


Inputs = Tensor | NamedInputs  # what the examples of a part, a batch or a memory look like


def join_inputs(pieces: Sequence[Inputs]) -> Inputs:
    """Put inputs behind each other, as `torch.cat` does.

    Args:
        pieces: Inputs of the same kind, at least one piece. Floating types may differ, and so may
            the lengths of padded sequences.

    Returns:
        All rows. Types are those of the first piece.

    Example:
        >>> short = NamedInputs({"ids": torch.tensor([[5]])}, {"ids": 0})
        >>> long = NamedInputs({"ids": torch.tensor([[6, 7]])}, {"ids": 0})
        >>> join_inputs([short, long])["ids"].tolist()
        [[5, 0], [6, 7]]
    """
    first = pieces[0]
    if isinstance(first, Tensor):
        return torch.cat([_tensor(piece).to(first.dtype) for piece in pieces])
    named = [_named(piece) for piece in pieces]
    columns: dict[str, Tensor] = {}
    for name, tensor in first.tensors.items():
        column = [piece.tensors[name].to(tensor.dtype) for piece in named]
        if name in first.padding:
            longest = max(part.shape[1] for part in column)
            column = [padded(part, longest, first.padding[name]) for part in column]
        columns[name] = torch.cat(column)
    return first.replaced(columns)


def padded(sequences: Tensor, length: int, value: float) -> Tensor:
    """Make sequences longer.

    Args:
        sequences: (N, L, ...).
        length: The new length, at least L.
        value: What stands at the new places.

    Returns:
        (N, length, ...).
    """
    missing = length - sequences.shape[1]
    if not missing:
        return sequences
    # F.pad begins with the last dimension; all behind the second stay as they are.
    behind = [0, 0] * (sequences.dim() - 2)
    return F.pad(sequences, [*behind, 0, missing], value=value)


def trimmed(x: Inputs) -> Inputs:
    """Cut padded sequences to the longest of these rows.

    Args:
        x: Inputs.

    Returns:
        The inputs without the places at which every row has padding. At least one place stays.

    Example:
        >>> ids = torch.tensor([[5, 0, 0], [6, 7, 0]])
        >>> trimmed(NamedInputs({"ids": ids}, {"ids": 0})).describe()
        'ids of shape (2,) and type int64'
    """
    if isinstance(x, Tensor) or not x.padding:
        return x
    # Padded tensors go side by side (ids and their mask), so all are cut at the same place.
    longest = 1
    for name, value in x.padding.items():
        sequences = x.tensors[name]
        used = sequences != value
        if used.dim() > 2:  # each place of a sequence holds several numbers
            used = used.flatten(2).any(2)
        places = used.any(0).nonzero()
        if len(places):
            longest = max(longest, int(places[-1]) + 1)
    columns = dict(x.tensors)
    for name in x.padding:
        columns[name] = columns[name][:, :longest]
    return x.replaced(columns)


def described(x: Inputs) -> str:
    """Describe the shape and the type of inputs, for messages.

    Example:
        >>> described(torch.zeros(2, 3))
        'of shape (3,) and type float32'
    """
    if isinstance(x, NamedInputs):
        return x.describe()
    return _described(x)


def tensors_of(x: Inputs) -> list[Tensor]:
    """The tensors that inputs consist of: one, or several in their order."""
    return list(as_dict(x).values())


def as_dict(x: Inputs) -> dict[str, Tensor]:
    """The tensors of inputs by name. One tensor alone has an empty name."""
    if isinstance(x, NamedInputs):
        return x.tensors
    return {"": x}


def like(x: Inputs, tensors: Mapping[str, Tensor]) -> Inputs:
    """Make inputs from the tensors of `as_dict`, of the same kind as others.

    Args:
        x: Inputs of this kind.
        tensors: The tensors by name, which may have changed.

    Returns:
        Inputs of these tensors.
    """
    if isinstance(x, NamedInputs):
        return x.replaced(tensors)
    return tensors[""]


def types_of(x: Inputs) -> str:
    """The types of the tensors that inputs consist of, for messages."""
    return ", ".join(str(tensor.dtype) for tensor in tensors_of(x))


def shape_of(x: Inputs) -> tuple[object, ...]:
    """Shape of one example, or names and shapes of its tensors but for the lengths of sequences."""
    if isinstance(x, Tensor):
        return tuple(x.shape[1:])
    shapes: list[tuple[object, ...]] = []
    for name, tensor in x.tensors.items():
        varies = int(name in x.padding)
        # A padded sequence is as long as the longest of its rows, which differs between batches.
        shapes.append((name, *tensor.shape[1 + varies :]))
    return tuple(shapes)


def bytes_of(x: Inputs) -> int:
    """The bytes that inputs take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_of(x))


def need_one_tensor(x: Inputs, who: str) -> Tensor:
    """Take inputs that must be one tensor.

    Args:
        x: The inputs.
        who: What needs them to be one tensor, for the message.

    Returns:
        The tensor.

    Raises:
        HoldfastError: They are several tensors.
    """
    if isinstance(x, NamedInputs):
        raise Unsuitable(
            f"{who} needs inputs of one tensor, but they are {x.describe()}; use one tensor"
        )
    return x


def _described(x: Tensor) -> str:
    """Describe one tensor, without its dimension of examples."""
    return f"of shape {tuple(x.shape[1:])} and type {str(x.dtype).removeprefix('torch.')}"


def _tensor(x: Inputs) -> Tensor:
    """Refuse inputs of several tensors among inputs of one."""
    if isinstance(x, Tensor):
        return x
    raise HoldfastError(f"some rows are one tensor, others are several: {x.describe()}")


def _named(x: Inputs) -> NamedInputs:
    """Refuse inputs of one tensor among inputs of several."""
    if isinstance(x, NamedInputs):
        return x
    raise HoldfastError(f"some rows are several tensors, others are one {_described(x)}")
