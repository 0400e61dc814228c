"""Scorers of the user: whatever they are, and what they give."""

from functools import partial

import pytest
import torch

from helpers import SGD, learner, stream
from holdfast import HoldfastError
from holdfast.methods import parse_method
from holdfast.models import mlp
from holdfast.training import Learner
from holdfast.training.scoring import accuracy, name_of, range_of


def probability(logits, y, temperature=1.0):
    return (logits / temperature).softmax(1).gather(1, y[:, None])[:, 0]


class Scaled:
    score_range = (0.0, 100.0)

    def __call__(self, logits, y):
        return 100 * accuracy(logits, y)


@pytest.mark.parametrize("scenario", ["class", "domain", "task"])
@pytest.mark.parametrize(
    ("scorer", "bounds"),
    [
        (partial(probability, temperature=2.0), (-1e30, 1e30)),
        (lambda z, y: probability(z, y), (-1e30, 1e30)),
        (Scaled(), (0.0, 100.0)),
        (partial(accuracy), (0.0, 1.0)),
        (lambda z, y: z.argmax(1) == y, (-1e30, 1e30)),
        (lambda z, y: -torch.nn.functional.cross_entropy(z, y, reduction="none"), (-1e30, 1e30)),
    ],
)
def test_any_callable_scores_a_run_to_its_end(scenario, scorer, bounds):
    s = stream(scenario)
    run = learner(s, scorer=scorer, steps=4).fit(s, evaluate_every=2)
    assert run.matrix.score_range == bounds
    assert run.matrix.score(s[0].name, after=s[4].name) == run.matrix.score(
        s[0].name, after=s[4].name
    )


@pytest.mark.parametrize("scenario", ["class", "domain", "task"])
@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (
            lambda z, y: accuracy(z, y).mean(),
            r"returned shape \(\) for .* leave the mean to Holdfast",
        ),
        (lambda z, y: z.softmax(1), r"returned shape \(\d+, \d+\) for \d+ examples"),
        (lambda z, y: z[0].exp(), r"returned shape \(\d+,\) for"),
        (lambda z, y: accuracy(z, y)[:, None], r"returned shape \(\d+, 1\)"),
        (lambda z, y: accuracy(z, y) / 0, "returned (nan|inf)"),
        (lambda z, y: accuracy(z, y).tolist(), "returned list"),
        (lambda z, y: z.softmax(1)[:, y.max() + 50], "failed on logits of shape .* index"),
        (lambda z: z, "failed on logits of shape"),
    ],
)
def test_what_is_no_score_per_example_is_refused_before_the_first_step(scenario, scorer, message):
    s, steps = stream(scenario), []
    with pytest.raises(HoldfastError, match=f"the scorer <lambda> {message}"):
        learner(s, scorer=scorer).fit(s, progress=lambda *a: steps.append(a))
    assert not steps


def test_scores_outside_of_their_declared_range_are_refused_before_the_first_step():
    def squeezed(logits, y):
        return accuracy(logits, y) + 2

    squeezed.score_range = (0.0, 1.0)
    s, steps = stream(), []
    with pytest.raises(
        HoldfastError,
        match=r"returned scores from 2 .* its score_range is \[0, 1\]; set squeezed.score_range",
    ):
        learner(s, scorer=squeezed).fit(s, progress=lambda *a: steps.append(a))
    assert not steps


@pytest.mark.parametrize(
    "declared", [(0.0,), (1.0, 0.0), (0.0, float("inf")), "high", None, (0, "x")]
)
def test_a_range_that_is_none_is_refused_before_the_first_step(declared):
    def scorer(logits, y):
        return accuracy(logits, y)

    scorer.score_range = declared
    with pytest.raises(HoldfastError, match="score_range of scorer scorer"):
        learner(stream(), scorer=scorer).fit(stream())


def test_a_range_may_be_declared_on_a_partial_or_on_what_it_wraps():
    inner = partial(accuracy)
    assert range_of(inner) == (0.0, 1.0)
    inner.score_range = (0.0, 2.0)
    assert range_of(inner) == (0.0, 2.0)
    assert name_of(Scaled()) == "Scaled"


@pytest.mark.parametrize("method", ["NCM()", "iCaRL(20)"])
def test_methods_that_predict_only_after_data_are_rehearsed_by_the_network(method):
    s = stream()
    model = mlp(s.shape, "growing", hidden=(16,), seed=0)
    if method == "NCM()":
        model.freeze()
    run = Learner(model, parse_method(method), SGD, scenario="class", scorer=probability).fit(s)
    assert 0 <= run.matrix.score(s[4].name, after=s[4].name) <= 1
