"""A module whose state grows with the tasks: tensors that a checkpoint may create and resize.

Plain values and random generators are part of the state as well.
"""

import hashlib
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor, nn

from holdfast.engine.layout import Layout, carry
from holdfast.errors import HoldfastError

T = TypeVar("T")
GENERATOR = "generator:"  # what the names of generators in a checkpoint begin with


def seed_from(*key: object) -> int:
    """Make a seed of several values.

    Args:
        key: Values whose `repr` is the same on every machine.

    Returns:
        A number below 2⁴⁸ that depends on every value, the same on every machine.

    Example:
        >>> seed_from(0, "ER") == seed_from(0, "ER")
        True
        >>> seed_from(0, "ER") == seed_from(1, "ER")
        False
    """
    digest = hashlib.sha256(repr(key).encode()).digest()
    # Six bytes fit into a float exactly, whoever reads the number from a file.
    return int.from_bytes(digest[:6], "big")


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
        """The value for a key.

        Args:
            key: What the value depends on, such as a counter or the address of a tensor.
            compute: Makes the value if the one that is kept belongs to another key.

        Returns:
            The value.
        """
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, compute())
        return self._kept[1]

    def forget(self) -> None:
        """Compute the value anew the next time."""
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

    # ---- declarations

    def __setattr__(self, name: str, value: object) -> None:
        if not isinstance(value, _Declared):
            super().__setattr__(name, cast(Any, value))
            return
        # Only now is the name of the state known.
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

    # ---- access

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
                f"a part of the state of {type(self).__name__} is missing; resume from a "
                "checkpoint that has it"
            )
        return state

    def put(self, name: str, value: Tensor | None) -> None:
        """Set a state by its name, which need not have been declared."""
        # PyTorch refuses to register a name twice.
        if name in self._buffers:
            self._buffers[name] = value
        else:
            self.register_buffer(name, value)

    def get_buffer(self, target: str) -> Tensor:
        """The state of this name.

        Raises:
            HoldfastError: It holds nothing, as after a checkpoint that somebody altered.
        """
        # PyTorch's own returns None for an empty state, against its annotation.
        value = super().get_buffer(target)
        if value is None:
            raise HoldfastError(
                f"the state of {type(self).__name__} lacks {target!r}; resume from a checkpoint "
                "that has it"
            )
        return value

    def generator(self, name: str = "main") -> torch.Generator:
        """A stream of random numbers of this object's own.

        Args:
            name: The name of the stream. Streams of different names are independent.

        Returns:
            A generator on the CPU. It is made from `seed` on first use, and its state is saved.
        """
        # On first use, because `seed` is set after the object has been made.
        if name not in self._generators:
            seed = seed_from(self.seed, name)
            self._generators[name] = torch.Generator().manual_seed(seed)
        return self._generators[name]

    def reseed(self, *key: object) -> None:
        """Seed this module and every `Stateful` below it, each from the key and its own path."""
        for path, module in self.named_modules():
            if isinstance(module, Stateful):
                module.seed = seed_from(*key, path)

    def state_bytes(self) -> int:
        """The bytes of all buffers and parameters below this module, shared storage once."""
        sizes = {}
        for tensor in (*self.buffers(), *self.parameters()):
            # Views of one storage have its address, so it counts once.
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        return sum(sizes.values())

    # ---- movement, growth, checkpoints

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Stateful":
        """Move all tensors, and forget what was derived from them."""
        for value in vars(self).values():
            if isinstance(value, Derived):
                value.forget()
        move: Callable[..., Stateful] = super()._apply
        return move(fn, recurse)

    def carry_vectors(self, old: Layout, new: Layout, device: torch.device) -> None:
        """Move every state that is shaped like θ from an old layout of θ to a new one, by names."""
        for name in self.vectors:
            vector = self._buffers.get(name)
            if vector is not None:
                self._buffers[name] = carry(vector, old, new).to(device)

    def host_loaded(self) -> None:
        """Follow plain values that were just loaded. Tensors are loaded after this.

        Override it if the shape of θ depends on a plain value.
        """

    def _save_to_state_dict(
        self, destination: MutableMapping[str, Tensor], prefix: str, keep_vars: bool
    ) -> None:
        """Save the states that hold something, and the generators."""
        for name, buffer in self._buffers.items():
            if buffer is not None:
                destination[prefix + name] = _saved(buffer, keep_vars)
        for name, generator in self._generators.items():
            destination[f"{prefix}{GENERATOR}{name}"] = generator.get_state()
        for name, parameter in self._parameters.items():
            if parameter is not None:
                destination[prefix + name] = _saved(parameter, keep_vars)

    def _load_from_state_dict(
        self, state_dict: MutableMapping[str, Tensor], prefix: str, *_: object
    ) -> None:
        """Take the states over, whatever was there before and of whatever shape.

        PyTorch's own way would refuse names and shapes that this module does not have yet.
        """
        own = {}
        for path, value in state_dict.items():
            name = path.removeprefix(prefix)
            # A dot is in the names of what belongs to modules below this one.
            if path.startswith(prefix) and "." not in name:
                own[name] = value
        for name, buffer in self._buffers.items():
            # It held nothing when the checkpoint was made.
            if buffer is not None and name not in own:
                self._buffers[name] = None
        for name, value in own.items():
            if name.startswith(GENERATOR):
                generator = self.generator(name.removeprefix(GENERATOR))
                generator.set_state(value.cpu().to(torch.uint8))
            elif name in self._parameters:
                # In place, because the optimizer holds the parameter itself.
                with torch.no_grad():
                    self.get_parameter(name).copy_(value)
            else:
                # A copy, because the caller may go on using what was loaded.
                self.put(name, value.detach().clone())


def _saved(tensor: Tensor, keep_vars: bool) -> Tensor:
    """A tensor as a state dict holds it: with its graph only if that is asked for."""
    if keep_vars:
        return tensor
    return tensor.detach()


class TensorList:
    """Tensors of a `Stateful` by their numbers.

    Args:
        owner: The object whose state they are.
        name: What their names begin with: number k is `<name>_k`.
    """

    def __init__(self, owner: Stateful, name: str) -> None:
        self._owner = owner
        self._name = name

    def __getitem__(self, number: int) -> Tensor:
        return self._owner.get_buffer(f"{self._name}_{number}")

    def __setitem__(self, number: int, value: Tensor) -> None:
        self._owner.put(f"{self._name}_{number}", value)


def host_state(module: nn.Module) -> dict[str, Any]:
    """The plain values of every `Stateful` below a module, by path (JSON)."""
    return {
        path: {"host": m.host, "vectors": sorted(m.vectors)}
        for path, m in module.named_modules()
        if isinstance(m, Stateful)
    }


def load_host_state(module: nn.Module, state: dict[str, Any]) -> None:
    """Give every `Stateful` below a module the plain values that `host_state` returned."""
    for path, m in module.named_modules():
        if isinstance(m, Stateful) and path in state:
            m.host = dict(state[path]["host"])
            m.vectors = set(state[path]["vectors"])
            m.host_loaded()
