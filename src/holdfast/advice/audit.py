"""A shifted scenario: columns that training had and serving lacks, which of them tell the task, and what follows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError, reading, unknown

if TYPE_CHECKING:
    import pandas as pd

TELLS, PARTLY = 0.9, 0.3  # shares of the task's entropy
LEVELS = 20  # quantiles that numbers are cut into
GROUPS = 50  # most distinct values of a column that may stand for a task


@dataclass(frozen=True)
class Missing:
    """A column that serving lacks. `share`: of the task's entropy that it explains, in [0, 1]; None where no task column is known."""

    column: str
    share: float | None
    values: int

    @property
    def verdict(self) -> str:
        """In words."""
        if self.share is None:
            return (
                f"may tell the task ({self.values} values)"
                if 1 < self.values <= GROUPS
                else "an input that will be missing"
            )
        return (
            "tells the task"
            if self.share >= TELLS
            else "tells part of the task"
            if self.share >= PARTLY
            else "does not tell the task"
        )


@dataclass(frozen=True)
class Audit:
    """What the comparison of training and serving data found."""

    missing: tuple[Missing, ...]
    extra: tuple[str, ...]  # columns of serving that training lacks
    task: str | None
    task_at_serving: bool
    inferred: (
        float | None
    )  # accuracy with which columns of both sides tell the task, on rows held out; None without a task column
    majority: float | None
    conclusion: str


def audit(
    train: "pd.DataFrame", serve: "pd.DataFrame", task: str | None = None, label: str | None = None
) -> Audit:
    """Compares the columns of training and serving data. `task` and `label` name columns of `train`.

    >>> import pandas as pd
    >>> train = pd.DataFrame({"shop": ["a", "b"] * 50, "price": np.arange(100.0), "y": [0, 1] * 50})
    >>> audit(train, train[["price"]], task="shop", label="y").missing
    (Missing(column='shop', share=1.0, values=2),)
    """
    with reading("the tables", "columns of plain values"):
        return _compared(train, serve, task, label)


def _compared(
    train: "pd.DataFrame", serve: "pd.DataFrame", task: str | None, label: str | None
) -> Audit:
    for name, what in ((task, "task"), (label, "label")):
        if name is not None and name not in train.columns:
            raise unknown(f"{what} column of the training data", name, map(str, train.columns))
    for frame, what in ((train, "training"), (serve, "serving")):
        if frame.empty:
            raise HoldfastError(f"the {what} data have no rows; expected at least one")
    gone = [c for c in train.columns if c not in serve.columns and c != label]
    codes = None if task is None else _codes(train[task])
    missing = tuple(
        Missing(
            str(c),
            None if codes is None else _explained(_codes(train[c]), codes),
            int(train[c].nunique()),
        )
        for c in gone
    )
    extra = tuple(str(c) for c in serve.columns if c not in train.columns)
    there = task is not None and task in serve.columns
    shared = [c for c in train.columns if c in serve.columns and c not in (task, label)]
    inferred, majority = (
        (None, None) if codes is None or there else _inferable(train, shared, codes)
    )
    missing = tuple(sorted(missing, key=lambda m: -(m.share or 0)))
    return Audit(
        missing,
        extra,
        task,
        there,
        inferred,
        majority,
        _conclusion(missing, task, there, inferred, majority),
    )


def _conclusion(
    missing: tuple[Missing, ...],
    task: str | None,
    there: bool,
    inferred: float | None,
    majority: float | None,
) -> str:
    if there:
        return f"{task!r} is there when serving: the task scenario holds, heads (or networks, adapters, masks) for each task may be used."
    if task is None:
        suspects = [m.column for m in missing if 1 < m.values <= GROUPS]
        if not suspects:
            return "no missing column looks like a task; whatever told tasks apart in training, check that it is known when serving."
        return (
            f"{', '.join(suspects)} may tell the task and will be missing: name the task column (--task) to measure it. "
            "Until then assume that the task is not known at test time: one head for all."
        )
    assert inferred is not None
    assert majority is not None
    start = (
        f"{task!r} is known in training and missing when serving: this is not the task scenario. "
    )
    measured = f"({inferred:.0%} of held-out rows, the most frequent task alone {majority:.0%})"
    if inferred >= 0.95:
        return start + (
            f"The other columns tell it {measured}: infer the task first (a small classifier, or SupSup), or train one head and let it "
            "use those columns. A head for each task is safe only behind that."
        )
    return start + (
        f"The other columns do not tell it {measured}: heads or weights for each task cannot be chosen when serving. Use one head: the "
        "domain scenario, or class where tasks bring new classes."
    )


def _codes(column: "pd.Series[Any]") -> np.ndarray:
    """Values as small integers; numbers with many values cut at quantiles."""
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric and column.nunique() > GROUPS:
        finite = column.astype(float).replace([np.inf, -np.inf], np.nan)
        return (
            np.asarray(pd.qcut(finite, LEVELS, labels=False, duplicates="drop").fillna(-1)).astype(
                int
            )
            + 1
        )
    return pd.factorize(column.astype(str), use_na_sentinel=False)[
        0
    ]  # a missing value is a value too


def _explained(x: np.ndarray, task: np.ndarray) -> float:
    """I(x; task) / H(task): 1 where x determines the task, 0 where it says nothing (or there is one task)."""
    joint = np.zeros((x.max() + 1, task.max() + 1))
    np.add.at(joint, (x, task), 1)
    joint /= joint.sum()
    rows, columns = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True)
    entropy = -np.sum(columns * np.log(columns, where=columns > 0, out=np.zeros_like(columns)))
    ratio = np.divide(joint, rows * columns, where=joint > 0, out=np.ones_like(joint))
    return float(np.clip(np.sum(joint * np.log(ratio)) / entropy, 0, 1)) if entropy > 0 else 0.0


def _inferable(train: "pd.DataFrame", shared: list[Any], task: np.ndarray) -> tuple[float, float]:
    """Accuracy of naive Bayes on the shared columns for the task, on every second row after learning the others; and the majority's."""
    tasks = task.max() + 1
    half = np.random.default_rng(0).permutation(len(task)) % 2 == 0
    known = np.bincount(task[half], minlength=tasks)
    score = np.tile(np.log(known + 1.0), (int((~half).sum()), 1))
    for column in shared:
        x = _codes(train[column])
        counts = np.ones((x.max() + 1, tasks))
        np.add.at(counts, (x[half], task[half]), 1)
        score += np.log(counts / counts.sum(0, keepdims=True))[x[~half]]
    truth = task[~half]
    return float((score.argmax(1) == truth).mean()), float((truth == known.argmax()).mean())
