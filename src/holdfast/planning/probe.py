"""What a probe has measured: backward and forward transfer between tasks, and cheap signals.

B[i, k] is the change on task k when task i is learnt after it. Fw[k, i] is what task k, learnt
before, gives to task i. There are two estimators of B, which are never mixed:

    pairwise    B[i, k] = R_{k→i}[k] − R_k[k], from a run of two tasks for each ordered pair
    base        B[i, k] = R_i[k] − R_0[k], for models that know something before they are trained
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, one_of
from holdfast.metrics import Interval, seed_interval

ESTIMATORS = ("pairwise", "base")
FORMAT = 1  # of the JSON form
LARGEST = 1e30  # size of a change, so that sums stay finite
MATRIX_SIGNALS = ("rho", "cosine", "fisher_overlap", "lie")  # signals about pairs of tasks
Nested = list["float | Nested | None"]


@dataclass(frozen=True)
class Probe:
    """Transfer between K tasks, measured with S seeds.

    Args:
        names: Names of the K tasks.
        backward: B, shape (S, K, K): [s, i, k] is the change on k when i is learnt after it. The
            diagonal is ignored.
        forward: Fw, shape (S, K, K): [s, k, i] is what k, learnt before, gives to i. None if it was
            not measured.
        estimator: How B was measured, `pairwise` or `base`.
        signals: Cheap signals by name, shape (S, K) for signals about tasks, and (S, K, K) for
            those about pairs of tasks.
        about: Where the probe comes from, such as its configuration.

    Raises:
        HoldfastError: There are fewer than two tasks, shapes do not fit, or a value is missing.

    Example:
        >>> b = np.array([[[0.0, -0.1], [-0.3, 0.0]]])
        >>> probe = Probe(("x", "y"), b)
        >>> probe.seeds, probe.transfer("y", on="x").estimate
        (1, -0.3)
    """

    names: tuple[str, ...]
    backward: np.ndarray
    forward: np.ndarray | None = None
    estimator: str = "pairwise"
    signals: Mapping[str, np.ndarray] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one_of("estimator", self.estimator, ESTIMATORS)
        if len(self.names) < 2:
            raise HoldfastError(f"an order needs at least two tasks, got {len(self.names)}")
        if len(set(self.names)) < len(self.names):
            raise HoldfastError(f"task names must differ, got {list(self.names)}")
        self._check_transfer("backward", self.backward)
        if self.forward is not None:
            self._check_transfer("forward", self.forward)
            if len(self.forward) != len(self.backward):
                raise HoldfastError(
                    f"forward transfer has {len(self.forward)} seeds, but backward transfer has "
                    f"{len(self.backward)}; measure both with the same seeds"
                )
        for name, values in self.signals.items():
            self._check_signal(name, values)

    def _check_transfer(self, what: str, values: np.ndarray) -> None:
        """Raise an error if a value of backward or forward transfer is missing or too large."""
        tasks = len(self.names)
        if values.ndim != 3 or values.shape[1:] != (tasks, tasks):
            raise HoldfastError(
                f"{what} transfer of {tasks} tasks needs the shape (seeds, {tasks}, {tasks}), "
                f"got {values.shape}"
            )
        if not len(values):
            raise HoldfastError(f"{what} transfer has no seed; it needs one or more")
        missing = np.argwhere(~np.isfinite(values) & ~np.eye(tasks, dtype=bool))
        if len(missing):
            _, row, column = missing[0]
            # The task that is learnt first is the column of B, but the row of Fw.
            first, second = (row, column) if what == "forward" else (column, row)
            raise HoldfastError(
                f"{what} transfer misses {self.names[first]!r} before {self.names[second]!r}; "
                "every pair is needed"
            )
        # Infinity on the diagonal becomes the largest float, so it is found here.
        largest = np.abs(np.nan_to_num(values)).max()
        if largest > LARGEST:
            raise HoldfastError(
                f"{what} transfer holds a change of {largest:g}; expected changes of scores, "
                f"below {LARGEST:g}"
            )

    def _check_signal(self, name: str, values: np.ndarray) -> None:
        """Raise an error if a signal has another shape or a value that is missing or too large."""
        tasks = len(self.names)
        shape: tuple[int, ...] = (tasks,)
        is_ignored: np.ndarray = np.zeros(tasks, dtype=bool)
        if name in MATRIX_SIGNALS:
            # What a task has with itself is no signal.
            shape = (tasks, tasks)
            is_ignored = np.eye(tasks, dtype=bool)
        has_shape = values.ndim > 0 and len(values) > 0 and values.shape[1:] == shape
        # The comparison is false for NaN too.
        if not has_shape or (~(np.abs(values) < LARGEST) & ~is_ignored).any():
            expected = ", ".join(map(str, shape))
            raise HoldfastError(
                f"the signal {name[:50]!r} of {tasks} tasks needs finite numbers of shape "
                f"(seeds, {expected}), got shape {values.shape}"
            )

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return len(self.backward)

    def transfer(self, learnt: str, on: str) -> Interval:
        """Return B[learnt, on]: the mean over seeds with its interval.

        Args:
            learnt: The task that is learnt later.
            on: The task that is learnt before, on which the change is measured.

        Returns:
            The change, in units of the score.
        """
        row = self.names.index(learnt)
        column = self.names.index(on)
        return seed_interval(self.backward[:, row, column])

    def values(self, backward_only: bool = False) -> np.ndarray:
        """Return what it is worth that one task comes before another.

        C[s, k, i] = B[s, i, k] + Fw[s, k, i] for k before i, and 0 on the diagonal.

        Args:
            backward_only: Whether Fw is left out.

        Returns:
            C, shape (S, K, K).
        """
        # B has the later task in front, C the earlier one.
        c = np.swapaxes(self.backward, 1, 2).copy()
        if self.forward is not None and not backward_only:
            c += self.forward
        diagonal = np.arange(len(self.names))
        c[:, diagonal, diagonal] = 0
        return c

    def signal(self, name: str) -> np.ndarray:
        """Return the mean of a signal over seeds, shape (K,) or (K, K).

        Raises:
            HoldfastError: The signal was not measured.
        """
        if name not in self.signals:
            known = ", ".join(self.signals) or "none"
            raise HoldfastError(
                f"no signal {name!r} in this probe, it has {known}; "
                "order probe --signals measures them"
            )
        mean: np.ndarray = np.asarray(self.signals[name]).mean(0)
        return mean

    def to_json(self) -> dict[str, Any]:
        """Return the probe as plain values, in which NaN is None."""
        forward = None
        if self.forward is not None:
            forward = _plain(self.forward)
        return {
            "format": FORMAT,
            "estimator": self.estimator,
            "tasks": list(self.names),
            "backward": _plain(self.backward),
            "forward": forward,
            "signals": {name: _plain(values) for name, values in self.signals.items()},
            "about": dict(self.about),
        }


def _plain(values: np.ndarray) -> Nested:
    """Convert an array to nested lists, with None for NaN, which JSON does not have."""
    if values.ndim > 1:
        return [_plain(row) for row in values]
    # A signal of shape (S, K) may lack the value of a task, too.
    return [float(value) if math.isfinite(value) else None for value in values]
