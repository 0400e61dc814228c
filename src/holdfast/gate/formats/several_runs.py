"""Folders with several models, or several runs of the same task."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from holdfast.errors import HoldfastError
from holdfast.gate.formats.rows import Rows
from holdfast.gate.names import apart

MOST_LISTED = 12  # models that a message lists

T = TypeVar("T")


def one_model(models: Iterable[str], wanted: str, where: str) -> str:
    """Choose the model whose results are judged.

    Args:
        models: The models in a log or folder.
        wanted: The model that the user asks for; "" if there is only one.
        where: What the source is called in messages.

    Returns:
        The model.

    Raises:
        HoldfastError: There are several models and none is chosen, or the chosen one is missing.

    Example:
        >>> one_model(["small", "small"], "", "champion logs")
        'small'
        >>> one_model(["small", "large"], "", "champion logs")
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: champion logs holds 2 models: 'large', 'small'; choose ...
    """
    # A verdict that mixes two models would be about neither of them.
    known = sorted(set(models))
    listed = ", ".join(apart(name) for name in known[:MOST_LISTED])
    if len(known) > MOST_LISTED:
        listed += ", …"
    if wanted:
        if wanted not in known:
            raise HoldfastError(f"{where} has no model {wanted!r}; it has: {listed}")
        return wanted
    if len(known) > 1:
        raise HoldfastError(
            f"{where} holds {len(known)} models: {listed}; choose one with --model-name"
        )
    return known[0]


def newest(runs: Sequence[tuple[str, T]], task: str, rows: Rows) -> T:
    """Take the newest run of a task, and note that there are older ones.

    Args:
        runs: The date of each run, as text that sorts by time, and the run.
        task: The task, for the note.
        rows: Where the note is kept.

    Returns:
        The newest run.
    """
    # A stable sort, so that of equal dates the last file in order of names counts.
    dated = sorted(runs, key=lambda run: run[0])
    date, run = dated[-1]
    if len(dated) > 1:
        rows.note(f"There are several runs, of which the newest counts ({date}).", task)
    return run
