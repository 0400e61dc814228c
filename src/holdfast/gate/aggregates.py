"""Aggregated results of both sides: a mean score and a number of examples per task or segment."""

from typing import TYPE_CHECKING

import numpy as np

from holdfast.gate.names import apart, refuse_lookalikes, renaming
from holdfast.gate.pairs import Comparison, Key, Mean, Pair, Summary

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 3  # names that a note lists
WIDER = 1.5  # times the champion's standard deviation, from which the candidate's is suspicious

Means = dict[Key, Mean]


def aggregates(a: "pd.DataFrame", b: "pd.DataFrame") -> Comparison:
    """Compare aggregated results, row by row. The champion's rows decide which segments there are.

    Args:
        a: The champion's rows, from `read_side`.
        b: The candidate's rows.

    Returns:
        The comparison, without standings and names.
    """
    champion, candidate = _means(a), _means(b)
    candidate = _with_segment_names_of(champion, candidate)
    notes = list(_left_aside(champion, candidate))
    both: dict[Key, Summary] = {}
    for key, mean in champion.items():
        if key in candidate:
            both[key] = Summary(mean, _with_deviation_of(mean, candidate[key]))
    known = {task for task, _ in champion}
    new = {t: mean for (t, segment), mean in candidate.items() if not segment and t not in known}
    segments: dict[Key, Pair | Summary] = {key: s for key, s in both.items() if key[1]}
    unmatched, thinned = _counts(champion, candidate)
    unknown = _uncounted(champion, candidate, unmatched)
    notes += [_unknown_note(task, *counts) for task, counts in unknown.items()]
    return Comparison(
        tasks={task: scores for (task, segment), scores in both.items() if not segment},
        segments=segments,
        classes={},
        shares={key: _share(champion[key], champion[key[0], ""]) for key in segments},
        class_shares={},
        only_champion={k: mean.score for k, mean in champion.items() if k not in candidate},
        only_candidate={task: (mean.score, mean.examples) for task, mean in new.items()},
        unmatched=unmatched,
        thinned=thinned,
        notes=tuple(notes),
        areas={},
        strangers=unknown,
        widened=frozenset(task for (task, _), pair in both.items() if _wider(pair)),
    )


def _means(rows: "pd.DataFrame") -> Means:
    """The mean score of each task (first its row as a whole) and segment."""
    n = len(rows)
    segments = rows["segment"].tolist() if "segment" in rows else [""] * n
    deviations = rows["sd"].tolist() if "sd" in rows else [np.nan] * n
    columns = (
        rows["task"].tolist(),
        segments,
        rows["score"].tolist(),
        deviations,
        rows["examples"].tolist(),
    )
    return {
        (str(task), str(segment)): Mean(score, None if np.isnan(sd) else sd, int(examples))
        for task, segment, score, sd, examples in zip(*columns, strict=True)
    }


def _with_segment_names_of(champion: Means, candidate: Means) -> Means:
    """The candidate's means under the champion's spelling of the same segments."""
    mine, theirs = _segments(champion), _segments(candidate)
    names: dict[Key, str] = {}
    for task, segments in mine.items():
        others = theirs.get(task, {})
        same = renaming(segments, others)
        alone = [s for s in others if s not in segments and s not in same]
        missing = [s for s in segments if s not in others and s not in same.values()]
        refuse_lookalikes(f"task {apart(task)}: segment", missing, alone)
        names |= {(task, s): name for s, name in same.items()}
    return {(t, names.get((t, s), s)): mean for (t, s), mean in candidate.items()}


def _segments(means: Means) -> dict[str, dict[str, None]]:
    """The segments of each task in their order."""
    out: dict[str, dict[str, None]] = {}
    for task, segment in means:
        if segment:
            out.setdefault(task, {})[segment] = None
    return out


def _left_aside(champion: Means, candidate: Means) -> list[str]:
    """Notes about what only the candidate's rows have."""
    tasks = {task for task, _ in champion}
    alone = [key for key in candidate if key[1] and key not in champion and key[0] in tasks]
    notes = []
    if alone:
        named = ", ".join(f"{task}/{segment}" for task, segment in alone[:SHOWN])
        more = ", …" if len(alone) > SHOWN else ""
        what = f"{len(alone)} segments of the candidate were left aside"
        notes.append(f"{what}, because the champion's results do not have them: {named}{more}.")
    without = {key for key, mean in champion.items() if mean.sd is None}
    deviations = [key for key, mean in candidate.items() if mean.sd is not None and key in without]
    if deviations:
        first = "/".join(part for part in deviations[0] if part)
        where = f"{len(deviations)} rows (the first is that of {first})"
        what = f"The candidate's sd was left aside in {where}"
        notes.append(f"{what}, because the champion's results have none there.")
    return notes


def _with_deviation_of(champion: Mean, candidate: Mean) -> Mean:
    """The candidate's mean; its standard deviation counts only if the champion has one as well."""
    return candidate if champion.sd is not None else Mean(candidate.score, None, candidate.examples)


def _counts(champion: Means, candidate: Means) -> tuple[dict[str, int], frozenset[str]]:
    """By task, the examples of one side only; and the tasks in which the candidate lacks some."""
    whole: dict[str, int] = {}
    parts: dict[str, int] = {}
    thinned = set()
    for key, mean in champion.items():
        if key not in candidate:
            continue
        a, b = mean.examples, candidate[key].examples
        counts = parts if key[1] else whole
        counts[key[0]] = counts.get(key[0], 0) + abs(a - b)
        if b < a:  # an unknown number is 0
            thinned.add(key[0])
    unmatched = {task: max(n, parts.get(task, 0)) for task, n in whole.items()}
    return {task: n for task, n in unmatched.items() if n}, frozenset(thinned)


def _uncounted(
    champion: Means,
    candidate: Means,
    unmatched: dict[str, int],
) -> dict[str, tuple[str, str]]:
    """By task, how many examples each side has in the first row in which one does not say it."""
    out: dict[str, tuple[str, str]] = {}
    for key, mean in champion.items():
        counts = (mean.examples, candidate[key].examples if key in candidate else mean.examples)
        if key[0] in unmatched and 0 in counts and any(counts):
            mine, theirs = (f"{n:,} examples" if n else "an unknown number" for n in counts)
            out.setdefault(key[0], (mine, theirs))
    return out


def _unknown_note(task: str, champion: str, candidate: str) -> str:
    """A full sentence about numbers of examples of which one is unknown."""
    sides = f"{champion} in the champion's results and {candidate} in the candidate's"
    return f"Task {apart(task)} has {sides}, so it is not known whether the examples are the same."


def _wider(pair: Summary) -> bool:
    """Whether the candidate's deviation is much larger than the champion's.

    If the candidate does not give its own, the test assumes the largest possible one.
    """
    champion, candidate = pair.champion, pair.candidate
    if champion.sd is None:
        return False
    largest = (candidate.score * (1 - candidate.score)) ** 0.5
    return (largest if candidate.sd is None else candidate.sd) > WIDER * champion.sd + 1e-9


def _share(part: Mean, whole: Mean) -> float:
    """The share of a task's examples that a segment has, 1 if that is not known."""
    if not part.examples or not whole.examples:
        return 1.0
    return min(part.examples / whole.examples, 1.0)
