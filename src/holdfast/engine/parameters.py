"""θ and g as vectors: contiguous storage of which a module's parameters and gradients are views.

The optimizer owns the ordinary parameters, never the vectors. These are for the algebra of methods.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from holdfast.engine.layout import Layout, Slot, carry, carry_rows, lay_out
from holdfast.errors import HoldfastError

__all__ = ["Layout", "ParameterSpace", "Slot", "carry", "carry_rows", "lay_out", "trainable"]


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training may change, each once, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


class ParameterSpace:
    """The trainable parameters of a module as one vector, and their gradients as another.

    Args:
        module: The module. Its trainable parameters become views of `theta`.
        may_be_empty: Whether the module may gain its first trainable parameter later, as a head
            that grows on a frozen backbone does.

    Attributes:
        theta: The parameters θ, a vector with gaps (see `layout`).
        layout: Where each parameter lies in it.
        parameters: The parameters, in that order.

    Raises:
        HoldfastError: There is no trainable parameter, or they are of several types or devices, or
            of a type that is not floating.

    Example:
        >>> space = ParameterSpace(nn.Linear(3, 2))
        >>> space.numel, len(space.theta)
        (8, 32)
    """

    def __init__(self, module: nn.Module, may_be_empty: bool = False) -> None:
        self.module = module
        self.may_be_empty = may_be_empty
        self._lay_out()

    def _lay_out(self) -> None:
        """Make θ, and make the parameters views of it with the values that they have."""
        named = trainable(self.module)
        dtype, device = self._kind(named)
        self.layout = lay_out(named)
        self.theta = torch.zeros(self.layout.length, dtype=dtype, device=device)
        self.parameters = list(named.values())
        for p, slot in zip(self.parameters, self.layout.slots, strict=True):
            # The parameter stays the same object, because the optimizer holds it.
            view = slot.view(self.theta)
            view.copy_(p.data)
            p.data = view
        self._places = []
        for name, p in named.items():
            owner, leaf = self._owner(name)
            self._places.append((owner, leaf, p, p.data_ptr()))
        # Gradient and scratch are made on first use, because many methods need neither.
        self._grad: Tensor | None = None
        self._grad_views: list[Tensor] = []
        self._versions: list[int] = []
        self._scratch: Tensor | None = None
        self._scratch_views: list[Tensor] = []

    def _kind(self, named: Mapping[str, nn.Parameter]) -> tuple[torch.dtype, torch.device]:
        """The type and the device that all parameters share."""
        kinds = {(p.dtype, p.device) for p in named.values()}
        if not kinds and self.may_be_empty:
            # What is frozen tells what a later parameter will be like.
            for tensor in (*self.module.parameters(), *self.module.buffers()):
                if tensor.is_floating_point():
                    return tensor.dtype, tensor.device
        if not kinds:
            raise HoldfastError(
                "the model has no trainable parameter; expected at least one with "
                "requires_grad=True"
            )
        if len(kinds) > 1:
            raise HoldfastError(
                "all trainable parameters must share one dtype and device, got "
                f"{sorted(map(str, kinds))}"
            )
        dtype, device = kinds.pop()
        if not dtype.is_floating_point:
            raise HoldfastError("trainable parameters must be real floating point")
        return dtype, device

    def _owner(self, name: str) -> tuple[dict[str, nn.Parameter | None], str]:
        """The table of a module that holds a parameter, and the parameter's name in it."""
        path, _, leaf = name.rpartition(".")
        return self.module.get_submodule(path)._parameters, leaf

    @property
    def numel(self) -> int:
        """The number of trainable parameters P."""
        return self.layout.numel

    @property
    def named(self) -> dict[str, nn.Parameter]:
        """The trainable parameters by their names in the module, in the order of θ."""
        names = [slot.name for slot in self.layout.slots]
        return dict(zip(names, self.parameters, strict=True))

    def bound(self) -> bool:
        """Whether every parameter is still the one that was laid out, at its place.

        This is asked before every step and takes microseconds.
        """
        for owner, leaf, p, pointer in self._places:
            # Moving a model to another device keeps the parameter, but not its place.
            if owner.get(leaf) is not p or p.data_ptr() != pointer:
                return False
            if not p.requires_grad:
                return False
        return True

    def _stale(self) -> bool:
        """Whether the module has other trainable parameters than those laid out.

        This walks all of the module tree.
        """
        now = trainable(self.module)
        if list(now) != [slot.name for slot in self.layout.slots]:
            return True
        pairs = zip(now.values(), self.parameters, strict=True)
        return any(p is not laid_out for p, laid_out in pairs)

    def bind(self, thorough: bool = False) -> Layout | None:
        """Lay the parameters out anew if their storage moved or one was replaced.

        Args:
            thorough: Whether to look for new parameters as well, which walks the module tree.

        Returns:
            The layout from before if it gave way to a new one, so that θ-shaped vectors can be
            carried over. None means that nothing changed.
        """
        if self.bound() and not (thorough and self._stale()):
            return None
        before = self.layout
        self._lay_out()
        return before

    # ---- gradients

    @property
    def grad(self) -> Tensor:
        """The gradient vector g. After `collect` the `.grad` of each parameter is a view of it."""
        if self._grad is None:
            self._grad = torch.zeros_like(self.theta)
            # .data gives each view a version counter of its own, which tells whether the backward
            # pass wrote to it.
            self._grad_views = [slot.view(self._grad).data for slot in self.layout.slots]
        return self._grad

    @property
    def scratch(self) -> Tensor:
        """A θ-shaped vector for use within one call.

        It is the same vector each time, so nothing in it lasts.
        """
        if self._scratch is None:
            self._scratch = torch.zeros_like(self.theta)
            self._scratch_views = [slot.view(self._scratch) for slot in self.layout.slots]
        return self._scratch

    def zero_grad(self, vector: bool = False) -> None:
        """Forget the gradients of the step before.

        Every `.grad` becomes None. Zeros are not None: with them, momentum and weight decay would
        move parameters that no loss reached.

        Args:
            vector: Whether the backward pass writes into g, which is then cleared. `collect` finds
                out which parameters had no gradient.
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
        """Make every gradient part of g, and copy what lies elsewhere.

        Returns:
            The vector g. It is 0 at a parameter that has no gradient, whose `.grad` is None.
        """
        g = self.grad
        into = []
        grads = []
        absent = []
        for k, (p, view) in enumerate(zip(self.parameters, self._grad_views, strict=True)):
            if p.grad is None:
                absent.append(view)
            elif p.grad is view:
                # Set by zero_grad, but not reached by the backward pass.
                if self._versions and view._version == self._versions[k]:
                    p.grad = None
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
        """Inside, the backward pass adds gradients to a θ-shaped vector.

        Afterwards every `.grad` is what it was.
        """
        kept = [p.grad for p in self.parameters]
        # The views of the scratch vector are kept, because making them takes as long as a small
        # network's backward pass.
        if vector is self._scratch:
            views = self._scratch_views
        else:
            views = [slot.view(vector) for slot in self.layout.slots]
        try:
            for p, view in zip(self.parameters, views, strict=True):
                p.grad = view
            yield
        finally:
            for p, old in zip(self.parameters, kept, strict=True):
                p.grad = old

    def set_grad(self, g: Tensor) -> None:
        """Make a vector the gradient. Parameters that have none stay without."""
        if g is not self._grad:
            self.grad.copy_(g)

    # ---- vectors

    def gather(self, tensors: list[Tensor | None]) -> Tensor:
        """Put one tensor per parameter into a new vector.

        Args:
            tensors: The tensors in the order of `parameters`. None stands for zeros.

        Returns:
            The vector, θ-shaped, without a graph.
        """
        gathered = torch.zeros_like(self.theta)
        into = []
        values = []
        for slot, tensor in zip(self.layout.slots, tensors, strict=True):
            if tensor is not None:
                into.append(slot.view(gathered))
                values.append(tensor.detach())
        torch._foreach_copy_(into, values)
        return gathered

    def still(self, vector: Tensor) -> None:
        """Set a θ-shaped vector to 0 at the parameters that have no gradient.

        What no loss reached does not move.
        """
        for p, slot in zip(self.parameters, self.layout.slots, strict=True):
            if p.grad is None:
                slot.view(vector).zero_()

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """The part of a θ-shaped vector that belongs to each parameter, by name (no copies)."""
        return self.layout.views(vector)

    def mask(self, keep: Callable[[str], bool]) -> Tensor:
        """A θ-shaped vector of 1 and 0.

        Args:
            keep: Tells from the name of a parameter whether it is wanted.

        Returns:
            1 at the parameters that are wanted, 0 elsewhere and in the gaps.
        """
        mask = torch.zeros_like(self.theta)
        for name, view in self.views(mask).items():
            if keep(name):
                view.fill_(1)
        return mask

    def __iter__(self) -> Iterator[nn.Parameter]:
        return iter(self.parameters)
