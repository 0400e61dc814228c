"""Scores of any range as shares of it, because tables and reports of runs show points."""

from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.training.scoring import UNKNOWN_RANGE, Scorer, name_of, range_of, scores_whole_set

UNITS = ((0.0, 1.0), (-1.0, 1.0))  # ranges that are left as they are


class Rescaled:
    """A scorer whose lowest score is 0 and whose highest is 1.

    Args:
        scorer: The scorer, with a range.

    Example:
        >>> from holdfast.training.set_scores import NegativeRMSE
        >>> Rescaled(NegativeRMSE(10.0)).score_range
        (0.0, 1.0)
    """

    score_range = (0.0, 1.0)

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.low, self.high = range_of(scorer)
        self.whole_set = scores_whole_set(scorer)
        self.__name__ = name_of(scorer)

    def __call__(self, answers: Tensor, y: Tensor) -> Tensor:
        """Score each row, as a share of the range."""
        scores = self.scorer(answers, y)
        return (scores - self.low) / (self.high - self.low)


def in_points(scorer: Scorer) -> Scorer:
    """Give a scorer a range that can be shown in points.

    Args:
        scorer: The scorer.

    Returns:
        The scorer itself if its range is [0, 1] or [−1, 1], otherwise one with shares of its range.

    Raises:
        HoldfastError: The scorer declares no range.

    Example:
        >>> from holdfast.training.scoring import accuracy
        >>> in_points(accuracy) is accuracy
        True
    """
    bounds = range_of(scorer)
    if bounds == UNKNOWN_RANGE:
        name = name_of(scorer)
        raise HoldfastError(
            f"the scorer {name} declares no range, which tables and intervals need; write "
            f"{name}.score_range = (0.0, 1.0) below it, with its lowest and its highest score"
        )
    if bounds in UNITS:
        return scorer
    return Rescaled(scorer)
