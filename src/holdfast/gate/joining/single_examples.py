"""Results of single examples, joined on the example and cut into tasks, segments and classes."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.joining.answers import BothAnswers, answers_of
from holdfast.gate.joining.areas import Areas, compared_areas
from holdfast.gate.joining.comparison import Comparison, Key, Pair, Summary
from holdfast.gate.joining.contradictions import contradictions
from holdfast.gate.joining.grouping import JoinedAnswers, TextColumn, shares_of_tasks
from holdfast.gate.joining.matching import MatchedRows, codes_of, common_codes, match_rows
from holdfast.gate.joining.one_sided import (
    MOST_CLASSES,
    OneSide,
    labels_without_classes,
    one_sided_examples,
)
from holdfast.gate.measures import Measure
from holdfast.gate.names import apart, canonical
from holdfast.gate.right_answers import TRUTHS

if TYPE_CHECKING:
    import pandas as pd

MeasureOf = Callable[[str], Measure]  # of a task

GROUPING = ("cluster", "segment", "label")  # columns that decide how the candidate is tested


def join_examples(
    champion: "pd.DataFrame",
    candidate: "pd.DataFrame",
    measure_of: "MeasureOf",
    costs: Collection[str] = (),
) -> Comparison:
    """Join the results of single examples on task and example id.

    Args:
        champion: The champion's rows, from `read_side`.
        candidate: The candidate's rows.
        measure_of: Gives what the scores of a task are.
        costs: Columns of costs to compare.

    Returns:
        The comparison, without standings and names.

    Raises:
        HoldfastError: A task has no example in common, ids differ only in what nobody sees, or the
            sides disagree on the cluster, segment or label of an example.
    """
    # Match the rows, and check that the sides agree on everything that decides the test.
    both = match_rows(champion, candidate)
    one_sided = one_sided_examples(both)
    cluster, segment, label = (_trusted(both, column) for column in GROUPING)
    measures = {task: measure_of(task) for task in both.names}
    answers = answers_of(both, measures)

    # Cut the joined scores. Labels with very many values, as ids have, are no classes.
    numbers = _cluster_numbers(cluster)
    scores = JoinedAnswers(*answers.joined(both), numbers, both.task, measures, answers.positives)
    ids_as_labels = labels_without_classes(both)
    without_classes = {*ids_as_labels, *_without_recalls(measures)}
    tasks = scores.by_task()
    segments = scores.by_part(segment)
    classes = scores.by_part(label, without_classes)
    one_side = OneSide(both, answers, measures)

    # Look for what the scores alone do not show. A measure such as AUC shows it itself.
    areas: Areas = {}
    notes = [*_matched_as_numbers(both), *_ignored_columns(champion, candidate)]
    if all(measure.by_class for measure in measures.values()):
        areas, notes_on_areas = compared_areas(both, label)
        notes += [*contradictions(both), *_without_classes(ids_as_labels), *notes_on_areas]
    return Comparison(
        tasks=dict[str, Pair | Summary](tasks),
        segments=dict[Key, Pair | Summary](segments),
        classes=classes,
        shares=shares_of_tasks(segments, tasks),
        class_shares=shares_of_tasks(classes, tasks),
        only_champion=one_side.champions_parts(segments),
        only_candidate=one_side.candidates_tasks(),
        unmatched=one_sided.counts,
        thinned=one_sided.thinned,
        notes=tuple(notes),
        areas=areas,
        strangers=one_sided.strangers,
        only_champion_classes=one_side.champions_classes(classes, without_classes),
        measures=measures,
        ids=champion["example_id"].to_numpy(dtype=object)[both.champion.common],
        inputs=_inputs(both),
        costs=_costs(both, answers, numbers, costs),
    )


def _without_recalls(measures: Mapping[str, Measure]) -> list[str]:
    """List tasks that are not judged by class: a measure such as F1 looks at all classes itself."""
    return [task for task, measure in measures.items() if not measure.by_class]


def _matched_as_numbers(both: MatchedRows) -> list[str]:
    """Say that ids were matched although the sides write numbers in different forms."""
    if both.as_numbers is None:
        return []
    before, after = both.as_numbers
    return [
        f"Example ids were matched as numbers: the champion writes {apart(before)} and the "
        f"candidate {apart(after)}."
    ]


def _inputs(both: MatchedRows) -> np.ndarray | None:
    """Return the texts of the common examples, or None if neither side carries them."""
    for side in (both.candidate, both.champion):
        if "input" in side.rows:
            texts: np.ndarray = side.rows["input"].to_numpy(dtype=object)[side.common]
            return texts
    return None


def _costs(
    both: MatchedRows, answers: BothAnswers, cluster: np.ndarray | None, names: Collection[str]
) -> dict[str, Pair]:
    """Return the costs of the common examples that both sides have."""
    champion = answers.champion.columns or {}
    candidate = answers.candidate.columns or {}
    costs: dict[str, Pair] = {}
    for name in names:
        if name in champion and name in candidate:
            before = champion[name][both.champion.common]
            after = candidate[name][both.candidate.common]
            costs[name] = Pair(before, after, cluster)
    return costs


def _ignored_columns(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> Iterator[str]:
    """Note columns of the candidate alone, which would let it decide how it is tested."""
    for column in GROUPING:
        if column in candidate and column not in champion:
            yield (
                f"The candidate's column {column} was ignored, because the champion's results "
                "have no such column."
            )


def _without_classes(tasks: Mapping[str, int]) -> Iterator[str]:
    """Note each task that is not judged by class, with its number of labels."""
    for task, count in tasks.items():
        yield (
            f"Task {apart(task)} was not judged by class, because its labels have {count:,} "
            f"values, as ids do (at most {MOST_CLASSES:,} classes are judged)."
        )


# ---- columns that decide how the candidate is tested


def _trusted(both: MatchedRows, column: str) -> TextColumn | None:
    """Return a column of the champion at the common examples.

    Raises:
        HoldfastError: The candidate has the column too, and another value for some example.
    """
    if column not in both.champion.rows:
        return None
    champion_values = both.champion.rows[column].iloc[both.champion.common]
    if column not in both.candidate.rows:
        return codes_of(champion_values)
    candidate_values = both.candidate.rows[column].iloc[both.candidate.common]
    champion, candidate, values = common_codes(champion_values, candidate_values)
    if "" in values:
        # The champion's value is unknown in these rows, so the candidate's does not count there.
        candidate = np.where(champion == values.index(""), champion, candidate)
    if not np.array_equal(champion, candidate):
        _refuse_other_values(both, column, champion, TextColumn(candidate, values))
    return TextColumn(champion, values)


def _refuse_other_values(
    both: MatchedRows, column: str, champion: np.ndarray, candidate: TextColumn
) -> None:
    """Stop at a value that differs by more than the form of a number."""
    values = candidate.values
    texts = [canonical(text) for text in values]
    # "true" and 1 are the same value if the column has truth values alone.
    if {text.lower() for text in texts} <= {*TRUTHS, *TRUTHS.values()}:
        texts = [TRUTHS.get(text.lower(), text) for text in texts]
    canonical_values = np.array(texts, dtype=object)
    differs = (champion != candidate.codes) & (
        canonical_values[champion] != canonical_values[candidate.codes]
    )
    if not differs.any():
        return
    first = int(differs.argmax())
    task = both.names[both.task.codes[first]]
    example = str(both.champion.rows["example_id"].iloc[both.champion.common[first]])
    raise HoldfastError(
        f"task {apart(task)}: example {apart(example)} has a different {column} on each side: "
        f"{apart(values[champion[first]])} (champion) and "
        f"{apart(values[candidate.codes[first]])} (candidate). Both sides must have the same test "
        f"set, so correct the column {column}"
    )


def _cluster_numbers(cluster: TextColumn | None) -> np.ndarray | None:
    """Number the clusters. An example whose cluster is unknown is a cluster of its own."""
    if cluster is None:
        return None
    codes = cluster.codes
    if "" not in cluster.values:
        return codes
    unknown = codes == cluster.values.index("")
    return np.where(unknown, len(cluster.values) + np.arange(len(codes)), codes)
