"""A module whose buffers are created and resized by an incoming state, with plain values beside them."""

import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.engine.parameters import Layout, carry
from holdfast.errors import HoldfastError


def seed_from(*key: object) -> int:
    """A seed that depends on every part of the key, the same on every machine.

    >>> seed_from(0, "ER") == seed_from(0, "ER"), seed_from(0, "ER") == seed_from(1, "ER")
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:6], "big")


class Stateful(nn.Module):
    """Base of everything that remembers: buffers for tensors, `host` for counters and names (JSON), named generators.

    Buffers named in `vectors` are θ-shaped: the learner carries them over when the network grows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.host: dict[str, Any] = {}
        self.vectors: set[str] = set()
        self.seed = 0
        self._generators: dict[str, torch.Generator] = {}

    def remember(self, name: str, value: Tensor | None, vector: bool = False) -> None:
        """Sets buffer `name`; `vector=True` says that it is θ-shaped."""
        if name in self._buffers:
            self._buffers[name] = value
        else:
            self.register_buffer(name, value)
        if vector:
            self.vectors.add(name)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of this name.

        Raises:
            HoldfastError: It holds nothing, as after a checkpoint that somebody altered.
        """
        value = super().get_buffer(target)
        if value is None:
            raise HoldfastError(
                f"the state of {type(self).__name__} lacks {target!r}; go on from a checkpoint that has it"
            )
        return value

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
                self.remember(name, value.detach().clone())


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
