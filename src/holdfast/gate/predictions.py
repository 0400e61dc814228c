"""Labels, predictions and probabilities: which answers are right, and areas under ROC curves."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.cutting import Texts, groups
from holdfast.gate.names import apart, canonical
from holdfast.metrics.distributions import ranks

if TYPE_CHECKING:
    import pandas as pd

TRUTHS = {"true": "1", "false": "0"}
POSITIVE = ("1", "true", "True")  # labels that name the positive class
MOST_LISTED = 5  # tasks that a note names

Matched = tuple["pd.DataFrame", np.ndarray]  # rows of a side, positions of the common examples (N,)


def agreement(label: "pd.Series[Any]", prediction: "pd.Series[Any]") -> np.ndarray:
    """Whether each prediction is the label, compared as text.

    Whole numbers are equal in every form (1, 1.0, "1"). True and False are equal to 1 and 0 if
    there are no other values.

    Args:
        label: The true label of each example, shape (N,).
        prediction: The predicted label of each example, shape (N,).

    Returns:
        True for each example whose prediction is right, shape (N,).

    Example:
        >>> import pandas as pd
        >>> agreement(pd.Series(["1", "2", "b"]), pd.Series(["1.0", "3", "b"])).tolist()
        [True, False, True]
    """
    import pandas as pd

    codes, values = pd.factorize(pd.concat([label, prediction], ignore_index=True))
    texts = [canonical(str(v).strip()) for v in values]
    truths = [TRUTHS.get(t.lower(), t) for t in texts]
    same, _ = pd.factorize(np.array(truths if set(truths) <= {"0", "1"} else texts, dtype=object))
    found = same[codes]
    return found[: len(label)] == found[len(label) :]


def area(positive: np.ndarray, probability: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive example ranks above a negative one.

    Args:
        positive: Whether each example belongs to the positive class, shape (N,). Both classes must
            occur.
        probability: The probability that a model gave to the positive class, shape (N,).

    Returns:
        The area in [0, 1]. A tie between a positive and a negative example counts half.

    References:
        Hanley & McNeil (1982), The meaning and use of the area under a ROC curve.

    Example:
        >>> area(np.array([False, True, True]), np.array([0.2, 0.2, 0.9]))
        0.75
    """
    count = int(positive.sum())
    above = ranks(probability)[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))


def positive_class(classes: list[str], counts: list[int]) -> int:
    """Which of two classes is the positive one: that named 1 or true, else the rarer one.

    >>> positive_class(["0", "1"], [5, 90]), positive_class(["ham", "spam"], [50, 10])
    (1, 1)
    """
    named = [k for k, name in enumerate(classes) if name in POSITIVE]
    return named[0] if len(named) == 1 else int(np.argmin(counts))


# ---- scores that label and prediction contradict


def contradictions(sides: tuple[Matched, Matched]) -> list[str]:
    """Check the scores of both sides against their labels and predictions.

    Args:
        sides: Rows of champion and candidate. The champion's labels hold for both.

    Returns:
        Notes about predictions that do not fit the labels or the scores of one side.

    Raises:
        HoldfastError: In some task the champion's score is 1 exactly where its prediction is the
            label, so that this is what a score means there, and a score of the candidate differs.
    """
    (a, _), (b, _) = sides
    if "label" not in a or "prediction" not in a:
        return list(_contradictions(b, "candidate"))
    notes = list(_contradictions(a, "champion"))
    if "prediction" not in b:
        lack = "have no column prediction, although the champion's have"
        return [*notes, f"The candidate's results {lack}, so its scores could not be checked."]
    _refuse_contradictions(sides)
    return [*notes, *_contradictions(b, "candidate")]


def _refuse_contradictions(sides: tuple[Matched, Matched]) -> None:
    """Stop at scores that say something else than label and prediction, unlike the champion's."""
    (a, rows_a), (b, rows_b) = sides
    right = agreement(a["label"], a["prediction"])
    champions = a["task"][a["score"].to_numpy(dtype=float) != right].value_counts()
    common = b.iloc[rows_b].reset_index(drop=True)
    if "label" in b:
        right = agreement(b["label"], b["prediction"])[rows_b]
    else:
        labels = a["label"].iloc[rows_a].reset_index(drop=True)
        common["label"] = labels
        right = agreement(labels, common["prediction"])
    wrong = common["score"].to_numpy(dtype=float) != right
    counts = common["task"][wrong].value_counts()
    known = champions.reindex(counts.index, fill_value=0)
    # Where the champion's scores mean something else, about as many of the candidate's differ.
    many = counts.index[counts > 3 * known + np.where(known > 0, 5, 0)]
    wrong = wrong & common["task"].isin(many).to_numpy()
    if not wrong.any():
        return
    first = common[wrong].iloc[0]
    task = str(first["task"])
    mine = (common["task"] == task).to_numpy()
    shares = f"{int((wrong & mine).sum()):,} of {int(mine.sum()):,} scores contradict them"
    columns = ("example_id", "prediction", "label")
    example, prediction, label = (apart(str(first[column])) for column in columns)
    what = f"the candidate's score of example {example} is {first['score']:g}"
    but = f"its prediction is {prediction} and its label {label}"
    rule = "the score column must say what label and prediction say, as the champion's does"
    advice = "correct the scores, or leave out the column score on both sides"
    raise HoldfastError(f"task {apart(task)}: {what}, but {but} ({shares}); {rule}; {advice}")


def _contradictions(rows: "pd.DataFrame", side: str) -> Iterator[str]:
    """Notes about predictions that do not fit the labels or the scores of one side."""
    if "label" not in rows or "prediction" not in rows:
        return
    right, score = agreement(rows["label"], rows["prediction"]), rows["score"].to_numpy(dtype=float)
    wrong = ((score == 1) & ~right) | ((score == 0) & right)
    if wrong.any():
        first = rows.iloc[int(wrong.argmax())]
        example, task = (apart(str(first[name])) for name in ("example_id", "task"))
        what = f"{int(wrong.sum())} of {len(rows)} scores contradict label and prediction"
        which = f"the first is example {example} of task {task}"
        yield f"In the {side}'s results, {what} ({which}); the scores were taken."
    if not right.any() and not set(rows["label"]) & set(rows["prediction"]):
        label, prediction = (apart(str(rows[c].iloc[0])) for c in ("label", "prediction"))
        what = f"no prediction (such as {prediction}) occurs among the labels (such as {label})"
        yield f"In the {side}'s results, {what}; both columns should name classes in the same way."


# ---- areas


def compared_areas(
    sides: tuple[Matched, Matched],
    label: Texts | None,
    task: np.ndarray,
    names: list[str],
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """The areas under the ROC curve of both sides, by task with two classes.

    Which class the probabilities are of is decided once for all tasks with the same two classes, so
    that a champion that is no better than chance on one of them does not turn its areas round.

    Args:
        sides: Rows of champion and candidate.
        label: The true labels of the common examples; None if the champion's results have none.
        task: Position in `names` of the task of each common example, shape (N,).
        names: Names of the tasks.

    Returns:
        The areas of champion and candidate by task, and notes about areas that the champion's
        probabilities would allow, but that could not be compared.
    """
    (a, rows_a), (b, rows_b) = sides
    if "probability" not in a:
        return {}, []
    lack = "The areas under the ROC curve were not compared, because the"
    if label is None:
        return {}, [f"{lack} champion's results have probabilities, but no column label."]
    if "probability" not in b:
        there = "although the champion's have"
        return {}, [f"{lack} candidate's results have no column probability, {there}."]
    codes, values = label
    champion = a["probability"].to_numpy(dtype=float)[rows_a]
    candidate = b["probability"].to_numpy(dtype=float)[rows_b]
    alike: dict[tuple[int, ...], list[tuple[str, np.ndarray]]] = {}
    other: list[str] = []
    for position, rows in groups(task):
        classes = tuple(np.unique(codes[rows]).tolist())
        if len(classes) == 2:
            alike.setdefault(classes, []).append((names[position], rows))
        else:
            count = f"{len(classes):,} classes" if len(classes) > 1 else "1 class"
            other.append(f"{apart(names[position])} ({count})")
    out: dict[str, tuple[float, float]] = {}
    for classes, tasks in alike.items():
        counts = [sum(int((codes[rows] == k).sum()) for _, rows in tasks) for k in classes]
        chosen = classes[positive_class([values[k] for k in classes], counts)]
        out |= _areas_of(codes == chosen, champion, candidate, tasks)
    return {name: out[name] for name in names if name in out}, list(_not_two(other))


def _areas_of(
    positive: np.ndarray,
    champion: np.ndarray,
    candidate: np.ndarray,
    tasks: list[tuple[str, np.ndarray]],
) -> dict[str, tuple[float, float]]:
    """The areas of tasks with the same two classes, turned if the probabilities mean the other."""
    found: dict[str, tuple[float, float]] = {}
    for name, rows in tasks:
        truth = positive[rows]
        found[name] = (area(truth, champion[rows]), area(truth, candidate[rows]))
    if sum((found[name][0] - 0.5) * len(rows) for name, rows in tasks) >= 0:
        return found
    return {name: (1 - x, 1 - y) for name, (x, y) in found.items()}


def _not_two(tasks: list[str]) -> Iterator[str]:
    """A note about tasks that have no area, since they do not have two classes."""
    if tasks:
        listed = ", ".join(tasks[:MOST_LISTED])
        more = f" and {len(tasks) - MOST_LISTED} more" if len(tasks) > MOST_LISTED else ""
        what = "The areas under the ROC curve were not compared for tasks"
        yield f"{what} that do not have two classes: {listed}{more}."
