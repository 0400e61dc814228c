"""Labels: which values may be one, and which output of the network stands for which label."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, one_of

NUMBERINGS = ("label", "position")
MANY_LABELS = 20  # from so many labels on, most of which occur once, a warning asks what they are


def label_array(y: Any, where: str = "labels") -> np.ndarray:
    """Check labels as users bring them, and return them as one array of whole numbers or text.

    Args:
        y: One label per example: a list, an array, a tensor, a Series. Integers, booleans, text, or
            floats that are whole numbers; (N, 1) is taken as (N,).
        where: How messages call the labels, such as "column 'fraud'".

    Returns:
        The labels, (N,), of dtype int64 or object (text, or whole numbers too large for int64).

    Raises:
        HoldfastError: A label is missing, not a whole number, a row of several values, or text is
            mixed with numbers. The message names the first example of the kind.

    Example:
        >>> label_array([1.0, 3.0]).tolist(), label_array(["b", "a"]).tolist()
        ([1, 3], ['b', 'a'])
    """
    array = _one_column(y.detach().cpu() if isinstance(y, Tensor) else y, where)
    if array.dtype.kind == "f":
        return _whole_floats(array.astype(np.float64), where)
    if array.dtype.kind in "iub":
        return _integers(array)
    if array.dtype.kind in "USO":
        return _objects(array, where)
    raise HoldfastError(
        f"{where} must be whole numbers, booleans or text, got dtype {array.dtype}; convert them first"
    )


def _one_column(y: Any, where: str) -> np.ndarray:
    """The labels as an array of one dimension."""
    if isinstance(y, Tensor):
        y = y.double().numpy() if y.is_floating_point() else y.numpy()
    try:
        array = np.asarray(y)
    except ValueError:  # rows of several lengths
        raise HoldfastError(
            f"{where}: expected one label per example, got rows of different lengths"
        ) from None
    if array.dtype.kind in "US" and isinstance(y, list | tuple):
        array = np.array(
            y, dtype=object
        )  # else NumPy would turn numbers and NaN among text into text
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise HoldfastError(
            f"{where}: expected one label per example, shape (N,), got shape {array.shape}; if the rows "
            "are one-hot, pass y.argmax(1); several labels per example (multi-label) can't be learnt yet"
        )
    return array


def _whole_floats(array: np.ndarray, where: str) -> np.ndarray:
    """Whole numbers that came as floats, as integers."""
    if np.isnan(array).any():
        raise HoldfastError(f"{where} must not be NaN: example {int(np.isnan(array).argmax())} is")
    broken = (array != np.rint(array)) | ~np.isfinite(array)
    if broken.any():
        first = int(broken.argmax())
        raise HoldfastError(
            f"{where} must name classes, got the number {array[first]:g} (example {first}); a target that "
            "is a measurement (regression) can't be learnt yet: cut it into classes, with np.digitize(y, "
            "edges), say, or pass the names of the classes as text"
        )
    if np.abs(array).max(initial=0) >= 2**53:
        first = int((np.abs(array) >= 2**53).argmax())
        raise HoldfastError(
            f"{where}: {array[first]:g} (example {first}) is too large for a float to tell it from its "
            "neighbours; pass such labels as integers or text"
        )
    return array.astype(np.int64)


def _integers(array: np.ndarray) -> np.ndarray:
    """Integers and booleans as int64; as objects if they don't fit."""
    if array.dtype.kind == "u" and array.max(initial=0) > np.iinfo(np.int64).max:
        return array.astype(object)
    return array.astype(np.int64)


def _objects(array: np.ndarray, where: str) -> np.ndarray:
    """A column of text or of mixed values: all text, or all numbers."""
    values = [v.item() if isinstance(v, np.generic | Tensor) else v for v in array.tolist()]
    for k, v in enumerate(values):
        if v is None or _is_missing(v):
            raise HoldfastError(f"{where} must not be missing: example {k} has none")
        if not isinstance(v, str | bytes | int | float):
            raise HoldfastError(
                f"{where} must be whole numbers, booleans or text, got {type(v).__name__} (example {k}: "
                f"{str(v)[:50]!r}); convert them first"
            )
    texts = [isinstance(v, str | bytes) for v in values]
    if any(texts) and not all(texts):
        k, other = texts.index(True), texts.index(False)
        raise HoldfastError(
            f"{where} mix text and numbers: example {k} is {values[k]!r}, example {other} is "
            f"{values[other]!r}; convert all of them to one kind, so that no class is counted as two"
        )
    if not all(texts):
        if any(isinstance(v, float) for v in values):
            return _whole_floats(np.array(values, dtype=np.float64), where)
        return _integers(np.array(values)) if _fit(values) else np.array(values, dtype=object)
    out = np.empty(len(values), dtype=object)
    out[:] = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return out


def _fit(values: Sequence[Any]) -> bool:
    limit = np.iinfo(np.int64)
    return all(limit.min <= v <= limit.max for v in values)


def _is_missing(value: Any) -> bool:
    """NaN, NaT and pandas' NA differ from themselves, or can't say whether they do."""
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return True


def distinct(labels: np.ndarray) -> list[Any]:
    """The distinct labels in order: numbers by value, text by letter."""
    return sorted(set(labels.tolist()), key=lambda v: (isinstance(v, str), v))


def warn_if_measured(labels: np.ndarray, name: str) -> None:
    """Warn if most labels occur once, as those of a measurement or of an identifier do."""
    counts = Counter(labels.tolist())
    once = sum(n == 1 for n in counts.values())
    if len(counts) >= MANY_LABELS and 2 * once > len(counts):
        warnings.warn(
            f"{name}: {once} of {len(counts)} labels occur only once; if they are a measurement or an "
            "identifier, they are not classes (np.digitize cuts a measurement into classes)",
            stacklevel=3,
        )


@dataclass(frozen=True)
class Outputs:
    """Which output of the network stands for which label.

    `lookups`: for each task label → output. `ranges`: the outputs [first, last) that each task opens.
    `names`: the label of each output.
    """

    lookups: list[dict[Any, int]]
    ranges: list[tuple[int, int]]
    names: list[Any]

    def own(self, task: int) -> Tensor | None:
        """The outputs of the classes that a task has, (K,), ascending; None if they are the whole range that it opens."""
        first, last = self.ranges[task]
        found = torch.tensor(sorted(self.lookups[task].values()))
        return None if len(found) == last - first else found

    def labels(self, task: int) -> tuple[Any, ...]:
        """The labels of a task in the order of their outputs."""
        lookup = self.lookups[task]
        return tuple(sorted(lookup, key=lookup.__getitem__))


def number_outputs(
    tasks: Sequence[tuple[str, Sequence[Any]]], scenario: str, numbering: str = "label"
) -> Outputs:
    """Give every label of every task its output.

    Domain scenario: all tasks share one set of outputs, and a label has the same output in every task,
    whichever labels a task has. With `numbering="position"`, label number k of each task is output k
    instead (even or odd, whatever the digits). Class scenario: a label has one output wherever it
    occurs, numbered by first appearance. Task scenario: the task is known when the model is asked, so
    every task has outputs of its own, also for a label that another task has too.

    Args:
        tasks: Name and labels of each task, in the order in which they are learnt.
        scenario: task, domain or class.
        numbering: label (default), or position (domain scenario only).

    Raises:
        HoldfastError: A task of the class scenario brings no new label, or labels can't be numbered by
            position because tasks have different numbers of them.

    Example:
        >>> months = [("jan", ["ham", "spam"]), ("feb", ["phish", "spam"])]
        >>> number_outputs(months, "domain").lookups
        [{'ham': 0, 'spam': 2}, {'phish': 1, 'spam': 2}]
        >>> number_outputs(months, "domain", "position").lookups
        [{'ham': 0, 'spam': 1}, {'phish': 0, 'spam': 1}]
    """
    one_of("numbering", numbering, NUMBERINGS)
    if scenario == "domain":
        return _by_position(tasks) if numbering == "position" else _shared(tasks)
    if scenario == "task":
        return _own(tasks)
    return _first_seen(tasks)


def _shared(tasks: Sequence[tuple[str, Sequence[Any]]]) -> Outputs:
    every = np.empty(sum(len(labels) for _, labels in tasks), dtype=object)
    every[:] = [v for _, labels in tasks for v in labels]
    names = distinct(every)
    number = {v: k for k, v in enumerate(names)}
    lookups = [{v: number[v] for v in labels} for _, labels in tasks]
    return Outputs(lookups, [(0, len(names))] * len(tasks), names)


def _by_position(tasks: Sequence[tuple[str, Sequence[Any]]]) -> Outputs:
    sizes = {len(labels) for _, labels in tasks}
    if len(sizes) > 1:
        raise HoldfastError(
            "numbering='position' needs the same number of classes in every task, since class number k "
            "of each is output k; got "
            + ", ".join(f"{name}: {len(labels)}" for name, labels in tasks)
            + "; use numbering='label', or scenario='task' or 'class'"
        )
    width = sizes.pop()
    together = [list(dict.fromkeys(labels[k] for _, labels in tasks)) for k in range(width)]
    names = [v[0] if len(v) == 1 else " / ".join(map(str, v)) for v in together]
    lookups = [{v: k for k, v in enumerate(labels)} for _, labels in tasks]
    return Outputs(lookups, [(0, width)] * len(tasks), names)


def _own(tasks: Sequence[tuple[str, Sequence[Any]]]) -> Outputs:
    lookups, ranges, names = list[dict[Any, int]](), list[tuple[int, int]](), list[Any]()
    for _, labels in tasks:
        first = len(names)
        lookups.append({v: first + k for k, v in enumerate(labels)})
        names += labels
        ranges.append((first, len(names)))
    return Outputs(lookups, ranges, names)


def _first_seen(tasks: Sequence[tuple[str, Sequence[Any]]]) -> Outputs:
    lookups, ranges = list[dict[Any, int]](), list[tuple[int, int]]()
    known: dict[Any, int] = {}
    for name, labels in tasks:
        before = len(known)
        for v in labels:
            known.setdefault(v, len(known))
        if len(known) == before:
            raise HoldfastError(
                f"the class scenario needs a new class in every task, but {name!r} brings none: its "
                "classes were all seen before. If its rows are later data of known classes, use "
                "scenario='domain', where all tasks share the outputs and classes may come back, or "
                "give its rows the same task value as those of a task that brings a new class"
            )
        lookups.append({v: known[v] for v in labels})
        ranges.append((0, len(known)))
    return Outputs(lookups, ranges, list(known))


def translate(labels: np.ndarray, lookup: dict[Any, int]) -> Tensor:
    """Labels → output indices, all of which `lookup` must know."""
    values, inverse = np.unique(labels, return_inverse=True)
    outputs = np.array([lookup[v] for v in values.tolist()], dtype=np.int64)
    return torch.as_tensor(outputs[inverse.ravel()])


def refuse_untrained(name: str, test: np.ndarray, trained: set[Any], what: str) -> None:
    """Refuse test labels that nothing is trained on: the model could never be right about them."""
    strange = [v for v in distinct(test) if v not in trained]
    if strange:
        rows = np.flatnonzero(test == strange[0])
        many = "1 test example has" if len(rows) == 1 else f"{len(rows)} test examples have"
        raise HoldfastError(
            f"{name}: {many} the label {strange[0]!r}, which {what} has (the first is test example "
            f"{int(rows[0])}); add training examples of it, or leave these test examples out"
        )


def refuse_untrained_tests(
    names: Sequence[str],
    trained: Sequence[set[Any]],
    tested: Sequence[np.ndarray],
    scenario: str,
    numbering: str,
) -> None:
    """Refuse test labels of a task that are not trained in time.

    In the domain scenario a label may be trained in any task, since all share the outputs; in the class
    scenario in the task itself or an earlier one; where tasks have outputs of their own, in the task itself.

    Args:
        names: The tasks' names.
        trained: The labels of each task's training examples.
        tested: The label of each test example of each task.
        scenario: task, domain or class.
        numbering: label or position.
    """
    so_far = set[Any]()
    anywhere = set[Any]().union(*trained)
    for name, own, test in zip(names, trained, tested, strict=True):
        so_far |= own
        if scenario == "class":
            allowed, what = so_far, "no training example of this task or an earlier one"
        elif scenario == "domain" and numbering == "label":
            allowed, what = anywhere, "no training example of any task"
        else:
            allowed, what = own, "no training example of this task"
        refuse_untrained(f"task {name!r}", test, allowed, what)
