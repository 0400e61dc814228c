"""Anchors, averages and frozen parts on a causal language model."""

import pytest
import torch

from holdfast.checks.parts import require_same, state_of
from holdfast.engine.objectives import NextToken
from holdfast.engine.rows import Rows
from holdfast.methods import KLAnchor, Method, Mix, parse_method
from holdfast.models.language import language_model
from holdfast.models.token_states import counted_tokens
from holdfast.named_inputs import NamedInputs
from holdfast.streams.outside import whole_text
from holdfast.training import Learner, optimizer
from small_language_models import small_model, two_tasks

SPECS = [
    "KLAnchor(1.0)",
    "KLAnchor(1.0, direction='reverse') + ER(10)",
    "ER(10) + LwF()",
    "EMA(0.9)",
    "Interpolate(0.5)",
    "TaskArithmetic(0.5)",
    "EMA(0.9, start='average') + Freeze('embed_tokens', from_task=1)",
]


def general() -> object:
    """Texts that are no task."""
    return two_tasks(train=7)[1].train


def learner_of(method: str | Method) -> Learner:
    """A learner of a small language model."""
    network = language_model(small_model())
    make = optimizer("adamw", lr=0.01)
    options = {"scenario": "domain", "objective": "language", "batch_size": 8}
    return Learner(network, method, make, **options)


@pytest.mark.parametrize("spec", [*SPECS, "labelled", "unlabelled"])
def test_a_run_continues_from_the_middle_of_a_task_bit_for_bit(spec, tmp_path):
    def method() -> Method:
        if spec == "labelled":
            return Mix(general(), 0.2)
        if spec == "unlabelled":
            return Mix(general(), 0.2, labels=False) + KLAnchor(1.0)
        return parse_method(spec)

    stream = two_tasks()
    whole = learner_of(method()).train(stream[0])
    whole.begin(stream[1])
    batches = list(whole.view.batches())
    whole.step(batches[0])
    whole.save(tmp_path / "half")
    for batch in batches[1:]:
        whole.step(batch)
    whole.end()
    rest = learner_of(method())
    rest.load(tmp_path / "half", stream.tasks)
    rest.train(stream[1])
    require_same(state_of(whole), state_of(rest), spec)
    scores = [one.evaluate(stream[0]) for one in (whole, rest)]
    assert torch.equal(*scores)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_the_divergence_is_the_mean_over_the_tokens_that_count(direction):
    x, y, task = two_tasks()[0].train.fetch(torch.arange(5))
    rows = Rows(x, y, task)
    _, tokens = counted_tokens(x["labels"])
    chance = torch.Generator().manual_seed(0)
    # The network's outputs are wider, because other rows of the batch had more tokens.
    now = torch.randn(5, tokens.shape[1] + 2, 50, generator=chance, dtype=torch.double)
    earlier = torch.randn(5, tokens.shape[1], 50, generator=chance, dtype=torch.double)
    of_tokens = []
    for row, place in (tokens != -100).nonzero().tolist():
        p, q = (side[row, place].div(1.5).softmax(0) for side in (earlier, now))
        if direction == "reverse":
            p, q = q, p
        of_tokens.append((p * (p.log() - q.log())).sum())
    measure = NextToken().divergence
    if direction == "reverse":
        measure = NextToken().reverse_divergence
    found = measure(now, earlier, 1.5, rows)
    torch.testing.assert_close(found, torch.stack(of_tokens).mean())


def test_every_token_of_a_text_counts_if_nothing_says_which():
    ids = torch.tensor([[5, 6, 7], [8, 9, 0]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    x = whole_text(NamedInputs({"input_ids": ids, "attention_mask": mask}, {"input_ids": 0}))
    assert x["labels"].tolist() == [[5, 6, 7], [8, 9, -100]]
    assert whole_text(x) is x
