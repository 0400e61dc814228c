"""Aggregated results of both sides, joined: a mean score and a number of examples per row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.gate.joining.comparison import Comparison, Key, Mean, Pair, Summary
from holdfast.gate.names import apart, refuse_lookalikes, renaming

if TYPE_CHECKING:
    import pandas as pd

MOST_LISTED = 3  # names that a note lists
WIDER = 1.5  # times the champion's standard deviation, from which the candidate's is suspicious
ROUNDING = 1e-9  # of standard deviations

Means = dict[Key, Mean]


def join_aggregates(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> Comparison:
    """Join aggregated results row by row. The champion's rows decide which segments there are.

    Args:
        champion: The champion's rows, from `read_side`.
        candidate: The candidate's rows.

    Returns:
        The comparison, without standings and names.
    """
    # Match the rows by task and segment. Only rows of both sides can be compared.
    before = _means(champion)
    after = _with_segment_names_of(before, _means(candidate))
    both: dict[Key, Summary] = {}
    for key, mean in before.items():
        if key in after:
            both[key] = Summary(mean, _with_deviation_of(mean, after[key]))
    tasks: dict[str, Pair | Summary] = {}
    segments: dict[Key, Pair | Summary] = {}
    for (task, segment), summary in both.items():
        if segment:
            segments[task, segment] = summary
        else:
            tasks[task] = summary

    # Different numbers of examples show that the sides were not tested on the same ones.
    counts = _examples_of_one_side(before, after)
    unknown = _unknown_counts(before, after, counts.unmatched)
    notes = [*_ignored(before, after), *_notes_on_unknown_counts(unknown)]
    return Comparison(
        tasks=tasks,
        segments=segments,
        classes={},
        shares={key: _share(before[key], before[key[0], ""]) for key in segments},
        class_shares={},
        only_champion={key: mean.score for key, mean in before.items() if key not in after},
        only_candidate=_new_tasks(before, after),
        unmatched=counts.unmatched,
        thinned=counts.thinned,
        notes=tuple(notes),
        areas={},
        widened=frozenset(task for (task, _), summary in both.items() if _is_wider(summary)),
        unknown_counts=unknown,
    )


def _means(rows: "pd.DataFrame") -> Means:
    """Return the mean score of each task (under an empty segment) and segment."""
    count = len(rows)
    segments = [""] * count
    if "segment" in rows:
        segments = rows["segment"].tolist()
    deviations = [np.nan] * count
    if "sd" in rows:
        deviations = rows["sd"].tolist()
    tasks = rows["task"].tolist()
    scores = rows["score"].tolist()
    examples = rows["examples"].tolist()

    means: Means = {}
    columns = zip(tasks, segments, scores, deviations, examples, strict=True)
    for task, segment, score, deviation, number in columns:
        sd = _or_none(deviation)
        means[str(task), str(segment)] = Mean(score, sd, int(number))
    return means


def _or_none(deviation: float) -> float | None:
    """Return a standard deviation, or None if it is NaN, which stands for an unknown one."""
    if np.isnan(deviation):
        return None
    return deviation


def _with_segment_names_of(champion: Means, candidate: Means) -> Means:
    """Give the candidate's segments the champion's spelling of the same names."""
    champion_segments = _segments(champion)
    candidate_segments = _segments(candidate)
    new_names: dict[Key, str] = {}
    for task, segments in champion_segments.items():
        # Segments are matched within their task, since each task may number its own.
        others = candidate_segments.get(task, [])
        renamed = renaming(segments, others)
        only_candidate = _without(others, {*segments, *renamed})
        only_champion = _without(segments, {*others, *renamed.values()})
        refuse_lookalikes(f"task {apart(task)}: segment", only_champion, only_candidate)
        for segment, new_name in renamed.items():
            new_names[task, segment] = new_name
    renamed_means: Means = {}
    for (task, segment), mean in candidate.items():
        renamed_means[task, new_names.get((task, segment), segment)] = mean
    return renamed_means


def _segments(means: Means) -> dict[str, list[str]]:
    """List the segments of each task in their order."""
    segments: dict[str, list[str]] = {}
    for task, segment in means:
        if segment:
            segments.setdefault(task, []).append(segment)
    return segments


def _without(names: Iterable[str], skipped: set[str]) -> list[str]:
    """Leave out names."""
    return [name for name in names if name not in skipped]


def _new_tasks(champion: Means, candidate: Means) -> dict[str, tuple[float, int]]:
    """Return mean score and number of examples of the tasks that only the candidate has."""
    known = {task for task, _ in champion}
    new_tasks: dict[str, tuple[float, int]] = {}
    for (task, segment), mean in candidate.items():
        if not segment and task not in known:
            new_tasks[task] = (mean.score, mean.examples)
    return new_tasks


def _ignored(champion: Means, candidate: Means) -> list[str]:
    """Note what only the candidate's rows have, which would let it decide how it is tested."""
    notes = []
    tasks = {task for task, _ in champion}
    # Segments of a new task are not listed, because the task has a row of its own.
    extra_segments: list[str] = []
    for task, segment in candidate:
        if segment and (task, segment) not in champion and task in tasks:
            extra_segments.append(f"{task}/{segment}")
    if extra_segments:
        listed = ", ".join(extra_segments[:MOST_LISTED])
        if len(extra_segments) > MOST_LISTED:
            listed += ", …"
        notes.append(
            f"{len(extra_segments)} segments of the candidate were ignored, because the champion's "
            f"results do not have them: {listed}."
        )

    extra_deviations: list[Key] = []
    for key, mean in candidate.items():
        if mean.sd is not None and key in champion and champion[key].sd is None:
            extra_deviations.append(key)
    if extra_deviations:
        task, segment = extra_deviations[0]
        first = task
        if segment:
            first = f"{task}/{segment}"
        notes.append(
            f"The candidate's sd was ignored in {len(extra_deviations)} rows (the first is that of "
            f"{first}), because the champion's results have no sd there."
        )
    return notes


def _with_deviation_of(champion: Mean, candidate: Mean) -> Mean:
    """Drop the candidate's standard deviation if the champion has none."""
    if champion.sd is not None:
        return candidate
    return Mean(candidate.score, None, candidate.examples)


# ---- numbers of examples


@dataclass(frozen=True)
class _OneSided:
    """By task, the examples of one side only, and the tasks in which the candidate lacks some."""

    unmatched: dict[str, int]
    thinned: frozenset[str]


def _examples_of_one_side(champion: Means, candidate: Means) -> _OneSided:
    """Compare the numbers of examples of both sides.

    The examples of the segments are also those of the task, so the larger of both sums counts.
    """
    in_tasks: dict[str, int] = {}
    in_segments: dict[str, int] = {}
    thinned: set[str] = set()
    for (task, segment), mean in champion.items():
        other = candidate.get((task, segment))
        if other is None:
            continue
        sums = in_tasks
        if segment:
            sums = in_segments
        sums[task] = sums.get(task, 0) + abs(mean.examples - other.examples)
        if other.examples < mean.examples:  # an unknown number is 0, so it counts as fewer
            thinned.add(task)
    unmatched: dict[str, int] = {}
    for task, count in in_tasks.items():
        larger = max(count, in_segments.get(task, 0))
        if larger:
            unmatched[task] = larger
    return _OneSided(unmatched, frozenset(thinned))


def _unknown_counts(
    champion: Means,
    candidate: Means,
    tasks: Mapping[str, int],
) -> dict[str, tuple[str, str]]:
    """Describe the numbers of examples of both sides in tasks in which one of them is unknown.

    If several rows of a task lack a number, the first of them is described.
    """
    descriptions: dict[str, tuple[str, str]] = {}
    for key, mean in champion.items():
        task = key[0]
        if task not in tasks or task in descriptions or key not in candidate:
            continue
        other = candidate[key]
        # If both numbers are unknown, nothing suggests that the examples differ.
        if (mean.examples == 0) != (other.examples == 0):
            descriptions[task] = (_examples(mean), _examples(other))
    return descriptions


def _examples(mean: Mean) -> str:
    """Describe a number of examples."""
    if mean.examples:
        return f"{mean.examples:,} examples"
    return "an unknown number of examples"


def _notes_on_unknown_counts(descriptions: Mapping[str, tuple[str, str]]) -> Iterable[str]:
    """Note each task in which the number of examples of one side is unknown."""
    for task, (champion, candidate) in descriptions.items():
        yield (
            f"Task {apart(task)} has {champion} in the champion's results and {candidate} in the "
            "candidate's, so it is unknown whether the examples are the same."
        )


def _is_wider(summary: Summary) -> bool:
    """Whether the candidate's deviation is much larger than the champion's.

    If the candidate does not give its own, the test assumes the largest possible one.
    """
    champion = summary.champion
    candidate = summary.candidate
    if champion.sd is None:
        return False
    deviation = candidate.sd
    if deviation is None:
        deviation = (candidate.score * (1 - candidate.score)) ** 0.5
    return deviation > WIDER * champion.sd + ROUNDING


def _share(part: Mean, whole: Mean) -> float:
    """Return the share of a task's examples that a segment has, or 1 if it is unknown."""
    if not part.examples or not whole.examples:
        return 1.0
    # A table may give a segment more examples than its task, which no share allows.
    return min(part.examples / whole.examples, 1.0)
