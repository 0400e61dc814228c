"""Where each parameter lies in the vector θ, and how θ-shaped vectors follow when a network grows.

Each parameter starts at a multiple of 64 bytes, as fresh tensors do. Vectorised kernels then take
the same path as in a bare loop and give the same bits. The gaps between parameters always hold
zeros, so that they drop out of every sum and product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

ALIGNMENT = 64  # bytes


@dataclass(frozen=True)
class Slot:
    """Where one parameter lies in the vector.

    Attributes:
        name: The name of the parameter.
        shape: Its shape.
        stride: Its own strides, so that the memory format channels_last survives.
        offset: The place of its first element.
        numel: The number of its elements.
    """

    name: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    numel: int

    def view(self, vector: Tensor) -> Tensor:
        """The part of a θ-shaped vector that belongs to this parameter, in its shape (no copy)."""
        return vector.as_strided(self.shape, self.stride, vector.storage_offset() + self.offset)


@dataclass(frozen=True)
class Layout:
    """The slots of all parameters, and the length of a vector that holds them.

    Attributes:
        slots: The slots, in the order of `named_parameters`.
        length: The number of elements of the vector, gaps included.
    """

    slots: tuple[Slot, ...]
    length: int

    @property
    def numel(self) -> int:
        """The number of parameters P, gaps not counted."""
        return sum(slot.numel for slot in self.slots)

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """The part of a θ-shaped vector that belongs to each parameter, by name (no copies)."""
        return {slot.name: slot.view(vector) for slot in self.slots}

    def to_json(self) -> list[Any]:
        """The layout as plain lists, for checkpoints."""
        # Lists without names, as in the checkpoints of earlier releases.
        rows: list[Any] = []
        for slot in self.slots:
            shape = list(slot.shape)
            stride = list(slot.stride)
            rows.append([slot.name, shape, stride, slot.offset, slot.numel])
        return [*rows, self.length]

    @classmethod
    def from_json(cls, rows: list[Any]) -> "Layout":
        """The layout from what `to_json` returned."""
        *slots, length = rows
        read = []
        for name, shape, stride, offset, numel in slots:
            slot = Slot(name, tuple(shape), tuple(stride), offset, numel)
            read.append(slot)
        return cls(tuple(read), length)


def lay_out(parameters: Mapping[str, nn.Parameter]) -> Layout:
    """Lay out parameters one after another, each aligned.

    Args:
        parameters: The parameters by name. Their order becomes that of the slots.

    Returns:
        The layout.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> [(slot.name, slot.offset) for slot in lay_out(dict(layer.named_parameters())).slots]
        [('weight', 0), ('bias', 16)]
    """
    slots = []
    offset = 0
    for name, p in parameters.items():
        # A parameter with holes, such as a slice of another tensor, gets a fresh tensor's strides.
        stride = p.stride()
        dense = p.is_contiguous() or torch.empty_like(p).stride() == stride
        if not dense:
            stride = torch.empty(p.shape, device="meta").stride()
        slots.append(Slot(name, tuple(p.shape), tuple(stride), offset, p.numel()))
        per_line = max(1, ALIGNMENT // p.element_size())
        lines = -(-p.numel() // per_line)  # rounded up
        offset += lines * per_line
    return Layout(tuple(slots), offset)


def carry_rows(old: Tensor, new: Tensor) -> None:
    """Copy a tensor into the leading corner of another one.

    The rows and columns that existed keep their values.

    Args:
        old: A tensor.
        new: A tensor with as many dimensions, which is changed. In a dimension in which it is
            smaller, what does not fit is left out.
    """
    sizes = zip(old.shape, new.shape, strict=True)
    corner = tuple(slice(0, min(before, after)) for before, after in sizes)
    new[corner] = old[corner].to(new.dtype)


def carry(
    vector: Tensor,
    old: Layout,
    new: Layout,
    fill: Tensor | float = 0.0,
) -> Tensor:
    """Move a θ-shaped vector from one layout to another, by the names of parameters.

    Args:
        vector: The vector, or several as rows.
        old: The layout of the vector.
        new: The layout that it gets.
        fill: The values of rows and parameters that are new: one number, or a vector of the new
            layout.

    Returns:
        A new vector, or several as rows. Rows that existed keep their values, and gaps hold zeros.
    """
    if vector.dim() == 2:
        rows = [carry(row, old, new, fill) for row in vector]
        if not rows:
            return vector.new_zeros(0, new.length)
        return torch.stack(rows)
    # Zeros first, because the gaps are in no slot.
    carried = torch.zeros(new.length, dtype=vector.dtype, device=vector.device)
    before = old.views(vector)
    for slot in new.slots:
        view = slot.view(carried)
        if isinstance(fill, Tensor):
            view.copy_(slot.view(fill))
        else:
            view.copy_(torch.as_tensor(fill, dtype=carried.dtype))
        # A parameter that is gone is left out, and a new one keeps what `fill` gave it.
        if slot.name in before:
            carry_rows(before[slot.name], view)
    return carried
