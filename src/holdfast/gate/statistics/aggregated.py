"""Evidence from the mean scores of both models."""

from collections.abc import Callable
from math import sqrt

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.statistics.evidence import Evidence
from holdfast.gate.statistics.melding import flipped, p_difference, variance_of
from holdfast.metrics.distributions import normal_quantile

LARGEST_FACTOR = 1e9  # by which a plan increases the numbers of examples
SMALLEST_FACTOR = 1e-6  # by which it decreases them
BISECTIONS = 20  # after which the factor is known to one part in a million

Score = tuple[float, float | None, int]  # mean, standard deviation (None: unknown), examples


class Aggregated(Evidence):
    """Evidence from the mean scores of both models, each with its number of examples.

    It is unknown which examples both models were tested on, so the samples are taken as
    independent. Of all samples with the given mean and standard deviation, the one with the largest
    share of worst scores is assumed. Without a standard deviation all scores are taken as 0 or 1,
    which is the largest spread that a mean allows.

    Args:
        champion: Mean score, standard deviation (None: unknown) and number of examples.
        candidate: The same of the candidate.

    Raises:
        HoldfastError: A mean is outside [0, 1], a deviation is negative, or there are no examples.

    Example:
        >>> round(Aggregated((0.9, None, 5000), (0.9, None, 5000)).p_loses_less(0.02), 5)
        0.00049
        >>> Aggregated((0.9, 0.05, 5000), (0.9, 0.05, 5000)).p_loses_less(0.02) < 1e-9
        True
    """

    def __init__(self, champion: Score, candidate: Score) -> None:
        for score in (champion, candidate):
            _check_score(score)
        self._champion = champion
        self._candidate = candidate
        self.change = candidate[0] - champion[0]
        self.examples = min(champion[2], candidate[2])
        self.method = "melded bounds (Fay et al. 2015), unpaired"

    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """Compute exact p-values of several hypotheses; see `Evidence.p_values`."""
        if worse:
            return p_difference(flipped(self._candidate), self._champion, -losses)
        return p_difference(flipped(self._champion), self._candidate, losses)

    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """Estimate how many examples would be needed, if both sides grow in proportion.

        See `Evidence.needed`.
        """
        champion_mean, champion_sd, champion_count = self._champion
        candidate_mean, candidate_sd, candidate_count = self._candidate
        champion_variance = variance_of(champion_mean, champion_sd)
        candidate_variance = variance_of(candidate_mean, candidate_sd)
        luck = normal_quantile(power)

        def passes(factor: float) -> bool:
            """Whether a sample with bad luck passes if both sides have `factor` times as many."""
            # The standard error of the difference of two independent means.
            champions = champion_count * factor
            candidates = candidate_count * factor
            error = sqrt(champion_variance / champions + candidate_variance / candidates)
            unlucky_loss = loss + luck * error
            # A power below one half plans for good luck, but no mean score is above 1.
            after = min(champion_mean - unlucky_loss, 1.0)
            if unlucky_loss >= limit or after < 0:
                return False
            champion = (champion_mean, champion_sd, champions)
            candidate = (after, candidate_sd, candidates)
            return bool(p_difference(flipped(champion), candidate, np.array(limit)) <= alpha)

        # One factor for both sides, because their numbers of examples are usually equal.
        factor = _smallest_factor(passes)
        return int(np.ceil(factor * min(champion_count, candidate_count))), None


def _smallest_factor(passes: Callable[[float], bool]) -> float:
    """Find the smallest factor that passes: by doubling and halving, and then by bisection."""
    high = 1.0
    while not passes(high) and high < LARGEST_FACTOR:
        high *= 2
    while high > SMALLEST_FACTOR and passes(high / 2):
        high /= 2
    low = high / 2
    for _ in range(BISECTIONS):
        # The geometric mean, because the factor is wanted to a relative precision.
        middle = sqrt(low * high)
        if passes(middle):
            high = middle
        else:
            low = middle
    return high


def _check_score(score: Score) -> None:
    """Refuse a mean, a deviation or a number of examples that is impossible."""
    mean, deviation, count = score
    possible_deviation = deviation is None or deviation >= 0
    if not (0 <= mean <= 1 and count >= 1 and possible_deviation):
        raise HoldfastError(
            "an aggregated score needs a mean from 0 to 1, a standard deviation of at least 0 (or "
            f"None if it is unknown) and at least one example, got {score}"
        )
