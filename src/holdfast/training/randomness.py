"""The learner's own random stream: the global generators hold it while the learner runs, and theirs again afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from holdfast.engine.stateful import seed_from


class Randomness:
    """Dropout, new heads and whatever else draws from the global generators is decided by the learner's seed alone.

    >>> own = Randomness(0, torch.device("cpu"))
    >>> with own.active(): a = torch.rand(1)
    >>> with Randomness(0, torch.device("cpu")).active(): bool(torch.rand(1) == a)
    True
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed, self.device = seed_from(seed, "forward"), device
        self._host = torch.Generator().manual_seed(self.seed).get_state()
        self._device: Tensor | None = None
        self._depth = 0

    def generators(self) -> list[torch.Generator]:
        """The global generators that a forward pass on this device may draw from."""
        on_device = [torch.cuda.default_generators[self.device.index or 0]] if self.device.type == "cuda" else []
        return [torch.default_generator, *on_device]

    @contextmanager
    def active(self) -> Iterator[None]:
        """The learner's stream inside, whatever was there before again afterwards. May be nested."""
        self._depth += 1
        try:
            if self._depth > 1:
                yield
                return
            outside = [g.get_state() for g in self.generators()]
            self._enter()
            try:
                yield
            finally:
                own = [g.get_state() for g in self.generators()]
                self._host, self._device = own[0], (own[1] if len(own) > 1 else None)
                for g, state in zip(self.generators(), outside, strict=True):
                    g.set_state(state)
        finally:
            self._depth -= 1

    def _enter(self) -> None:
        host, *on_device = self.generators()
        host.set_state(self._host)
        for g in on_device:
            if self._device is None:
                g.manual_seed(self.seed)
            else:
                g.set_state(self._device)

    def state(self) -> dict[str, Tensor]:
        """What to save, inside `active` as well."""
        now = [g.get_state() for g in self.generators()] if self._depth else [self._host, self._device]
        return {name: value for name, value in zip(("host", "device"), now, strict=False) if value is not None}

    def restore(self, state: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        self._host, self._device = state["host"].clone(), state.get("device")
