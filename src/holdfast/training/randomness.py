"""The learner's own random stream.

While the learner runs, the global generators hold the learner's state. Afterwards they hold again
what they held before. Global generators are PyTorch's (on the host and on the device), NumPy's and
Python's, because data sets, augmentations and scorers of the user draw from any of them.
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

WORDS = 625  # of a Mersenne twister: 624 words, and the position in them
OURS = ("torch", "holdfast")  # packages whose code draws from PyTorch's generators alone


T = TypeVar("T")


class Generator(Protocol):
    """What can be read and put back: a generator of PyTorch, or one of the two below."""

    def get_state(self) -> Any:
        """Return the state, of a type that the generator knows."""

    def set_state(self, state: Any) -> Any:
        """Put a state back."""


class _NumPy:
    """NumPy's global generator.

    It draws normal values in pairs and keeps the second, which is a part of its state.
    """

    def get_state(self) -> dict[str, Any]:
        """Return the state, with the normal value under "gauss"."""
        state = np.random.get_state(legacy=False)  # noqa: NPY002
        return dict(state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Put a state back."""
        np.random.set_state(state)  # noqa: NPY002

    def keep_normal(self, value: float) -> None:
        """Make a value the next normal value that is drawn."""
        self.set_state(self.get_state() | {"has_gauss": 1, "gauss": value})


class _Python:
    """Python's global generator."""

    def get_state(self) -> tuple[Any, ...]:
        """Return the state: a version, the words, and a normal value that is kept or None."""
        return random.getstate()

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Put a state back."""
        random.setstate(state)


NUMPY = _NumPy()
PYTHON = _Python()


class Randomness:
    """Lets the learner's seed alone decide what the global generators draw while it runs.

    Dropout, the weights of new outputs, augmentations and shuffled data sets draw from them.

    Args:
        seed: The seed of the learner.
        device: Where it trains, whose generator is exchanged too.

    Example:
        >>> own = Randomness(0, torch.device("cpu"))
        >>> with own.active():
        ...     drawn = torch.rand(1), np.random.rand(), random.random()
        >>> with Randomness(0, torch.device("cpu")).active():
        ...     drawn == (torch.rand(1), np.random.rand(), random.random())
        True
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed = seed_from(seed, "forward")
        self.device = device
        self._host = torch.Generator().manual_seed(self.seed).get_state()
        # None until the device's generator was seeded, which needs the device.
        self._device: Tensor | None = None
        self._seed_others()
        self._depth = 0  # how many `active` contexts are open
        self._is_wide = False  # whether the outermost one exchanges NumPy's and Python's states

    def _seed_others(self) -> None:
        """Seed the streams for NumPy's and Python's generators.

        NumPy's bit generator itself is exchanged, because reading and writing its state takes 60 µs
        each. The second normal value that it may keep is dropped on leaving, but checkpoints hold
        it.
        """
        self._numpy = np.random.MT19937(self.seed)
        self._normal: float | None = None
        self._python = random.Random(self.seed).getstate()

    def generators(self) -> list[torch.Generator]:
        """Return PyTorch's global generators that a forward pass on this device may draw from."""
        generators = [torch.default_generator]
        if self.device.type == "cuda":
            generators.append(torch.cuda.default_generators[self.device.index or 0])
        return generators

    def all_generators(self) -> list[Generator]:
        """Return the same, with those of NumPy and Python."""
        return [*self.generators(), NUMPY, PYTHON]

    # ---- exchanging the streams

    @contextmanager
    def active(self, wide: bool = True) -> Iterator[None]:
        """Hold the learner's stream inside, and what was there before again afterwards.

        It may be nested, and then only the outermost one exchanges anything.

        Args:
            wide: Whether NumPy's and Python's states are exchanged too, which takes about 0.1 ms.
                A step leaves it out if no code of the user runs in it.
        """
        self._depth += 1
        try:
            if self._depth > 1:
                yield
                return
            outside = [generator.get_state() for generator in self.generators()]
            self._enter()
            self._is_wide = wide
            try:
                if wide:
                    with self._others():
                        yield
                else:
                    yield
            finally:
                self._leave(outside)
        finally:
            self._depth -= 1

    def _enter(self) -> None:
        """Let PyTorch's generators hold the learner's state."""
        host, *on_device = self.generators()
        host.set_state(self._host)
        for generator in on_device:
            if self._device is None:
                generator.manual_seed(self.seed)
            else:
                generator.set_state(self._device)

    def _leave(self, outside: list[Tensor]) -> None:
        """Keep the learner's state, and let PyTorch's generators hold what they held before."""
        host, *on_device = self.generators()
        self._host = host.get_state()
        self._device = None
        for generator in on_device:
            self._device = generator.get_state()
        for generator, state in zip([host, *on_device], outside, strict=True):
            generator.set_state(state)

    @contextmanager
    def _others(self) -> Iterator[None]:
        """Hold the learner's state of NumPy's and Python's generators inside."""
        python = random.getstate()
        bits = mtrand.get_bit_generator()
        # The caller's second normal value is lost when the bit generator is exchanged.
        numpy = NUMPY.get_state()
        random.setstate(self._python)
        mtrand.set_bit_generator(self._numpy)
        if self._normal is not None:
            NUMPY.keep_normal(self._normal)
        try:
            yield
        finally:
            self._python = random.getstate()
            self._normal = None
            random.setstate(python)
            mtrand.set_bit_generator(bits)
            if numpy["has_gauss"]:
                NUMPY.keep_normal(numpy["gauss"])

    def aside(self, *key: object) -> AbstractContextManager[None]:
        """Hold streams of their own inside, which are the same at each entry.

        Afterwards the streams from before continue as if nothing had been drawn. An evaluation thus
        gives the same scores however often it is called, and does not change training.

        Args:
            *key: What the streams are for. Other keys have other streams.
        """
        return Randomness(seed_from(self.seed, *key), self.device).active()

    def inside(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items, each of which is read while the learner's stream is active.

        Between two items the global generators are the caller's, which `with` around the whole loop
        would not give.

        Args:
            items: Data that draw random numbers while they are read.
        """
        reading = iter(items)
        while True:
            with self.active():
                try:
                    item = next(reading)
                except StopIteration:
                    return
            yield item

    # ---- checkpoints

    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint needs to resume all streams, inside `active` as well."""
        is_inside = self._depth > 0
        host = self._host
        on_device = self._device
        if is_inside:
            host, *others = [generator.get_state() for generator in self.generators()]
            on_device = others[0] if others else None
        state = {"host": host}
        if on_device is not None:
            state["device"] = on_device
        normal = self._normal
        python = self._python
        # Without `wide`, the generators of NumPy and Python are the caller's, even inside.
        if is_inside and self._is_wide:
            numpy = NUMPY.get_state()
            if numpy["has_gauss"]:
                normal = numpy["gauss"]
            python = random.getstate()
        twister = self._numpy.state["state"]
        state["numpy"] = _packed([*twister["key"].tolist(), twister["pos"]], normal)
        _, words, second = python
        state["python"] = _packed(words, second)
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned.

        Args:
            state: The states. Files of early versions have none of NumPy and Python, which then
                start anew.

        Raises:
            HoldfastError: A state is none of a generator.
        """
        self._host = state["host"].clone()
        # A checkpoint from the CPU has no state of a device, which then starts from the seed.
        self._device = state.get("device")
        self._seed_others()
        if "numpy" in state:
            (*key, position), self._normal = _unpacked(state["numpy"], "numpy")
            self._numpy.state = {
                "bit_generator": "MT19937",
                "state": {"key": np.array(key, np.uint32), "pos": position},
            }
        if "python" in state:
            words, second = _unpacked(state["python"], "python")
            version = random.getstate()[0]
            self._python = (version, tuple(words), second)


def _packed(words: Iterable[int], normal: float | None) -> Tensor:
    """Pack the words of a Mersenne twister and the normal value that it keeps into one tensor.

    The words have 32 bits, which float64 holds exactly.
    """
    kept = 0.0
    if normal is not None:
        kept = normal
    return torch.tensor([*words, normal is not None, kept], dtype=torch.float64)


def _unpacked(state: Tensor, owner: str) -> tuple[list[int], float | None]:
    """Unpack what `_packed` made, from a tensor that somebody may have altered."""
    wrong = HoldfastError(f"random.{owner} is no state of a generator")
    if state.dtype != torch.float64 or state.shape != (WORDS + 2,):
        raise wrong
    if not bool(state.isfinite().all()):
        raise wrong
    words = state[:WORDS]
    in_range = (words >= 0) & (words < 2**32) & (words == words.floor())
    # A position beyond the words would let NumPy read past the end of its memory.
    if not bool(in_range.all()) or words[-1] > WORDS - 1:
        raise wrong
    numbers = [int(word) for word in words.tolist()]
    if state[-2]:
        return numbers, float(state[-1])
    return numbers, None


# ---- code that may draw


def may_draw(augment: object, *modules: nn.Module) -> bool:
    """Say whether a forward pass runs code of the user, which may draw from NumPy or Python.

    Args:
        augment: The augmentation, or None.
        *modules: The network and the method.

    Returns:
        False if all code is that of PyTorch and Holdfast. A step then takes 0.1 ms less.
    """
    # A lambda or a function of a script has the module of that script.
    if augment is not None and not _is_ours(getattr(augment, "__module__", None)):
        return True
    for root in modules:
        for module in root.modules():
            # Hooks are functions of anybody, even on a module of PyTorch.
            if module._forward_hooks or module._forward_pre_hooks:
                return True
            if not _is_ours(type(module).__module__):
                return True
    return False


def _is_ours(module: str | None) -> bool:
    """Whether a Python module is known to draw from PyTorch's generators alone."""
    return (module or "").partition(".")[0] in OURS
