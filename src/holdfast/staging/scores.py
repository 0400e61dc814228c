"""What tasks of texts are scored by: numbers between 0 and 1, so that tasks can be averaged."""

from typing import final

from torch import Tensor

from holdfast.engine.rows import Rows
from holdfast.training.scoring import Scorer
from holdfast.training.text_scores import ExactMatch, LogLikelihood, OfTexts, TokenAccuracy


@final
class Probability(OfTexts):
    """The geometric mean of the probabilities of the tokens of a text.

    It is the exponential of the mean log-likelihood of a token, and moves before the most probable
    token changes.
    """

    score_range = (0.0, 1.0)
    __name__ = "probability"

    def __call__(self, outputs: Tensor, rows: Rows) -> Tensor:
        """Score each text, (N,)."""
        # The score is at most 1, because likelihoods are at most 0.
        score: Tensor = LogLikelihood()(outputs, rows).exp()
        return score


SCORERS: dict[str, Scorer] = {
    "token_accuracy": TokenAccuracy(),
    "exact_match": ExactMatch(),
    "probability": Probability(),
}
