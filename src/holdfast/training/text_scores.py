"""Scores of what a language model would say, one per text.

These scorers get the logits of the tokens that count, (N, A, V), and the rows, which hold the
tokens. All of them read each token after the true tokens before it. A text whose every token is the
most probable one is exactly what the model says if it always takes the most probable token.
"""

from typing import final

import torch
from torch import Tensor

from holdfast.engine.next_token import NextToken, tokens_of
from holdfast.engine.rows import Rows
from holdfast.models.token_states import IGNORED


class OfTexts:
    """Base of scorers that read the tokens of texts (abstract).

    Attributes:
        takes_rows: Says that the scorer gets rows instead of labels.
    """

    takes_rows = True

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@final
class ExactMatch(OfTexts):
    """Whether the model says exactly the completion, taking the most probable token each time.

    Example:
        >>> from holdfast.named_inputs import NamedInputs
        >>> labels = torch.tensor([[-100, 1, 2]])
        >>> x = NamedInputs({"input_ids": torch.tensor([[0, 1, 2]]), "labels": labels})
        >>> logits = torch.tensor([[[0.0, 2.0, 1.0], [0.0, 2.0, 1.0]]])
        >>> ExactMatch()(logits, Rows.of_task(x, torch.tensor([0]), 0))
        tensor([0.])
    """

    score_range = (0.0, 1.0)
    __name__ = "exact_match"

    def __call__(self, outputs: Tensor, rows: Rows) -> Tensor:
        """Score each text, (N,): 1 if all of its tokens are right, else 0."""
        right, counts = _right_tokens(outputs, rows)
        return (right | ~counts).all(1).float()


@final
class TextAccuracy(OfTexts):
    """Whether the model is right: the score that a learner uses if you name none.

    For a task with choices, the right choice must be the most probable one. For other tasks it is
    the exact match. The probability of a choice is that of all of its tokens, so a longer choice is
    not favoured and not made up for.
    """

    score_range = (0.0, 1.0)
    __name__ = "text_accuracy"

    def __call__(self, outputs: Tensor, rows: Rows) -> Tensor:
        """Score each example, (N,): 1 if it is right, else 0."""
        examples = len(rows.y)
        if len(outputs) == examples:
            return ExactMatch()(outputs, rows)
        likelihoods = NextToken().log_likelihoods(outputs.float(), rows).view(examples, -1)
        return (likelihoods.argmax(1) == rows.y).float()


@final
class TokenAccuracy(OfTexts):
    """The share of the tokens of a text that are the most probable ones."""

    score_range = (0.0, 1.0)
    __name__ = "token_accuracy"

    def __call__(self, outputs: Tensor, rows: Rows) -> Tensor:
        """Score each text, (N,)."""
        right, counts = _right_tokens(outputs, rows)
        return (right & counts).sum(1) / counts.sum(1).clamp_min(1)


@final
class LogLikelihood(OfTexts):
    """The mean logarithm of the probability of a token, per text, in nats: 0 is best."""

    score_range = (-1e30, 0.0)
    __name__ = "log_likelihood"

    def __call__(self, outputs: Tensor, rows: Rows) -> Tensor:
        """Score each text, (N,)."""
        counts = (tokens_of(rows)[1] != IGNORED).sum(1).clamp_min(1)
        scores: Tensor = NextToken().log_likelihoods(outputs.float(), rows) / counts
        return scores.clamp_max(0.0)  # rounding may pass it


TEXT_SCORERS = {
    "text_accuracy": TextAccuracy(),
    "exact_match": ExactMatch(),
    "token_accuracy": TokenAccuracy(),
    "log_likelihood": LogLikelihood(),
}


def _right_tokens(outputs: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """Which tokens are the most probable ones, and which count, (N, A) each."""
    targets = tokens_of(rows)[1]
    return torch.argmax(outputs, -1) == targets, targets != IGNORED
