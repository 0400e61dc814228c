"""What the scores of two models show about the change of their mean: the common interface."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import isfinite

import numpy as np

from holdfast.metrics.distributions import normal_quantile

POINTS = 33  # losses at which a p-value is computed at once, to find where it crosses a level
ROUNDS = 3  # of that search; each looks between two neighbours of the last


class Evidence(ABC):
    """What the scores of two models show about the change of their mean.

    A change is the candidate's mean score minus the champion's, in [-1, 1] for scores in [0, 1].
    Below 0 the candidate is worse, because scores of which lower ones are better come in with their
    signs turned. A loss is minus the change.

    Attributes:
        change: Measured change, in [-1, 1].
        examples: Number of examples. For two samples it is that of the smaller one.
        clusters: Number of clusters, or None if examples are independent.
        method: Name of the test.
        span: The largest possible change. It is 1 for scores in [0, 1].
    """

    change: float
    examples: int
    clusters: int | None = None
    method: str
    span: float = 1.0

    @abstractmethod
    def p_values(self, losses: np.ndarray, worse: bool, near: float | None = None) -> np.ndarray:
        """Compute the p-values of several hypotheses.

        Args:
            losses: The losses of the hypotheses, in [-1, 1], shape (G,). Below 0 they are gains.
            worse: False tests "the candidate loses `loss` or more", so that a small p-value shows
                that it loses less. True tests "it loses `loss` or less", so that a small p-value
                shows that it loses more.
            near: A level near which the p-values must be exact. The others may then be
                approximations. None computes all of them exactly.

        Returns:
            P-values, shape (G,).
        """

    def p_loses_less(self, loss: float) -> float:
        """Compute the p-value of "the candidate loses `loss` or more".

        Args:
            loss: The loss of the hypothesis, in [-1, 1]. Below 0 it is a gain.

        Returns:
            A p-value, which is small if the candidate is shown to lose less.
        """
        return float(self.p_values(np.array([loss]), worse=False)[0])

    def p_loses_more(self, loss: float) -> float:
        """Compute the p-value of "the candidate loses `loss` or less".

        Args:
            loss: The loss of the hypothesis, in [-1, 1]. Below 0 it is a gain.

        Returns:
            A p-value, which is small if the candidate is shown to lose more.
        """
        return float(self.p_values(np.array([loss]), worse=True)[0])

    @abstractmethod
    def needed(
        self, limit: float, alpha: float, loss: float, power: float
    ) -> tuple[int, int | None]:
        """Estimate how many examples would show that the candidate loses less than `limit`.

        Args:
            limit: The loss that is allowed, in (0, 1).
            alpha: Level of the test, in (0, 0.5).
            loss: The assumed true loss, below `limit`.
            power: Chance of showing it, in (0, 1).

        Returns:
            Number of examples, and of clusters (None if examples are independent).
        """

    def interval(self, alpha_low: float, alpha_high: float) -> tuple[float, float]:
        """Find the changes that the two one-sided tests do not reject.

        Args:
            alpha_low: Level of the test against larger losses, whose end is the lower one.
            alpha_high: Level of the test against smaller losses, whose end is the upper one.

        Returns:
            Lower and upper end of the change, in [-1, 1].
        """

        def p_loses_less(losses: np.ndarray) -> np.ndarray:
            return self.p_values(losses, worse=False, near=alpha_low)

        def p_gains_less(gains: np.ndarray) -> np.ndarray:
            return self.p_values(-gains, worse=True, near=alpha_high)

        largest_loss = crossing(p_loses_less, alpha_low, self.span)
        largest_gain = crossing(p_gains_less, alpha_high, self.span)
        return 0.0 - largest_loss, largest_gain  # 0.0 - x, so that no end is a negative zero


def crossing(
    p_values: Callable[[np.ndarray], np.ndarray], alpha: float, span: float = 1.0
) -> float:
    """Find the loss from which on a p-value that falls with the loss is at most `alpha`.

    Args:
        p_values: The p-values of losses, shape (G,) to shape (G,).
        alpha: The level, in (0, 1).
        span: The largest possible loss.

    Returns:
        The loss, in [-span, span]; `span` if no p-value is as small as `alpha`.
    """
    # Each round computes a grid of p-values and goes on between the two losses around the crossing.
    low = -span
    high = span
    for _ in range(ROUNDS):
        losses = np.linspace(low, high, POINTS)
        rejected = p_values(losses) <= alpha
        if not bool(rejected.any()):
            return span
        first = int(rejected.argmax())
        if first == 0:
            return low
        low = float(losses[first - 1])
        high = float(losses[first])

    # Between two close neighbours the normal quantile of the p-value is nearly a straight line.
    p_low, p_high = p_values(np.array([low, high]))
    start = -normal_quantile(float(p_low))
    end = -normal_quantile(float(p_high))
    goal = -normal_quantile(alpha)
    # P-values of 0 and 1 have no finite quantile. The larger loss is the careful end then.
    if not (isfinite(start) and isfinite(end)) or end <= start:
        return high
    fraction = (goal - start) / (end - start)
    return low + float(np.clip(fraction, 0.0, 1.0)) * (high - low)
