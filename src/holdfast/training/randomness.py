"""The learner's own random stream: the global generators hold it while the learner runs, and theirs again afterwards.

Global generators are PyTorch's (on the host and on the device), NumPy's and Python's: data sets, augmentations and scorers of the
user draw from any of them.
"""

import random
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.random import mtrand
from torch import Tensor, nn

from holdfast.engine.stateful import seed_from
from holdfast.errors import HoldfastError

WORDS = 625  # of a Mersenne twister: 624 and the position in them
OURS = ("torch", "holdfast")  # packages whose code draws from PyTorch's generators alone


T = TypeVar("T")


class Generator(Protocol):
    """What can be read and put back: a generator of PyTorch, or one of the two below."""

    def get_state(self) -> Any: ...

    def set_state(self, state: Any) -> Any: ...


class _NumPy:
    """NumPy's global generator. Its state counts a second normal value that is kept from drawing two at once."""

    def get_state(self) -> Any:
        return np.random.get_state(legacy=False)  # noqa: NPY002

    def set_state(self, state: Any) -> None:
        np.random.set_state(state)  # noqa: NPY002


class _Python:
    """Python's global generator."""

    def get_state(self) -> Any:
        return random.getstate()

    def set_state(self, state: Any) -> None:
        random.setstate(state)


NUMPY = _NumPy()
PYTHON = _Python()


class Randomness:
    """Dropout, new heads and whatever else draws from the global generators is decided by the learner's seed alone.

    >>> own = Randomness(0, torch.device("cpu"))
    >>> with own.active(): a = torch.rand(1), np.random.rand(), random.random()
    >>> with Randomness(0, torch.device("cpu")).active():
    ...     a == (torch.rand(1), np.random.rand(), random.random())
    True
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed, self.device = seed_from(seed, "forward"), device
        self._host = torch.Generator().manual_seed(self.seed).get_state()
        self._device: Tensor | None = None
        self._seed_others()
        self._depth = 0
        self._wide = False

    def _seed_others(self) -> None:
        """Seed what belongs to NumPy and Python.

        NumPy's bit generator itself is exchanged, because reading and writing its state takes 60 µs each. The
        second normal value that it may keep is dropped on leaving, but kept in checkpoints.
        """
        self._numpy = np.random.MT19937(self.seed)
        self._normal: float | None = None
        self._python = random.Random(self.seed).getstate()

    def generators(self) -> list[torch.Generator]:
        """PyTorch's global generators that a forward pass on this device may draw from."""
        on_device = (
            [torch.cuda.default_generators[self.device.index or 0]]
            if self.device.type == "cuda"
            else []
        )
        return [torch.default_generator, *on_device]

    def all_generators(self) -> list[Generator]:
        """As `generators`, with those of NumPy and Python."""
        return [*self.generators(), NUMPY, PYTHON]

    @contextmanager
    def active(self, wide: bool = True) -> Iterator[None]:
        """The learner's stream inside, whatever was there before again afterwards. May be nested.

        Args:
            wide: Exchange NumPy's and Python's state too (about 0.1 ms).
        """
        self._depth += 1
        try:
            if self._depth > 1:
                yield
                return
            outside = [g.get_state() for g in self.generators()]
            self._enter()
            self._wide = wide
            try:
                if wide:
                    with self._others():
                        yield
                else:
                    yield
            finally:
                own = [g.get_state() for g in self.generators()]
                self._host, self._device = own[0], (own[1] if len(own) > 1 else None)
                for g, state in zip(self.generators(), outside, strict=True):
                    g.set_state(state)
        finally:
            self._depth -= 1

    def aside(self, *key: object) -> AbstractContextManager[None]:
        """Streams of their own inside, the same at each entry; afterwards those from before go on as if nothing had been drawn."""
        return Randomness(seed_from(self.seed, *key), self.device).active()

    def inside(self, items: Iterable[T]) -> Iterator[T]:
        """The items, each read while the learner's stream is active."""
        reading, end = iter(items), object()
        while True:
            with self.active():
                item = next(reading, end)
            if item is end:
                return
            yield item  # type: ignore[misc]

    def _enter(self) -> None:
        host, *on_device = self.generators()
        host.set_state(self._host)
        for g in on_device:
            if self._device is None:
                g.manual_seed(self.seed)
            else:
                g.set_state(self._device)

    @contextmanager
    def _others(self) -> Iterator[None]:
        """NumPy's and Python's generators hold the learner's state inside."""
        python, bits, theirs = random.getstate(), mtrand.get_bit_generator(), NUMPY.get_state()
        random.setstate(self._python)
        mtrand.set_bit_generator(self._numpy)
        if self._normal is not None:
            _keep_normal(self._normal)
        try:
            yield
        finally:
            self._python, self._normal = random.getstate(), None
            random.setstate(python)
            mtrand.set_bit_generator(bits)
            if theirs["has_gauss"]:
                _keep_normal(theirs["gauss"])

    def state(self) -> dict[str, Tensor]:
        """What to save, inside `active` as well."""
        now = (
            [g.get_state() for g in self.generators()]
            if self._depth
            else [self._host, self._device]
        )
        found = {
            name: value
            for name, value in zip(("host", "device"), now, strict=False)
            if value is not None
        }
        inside = self._depth > 0 and self._wide
        normal = self._normal
        if inside and (state := NUMPY.get_state())["has_gauss"]:
            normal = state["gauss"]
        key = self._numpy.state["state"]
        _, words, second = random.getstate() if inside else self._python
        found["numpy"] = _packed([*key["key"].tolist(), key["pos"]], normal)
        found["python"] = _packed(words, second)
        return found

    def restore(self, state: dict[str, Tensor]) -> None:
        """The inverse of `state`. Files from before have no state of NumPy and Python, which then begin anew."""
        self._host, self._device = state["host"].clone(), state.get("device")
        self._seed_others()
        if "numpy" in state:
            (*key, position), self._normal = _unpacked(state["numpy"], "numpy")
            self._numpy.state = {
                "bit_generator": "MT19937",
                "state": {"key": np.array(key, np.uint32), "pos": position},
            }
        if "python" in state:
            words, second = _unpacked(state["python"], "python")
            self._python = (random.getstate()[0], tuple(words), second)


def _keep_normal(value: float) -> None:
    NUMPY.set_state(NUMPY.get_state() | {"has_gauss": 1, "gauss": value})


def _packed(words: Iterable[int], normal: float | None) -> Tensor:
    """The words of a Mersenne twister and the normal value that it keeps, as one tensor (float64 holds 32 bits)."""
    return torch.tensor([*words, normal is not None, normal or 0.0], dtype=torch.float64)


def _unpacked(state: Tensor, whose: str) -> tuple[list[int], float | None]:
    """The inverse of `_packed`, for tensors that somebody may have altered."""
    fits = (
        state.dtype == torch.float64
        and state.shape == (WORDS + 2,)
        and bool(state.isfinite().all())
    )
    words = state[:WORDS] if fits else torch.full((1,), -1.0)
    in_range = bool(((words >= 0) & (words < 2**32) & (words == words.floor())).all())
    if not in_range or words[-1] > WORDS - 1:
        raise HoldfastError(f"random.{whose} is no state of a generator")
    return [int(w) for w in words.tolist()], float(state[-1]) if state[-2] else None


def may_draw(augment: object, *modules: nn.Module) -> bool:
    """Whether a forward pass runs code of the user, which may draw from NumPy's or Python's generators."""
    if augment is not None and not _ours(getattr(augment, "__module__", None)):
        return True
    inside = (m for module in modules for m in module.modules())
    return any(
        m._forward_hooks or m._forward_pre_hooks or not _ours(type(m).__module__) for m in inside
    )


def _ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] in OURS
