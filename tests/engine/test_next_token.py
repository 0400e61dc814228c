"""The objective of language models against that of transformers, and against sums by hand."""

import pytest
import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.competing import ALL
from holdfast.engine.fisher import fisher_diagonal
from holdfast.engine.next_token import NextToken, tokens_of
from holdfast.engine.parameters import ParameterSpace
from holdfast.errors import HoldfastError
from holdfast.models.language import language_model
from holdfast.named_inputs import NamedInputs, join_inputs
from small_language_models import small_model, two_tasks


def texts(number: int = 5) -> NamedInputs:
    x = two_tasks()[0].train.fetch(torch.arange(number))[0]
    assert isinstance(x, NamedInputs)
    return x


def rows(x: NamedInputs) -> Rows:
    return Rows.of_task(x, torch.zeros(len(x), dtype=torch.long), 0)


def step_of(network, batch: Batch) -> Step:
    features = network.features(batch.x)
    return Step(batch, batch.x, features, network.head(features), ALL)


def test_the_loss_and_its_gradient_are_those_of_transformers():
    x = texts()
    theirs = small_model()
    loss = theirs(**x.tensors).loss
    loss.backward()
    ours = language_model(small_model())
    own = NextToken().loss(step_of(ours, Batch.of_stream(rows(x))))
    own.backward()
    torch.testing.assert_close(own, loss)
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, msg=name)


def test_each_row_has_the_loss_that_it_has_alone_whatever_the_padding():
    x = texts()
    network = language_model(small_model())
    together = NextToken().losses(network(x), rows(x), ALL)
    for place in range(len(x)):
        alone = x[place : place + 1]
        length = int(alone["attention_mask"].sum())
        alone = alone.map(lambda tensor, length=length: tensor[:, :length])
        torch.testing.assert_close(
            NextToken().losses(network(alone), rows(alone), ALL)[0], together[place]
        )
        theirs = small_model()(**alone.tensors).loss
        torch.testing.assert_close(theirs, together[place])


def test_stored_rows_weigh_as_a_block_and_tokens_alike_within_it():
    x = texts()
    network = language_model(small_model())
    batch = Batch.of_stream(rows(x[:3])).add("ER", rows(x[3:]), mass=3.0)
    losses = [small_model()(**part.tensors).loss for part in (x[:3], x[3:])]
    torch.testing.assert_close(
        NextToken().loss(step_of(network, batch)), (losses[0] + 3 * losses[1]) / 4
    )
    by_rows = NextToken("rows").loss(step_of(network, batch))
    each = NextToken().losses(network(x), rows(x), ALL)
    torch.testing.assert_close(by_rows, (each[:3].mean() + 3 * each[3:].mean()) / 4)


def test_the_divergence_is_that_of_the_tokens_that_count():
    x = texts()
    now = language_model(small_model())(x)
    before = language_model(small_model(1))(x)
    targets = tokens_of(rows(x))[1]
    by_hand = []
    for z, old in zip(now[targets != -100], before[targets != -100], strict=True):
        p = (old / 2).softmax(0)
        by_hand.append((p * (p.log() - (z / 2).log_softmax(0))).sum())
    found = NextToken().divergence(now, before, 2.0, rows(x))
    torch.testing.assert_close(found, torch.stack(by_hand).mean())


def fisher_by_hand(x: NamedInputs) -> Tensor:
    network = language_model(small_model())
    space = ParameterSpace(network)
    total = torch.zeros_like(space.theta)
    for place in range(len(x)):
        part = rows(x[place : place + 1])
        grads = torch.autograd.grad(
            NextToken().log_likelihoods(network(part.x), part).sum(), space.parameters
        )
        total += space.gather(list(grads)).square()
    return total / len(x)


def test_the_empirical_fisher_is_the_mean_square_of_the_gradients_of_whole_texts():
    x = texts()
    space = ParameterSpace(language_model(small_model()))
    found = fisher_diagonal(
        space, lambda net, part: net(part), x, labels="empirical", objective=NextToken()
    )
    torch.testing.assert_close(found, fisher_by_hand(x), rtol=1e-4, atol=1e-8)


def test_drawn_tokens_follow_the_probabilities_and_stand_where_tokens_count():
    x = join_inputs([texts(1)] * 4000)
    network = language_model(small_model(2))
    with torch.no_grad():
        logits = network(x) * 20
    given = rows(x)
    drawn = NextToken().drawn(logits, given, "sampled", torch.Generator().manual_seed(0))
    counts = x["labels"] != -100
    assert torch.equal(drawn.x["labels"] != -100, counts)
    said = tokens_of(drawn)[1][:, 0]
    shares = said.bincount(minlength=50) / len(said)
    assert float((shares - logits[0, 0].softmax(0)).abs().max()) < 0.04
    likely = NextToken().drawn(logits, given, "predicted", None)
    assert torch.equal(tokens_of(likely)[1][0], logits[0].argmax(-1))


def test_an_exact_fisher_and_inputs_without_labels_are_refused():
    x = texts(1)
    space = ParameterSpace(language_model(small_model()))
    with pytest.raises(HoldfastError, match="every possible text"):
        fisher_diagonal(space, lambda n, p: n(p), x, labels="exact", objective=NextToken())
    plain = NamedInputs({"input_ids": x["input_ids"]})
    with pytest.raises(HoldfastError, match="from_prompts"):
        NextToken().losses(torch.zeros(1, 1, 50), rows(plain), ALL)
    with pytest.raises(HoldfastError, match="scenario"):
        NextToken().refuse("class")


def test_tokens_that_do_not_count_change_nothing():
    x = texts()
    network = language_model(small_model())
    changed = x["labels"].clone()
    changed[:, 0] = 7  # nothing predicts the first token
    other = x.replaced(x.tensors | {"labels": changed})
    assert torch.equal(network(x), network(other))
