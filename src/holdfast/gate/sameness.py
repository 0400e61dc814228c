"""A champion and a candidate that are the same: a comparison of a model with itself."""

from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.gate.reading import Side

KEYS = ("task", "example_id", "repeat")  # by which rows are sorted
ADVICE = (
    "so a model would be compared with itself; correct the path of one of them, or pass "
    "--allow-same if you mean it"
)


def refuse_same(champion: "Side", candidate: "Side", by_rows: bool) -> None:
    """Refuse to compare results with themselves, because they pass whatever the candidate is.

    Args:
        champion: The champion's results.
        candidate: The candidate's results.
        by_rows: Whether two different files are refused too if all of their rows are equal.

    Raises:
        HoldfastError: Both sides are the same file, or have the same content.
    """
    before = champion.origin
    after = candidate.origin
    if before is not None and after is not None and before.sha256 == after.sha256:
        if before.name == after.name:
            raise HoldfastError(f"champion and candidate are the same, {before.name}, {ADVICE}")
        raise HoldfastError(
            f"champion {before.name} and candidate {after.name} have the same content, {ADVICE}"
        )
    if by_rows and have_equal_rows(champion.rows, candidate.rows):
        raise HoldfastError(
            f"champion {champion.name} and candidate {candidate.name} are equal in every one of "
            f"{len(champion.rows):,} rows, {ADVICE}"
        )


def have_equal_rows(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> bool:
    """Check whether both sides say the same of every example, in any order of rows and columns.

    Aggregated results never count as equal, because two models often have the same mean score.

    Args:
        champion: The champion's rows, from `read_side`.
        candidate: The candidate's rows.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"task": "a", "example_id": ["1", "2"], "score": [1.0, 0.0]})
        >>> have_equal_rows(rows, rows[::-1]), have_equal_rows(rows, rows.assign(score=1.0))
        (True, False)
    """
    columns = [name for name in champion.columns if name in candidate.columns]
    if len(champion) != len(candidate) or "example_id" not in columns:
        return False
    # Sorting a million ids takes seconds, so most pairs are told apart by their numbers first.
    numbers = [name for name in columns if champion[name].dtype.kind == "f"]
    for name in numbers:
        # Sums of the same numbers in another order differ in their last digits.
        if not np.isclose(champion[name].sum(), candidate[name].sum(), rtol=1e-12, atol=1e-12):
            return False
    keys = [name for name in KEYS if name in columns]
    one = champion[columns].sort_values(keys, ignore_index=True)
    other = candidate[columns].sort_values(keys, ignore_index=True)
    # Unlike ==, this takes two missing values for equal.
    return one.equals(other)
