"""Scorers: the score of each example, from its logits and its label.

A scorer is any callable `scorer(logits, y)` of logits (N, C) and labels (N,), which are output
indices. For other objectives than classification it gets answers (N, C) and targets (N, K). It
returns one score per example, (N,), and a higher score is better. If its scores lie in a known
range, it declares the range in an attribute, `scorer.score_range = (0.0, 100.0)`. Tables and
intervals use it.

Some scores, such as R², belong to a whole set of examples. Their scorers say so by an attribute,
`whole_set = True`. They then get all examples at once, and the mean of what they return is the
score of the set (see `training.set_scores`).

Scorers of texts need more than a label. They set `takes_rows = True`, and get the rows instead of
labels (see `training.text_scores`).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError, first_line

# (logits (N, C), labels (N,) or the rows) → scores (N,)
Scorer = Callable[[Tensor, Any], Tensor]
# What a scorer that declares nothing may return. Sums over many examples stay finite.
UNKNOWN_RANGE = (-1e30, 1e30)
ROUNDING = 1e-6  # by which the mean of numbers per example may pass the range of a score
EXPECTED = "expected a tensor of shape (N,): one finite number per example, higher is better"


@final
class Accuracy:
    """The scorer that a learner uses if you name none: is the largest logit that of the label?

    The score is 1 for a right answer and 0 for a wrong one, so a mean of it is the accuracy.

    Attributes:
        score_range: The lowest and the highest score.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
        >>> Accuracy()(logits, torch.tensor([0, 1, 1]))
        tensor([1., 1., 0.])
    """

    score_range = (0.0, 1.0)
    __name__ = "accuracy"  # messages name a scorer as its user writes it

    def __call__(self, logits: Tensor, y: Tensor) -> Tensor:
        """Score each row.

        Args:
            logits: (N, C).
            y: Output indices (N,), on the device of the logits.

        Returns:
            0 or 1 per row, (N,).
        """
        return (logits.argmax(1) == y).float()


accuracy = Accuracy()


def name_of(scorer: Scorer) -> str:
    """Return what messages call a scorer. A `functools.partial` is called by its function.

    Args:
        scorer: The scorer.

    Returns:
        The name of the function, or of the class of an object without a name.

    Example:
        >>> name_of(accuracy), name_of(partial(accuracy))
        ('accuracy', 'accuracy')
    """
    function = scorer.func if isinstance(scorer, partial) else scorer
    return getattr(function, "__name__", type(function).__name__)


def range_of(scorer: Scorer) -> tuple[float, float]:
    """Return the range that a scorer declares for its scores.

    Args:
        scorer: The scorer. A `functools.partial` may have an attribute `score_range` of its own.
            Otherwise that of the function that it wraps counts.

    Returns:
        The lowest and the highest score, or -1e30 and 1e30 if the scorer declares no range.

    Raises:
        HoldfastError: The attribute is not a pair of finite numbers in rising order.

    Example:
        >>> range_of(accuracy), range_of(lambda logits, y: logits.sum(1))
        ((0.0, 1.0), (-1e+30, 1e+30))
    """
    declaring = scorer
    if isinstance(scorer, partial) and not hasattr(scorer, "score_range"):
        declaring = scorer.func
    declared = getattr(declaring, "score_range", UNKNOWN_RANGE)
    try:
        low, high = map(float, declared)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise HoldfastError(
            f"the score_range of scorer {name_of(scorer)} is {str(declared)[:50]}; expected the "
            "lowest and the highest score, such as (0.0, 1.0)"
        )
    return low, high


def scores_whole_set(scorer: Scorer) -> bool:
    """Whether a scorer needs all examples at once, and only its mean is a score."""
    declaring = scorer
    if isinstance(scorer, partial) and not hasattr(scorer, "whole_set"):
        declaring = scorer.func
    return bool(getattr(declaring, "whole_set", False))


def takes_rows(scorer: Scorer) -> bool:
    """Whether a scorer gets the rows, with their inputs, instead of their labels."""
    declaring = scorer
    if isinstance(scorer, partial) and not hasattr(scorer, "takes_rows"):
        declaring = scorer.func
    return bool(getattr(declaring, "takes_rows", False))


def scores_of(scorer: Scorer, logits: Tensor, y: Tensor, rows: Rows | None = None) -> Tensor:
    """Run a scorer, and check what it returns.

    Args:
        scorer: The scorer.
        logits: (N, C), or (N, A, C) of texts.
        y: Output indices (N,), on the device of the logits.
        rows: The rows, for a scorer that takes them.

    Returns:
        One floating-point number per example, (N,), on the CPU.

    Raises:
        HoldfastError: The scorer failed, returned something else, or left the range that it
            declares.

    Example:
        >>> import torch
        >>> scores_of(accuracy, torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
        tensor([1., 0.])
    """
    name = name_of(scorer)
    try:
        returned: object = scorer(logits, rows if takes_rows(scorer) else y)
    except HoldfastError:
        raise
    except Exception as error:  # a user's function fails in any way
        arguments = f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(y.shape)}"
        raise HoldfastError(
            f"the scorer {name} failed on {arguments}: {first_line(error)}"
        ) from error
    scores = _per_example(name, returned, y)
    if scores_whole_set(scorer):
        scores = _rounded_into_range(scorer, scores)
    _check_range(scorer, scores)
    return scores


def _rounded_into_range(scorer: Scorer, scores: Tensor) -> Tensor:
    """Move numbers whose mean is past an end of the range by rounding alone."""
    mean = scores.double().mean()
    inside = mean.clamp(*range_of(scorer))
    if mean == inside or bool((mean - inside).abs() > ROUNDING):
        return scores
    return torch.full_like(scores, float(inside), dtype=torch.double)


def _per_example(name: str, returned: object, y: Tensor) -> Tensor:
    """Return what a scorer returned as numbers on the CPU, if it is one number per example."""
    if not isinstance(returned, Tensor):
        raise HoldfastError(f"the scorer {name} returned {type(returned).__name__}; {EXPECTED}")
    if returned.shape != y.shape[:1]:
        # A mean is the most frequent mistake, since most loss functions return one.
        hint = ""
        if returned.dim() == 0:
            hint = "; leave the mean to Holdfast"
        raise HoldfastError(
            f"the scorer {name} returned shape {tuple(returned.shape)} for {len(y)} examples; "
            f"{EXPECTED}{hint}"
        )
    if returned.is_complex():
        raise HoldfastError(f"the scorer {name} returned complex numbers; {EXPECTED}")
    scores = returned.detach().cpu()
    if not scores.is_floating_point():  # such as the result of a comparison
        scores = scores.double()
    finite = scores.isfinite()
    if not bool(finite.all()):
        raise HoldfastError(f"the scorer {name} returned {float(scores[~finite][0])}; {EXPECTED}")
    return scores


def _check_range(scorer: Scorer, scores: Tensor) -> None:
    """Refuse scores outside the declared range, because intervals would then be wrong."""
    low, high = range_of(scorer)
    if not len(scores):
        return
    if scores_whole_set(scorer):  # its range is that of the mean
        scores = scores.double().mean()[None]
    least = float(scores.min())
    largest = float(scores.max())
    if least < low or largest > high:
        name = name_of(scorer)
        raise HoldfastError(
            f"the scorer {name} returned scores from {least:g} to {largest:g}, its score_range is "
            f"[{low:g}, {high:g}]; set {name}.score_range to the range in which all scores lie"
        )
