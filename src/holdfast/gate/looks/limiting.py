"""Both sides of a comparison, limited to the examples of a look."""

from dataclasses import replace

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.looks.look import Look, Part
from holdfast.gate.looks.order import refuse_sorted
from holdfast.gate.looks.parts import Parts, parts_of
from holdfast.gate.looks.progress import Progress, progress_of
from holdfast.gate.looks.schedule import Looks
from holdfast.gate.names import apart
from holdfast.gate.reading import Side
from holdfast.gate.reading.repeats import example_codes, first_rows


def at_look(champion: Side, candidate: Side, looks: Looks) -> tuple[Side, Side, Look]:
    """Limit both sides to the examples of a look.

    Args:
        champion: The champion's results on the whole planned test set, with one row per example.
        candidate: The candidate's results on the first examples of each task, in the champion's
            order.
        looks: When the candidate is judged.

    Returns:
        Both sides with the examples that are compared, and the look. If the candidate may be judged
        at any time, the examples of clusters that are not complete yet are left out.

    Raises:
        HoldfastError: A side has aggregated results, the candidate lacks an example but has later
            ones, it is not at one of the looks, or the champion's rows are in no random order.

    Example:
        >>> import pandas as pd
        >>> from holdfast.gate.reading import read_side
        >>> frame = pd.DataFrame({"task": "a", "example_id": range(100), "score": 1})
        >>> sides = read_side(frame), read_side(frame[:50])
        >>> champion, candidate, look = at_look(*sides, Looks.parse("0.5,1"))
        >>> look.name, len(champion.rows)
        ('look 1 of 2', 50)
    """
    _refuse_unfit(champion, candidate, looks)
    # An example with repeats has several rows, and the first of them stands for it here.
    champion_example = example_codes(champion.rows)
    candidate_example = example_codes(candidate.rows)
    progress = progress_of(first_rows(champion.rows), first_rows(candidate.rows))
    _refuse_gaps(progress)
    number, needed = _position(progress, looks)
    at_hand = progress.rank < needed[progress.task]
    refuse_sorted(progress, at_hand)

    kept = at_hand
    if not looks.shares:
        kept = at_hand & _in_complete_clusters(progress, at_hand)
    left_out = np.zeros(candidate_example.max() + 1, dtype=bool)
    left_out[progress.candidate_row[at_hand & ~kept]] = True
    parts = parts_of(progress)
    counts = zip(needed.tolist(), progress.planned.tolist(), strict=True)
    look = Look(
        looks=looks,
        number=number,
        counts=dict(zip(progress.names, counts, strict=True)),
        information=_information(parts, progress, looks),
        unseen=_unseen(parts, at_hand),
    )
    champion_rows = champion.rows[kept[champion_example]].reset_index(drop=True)
    candidate_rows = candidate.rows[~left_out[candidate_example]].reset_index(drop=True)
    return replace(champion, rows=champion_rows), replace(candidate, rows=candidate_rows), look


def _refuse_unfit(champion: Side, candidate: Side, looks: Looks) -> None:
    """Stop at results that cannot be counted off, or that have no value before the end."""
    for side, rows in (("champion", champion.rows), ("candidate", candidate.rows)):
        if "examples" in rows:
            raise HoldfastError(
                f"the {side}'s results are aggregated, but looks need one row per example; give "
                "single examples, or judge without looks"
            )
    if not looks.shares and "weight" in champion.rows:
        raise HoldfastError(
            "examples with weights cannot be judged at any time, because only the whole test set "
            "tells how much an example counts; use planned looks, such as 0.5,1"
        )


# ---- which look this is


def _refuse_gaps(progress: Progress) -> None:
    """Stop at a task of which the candidate lacks an example, but has later ones."""
    # Without a gap, n common examples of a task are the champion's first n.
    expected = progress.rank < progress.at_hand[progress.task]
    missing = expected & ~progress.common
    if not bool(missing.any()):
        return
    row = int(missing.argmax())
    task = progress.names[progress.task[row]]
    example = str(progress.rows["example_id"].iloc[row])
    raise HoldfastError(
        f"task {apart(task)}: the candidate lacks example {apart(example)}, which is number "
        f"{progress.rank[row] + 1:,} in the champion's order, but has later ones; before the last "
        "look, the candidate must have been evaluated on the champion's first examples without a "
        "gap"
    )


def _position(progress: Progress, looks: Looks) -> tuple[int, np.ndarray]:
    """Return the number of the look, and how many examples of each task it compares.

    Raises:
        HoldfastError: The candidate is between two looks, or its tasks are at different ones.
    """
    at_hand = progress.at_hand
    if not looks.shares:
        if bool((at_hand == 0).any()):
            task = progress.names[int((at_hand == 0).argmax())]
            raise HoldfastError(
                f"task {apart(task)}: the candidate was evaluated on none of its examples; "
                "evaluate the first ones of every task before you look"
            )
        return 0, at_hand
    count = len(looks.shares)
    # The last look that fits is taken, because with very few examples several do.
    for number in range(count, 0, -1):
        needed = looks.needed(number, progress.planned)
        # If all else is complete, a task without any example was left out, and the gate fails it.
        left_out = (at_hand == 0) & (number == count)
        if bool((left_out | (at_hand == needed)).all()):
            return number, needed
    raise _between_looks(progress, looks)


def _between_looks(progress: Progress, looks: Looks) -> HoldfastError:
    """Make the error for a candidate that is not at a look: name the next one."""
    number = 1
    # The last look needs all planned examples, and no task has more, so this ends.
    while bool((progress.at_hand > looks.needed(number, progress.planned)).any()):
        number += 1
    needed = looks.needed(number, progress.planned)
    first = int((progress.at_hand != needed).argmax())
    missing = int(needed[first] - progress.at_hand[first])
    return HoldfastError(
        f"task {apart(progress.names[first])}: the candidate was evaluated on "
        f"{progress.at_hand[first]:,} of {progress.planned[first]:,} examples, which is not one of "
        f"the looks; look {number} of {len(looks.shares)} needs the first {needed[first]:,}, so "
        f"evaluate {missing:,} more in the champion's order"
    )


# ---- what the champion's rows tell about the plan


def _information(parts: Parts, progress: Progress, looks: Looks) -> dict[Part, tuple[float, ...]]:
    """Return the share of the examples of each task, segment and class at each planned look."""
    whole = parts.counts(np.ones(len(progress.rank), dtype=bool))
    shares: list[np.ndarray] = []
    for number in range(1, len(looks.shares) + 1):
        needed = looks.needed(number, progress.planned)
        shares.append(parts.counts(progress.rank < needed[progress.task]) / whole)
    if not shares:
        return {}
    columns = np.array(shares).T.tolist()
    return {part: tuple(column) for part, column in zip(parts.names, columns, strict=True)}


def _unseen(parts: Parts, at_hand: np.ndarray) -> tuple[Part, ...]:
    """Return the segments and classes of which no example is at hand."""
    nothing = np.flatnonzero(parts.counts(at_hand) == 0)
    return tuple(parts.names[position] for position in nothing.tolist())


def _in_complete_clusters(progress: Progress, at_hand: np.ndarray) -> np.ndarray:
    """Return whether the cluster of each row is at hand as a whole, shape (R,).

    The sum of any other cluster still changes, so it is no unit yet.

    Raises:
        HoldfastError: No cluster of a task is complete.
    """
    incomplete = np.bincount(progress.cluster, ~at_hand) > 0
    complete: np.ndarray = ~incomplete[progress.cluster]
    left = np.bincount(progress.task, at_hand & complete, len(progress.names))
    if not bool((left > 0).all()):
        task = progress.names[int((left == 0).argmax())]
        raise HoldfastError(
            f"task {apart(task)}: none of its clusters is complete yet; evaluate more examples in "
            "the champion's order"
        )
    return complete
