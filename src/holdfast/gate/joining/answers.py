"""What both sides answered, as arrays, in one encoding of classes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.joining.areas import positive_class
from holdfast.gate.joining.matching import MatchedRows, MatchedSide
from holdfast.gate.measures import Answers, Measure, Score
from holdfast.gate.names import canonical
from holdfast.gate.reading.raw_table import PROBABILITIES
from holdfast.gate.right_answers import TRUTHS

if TYPE_CHECKING:
    import pandas as pd

CLASSES = ("label", "prediction")  # columns with the names of classes


@dataclass(frozen=True)
class BothAnswers:
    """What both sides answered.

    Attributes:
        champion: The champion's answers, in the order of its rows.
        candidate: The candidate's, in the order of its rows.
        positives: By task with two classes, the position of the positive one in their names.
    """

    champion: Answers
    candidate: Answers
    positives: Mapping[str, int]

    def joined(self, both: MatchedRows) -> tuple[Answers, Answers]:
        """Return the answers on the common examples, on which the champion's labels count."""
        champion = self.champion.at(both.champion.common)
        candidate = self.candidate.at(both.candidate.common)
        if champion.truth is not None:
            candidate = replace(candidate, truth=champion.truth)
        _refuse_other_weights(champion, candidate)
        return champion, replace(candidate, weight=champion.weight)


def _refuse_other_weights(champion: Answers, candidate: Answers) -> None:
    """Stop if both sides give an example different weights."""
    if champion.weight is None or candidate.weight is None:
        return
    if not np.allclose(champion.weight, candidate.weight):
        raise HoldfastError(
            "the column weight differs between the sides, but the weight of an example belongs to "
            "the test set; give both sides the same weights"
        )


def answers_of(both: MatchedRows, measures: Mapping[str, Measure]) -> BothAnswers:
    """Gather what both sides answered.

    Args:
        both: The rows of both sides.
        measures: What the scores of each task are. If all of them are plain scores, no other
            column is needed.
    """
    champion = _columns(both.champion)
    candidate = _columns(both.candidate)
    if all(isinstance(measure, Score) for measure in measures.values()):
        return BothAnswers(champion, candidate, {})
    names, codes = _classes(both.champion.rows, both.candidate.rows)
    champion = _with_classes(champion, names, codes, "champion", both.champion.rows)
    candidate = _with_classes(candidate, names, codes, "candidate", both.candidate.rows)
    # A new task has answers of the candidate alone.
    positives = _positives(both.candidate, candidate, both.names)
    positives |= _positives(both.champion, champion, both.names)
    return BothAnswers(champion, candidate, positives)


def _columns(side: MatchedSide) -> Answers:
    """Take the numeric columns of one side."""
    rows = side.rows
    numbers = {
        str(name): rows[name].to_numpy(dtype=float)
        for name in rows.columns
        if rows[name].dtype.kind in "biuf"
    }
    # A weight says how much an example counts, so no metric may take it for a score.
    weight = numbers.pop("weight", None)
    return Answers(len(rows), columns=numbers, weight=weight)


def _classes(
    champion: "pd.DataFrame", candidate: "pd.DataFrame"
) -> tuple[list[str], dict[tuple[str, str], np.ndarray]]:
    """Encode labels and predictions of both sides as positions in one list of names.

    Whole numbers are equal in every form. True and False are equal to 1 and 0 if there are no
    other values.
    """
    import pandas as pd

    places: list[tuple[str, str]] = []
    columns: list[pd.Series[str]] = []
    for side, rows in (("champion", champion), ("candidate", candidate)):
        for column in CLASSES:
            if column in rows:
                places.append((side, column))
                columns.append(rows[column])
    if not columns:
        return [], {}
    codes, values = pd.factorize(pd.concat(columns, ignore_index=True))
    texts = [canonical(str(value).strip()) for value in values.tolist()]
    truths = [TRUTHS.get(text.lower(), text) for text in texts]
    # "true" is 1 only among truth values. Beside other classes it is a name.
    if set(truths) <= {"0", "1"}:
        texts = truths
    code_of_text, names = pd.factorize(np.array(texts, dtype=object))
    merged = code_of_text[codes]
    cuts = np.cumsum([len(column) for column in columns])[:-1]
    by_place = dict(zip(places, np.split(merged, cuts), strict=True))
    return [str(name) for name in names.tolist()], by_place


def _with_classes(
    answers: Answers,
    names: list[str],
    codes: Mapping[tuple[str, str], np.ndarray],
    side: str,
    rows: "pd.DataFrame",
) -> Answers:
    """Add labels, predictions and probabilities to the answers of one side."""
    numbers = dict(answers.columns or {})
    by_class = {
        name.removeprefix(PROBABILITIES): values
        for name, values in numbers.items()
        if name.startswith(PROBABILITIES)
    }
    probability = numbers.get("probability")
    # A ranking need not lie in [0, 1]. Areas under curves use nothing but its order.
    if probability is None:
        probability = numbers.get("ranking")
    return replace(
        answers,
        names=names,
        truth=codes.get((side, "label")),
        prediction=codes.get((side, "prediction")),
        probability=probability,
        by_class=by_class,
    )


def _positives(side: MatchedSide, answers: Answers, names: list[str]) -> dict[str, int]:
    """Find the positive class of each task with two classes.

    Tasks with the same two classes share one decision, by their examples in all of them.
    """
    if answers.truth is None:
        return {}
    count = len(answers.names)
    # The number of examples of each class in each task.
    keys = side.task * count + answers.truth
    numbers = np.bincount(keys, minlength=len(names) * count).reshape(-1, count)
    pairs: dict[tuple[int, ...], list[int]] = {}
    for task in range(len(names)):
        classes = tuple(np.flatnonzero(numbers[task]).tolist())
        if len(classes) == 2:
            pairs.setdefault(classes, []).append(task)
    positives: dict[str, int] = {}
    for classes, tasks in pairs.items():
        totals = [int(numbers[tasks, code].sum()) for code in classes]
        positive = classes[positive_class([answers.names[code] for code in classes], totals)]
        positives |= {names[task]: positive for task in tasks}
    return positives
