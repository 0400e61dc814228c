"""How sure a language model is of what it says: signals of a task that need no further training."""

from collections.abc import Mapping

import torch
from torch import Tensor

from holdfast.engine.batch import Rows
from holdfast.engine.next_token import tokens_of
from holdfast.engine.snapshot import evaluating
from holdfast.models.token_states import IGNORED
from holdfast.streams.task import Part
from holdfast.training.view import View

ROWS_AT_ONCE = 8  # texts; every token has a logit per word of the vocabulary
ENTROPY = "entropy"
CONFIDENCE = "confidence"
Signals = Mapping[str, float]  # by name


@torch.no_grad()
def signals_of(view: View, part: Part) -> dict[str, float]:
    """Measure how sure a model is of the tokens of texts that count.

    Each token is predicted from the true tokens before it. Training does not notice this.

    Args:
        view: The learner, between two tasks.
        part: The texts.

    Returns:
        `entropy`: the mean entropy of the distribution over tokens, in nats, from 0 to the
        logarithm of the vocabulary. `confidence`: the mean of the largest probability, in (0, 1].
        Each is a mean over all tokens that count, so long texts weigh more.
    """
    entropies: list[Tensor] = []
    largest: list[Tensor] = []
    model = view.model
    timed = view.state.progress.timed("evaluation")
    aside = view.state.random.aside("signals")
    with timed, aside, evaluating(model), view.forward.casting():
        for x, y, task in part.batches(torch.arange(len(part)).split(ROWS_AT_ONCE)):
            inputs = view.prepare(x.to(view.device), augment=False)
            outputs: Tensor = view.head(model.features(inputs, None), None)
            counts = tokens_of(Rows(inputs, y, task))[1] != IGNORED
            # In double precision, because the entropy adds up tens of thousands of small terms.
            log_p = outputs[counts].double().log_softmax(-1)
            entropies.append(-(log_p.exp() * log_p).sum(-1))
            largest.append(log_p.max(-1).values.exp())
    return {
        ENTROPY: float(torch.cat(entropies).mean()),
        CONFIDENCE: float(torch.cat(largest).mean()),
    }
