"""Scores that contradict the label and the prediction of their example."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.joining.matching import MatchedRows
from holdfast.gate.names import apart
from holdfast.gate.right_answers import agreement

if TYPE_CHECKING:
    import pandas as pd

# If the champion's scores mean something else than right or wrong in some examples of a task, about
# as many of the candidate's may do so as well. More than that looks like better scores.
MORE_BY_FACTOR = 3
MORE_BY_COUNT = 5


def contradictions(both: MatchedRows) -> list[str]:
    """Check the scores of both sides against their labels and predictions.

    The champion's labels hold for both sides.

    Returns:
        Notes about predictions that do not fit the labels or the scores of one side.

    Raises:
        HoldfastError: In some task the champion's score is 1 exactly if its prediction is the
            label, so that this is what a score means there, and a score of the candidate differs.
    """
    champion = both.champion.rows
    candidate = both.candidate.rows
    if "label" not in champion or "prediction" not in champion:
        return list(_notes(candidate, "candidate"))
    notes = list(_notes(champion, "champion"))
    if "prediction" not in candidate:
        notes.append(
            "The candidate's scores could not be checked, because its results have no column "
            "prediction, although the champion's have one."
        )
        return notes
    _refuse_better_scores(both)
    return [*notes, *_notes(candidate, "candidate")]


def _refuse_better_scores(both: MatchedRows) -> None:
    """Stop at scores of the candidate that say something else than its labels and predictions."""
    champion = both.champion.rows
    champion_right = agreement(champion["label"], champion["prediction"])
    champion_differs = both.champion.scores != champion_right
    allowed = champion["task"][champion_differs].value_counts()

    # The candidate's scores are checked on the common examples.
    common = both.candidate.rows.iloc[both.candidate.common].reset_index(drop=True)
    if "label" in common:
        candidate = both.candidate.rows
        right = agreement(candidate["label"], candidate["prediction"])[both.candidate.common]
    else:
        labels = champion["label"].iloc[both.champion.common].reset_index(drop=True)
        common["label"] = labels
        right = agreement(labels, common["prediction"])
    differs = common["score"].to_numpy(dtype=float) != right
    counts = common["task"][differs].value_counts()

    # A task is refused if it has clearly more of them than the champion's results have.
    known = allowed.reindex(counts.index, fill_value=0)
    tolerated = MORE_BY_FACTOR * known + np.where(known > 0, MORE_BY_COUNT, 0)
    suspicious_tasks = counts.index[counts > tolerated]
    differs = differs & common["task"].isin(suspicious_tasks).to_numpy()
    if differs.any():
        raise _contradiction(common, differs)


def _contradiction(rows: "pd.DataFrame", differs: np.ndarray) -> HoldfastError:
    """Make the error for the first score that differs."""
    first = rows[differs].iloc[0]
    task = str(first["task"])
    in_task = (rows["task"] == task).to_numpy()
    wrong = int((differs & in_task).sum())
    return HoldfastError(
        f"task {apart(task)}: the candidate's score of example {apart(str(first['example_id']))} "
        f"is {first['score']:g}, but its prediction is {apart(str(first['prediction']))} and its "
        f"label {apart(str(first['label']))} ({wrong:,} of {int(in_task.sum()):,} scores "
        "contradict them). The score column must say what label and prediction say, as the "
        "champion's does; correct the scores, or leave out the column score on both sides"
    )


def _notes(rows: "pd.DataFrame", side: str) -> Iterator[str]:
    """Note predictions that do not fit the labels or the scores of one side."""
    if "label" not in rows or "prediction" not in rows:
        return
    right = agreement(rows["label"], rows["prediction"])
    score = rows["score"].to_numpy(dtype=float)
    # Scores between 0 and 1 may well measure something finer, so they contradict nothing.
    wrong = ((score == 1) & ~right) | ((score == 0) & right)
    if wrong.any():
        first = rows.iloc[int(wrong.argmax())]
        yield (
            f"In the {side}'s results, {int(wrong.sum())} of {len(rows)} scores contradict label "
            f"and prediction (the first is example {apart(str(first['example_id']))} of task "
            f"{apart(str(first['task']))}). The gate uses the scores."
        )
    if not right.any() and not set(rows["label"]) & set(rows["prediction"]):
        yield (
            f"In the {side}'s results, no prediction (such as "
            f"{apart(str(rows['prediction'].iloc[0]))}) occurs among the labels (such as "
            f"{apart(str(rows['label'].iloc[0]))}). Both columns should name classes in the same "
            "way."
        )
