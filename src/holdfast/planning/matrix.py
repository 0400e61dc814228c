"""What a probe found: backward and forward transfer between tasks, seed by seed, and cheap signals; from its folder or from CSV files.

B[i, k] is the change on task k when i is learnt after it; Fw[k, i] what k, learnt before, gives to i. The estimators never mix:
`pairwise` B[i, k] = R_{k→i}[k] − R_k[k]; `base` B[i, k] = R_i[k] − R_0[k], for models that know something at the start.
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, one_of, reading
from holdfast.metrics import Interval, seed_interval

ESTIMATORS = ("pairwise", "base")
FILE = "probe.json"
FORMAT = 1
LARGEST = 1e30  # of a change, so that sums stay finite
MATRIX_SIGNALS = ("rho", "cosine", "fisher_overlap", "lie")  # (S, K, K); the others are (S, K)


@dataclass(frozen=True)
class Probe:
    """Transfer between K tasks by S seeds.

    `backward` (S, K, K): [s, i, k] the change on k when i is learnt after it; `forward` (S, K, K): [s, k, i] what k, learnt before, gives
    to i, or None. Diagonals are ignored. `signals`: by name (S, K) or (S, K, K). `about`: where it came from.
    """

    names: tuple[str, ...]
    backward: np.ndarray
    forward: np.ndarray | None = None
    estimator: str = "pairwise"
    signals: Mapping[str, np.ndarray] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one_of("estimator", self.estimator, ESTIMATORS)
        k = len(self.names)
        if k < 2:
            raise HoldfastError(f"an order needs at least two tasks, got {k}")
        if len(set(self.names)) < k:
            raise HoldfastError(f"task names must differ, got {list(self.names)}")
        for what, m in (("backward", self.backward), ("forward", self.forward)):
            if m is None:
                continue
            if m.ndim != 3 or m.shape[1:] != (k, k):
                raise HoldfastError(
                    f"{what} transfer of {k} tasks has shape (seeds, {k}, {k}), got {m.shape}"
                )
            bad = ~np.isfinite(m) & ~np.eye(k, dtype=bool)
            if bad.any():
                _, i, j = np.argwhere(bad)[0]
                first, second = (j, i) if what == "backward" else (i, j)
                raise HoldfastError(
                    f"{what} transfer misses {self.names[first]!r} before {self.names[second]!r}; every pair is needed"
                )
            if (
                not len(m)
                or len(m) != len(self.backward)
                or np.abs(np.nan_to_num(m)).max() > LARGEST
            ):
                raise HoldfastError(
                    f"{what} transfer needs the same seeds as the other, one or more, and changes below {LARGEST:g}"
                )
        for name, s in self.signals.items():
            shape = (k, k) if name in MATRIX_SIGNALS else (k,)
            inside = np.eye(k, dtype=bool) if name in MATRIX_SIGNALS else np.zeros(k, dtype=bool)
            if (
                not s.ndim
                or not len(s)
                or s.shape[1:] != shape
                or (~(np.abs(s) < LARGEST) & ~inside).any()
            ):
                raise HoldfastError(
                    f"the signal {name[:50]!r} of {k} tasks needs finite numbers of shape (seeds, {', '.join(map(str, shape))})"
                )

    @property
    def seeds(self) -> int:
        """How many."""
        return len(self.backward)

    def transfer(self, learnt: str, on: str) -> Interval:
        """B[learnt, on] over seeds."""
        return seed_interval(self.backward[:, self.names.index(learnt), self.names.index(on)])

    def values(self, backward_only: bool = False) -> np.ndarray:
        """C (S, K, K): [s, k, i] = B[i, k] + Fw[k, i], what it is worth that k comes before i. Zero on the diagonal."""
        c = np.swapaxes(self.backward, 1, 2).copy()
        if self.forward is not None and not backward_only:
            c += self.forward
        c[:, np.arange(len(self.names)), np.arange(len(self.names))] = 0
        return c

    def signal(self, name: str) -> np.ndarray:
        """The mean of a signal over seeds."""
        if name not in self.signals:
            raise HoldfastError(
                f"no signal {name!r} in this probe, it has {', '.join(self.signals) or 'none'}; order probe --signals measures them"
            )
        return np.asarray(self.signals[name]).mean(0)

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN (the diagonal) as null."""
        return {
            "format": FORMAT,
            "estimator": self.estimator,
            "tasks": list(self.names),
            "backward": _plain(self.backward),
            "forward": None if self.forward is None else _plain(self.forward),
            "signals": {k: _plain(v) for k, v in self.signals.items()},
            "about": dict(self.about),
        }


def _plain(a: np.ndarray) -> Any:
    if a.ndim > 1:
        return [_plain(row) for row in a]
    return [float(v) if math.isfinite(v) else None for v in a]


def read_probe(source: str | Path, forward: str | Path | None = None) -> Probe:
    """A probe's folder (or its probe.json), or a CSV file: first column `trained`, then one column a task; `forward` a second such file.

    In the CSV file row i, column k is B[i, k], the change on k when i is learnt after it; in the forward file row k, column i is what k
    gives to i. The diagonal is empty or ignored.
    """
    path = Path(source)
    if path.suffix == ".csv":
        return _probe_of_tables(path, None if forward is None else Path(forward))
    if forward is not None:
        raise HoldfastError(
            "a second matrix goes with a CSV file; a probe's folder has its own forward part"
        )
    file = path / FILE if path.is_dir() or not path.suffix else path
    if not file.exists():
        raise HoldfastError(
            f"there is no probe at {path}: holdfast order probe --suite … --out {path} makes one"
        )
    with reading(str(file), "JSON of a probe"):
        return probe_from(json.loads(file.read_text(encoding="utf-8")), str(file))


def _probe_of_tables(path: Path, forward: Path | None) -> Probe:
    names, backward = _matrix_csv(path)
    ahead = None
    if forward is not None:
        others, values = _matrix_csv(forward)
        if sorted(others) != sorted(names):
            raise HoldfastError(
                f"{forward} has other tasks than {path}: expected {', '.join(names)}, got {', '.join(others)}"
            )
        at = [others.index(n) for n in names]
        ahead = values[np.ix_(at, at)][None]
    return Probe(tuple(names), backward[None], ahead, about={"source": str(path)})


def probe_from(data: Any, where: str = "probe") -> Probe:
    """A probe from what `Probe.to_json` gave."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise HoldfastError(f"{where} is not a probe of format {FORMAT}")
    with reading(where, "a probe"):

        def array(value: Any) -> np.ndarray:
            return np.array(value, dtype=float)

        ahead = None if data["forward"] is None else array(data["forward"])
        signals = {k: array(v) for k, v in data["signals"].items()}
        names, about = tuple(map(str, data["tasks"])), data["about"]
        if not isinstance(data["tasks"], list) or not isinstance(about, dict):
            raise HoldfastError(f"{where} is not a whole probe: tasks is a list, about an object")
        return Probe(names, array(data["backward"]), ahead, str(data["estimator"]), signals, about)


def _matrix_csv(path: Path) -> tuple[list[str], np.ndarray]:
    with reading(str(path), "CSV"):
        text = io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")
        rows = [r for r in csv.reader(text) if any(c.strip() for c in r)]
    if not rows or rows[0][0].strip() != "trained":
        raise HoldfastError(
            f"{path}: expected a header whose first column is 'trained', then one column a task"
        )
    names = [c.strip() for c in rows[0][1:]]
    given = [r[0].strip() for r in rows[1:]]
    _check_names(path, names, given)
    out = np.full((len(names), len(names)), np.nan)
    for row, trained in zip(rows[1:], given, strict=True):
        i = names.index(trained)
        if len(row) != len(names) + 1:
            raise HoldfastError(
                f"{path}: row {trained!r} has {len(row) - 1} values for {len(names)} tasks"
            )
        for k, cell in enumerate(row[1:]):
            if k != i:
                out[i, k] = _cell(path, trained, names[k], cell)
    return names, out


def _check_names(path: Path, names: Sequence[str], given: Sequence[str]) -> None:
    if len(names) < 2:
        raise HoldfastError(f"{path}: an order needs at least two tasks, got {len(names)}")
    for what, found in (("columns", names), ("rows", given)):
        twice = [n for n in found if found.count(n) > 1]
        if twice:
            raise HoldfastError(f"{path}: {what} name task {twice[0]!r} twice")
    missing = [n for n in names if n not in given]
    strange = [n for n in given if n not in names]
    if missing or strange:
        what = f"no row for task {missing[0]!r}" if missing else f"row {strange[0]!r} is no column"
        raise HoldfastError(f"{path}: {what}; rows and columns name the same tasks")


def _cell(path: Path, trained: str, on: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        got = f"got {text.strip()[:50]!r}" if text.strip() else "the cell is empty"
        raise HoldfastError(
            f"{path}: no change on {on!r} when {trained!r} is learnt after it ({got}); every pair is needed"
        ) from None
    return value
