"""From labelled arrays to a stream: labels become output indices, scenarios are checked, parts are cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, one_of
from holdfast.streams.task import SCENARIOS, ArrayPart, Augment, Stream, Task


@dataclass(frozen=True)
class Source:
    """Labelled examples of a data set: raw inputs (N, ...), labels (N,) of any hashable kind, training and test."""

    train_x: Tensor
    train_y: np.ndarray
    test_x: Tensor
    test_y: np.ndarray
    name: str = "data"
    groups: dict[Any, str] | None = None  # label → the group that it belongs to, in the groups' order

    def __post_init__(self) -> None:
        for x, y, what in ((self.train_x, self.train_y, "training"), (self.test_x, self.test_y, "test")):
            if len(x) != len(y):
                raise HoldfastError(f"{self.name}: expected one label per {what} example, got {len(x)} examples and {len(y)} labels")

    @property
    def labels(self) -> list[Any]:
        """The distinct training labels, sorted (numbers by value)."""
        return distinct(self.train_y)

    def limited(self, examples: int, seed: int) -> "Source":
        """The source with `examples` of its training examples, as many of each label, drawn by `seed`; the test examples stay."""
        if examples > len(self.train_y):
            raise HoldfastError(f"{self.name} has {len(self.train_y)} training examples, {examples} were asked for; lower data.examples")
        rng, share = np.random.default_rng(seed), examples / len(self.train_y)
        found = [np.flatnonzero(np.asarray(self.train_y == v)) for v in self.labels]
        kept = np.sort(np.concatenate([rng.permutation(rows)[: round(len(rows) * share)] for rows in found]))
        return Source(
            self.train_x[torch.from_numpy(kept)], np.asarray(self.train_y)[kept], self.test_x, self.test_y, self.name, self.groups
        )


@dataclass(frozen=True)
class Piece:
    """One task before its labels are numbered: a source, the labels it takes from it, and a fixed transform of the inputs."""

    name: str
    source: Source
    labels: tuple[Any, ...]
    transform: Callable[[Tensor], Tensor] | None = None


def distinct(labels: np.ndarray) -> list[Any]:
    """The distinct values in order; a missing one is an error."""
    array = np.asarray(labels)
    if array.dtype == object:
        missing = [i for i, v in enumerate(array) if v is None or v != v]
        if missing:
            raise HoldfastError(f"labels must not be missing: example {missing[0]} has none")
        return sorted(set(array.tolist()), key=lambda v: (str(type(v)), v))
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise HoldfastError(f"labels must not be NaN: example {int(np.isnan(array).argmax())} is")
    return np.unique(array).tolist()


def number_outputs(pieces: Sequence[Piece], scenario: str) -> tuple[list[dict[Any, int]], list[tuple[int, int]], list[Any]]:
    """For each task label → output and the range opened; then the name of each output.

    Task scenario: every task has outputs of its own. Domain: label number k of a task is output k.
    Class: a label has one output wherever it occurs, numbered by first appearance.
    """
    one_of("scenario", scenario, SCENARIOS)
    lookups: list[dict[Any, int]] = []
    ranges, names = [], []  # type: ignore[var-annotated]
    if scenario == "domain":
        sizes = {len(p.labels) for p in pieces}
        if len(sizes) > 1:
            raise HoldfastError(
                "the domain scenario needs the same number of classes in every task, since all share one set of outputs; got "
                + ", ".join(f"{p.name}: {len(p.labels)}" for p in pieces)
                + "; use scenario='task' or 'class'"
            )
        width = sizes.pop()
        same = all(p.labels == pieces[0].labels for p in pieces)
        names = list(pieces[0].labels) if same else [" / ".join(str(p.labels[k]) for p in pieces) for k in range(width)]
        return [{v: k for k, v in enumerate(p.labels)} for p in pieces], [(0, width)] * len(pieces), names
    if scenario == "task":
        for p in pieces:
            first = len(names)
            lookups.append({v: first + k for k, v in enumerate(p.labels)})
            names += list(p.labels)
            ranges.append((first, len(names)))
        return lookups, ranges, names
    known: dict[Any, int] = {}
    for p in pieces:
        before = len(known)
        for v in p.labels:
            known.setdefault(v, len(known))
        if len(known) == before:
            raise HoldfastError(
                f"the class scenario needs new classes in every task, but {p.name!r} brings none: its classes were all seen before; "
                "use scenario='domain' (same classes, other inputs) or 'task'"
            )
        lookups.append({v: known[v] for v in p.labels})
        ranges.append((0, len(known)))
    return lookups, ranges, list(known)


def translate(labels: np.ndarray, lookup: dict[Any, int]) -> Tensor:
    """Labels → output indices, all of which `lookup` must know."""
    values, inverse = np.unique(np.asarray(labels), return_inverse=True)
    return torch.as_tensor(np.array([lookup[v] for v in values.tolist()], dtype=np.int64)[inverse.ravel()])


def build(
    pieces: Sequence[Piece],
    scenario: str,
    *,
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
    name: str = "stream",
    task_order: Sequence[int] | None = None,
) -> Stream:
    """A stream from pieces. `validation` is the share of each task's training examples set aside (drawn by `seed`).

    `task_order`: which pieces, and in which order (default: all, as they come).
    """
    if not 0 <= validation < 1:
        raise HoldfastError(f"validation must be a share in [0, 1), got {validation}")
    number = range(len(pieces)) if task_order is None else list(task_order)
    if not number or len(set(number)) < len(number) or not set(number) <= set(range(len(pieces))):
        raise HoldfastError(f"task_order numbers tasks, each once; expected some of 0 to {len(pieces) - 1}, got {list(number)}")
    pieces = [pieces[k] for k in number]
    lookups, ranges, names = number_outputs(pieces, scenario)
    tasks = []
    for k, (piece, lookup, span) in enumerate(zip(pieces, lookups, ranges, strict=True)):
        s = piece.source
        rows, y = _select(s.train_y, lookup)
        test_rows, test_y = _select(s.test_y, lookup)
        held = None
        if validation:
            order = torch.from_numpy(np.random.default_rng([seed, number[k]]).permutation(len(rows)))
            cut = round(len(rows) * validation)
            hold, keep = order[:cut].sort().values, order[cut:].sort().values
            held = ArrayPart(s.train_x, y[hold], k, rows[hold], piece.transform)
            rows, y = rows[keep], y[keep]
        own = torch.tensor(sorted(lookup.values()))
        whole = len(own) == span[1] - span[0]
        tasks.append(
            Task(
                k,
                piece.name,
                ArrayPart(s.train_x, y, k, rows, piece.transform),
                ArrayPart(s.test_x, test_y, k, test_rows, piece.transform, keep=True),
                span,
                held,
                None if whole else own,
                tuple(piece.labels),
            )
        )
    first = tasks[0].train
    if not len(first):
        raise HoldfastError(f"task {tasks[0].name!r} has no training examples; expected at least one")
    shape = tuple(first.fetch(torch.tensor([0]))[0].shape[1:])
    return Stream(tuple(tasks), scenario, len(names), shape, tuple(names), augment, name)


def _select(labels: np.ndarray, lookup: dict[Any, int]) -> tuple[Tensor, Tensor]:
    array = np.asarray(labels)
    rows = np.flatnonzero(np.isin(array, list(lookup)) if array.dtype != object else np.array([v in lookup for v in array]))
    return torch.from_numpy(rows), translate(array[rows], lookup) if len(rows) else torch.zeros(0, dtype=torch.long)
