"""Both sides of a comparison, task by task and segment by segment, joined on the example."""

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate.aggregates import aggregates
from holdfast.gate.joining import joined
from holdfast.gate.names import refuse_lookalikes, renaming
from holdfast.gate.pairs import Comparison, Key, Mean, Pair, Summary
from holdfast.gate.reading import Side

if TYPE_CHECKING:
    import pandas as pd

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
        HoldfastError: The sides have different forms, name the same example differently, share no
            example of a task, or disagree on the cluster, segment or label of an example.

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
    a, b = champion.rows, _with_task_names_of(champion.rows, candidate.rows)
    found = aggregates(a, b) if aggregated else joined(a, b)
    return replace(
        found,
        notes=(*champion.notes, *candidate.notes, *found.notes),
        standings=(champion.standing, candidate.standing),
        names=(champion.name or "champion", candidate.name or "candidate"),
    )


def _with_task_names_of(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> "pd.DataFrame":
    """The candidate's rows with the champion's spelling of numbers as task names."""
    mine, theirs = ([str(t) for t in rows["task"].unique()] for rows in (champion, candidate))
    names = renaming(mine, theirs)
    theirs = [names.get(t, t) for t in theirs]
    refuse_lookalikes("task", set(mine) - set(theirs), [t for t in theirs if t not in set(mine)])
    return candidate.assign(task=candidate["task"].replace(names)) if names else candidate
