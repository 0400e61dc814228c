"""The score of a row: which metric it is, what its values mean, and which rows have none."""

import math
import re
from collections.abc import Collection, Sequence

from holdfast.errors import HoldfastError
from holdfast.gate.formats.json_content import kind_of
from holdfast.gate.formats.log import Scale
from holdfast.gate.names import apart

# Words in the names of metrics whose values lie in [0, 1] for every single example.
SHARE = re.compile(
    r"(^|[^a-z0-9])(acc|accuracy|correct|em|exact|f1|includes|match|mc1|mc2|pass|precision|recall"
    r"|rouge[0-9a-z]*)($|[^a-z0-9])",
    re.IGNORECASE,
)


def as_number(value: object) -> float | None:
    """Return the score of a row as a number.

    Args:
        value: A number, or true or false.

    Returns:
        The number, or None if the row has no score: it is missing or NaN.

    Raises:
        ValueError: The value is no single number, such as the pair of a perplexity.

    Example:
        >>> as_number(True), as_number(float("nan")), as_number(None)
        (1.0, None, None)
    """
    if value is None:
        return None
    if not isinstance(value, bool | int | float):
        raise ValueError(f"expected a number, got {kind_of(value)}")
    number = float(value)
    # Python writes NaN into JSON, and tools write it for samples that they could not score.
    if math.isnan(number):
        return None
    return number


def is_number(value: object) -> bool:
    """Whether a value is a number, or true or false.

    >>> is_number(0.5), is_number(True), is_number("0.5"), is_number([1, 2])
    (True, True, False, False)
    """
    return isinstance(value, bool | int | float)


def chosen(
    kind: str, wanted: str, known: Sequence[str], task: str, unusable: Collection[str] = ()
) -> str:
    """Choose the metric, the filter or the scorer of a task.

    Args:
        kind: What is chosen, such as "metric".
        wanted: What the user asks for: a name, or several with commas between them, of which the
            first that the task has is taken. Empty: the first that there is.
        known: The names that can be judged.
        task: The task, for messages.
        unusable: Names whose values are no single numbers.

    Returns:
        The name.

    Raises:
        HoldfastError: The task has none of the names. The message lists those that it has.

    Example:
        >>> chosen("metric", "", ["acc", "acc_norm"], "arc")
        'acc'
        >>> chosen("metric", "f1", ["acc", "acc_norm"], "arc")
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: the task 'arc' has no metric 'f1'; it has: acc, acc_norm
    """
    # Folders hold tasks with different metrics, so one name cannot fit them all.
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    # A name may have a comma itself.
    for name in (wanted, *names):
        if name in known:
            return name
    listed = ", ".join(known) or "none that can be judged"
    for name in names:
        if name in unusable:
            raise HoldfastError(
                f"the {kind} {name!r} of the task {apart(task)} has several values per example, "
                f"which cannot be judged example by example; choose another: {listed}"
            )
    if names:
        raise HoldfastError(
            f"the task {apart(task)} has no {kind} {' or '.join(map(repr, names))}; "
            f"it has: {listed}"
        )
    if not known:
        raise _nothing_known(kind, task, unusable)
    return known[0]


def _nothing_known(kind: str, task: str, unusable: Collection[str]) -> HoldfastError:
    """Make the error for a task of which nothing can be judged."""
    also = ""
    if unusable:
        also = f"; {', '.join(unusable)} cannot, because an example has several values of it"
    return HoldfastError(
        f"the task {apart(task)} has no {kind} that can be judged example by example{also}"
    )


def scale_of(metric: str, scores: Collection[float], higher_is_better: bool = True) -> Scale:
    """Say what the scores of a task mean.

    Args:
        metric: Name of the metric.
        scores: The scores of its examples.
        higher_is_better: Whether a larger score is a better one.

    Returns:
        The scale. Its range is [0, 1] if the metric has a name like accuracy, exact match or F1
        and no score lies outside. Otherwise the range is unknown, even if all scores happen to lie
        in [0, 1], because those of the other model may not.

    Example:
        >>> scale_of("acc", [0, 1]).high, scale_of("perplexity", [0.3, 0.9]).high
        (1.0, None)
    """
    # An accuracy in percent has the name of a share, and values up to 100.
    inside = all(0 <= score <= 1 for score in scores)
    if inside and SHARE.search(metric):
        return Scale(metric, 0.0, 1.0, higher_is_better)
    return Scale(metric, None, None, higher_is_better)
