"""Both sides of a comparison, task by task and segment by segment, joined on the example."""

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate.aggregates import aggregates
from holdfast.gate.joining import joined
from holdfast.gate.names import listed, refuse_lookalikes, renaming
from holdfast.gate.pairs import Comparison, Key, Mean, Pair, Summary
from holdfast.gate.reading import Side, scores_of
from holdfast.metrics.releases import Standing

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-9  # of sums of scores
DIGITS = 12  # of a sum, so that a loss at a limit is not above it by rounding

__all__ = ["Comparison", "Key", "Mean", "Pair", "Summary", "compare"]


def compare(champion: Side, candidate: Side) -> Comparison:
    """Join the results of two models, so that each task, segment and class can be judged.

    The champion's results decide how the candidate is tested. Columns that only the candidate has
    (clusters, segments, labels, standard deviations) are left aside with a note, and columns of
    both sides must be equal.

    Args:
        champion: What is known of the model that is in use, from `read_side`.
        candidate: What is known of the model that may replace it, in the same form.

    Returns:
        The scores of both sides on the same examples, and what did not match.

    Raises:
        HoldfastError: The sides have different forms, have no task in common, name the same example
            differently, share no example of a task, or disagree on the cluster, segment or label of
            an example.

    Example:
        >>> import pandas as pd
        >>> from holdfast.gate.reading import read_side
        >>> old = pd.DataFrame({"task": "a", "example_id": [1, 2], "score": [1, 0]})
        >>> new = pd.DataFrame({"task": "a", "example_id": [2.0, 1.0], "score": [1, 1]})
        >>> compare(read_side(old), read_side(new)).tasks["a"].means
        (0.5, 1.0)
    """
    aggregated = "examples" in champion.rows
    if aggregated != ("examples" in candidate.rows):
        single, other = ("candidate", "champion") if aggregated else ("champion", "candidate")
        forms = f"the {single}'s results are of single examples, but the {other}'s are aggregated"
        raise HoldfastError(f"{forms}; give both in one form, best of all with one row per example")
    names = _task_names(champion.rows, candidate.rows)
    a, b = champion.rows, candidate.rows
    if names:
        b = b.assign(task=b["task"].replace(names))
    found = aggregates(a, b) if aggregated else joined(a, b)
    return replace(
        found,
        notes=(*champion.notes, *candidate.notes, *found.notes),
        standings=(champion.standing, _held(champion, candidate, names)),
        names=(champion.name or "champion", candidate.name or "candidate"),
    )


def _task_names(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> dict[str, str]:
    """The champion's spelling of the candidate's tasks that are numbers in another form."""
    mine, theirs = ([str(t) for t in rows["task"].unique()] for rows in (champion, candidate))
    names = renaming(mine, theirs)
    theirs = [names.get(t, t) for t in theirs]
    refuse_lookalikes("task", set(mine) - set(theirs), [t for t in theirs if t not in set(mine)])
    if not set(mine) & set(theirs):
        told = f"the champion's tasks are {listed(mine)}, the candidate's {listed(theirs)}"
        rule = "check the task column of both, and give each task the same name on both sides"
        raise HoldfastError(f"champion and candidate have no task in common: {told}; {rule}")
    return names


def _held(champion: Side, candidate: Side, names: dict[str, str]) -> Standing | None:
    """The candidate's standing, in which no task lost less than the two sides together show.

    Its own accuracy matrix says how well it knew a task when it was learnt, and a low figure there
    would hide a loss. What it lost is therefore at least what the champion had lost, and what the
    candidate lost against the champion. (A ledger holds both sides to figures of its own.)
    """
    before, after = champion.standing, candidate.standing
    if before is None or after is None:
        return after
    lost = {names.get(task, task): drop for task, drop in after.forgetting.items()}
    if champion.release:
        return replace(after, forgetting=lost)
    mine, _ = scores_of(champion.rows)
    theirs = {names.get(t, t): score for t, score in scores_of(candidate.rows)[0].items()}
    raised = False
    for task in mine.keys() & theirs.keys() & (before.forgetting.keys() | lost.keys()):
        least = round(before.forgetting.get(task, 0.0) + mine[task] - theirs[task], DIGITS)
        if task not in lost or least > lost[task] + ROUNDING:
            lost[task], raised = least, True
    if not raised:
        return replace(after, forgetting=lost)
    transfer = round(-sum(lost.values()) / len(lost), DIGITS)
    return replace(after, forgetting=lost, transfer=transfer)
