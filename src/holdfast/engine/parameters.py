"""θ and g as vectors: contiguous storage of which a module's trainable parameters and gradients are views.

The optimizer owns the ordinary parameters, never the vectors: these are for the algebra of methods. Each parameter starts at a
multiple of 64 bytes, as fresh tensors do, so that vectorised kernels take the same path as in a bare loop and give the
same bits; the gaps hold zeros for ever and drop out of every sum and product.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError

ALIGNMENT = 64  # bytes


@dataclass(frozen=True)
class Slot:
    """Where one parameter lies in the vector. `stride` is the parameter's own, so that channels_last survives."""

    name: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    numel: int

    def view(self, vector: Tensor) -> Tensor:
        """The part of `vector` that belongs to this parameter, in its shape (no copy)."""
        return vector.as_strided(self.shape, self.stride, vector.storage_offset() + self.offset)


@dataclass(frozen=True)
class Layout:
    """The slots of all parameters, in `named_parameters` order, and the length of a vector that holds them (with gaps)."""

    slots: tuple[Slot, ...]
    length: int

    @property
    def numel(self) -> int:
        """Number of parameters P, gaps not counted."""
        return sum(slot.numel for slot in self.slots)

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """Name → view of `vector` in the parameter's shape."""
        return {slot.name: slot.view(vector) for slot in self.slots}

    def to_json(self) -> list[Any]:
        """Plain lists, for checkpoints."""
        slots = [[s.name, list(s.shape), list(s.stride), s.offset, s.numel] for s in self.slots]
        return [*slots, self.length]

    @classmethod
    def from_json(cls, rows: list[Any]) -> "Layout":
        """The inverse of `to_json`."""
        *slots, length = rows
        return cls(tuple(Slot(n, tuple(sh), tuple(st), o, k) for n, sh, st, o, k in slots), length)


def lay_out(parameters: dict[str, nn.Parameter]) -> Layout:
    """The layout of these parameters, each aligned."""
    slots, offset = [], 0
    for name, p in parameters.items():
        per_line = max(1, ALIGNMENT // p.element_size())
        dense = p.is_contiguous() or torch.empty_like(p).stride() == p.stride()
        stride = p.stride() if dense else torch.empty(p.shape, device="meta").stride()
        slots.append(Slot(name, tuple(p.shape), tuple(stride), offset, p.numel()))
        offset += -(-p.numel() // per_line) * per_line
    return Layout(tuple(slots), offset)


def carry_rows(old: Tensor, new: Tensor) -> None:
    """Copies `old` into the leading corner of `new` (in place): the rows and columns that existed keep their values."""
    corner = tuple(slice(0, min(a, b)) for a, b in zip(old.shape, new.shape, strict=True))
    new[corner] = old[corner].to(new.dtype)


def carry(vector: Tensor, old: Layout, new: Layout, fill: Tensor | float = 0.0) -> Tensor:
    """A θ-shaped vector (or several as rows) moved from layout `old` to `new` by name: old rows kept, new ones from `fill`, gaps zero."""
    if vector.dim() == 2:
        return (
            torch.stack([carry(row, old, new, fill) for row in vector])
            if len(vector)
            else vector.new_zeros(0, new.length)
        )
    out = torch.zeros(new.length, dtype=vector.dtype, device=vector.device)
    before = old.views(vector)
    for slot in new.slots:
        view = slot.view(out)
        view.copy_(
            slot.view(fill) if isinstance(fill, Tensor) else torch.as_tensor(fill, dtype=out.dtype)
        )
        if slot.name in before:
            carry_rows(before[slot.name], view)
    return out


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training may change, each once, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


class ParameterSpace:
    """The trainable parameters of a module as one vector `theta`, their gradients on demand as one vector `grad`.

    >>> space = ParameterSpace(nn.Linear(3, 2))
    >>> space.numel, len(space.theta)
    (8, 32)
    """

    def __init__(self, module: nn.Module, may_be_empty: bool = False) -> None:
        """`may_be_empty`: the module may gain its first trainable parameter later (a head that grows on a frozen backbone)."""
        self.module, self.may_be_empty = module, may_be_empty
        self._lay_out()

    def _lay_out(self) -> None:
        named = trainable(self.module)
        if not named and not self.may_be_empty:
            raise HoldfastError(
                "the model has no trainable parameter; expected at least one with requires_grad=True"
            )
        anything = [
            t for t in [*self.module.parameters(), *self.module.buffers()] if t.is_floating_point()
        ]
        kinds = {(p.dtype, p.device) for p in named.values()} or {
            (anything[0].dtype, anything[0].device)
        }
        if len(kinds) > 1:
            raise HoldfastError(
                f"all trainable parameters must share one dtype and device, got {sorted(map(str, kinds))}"
            )
        if any(not p.dtype.is_floating_point for p in named.values()):
            raise HoldfastError("trainable parameters must be real floating point")
        dtype, device = kinds.pop()
        self.layout = lay_out(named)
        self.theta = torch.zeros(self.layout.length, dtype=dtype, device=device)
        self.parameters = list(named.values())
        for p, slot in zip(self.parameters, self.layout.slots, strict=True):
            view = slot.view(self.theta)
            view.copy_(p.data)
            p.data = view
        self._places = [(*self._owner(name), p, p.data_ptr()) for name, p in named.items()]
        self._grad: Tensor | None = None
        self._grad_views: list[Tensor] = []
        self._versions: list[int] = []
        self._scratch: Tensor | None = None
        self._scratch_views: list[Tensor] = []

    def _owner(self, name: str) -> tuple[dict[str, Any], str]:
        path, _, leaf = name.rpartition(".")
        return self.module.get_submodule(path)._parameters, leaf

    @property
    def numel(self) -> int:
        """Number of trainable parameters P."""
        return self.layout.numel

    def bound(self) -> bool:
        """True while every parameter is still the one that was laid out, at its place (microseconds)."""
        for owner, leaf, p, pointer in self._places:
            if owner.get(leaf) is not p or p.data_ptr() != pointer or not p.requires_grad:
                return False
        return True

    def _stale(self) -> bool:
        """True where the module tree has other trainable parameters than those laid out (walks all of it)."""
        now = trainable(self.module)
        names = [slot.name for slot in self.layout.slots]
        return list(now) != names or any(
            a is not b for a, b in zip(now.values(), self.parameters, strict=True)
        )

    def bind(self, thorough: bool = False) -> Layout | None:
        """Lays out anew if storage moved or a parameter was replaced; `thorough` walks the module tree for new ones.

        Returns the layout from before where it changed hands, so that θ-shaped vectors can be carried over, else None.
        """
        if self.bound() and not (thorough and self._stale()):
            return None
        before = self.layout
        self._lay_out()
        return before

    @property
    def grad(self) -> Tensor:
        """The gradient vector g; after `collect` the parameters' `.grad` are views of it."""
        if self._grad is None:
            self._grad = torch.zeros_like(self.theta)
            # .data gives each view a version counter of its own, which tells whether backward wrote to it
            self._grad_views = [slot.view(self._grad).data for slot in self.layout.slots]
        return self._grad

    @property
    def scratch(self) -> Tensor:
        """A θ-shaped vector for use within one call, the same each time: nothing in it lasts."""
        if self._scratch is None:
            self._scratch = torch.zeros_like(self.theta)
            self._scratch_views = [slot.view(self._scratch) for slot in self.layout.slots]
        return self._scratch

    def zero_grad(self, vector: bool = False) -> None:
        """Sets every `.grad` to None (zeros are not None: momentum and decay would move parameters without a gradient).

        With `vector`, g is cleared and backward writes into it; `collect` then finds which parameters had no gradient.
        """
        if not vector:
            for p in self.parameters:
                p.grad = None
            return
        self.grad.zero_()
        self._versions = [view._version for view in self._grad_views]
        for p, view in zip(self.parameters, self._grad_views, strict=True):
            p.grad = view

    def collect(self) -> Tensor:
        """Makes every gradient part of g, copying what lies elsewhere. Where a parameter has none, g is 0 and `.grad` is None."""
        g = self.grad
        into, grads, absent = [], [], []
        for k, (p, view) in enumerate(zip(self.parameters, self._grad_views, strict=True)):
            if p.grad is None:
                absent.append(view)
            elif p.grad is view:
                if self._versions and view._version == self._versions[k]:
                    p.grad = None  # armed by zero_grad, not reached by backward
            else:
                into.append(view)
                grads.append(p.grad.detach())
                p.grad = view
        if absent:
            torch._foreach_zero_(absent)
        if into:
            torch._foreach_copy_(into, grads)
        self._versions = []
        return g

    @contextmanager
    def writing_to(self, vector: Tensor) -> Iterator[None]:
        """Inside, backward adds gradients to `vector`; afterwards every `.grad` is what it was."""
        kept = [p.grad for p in self.parameters]
        views = (
            self._scratch_views
            if vector is self._scratch
            else [slot.view(vector) for slot in self.layout.slots]
        )
        try:
            for p, view in zip(self.parameters, views, strict=True):
                p.grad = view
            yield
        finally:
            for p, old in zip(self.parameters, kept, strict=True):
                p.grad = old

    def gather(self, tensors: list[Tensor | None]) -> Tensor:
        """One tensor (or None, for zeros) a parameter → a new vector."""
        out = torch.zeros_like(self.theta)
        pairs = [
            (s.view(out), t)
            for s, t in zip(self.layout.slots, tensors, strict=True)
            if t is not None
        ]
        torch._foreach_copy_([view for view, _ in pairs], [t.detach() for _, t in pairs])
        return out

    def still(self, vector: Tensor) -> None:
        """Sets a θ-shaped vector to 0 at the parameters that have no gradient: what no loss reached is not moved."""
        for p, slot in zip(self.parameters, self.layout.slots, strict=True):
            if p.grad is None:
                slot.view(vector).zero_()

    def set_grad(self, g: Tensor) -> None:
        """Makes `g` the gradient; parameters without one stay without."""
        if g is not self._grad:
            self.grad.copy_(g)

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """Name → view of a θ-shaped vector."""
        return self.layout.views(vector)

    def mask(self, keep: Callable[[str], bool]) -> Tensor:
        """A θ-shaped 0/1 vector: 1 where `keep(name)` holds, 0 elsewhere and in the gaps."""
        out = torch.zeros_like(self.theta)
        for name, view in self.views(out).items():
            if keep(name):
                view.fill_(1)
        return out

    def __iter__(self) -> Iterator[nn.Parameter]:
        return iter(self.parameters)
