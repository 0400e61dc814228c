"""Token losses of texts that nothing is trained on: how much general ability training costs.

N texts have n_i tokens each, and L_i is the sum of their losses. The mean loss of a token is
Σ L_i / Σ n_i, a ratio of two sums over texts, because the tokens of one text are not independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from holdfast.errors import HoldfastError, unknown
from holdfast.metrics.intervals import Interval

# With fewer texts, intervals of skewed changes miss the truth too often
# (`benchmarks/token_loss_levels.py`).
FEWEST_TEXTS = 200
RESAMPLES = 999
# Bounds that were to be missed by 2.5 % each were missed by up to 5 % of 200 texts whose changes
# are skewed, so each is asked for with this share of its probability.
CAUTION = 0.7
AT_ONCE = 2**20  # numbers of a piece of the resamples


@dataclass
class TokenLosses:
    """The losses of the same texts before training and after each task.

    Args:
        name: What the texts are, such as "general".
        tokens: The number of tokens of each text, (N,), at least 1.
        points: The last task learnt at each time, None before training.
        losses: The sum of the losses of each text at each time, in nats, (P, N).

    Example:
        >>> tokens = [2, 3]
        >>> track = TokenLosses("general", tokens, [None, "a"], [[4.0, 6.0], [5.0, 9.0]])
        >>> track.mean("a"), track.rise("a").estimate
        (2.8, 0.8)
    """

    name: str
    tokens: Sequence[int]
    points: list[str | None] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=list)

    def mean(self, after: str | None = None) -> float:
        """Compute the mean loss of a token.

        Args:
            after: The last task learnt. None: before training.

        Returns:
            The loss in nats. Its exponential is the perplexity.
        """
        total = float(np.sum(self._at(after)) / np.sum(self.tokens))
        return round(total, 12)

    def rise(self, after: str, before: str | None = None, confidence: float = 0.95) -> Interval:
        """Compute by how much the mean loss of a token has risen.

        Args:
            after: The last task learnt.
            before: The time with which it is compared. None: before training.
            confidence: Probability that such an interval contains the true rise, in (0, 1).

        Returns:
            The rise in nats, above 0 if the model forgets, with an interval over texts (studentised
            bootstrap, with a fixed seed). With fewer than 200 texts there is none, because it would
            not hold if few texts carry most of the change.

        Raises:
            HoldfastError: There is no such time.
        """
        changes = self._at(after) - self._at(before)
        tokens = np.asarray(self.tokens, dtype=float)
        estimate = float(changes.sum() / tokens.sum())
        texts = len(tokens)
        if texts < FEWEST_TEXTS:
            reason = f"an interval needs at least {FEWEST_TEXTS} texts, there are {texts}"
            nan = float("nan")
            return Interval(round(estimate, 12), nan, nan, confidence, "texts", texts, reason)
        low, high = _studentised(changes, tokens, CAUTION * (1 - confidence) / 2)
        return Interval(round(estimate, 12), low, high, confidence, "texts", texts)

    def _at(self, after: str | None) -> np.ndarray:
        """The losses of the texts at a time, (N,)."""
        if after not in self.points:
            known = [point for point in self.points if point is not None]
            raise unknown("task that the track was measured after", after, known)
        values = np.asarray(self.losses[self.points.index(after)], dtype=float)
        if values.shape != np.shape(self.tokens):
            raise HoldfastError(
                f"the track {self.name!r} has {len(self.tokens)} texts, but {values.size} losses"
            )
        return values


def _studentised(changes: np.ndarray, tokens: np.ndarray, tail: float) -> tuple[float, float]:
    """The bounds of Σ changes / Σ tokens, each missed with probability `tail`."""
    ratio, error = _ratio(changes[None], tokens[None])
    rng = np.random.default_rng(0)
    texts = len(tokens)
    pieces = []
    done = 0
    while done < RESAMPLES:
        # Pieces keep the memory bounded however many texts there are.
        size = min(RESAMPLES - done, max(1, AT_ONCE // texts))
        drawn = rng.integers(0, texts, (size, texts))
        ratios, errors = _ratio(changes[drawn], tokens[drawn])
        # Texts that all changed alike have no error, and then no distance from the ratio either.
        pieces.append((ratios - ratio) / np.maximum(errors, 1e-300))
        done += size
    distances = np.concatenate(pieces)
    upper = float(np.quantile(distances, 1 - tail))
    lower = float(np.quantile(distances, tail))
    return float(ratio[0] - upper * error[0]), float(ratio[0] - lower * error[0])


def _ratio(changes: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ratio of sums of each row, and its standard error by the delta method."""
    ratios = changes.sum(1) / tokens.sum(1)
    # What each text adds to the ratio beyond the mean.
    parts = (changes - ratios[:, None] * tokens) / tokens.mean(1, keepdims=True)
    return ratios, parts.std(1, ddof=1) / tokens.shape[1] ** 0.5
