"""Training data compared with serving data: which columns are missing, and do they tell the task?

From that follows whether a model may have heads for each task.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import HoldfastError, reading, unknown

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.intp]  # (N,): each row's value of a column as a number from 0

FULLY = 0.9  # share of the task's entropy from which on a column identifies the task
PARTLY = 0.3  # share from which on it identifies the task in part
INFERABLE = 0.95  # accuracy from which on the other columns replace the task column
LEVELS = 20  # quantiles into which a column of numbers is cut
GROUPS = 50  # most distinct values of a column that may stand for a task


@dataclass(frozen=True)
class Missing:
    """A column that training data have and serving data lack.

    Args:
        column: Its name.
        share: The share of the task's entropy that it explains, in [0, 1]; None if no task column
            is named.
        values: The number of its distinct values in training.
    """

    column: str
    share: float | None
    values: int

    @property
    def may_be_task(self) -> bool:
        """Whether the column has few enough values to stand for a task."""
        return 1 < self.values <= GROUPS

    @property
    def verdict(self) -> str:
        """What the column says about the task, in words."""
        if self.share is None:
            if self.may_be_task:
                return f"may identify the task ({self.values} values)"
            return "an input that serving lacks"
        if self.share >= FULLY:
            return "identifies the task"
        if self.share >= PARTLY:
            return "identifies the task in part"
        return "does not identify the task"


@dataclass(frozen=True)
class Audit:
    """What the comparison of training and serving data shows, from `audit`.

    Args:
        missing: Columns that serving lacks, those that explain most of the task first.
        extra: Columns of serving that training lacks.
        task: The task column; None if it is not named.
        task_at_serving: Whether serving has the task column.
        inferred: The share of held-out rows whose task is inferred correctly from the columns that
            both sides have; None if no task column is named, or serving has it.
        majority: The same for a guess that always names the most frequent task.
        conclusion: What follows for the architecture, in full sentences.
    """

    missing: tuple[Missing, ...]
    extra: tuple[str, ...]
    task: str | None
    task_at_serving: bool
    inferred: float | None
    majority: float | None
    conclusion: str


def audit(
    train: "pd.DataFrame",
    serve: "pd.DataFrame",
    task: str | None = None,
    label: str | None = None,
) -> Audit:
    """Compare the columns of training data with those of serving data.

    The share of a column is the mutual information of column and task, divided by the entropy of
    the task. Columns with more than 50 different numbers are cut at 20 quantiles first.

    Args:
        train: The training data, one row per example.
        serve: Data as they come when the model serves.
        task: The column of `train` that names the task; None if it is not known which one does.
        label: The column of `train` that is predicted; None if there is none. It is not compared.

    Returns:
        The missing columns, how well they and the others identify the task, and a conclusion.

    Raises:
        HoldfastError: `train` has no column `task` or `label`, or a table has no rows.

    Example:
        >>> import pandas as pd
        >>> train = pd.DataFrame({"shop": ["a", "b"] * 50, "price": range(100), "y": [0, 1] * 50})
        >>> audit(train, train[["price"]], task="shop", label="y").missing
        (Missing(column='shop', share=1.0, values=2),)
    """
    # Cells may hold anything, such as lists, which cannot be counted.
    with reading("the tables", "columns of plain values"):
        return _audit(train, serve, task, label)


def _audit(
    train: "pd.DataFrame",
    serve: "pd.DataFrame",
    task: str | None,
    label: str | None,
) -> Audit:
    """Compare two tables, once whatever goes wrong becomes one clear error."""
    _check(train, serve, task, label)
    task_at_serving = task is not None and task in serve.columns
    codes: Codes | None = None
    inferred: float | None = None
    majority: float | None = None
    if task is not None:
        codes = _codes(train[task])
        if not task_at_serving:
            # The label is not known when the model serves, so it may not tell the task.
            both = [c for c in train.columns if c in serve.columns and c not in (task, label)]
            inferred, majority = _inferable(train, both, codes)
    missing = [
        _missing(train, column, codes)
        for column in train.columns
        if column not in serve.columns and column != label
    ]
    missing.sort(key=lambda column: -(column.share or 0))
    if task is None:
        conclusion = _without_task(missing)
    elif inferred is None or majority is None:
        conclusion = (
            f"Serving data have the column {task!r}, so this is the task scenario: you may use "
            "heads, networks, adapters or masks for each task."
        )
    else:
        conclusion = _without_task_at_serving(task, inferred, majority)
    return Audit(
        missing=tuple(missing),
        extra=tuple(str(column) for column in serve.columns if column not in train.columns),
        task=task,
        task_at_serving=task_at_serving,
        inferred=inferred,
        majority=majority,
        conclusion=conclusion,
    )


def _check(
    train: "pd.DataFrame",
    serve: "pd.DataFrame",
    task: str | None,
    label: str | None,
) -> None:
    """Refuse columns that do not exist, and tables without rows."""
    for name, role in ((task, "task"), (label, "label")):
        if name is not None and name not in train.columns:
            raise unknown(f"{role} column of the training data", name, map(str, train.columns))
    for table, side in ((train, "training"), (serve, "serving")):
        if table.empty:
            raise HoldfastError(f"the {side} data have no rows; give a table with at least one row")


def _missing(train: "pd.DataFrame", column: Hashable, task: Codes | None) -> Missing:
    """Describe a column that serving lacks."""
    share = None
    if task is not None:
        share = _explained(_codes(train[column]), task)
    return Missing(str(column), share, int(train[column].nunique()))


# ---- conclusions


def _without_task(missing: Sequence[Missing]) -> str:
    """Conclude if no task column is named."""
    suspects = [column.column for column in missing if column.may_be_task]
    if not suspects:
        return (
            "No missing column looks like a task. Check that whatever distinguished the tasks in "
            "training is known when the model serves."
        )
    return (
        f"Serving data lack columns that may identify the task: {', '.join(suspects)}. Name the "
        "task column (--task) to measure how well each of them identifies it. Until then, assume "
        "that the task is not known at test time, and use one head for all tasks."
    )


def _without_task_at_serving(task: str, inferred: float, majority: float) -> str:
    """Conclude if serving lacks the task column."""
    start = (
        f"Training data have the column {task!r} and serving data lack it, so this is not the task "
        "scenario. "
    )
    measured = (
        f"({inferred:.0%} of held-out rows; always naming the most frequent task gives "
        f"{majority:.0%})"
    )
    if inferred >= INFERABLE:
        return start + (
            f"The other columns identify the task {measured}. Infer the task first (with a small "
            "classifier, or SupSup), or train one head and let it use those columns. A head for "
            "each task is safe only if the task is inferred first."
        )
    return start + (
        f"The other columns do not identify the task {measured}, so heads or weights for each task "
        "cannot be chosen when the model serves. Use one head. This is the domain scenario, or the "
        "class scenario if tasks bring new classes."
    )


# ---- figures


def _codes(column: "pd.Series[Any]") -> Codes:
    """Number the values of a column; many different numbers are cut at quantiles."""
    import pandas as pd

    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if is_number and column.nunique() > GROUPS:
        numbers = column.astype(float).replace([np.inf, -np.inf], np.nan)
        levels = pd.qcut(numbers, LEVELS, labels=False, duplicates="drop")
        # Missing and infinite numbers are a level of their own, 0.
        return np.asarray(levels.fillna(-1)).astype(np.intp) + 1
    # A missing value counts as a value too: it may be missing in one task only.
    codes, _ = pd.factorize(column.astype(str), use_na_sentinel=False)
    return np.asarray(codes)


def _explained(column: Codes, task: Codes) -> float:
    """Compute the share of the task's entropy that a column explains, I(column; task) / H(task).

    Args:
        column: (N,) values of the column.
        task: (N,) tasks.

    Returns:
        1 if the column determines the task, 0 if it says nothing or if there is only one task.
    """
    joint = np.zeros((column.max() + 1, task.max() + 1))  # P(column, task)
    np.add.at(joint, (column, task), 1)
    joint /= joint.sum()
    p_column = joint.sum(1, keepdims=True)
    p_task = joint.sum(0, keepdims=True)
    # Zero probabilities add nothing, because p log p tends to 0.
    log_task = np.log(p_task, where=p_task > 0, out=np.zeros_like(p_task))
    entropy = -np.sum(p_task * log_task)
    if entropy <= 0:
        return 0.0
    ratio = np.divide(joint, p_column * p_task, where=joint > 0, out=np.ones_like(joint))
    information = np.sum(joint * np.log(ratio))
    return float(np.clip(information / entropy, 0, 1))


def _inferable(
    train: "pd.DataFrame",
    columns: Sequence[Hashable],
    task: Codes,
) -> tuple[float, float]:
    """Measure how well naive Bayes infers the task from some columns.

    It learns from a random half of the rows and is tested on the other half.

    Args:
        train: The training data.
        columns: The columns that it uses.
        task: (N,) tasks.

    Returns:
        Its accuracy, and that of always naming the most frequent task.
    """
    tasks = task.max() + 1
    learning = np.random.default_rng(0).permutation(len(task)) % 2 == 0
    testing = ~learning
    frequency = np.bincount(task[learning], minlength=tasks)
    # log P(task) + Σ log P(value | task), with one added to each count (Laplace).
    score = np.tile(np.log(frequency + 1.0), (int(testing.sum()), 1))
    for column in columns:
        values = _codes(train[column])
        counts = np.ones((values.max() + 1, tasks))
        np.add.at(counts, (values[learning], task[learning]), 1)
        score += np.log(counts / counts.sum(0, keepdims=True))[values[testing]]
    correct = score.argmax(1) == task[testing]
    majority = task[testing] == frequency.argmax()
    return float(correct.mean()), float(majority.mean())
