"""Several scores of one example, from epochs, seeds or reruns."""

from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.names import apart

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["task", "example_id"]  # of one example
FIXED = ("cluster", "segment", "label")  # columns that describe the example and not the run

# What a model answered in one run. The mean of several answers would be that of an ensemble, which
# is another model, so these columns are left out if the runs differ.
ANSWERS = ("prediction", "probability", "ranking")
MOST_LISTED = 5  # numbers of repeats that a note lists
CLASS_PROBABILITY = "proba_"  # start of the names of columns with the probability of one class


def average_repeats(rows: "pd.DataFrame", where: str) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """Average the scores of examples that occur several times.

    Several answers to the same example say little more about other examples than one answer does.
    If each of them counted as an example, the gate would believe that it has seen more than it has.
    So the example stays the unit, with the mean of its scores.

    Args:
        rows: Checked rows of one side with the columns task and example_id. A column repeat is
            dropped. Costs and other columns of numbers are averaged as scores are.
        where: The side or file, for messages.

    Returns:
        One row per example, in the order in which the examples occur first, and notes on what was
        averaged. Rows without repeats are returned as they are, without a column repeat.

    Raises:
        HoldfastError: The cluster, segment or label of an example differs between its repeats.

    Example:
        >>> import pandas as pd
        >>> twice = pd.DataFrame({"task": "a", "example_id": ["1", "1"], "score": [1.0, 0.0]})
        >>> rows, notes = average_repeats(twice, "champion")
        >>> rows["score"].tolist(), notes
        ([0.5], ('champion: 1 example with 2 repeats was averaged.',))
    """
    single = rows.drop(columns="repeat", errors="ignore")
    if not bool(single.duplicated(KEYS).any()):
        return single, ()
    code = example_codes(rows)
    count = np.bincount(code)
    first = np.flatnonzero(~single.duplicated(KEYS).to_numpy())
    averaged = single.iloc[first].reset_index(drop=True)
    left_out: list[str] = []
    for name in single.columns:
        if name in FIXED:
            _refuse_differences(single, name, code, first, where)
        elif name in ANSWERS or str(name).startswith(CLASS_PROBABILITY):
            if _differing(single, name, code, first) is not None:
                left_out.append(str(name))
        elif single[name].dtype.kind in "fiu":
            averaged[name] = _means(single[name].to_numpy(dtype=float), code)
    notes = [_note(count, where)]
    if left_out:
        notes.append(
            f"{where}: the repeats of an example differ in the column {', '.join(left_out)}, which "
            "cannot be averaged and was left out."
        )
    return averaged.drop(columns=left_out), tuple(notes)


def split_repeats(rows: "pd.DataFrame", where: str) -> "list[pd.DataFrame]":
    """Split rows with a column repeat into one table per run.

    Args:
        rows: Checked rows of one side with the column repeat.
        where: The side or file, for messages.

    Returns:
        The rows of each run without that column, in the order in which the runs occur first.

    Raises:
        HoldfastError: There is no such column, or fewer than two runs.
    """
    if "repeat" not in rows:
        raise HoldfastError(
            f"{where}: there is no column that numbers the repeats of an example (repeat, epoch or "
            "seed), so the runs cannot be told apart; add one, or give one file per run"
        )
    runs = [part.drop(columns="repeat") for _, part in rows.groupby("repeat", sort=False)]
    # A single run shows nothing of how much runs differ.
    if len(runs) < 2:
        raise HoldfastError(f"{where}: expected at least two runs, but all rows are of one run")
    return [run.reset_index(drop=True) for run in runs]


def example_codes(rows: "pd.DataFrame") -> np.ndarray:
    """Number the examples of rows in the order in which they occur first, shape (R,)."""
    import pandas as pd

    task, _ = pd.factorize(rows["task"])
    example, names = pd.factorize(rows["example_id"])
    # Numbering again closes the gaps, for which bincount would count examples that are not there.
    code, _ = pd.factorize(task * len(names) + example)
    return code


def first_rows(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return the first row of each example, in their order."""
    return rows[~rows.duplicated(KEYS)].reset_index(drop=True)


def _means(values: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Average the values of each example. Missing values do not count, unless all are missing."""
    there = ~np.isnan(values)
    count = np.bincount(code, there)
    total = np.bincount(code, np.where(there, values, 0.0))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _differing(rows: "pd.DataFrame", name: str, code: np.ndarray, first: np.ndarray) -> int | None:
    """Return the first row whose value differs from that of the example's first row, if any."""
    values = rows[name].to_numpy()
    differs = values != values[first][code]
    if not bool(differs.any()):
        return None
    return int(differs.argmax())


def _refuse_differences(
    rows: "pd.DataFrame", name: str, code: np.ndarray, first: np.ndarray, where: str
) -> None:
    """Stop at an example whose repeats differ in what describes it."""
    row = _differing(rows, name, code, first)
    if row is None:
        return
    example = rows.iloc[row]
    before = rows[name].iloc[first[code[row]]]
    raise HoldfastError(
        f"{where}: the repeats of example {apart(str(example['example_id']))} of task "
        f"{apart(str(example['task']))} have different values of {name}: {apart(str(before))} and "
        f"{apart(str(example[name]))}; the {name} belongs to the example, so give all of its "
        "repeats the same"
    )


def _note(count: np.ndarray, where: str) -> str:
    """Say how many examples have how many repeats."""
    repeats, examples = np.unique(count, return_counts=True)
    if len(repeats) == 1:
        if examples[0] == 1:
            return f"{where}: 1 example with {repeats[0]} repeats was averaged."
        return f"{where}: {examples[0]:,} examples with {repeats[0]} repeats each were averaged."
    # The usual number comes first, so that what is missing is easy to see.
    order = np.argsort(-examples, kind="stable")
    listed = [
        f"{examples[place]:,} with {repeats[place]}" for place in order[:MOST_LISTED].tolist()
    ]
    if len(order) > MOST_LISTED:
        listed.append("others")
    return (
        f"{where}: the examples have different numbers of repeats ({', '.join(listed)}). The "
        "scores of each example were averaged."
    )
