"""A module whose buffers are created and resized by an incoming state, with plain values beside them."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor, nn

from holdfast.engine.parameters import Layout, carry
from holdfast.errors import HoldfastError

T = TypeVar("T")


def seed_from(*key: object) -> int:
    """A seed that depends on every part of the key, the same on every machine.

    >>> seed_from(0, "ER") == seed_from(0, "ER"), seed_from(0, "ER") == seed_from(1, "ER")
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:6], "big")


class _Declared:
    """What a declaration of state stands for until it is assigned to an attribute."""

    def __init__(self, value: Tensor | None, is_vector: bool) -> None:
        self.value = value
        self.is_vector = is_vector


class Derived(Generic[T]):
    """A value that is computed from state and kept until its key changes. It is no state itself.

    Example:
        >>> squares = Derived[Tensor]()
        >>> x = torch.tensor([2.0])
        >>> squares.get(key=1, compute=lambda: x * x), squares.get(key=1, compute=lambda: x)
        (tensor([4.]), tensor([4.]))
    """

    def __init__(self) -> None:
        self._kept: tuple[object, T] | None = None

    def get(self, key: object, compute: Callable[[], T]) -> T:
        """The value for a key, computed unless it is the one that is kept."""
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, compute())
        return self._kept[1]

    def forget(self) -> None:
        """Compute it anew the next time."""
        self._kept = None


class Stateful(nn.Module):
    """Base of everything that remembers. Its state is saved, loaded and moved with the learner.

    Declare each piece of state once, in the constructor, and use it as an attribute from then on:

    - `self.anchor = self.vector_state()`: None, or a tensor that is shaped like θ. When the network
      grows, the learner carries it over.
    - `self.theta = self.optional_state()`: None, or a tensor of any shape.
    - `self.counts = self.tensor_state(torch.zeros(0))`: always a tensor.
    - `self.bases = self.tensor_list("basis")`: any number of tensors, by their numbers.
    - `self.host["tasks"] = 0`: plain values (JSON).
    - `self.generator()`: random numbers of its own.

    Attributes:
        host: The plain values.
        vectors: The names of the states that are shaped like θ.
        required: The names of the states that always hold a tensor.
        seed: What the generators are made from.
    """

    def __init__(self) -> None:
        super().__init__()
        self.host: dict[str, Any] = {}
        self.vectors: set[str] = set()
        self.required: set[str] = set()
        self.seed = 0
        self._generators: dict[str, torch.Generator] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, _Declared):
            super().__setattr__(name, value)
            return
        self.register_buffer(name, value.value)
        if value.is_vector:
            self.vectors.add(name)
        if value.value is not None:
            self.required.add(name)

    def vector_state(self) -> Tensor | None:
        """Declare a state that is None or shaped like θ (several such vectors are rows)."""
        return cast("Tensor | None", _Declared(None, is_vector=True))

    def optional_state(self) -> Tensor | None:
        """Declare a state that is None or a tensor of any shape."""
        return cast("Tensor | None", _Declared(None, is_vector=False))

    def tensor_state(self, value: Tensor) -> Tensor:
        """Declare a state that is a tensor from the start."""
        return cast(Tensor, _Declared(value, is_vector=False))

    def tensor_list(self, name: str) -> "TensorList":
        """Declare a state of any number of tensors, which checkpoints call `<name>_0` and so on."""
        return TensorList(self, name)

    def named_states(self) -> Iterator[tuple[str, Tensor | None]]:
        """The states of this object itself, by name."""
        yield from self._buffers.items()

    def need(self, state: Tensor | None) -> Tensor:
        """A state that must hold something at this point.

        Raises:
            HoldfastError: It is None, as after a checkpoint that somebody altered.
        """
        if state is None:
            raise HoldfastError(
                f"a part of the state of {type(self).__name__} is missing; go on from a checkpoint "
                "that has it"
            )
        return state

    def put(self, name: str, value: Tensor | None) -> None:
        """Set a state by its name, which need not have been declared."""
        if name in self._buffers:
            self._buffers[name] = value
        else:
            self.register_buffer(name, value)

    def get_buffer(self, target: str) -> Tensor:
        """The state of this name.

        Raises:
            HoldfastError: It holds nothing, as after a checkpoint that somebody altered.
        """
        value = super().get_buffer(target)
        if value is None:
            raise HoldfastError(
                f"the state of {type(self).__name__} lacks {target!r}; go on from a checkpoint that has it"
            )
        return value

    def _apply(self, fn: Any, recurse: bool = True) -> "Stateful":
        """Move all tensors, and forget what was derived from them."""
        for value in vars(self).values():
            if isinstance(value, Derived):
                value.forget()
        return super()._apply(fn, recurse)

    def carry_vectors(self, old: Layout, new: Layout, device: torch.device) -> None:
        """Move every vector that is shaped like θ from an old layout of θ to a new one, by names."""
        for name in self.vectors:
            vector = self._buffers.get(name)
            if vector is not None:
                self._buffers[name] = carry(vector, old, new).to(device)

    def generator(self, name: str = "main") -> torch.Generator:
        """A random stream of this object's own, on the CPU, made from `seed` on first use; its state is saved."""
        if name not in self._generators:
            self._generators[name] = torch.Generator().manual_seed(seed_from(self.seed, name))
        return self._generators[name]

    def reseed(self, *key: object) -> None:
        """Seeds this module and every `Stateful` below it from `key`."""
        for path, m in self.named_modules():
            if isinstance(m, Stateful):
                m.seed = seed_from(*key, path)

    def state_bytes(self) -> int:
        """Bytes of every buffer and parameter below this module (each storage once)."""
        storages = {
            b.untyped_storage().data_ptr(): b.untyped_storage().nbytes()
            for b in [*self.buffers(), *self.parameters()]
        }
        return sum(storages.values())

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, buffer in self._buffers.items():
            if buffer is not None:
                destination[prefix + name] = buffer if keep_vars else buffer.detach()
        for name, generator in self._generators.items():
            destination[f"{prefix}generator:{name}"] = generator.get_state()
        for name, p in self._parameters.items():
            if p is not None:
                destination[prefix + name] = p if keep_vars else p.detach()

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: Any,
        missing: Any,
        unexpected: Any,
        errors: Any,
    ) -> None:
        own = {
            k[len(prefix) :]: v
            for k, v in state_dict.items()
            if k.startswith(prefix) and "." not in k[len(prefix) :]
        }
        for name in [n for n, b in self._buffers.items() if b is not None and n not in own]:
            self._buffers[name] = None
        for name, value in own.items():
            if name.startswith("generator:"):
                self.generator(name.removeprefix("generator:")).set_state(
                    value.cpu().to(torch.uint8)
                )
            elif name in self._parameters:
                with torch.no_grad():
                    self._parameters[name].copy_(value)  # type: ignore[union-attr]
            else:
                self.put(name, value.detach().clone())


class TensorList:
    """Tensors of a `Stateful` by their numbers."""

    def __init__(self, owner: Stateful, name: str) -> None:
        self._owner = owner
        self._name = name

    def __getitem__(self, number: int) -> Tensor:
        return self._owner.get_buffer(f"{self._name}_{number}")

    def __setitem__(self, number: int, value: Tensor) -> None:
        self._owner.put(f"{self._name}_{number}", value)


def host_state(module: nn.Module) -> dict[str, Any]:
    """The plain values of every `Stateful` below `module`, by path (JSON)."""
    return {
        path: {"host": m.host, "vectors": sorted(m.vectors)}
        for path, m in module.named_modules()
        if isinstance(m, Stateful)
    }


def load_host_state(module: nn.Module, state: dict[str, Any]) -> None:
    """The inverse of `host_state`."""
    for path, m in module.named_modules():
        if isinstance(m, Stateful) and path in state:
            m.host = dict(state[path]["host"])
            m.vectors = set(state[path]["vectors"])
