"""Holm's correction for several hypotheses."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Corrected:
    """One of several hypotheses after Holm's correction.

    Attributes:
        rejected: Whether it is rejected.
        level: The level at which it was tested.
        p: The corrected p-value: the smallest level of the whole family at which this hypothesis
            would be rejected.
    """

    rejected: bool
    level: float
    p: float


def holm(p_values: Sequence[float], alpha: float) -> list[Corrected]:
    """Test several hypotheses so that the chance of any false rejection is at most `alpha`.

    The smallest of m p-values is tested at α / m, the next one at α / (m - 1), and so on, until
    one is not rejected.

    Args:
        p_values: One p-value per hypothesis.
        alpha: Level of the whole family, in (0, 1).

    Returns:
        One result per hypothesis, in the order given.

    References:
        S. Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian
        Journal of Statistics 6(2).

    Example:
        >>> [hypothesis.rejected for hypothesis in holm([0.04, 0.001, 0.02], 0.05)]
        [True, True, True]
        >>> [round(hypothesis.p, 3) for hypothesis in holm([0.04, 0.03, 0.2], 0.05)]
        [0.09, 0.09, 0.2]
    """
    count = len(p_values)
    ascending = sorted(range(count), key=lambda position: p_values[position])
    results: dict[int, Corrected] = {}
    rejecting = True
    largest = 0.0
    level = alpha
    for rank, position in enumerate(ascending):
        left = count - rank
        # A corrected p-value is never below that of a hypothesis that was tested earlier.
        largest = max(largest, min(1.0, left * p_values[position]))
        # After the first hypothesis that is not rejected, all others keep its level.
        if rejecting:
            level = alpha / left
        rejecting = rejecting and p_values[position] <= level
        results[position] = Corrected(rejected=rejecting, level=level, p=largest)
    return [results[position] for position in range(count)]
