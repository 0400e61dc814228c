"""Scorers: the score of each example, from its logits and its label.

A scorer is any callable `scorer(logits, y)`: logits (N, C), labels (N,) as output indices, one score per example (N,) in return,
higher is better. It may say between which values scores lie: `scorer.score_range = (0.0, 100.0)`.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from holdfast.errors import HoldfastError, first_line

Scorer = Callable[[Tensor, Tensor], Tensor]
UNKNOWN_RANGE = (-1e30, 1e30)
EXPECTED = "expected a tensor of shape (N,): one finite number per example, higher is better"


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Score of each row: 1 where the largest logit is the label's, else 0."""
    return (logits.argmax(1) == y).float()


accuracy.score_range = (0.0, 1.0)  # type: ignore[attr-defined]


def name_of(scorer: Scorer) -> str:
    """What a scorer is called in messages; a `functools.partial` is called by its function.

    Example:
        >>> from functools import partial
        >>> name_of(accuracy), name_of(partial(accuracy))
        ('accuracy', 'accuracy')
    """
    function = getattr(scorer, "func", scorer)
    return getattr(function, "__name__", type(function).__name__)


def range_of(scorer: Scorer) -> tuple[float, float]:
    """The values between which the scores of a scorer lie.

    Args:
        scorer: A scorer. Its attribute `score_range`, or that of the function that a `functools.partial`
            wraps, says it.

    Returns:
        The least and the largest score; -1e30 and 1e30 if the scorer does not say.

    Raises:
        HoldfastError: The attribute is not a pair of finite numbers in rising order.

    Example:
        >>> range_of(accuracy), range_of(lambda logits, y: logits.sum(1))
        ((0.0, 1.0), (-1e+30, 1e+30))
    """
    declared = getattr(
        scorer, "score_range", getattr(getattr(scorer, "func", None), "score_range", UNKNOWN_RANGE)
    )
    try:
        low, high = map(float, declared)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise HoldfastError(
            f"the score_range of scorer {name_of(scorer)} is {str(declared)[:50]}; expected the least and the largest "
            "score, such as (0.0, 1.0)"
        )
    return low, high


def scores_of(scorer: Scorer, logits: Tensor, y: Tensor) -> Tensor:
    """What a scorer gives, checked.

    Args:
        scorer: The scorer.
        logits: (N, C).
        y: Output indices (N,), on the device of the logits.

    Returns:
        One floating-point number per example, (N,), on the CPU.

    Raises:
        HoldfastError: The scorer failed, or gave something else.
    """
    name = name_of(scorer)
    try:
        scores: Any = scorer(logits, y)
    except HoldfastError:
        raise
    except Exception as error:
        given = f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(y.shape)}"
        raise HoldfastError(f"the scorer {name} failed on {given}: {first_line(error)}") from error
    if not isinstance(scores, Tensor):
        raise HoldfastError(f"the scorer {name} returned {type(scores).__name__}; {EXPECTED}")
    if scores.shape != y.shape:
        hint = "; leave the mean to Holdfast" if scores.dim() == 0 else ""
        raise HoldfastError(
            f"the scorer {name} returned shape {tuple(scores.shape)} for {len(y)} examples; {EXPECTED}{hint}"
        )
    if scores.is_complex():
        raise HoldfastError(f"the scorer {name} returned complex numbers; {EXPECTED}")
    found = scores.detach().cpu()
    found = found if found.is_floating_point() else found.double()
    if not bool(found.isfinite().all()):
        raise HoldfastError(
            f"the scorer {name} returned {float(found[~found.isfinite()][0])}; {EXPECTED}"
        )
    low, high = range_of(scorer)
    if len(found) and not low <= float(found.min()) <= float(found.max()) <= high:
        raise HoldfastError(
            f"the scorer {name} returned scores from {float(found.min()):g} to {float(found.max()):g}, its score_range is "
            f"[{low:g}, {high:g}]; set {name}.score_range to what they lie between"
        )
    return found
