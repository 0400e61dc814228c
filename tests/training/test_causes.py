"""Why a task was not learnt is found in what was measured, and said with what to change."""

import math
import re
from dataclasses import replace

import pytest
import torch

from holdfast.methods import ER, EWC
from holdfast.models import mlp
from holdfast.streams import digits, from_arrays, split
from holdfast.training import Learner, optimizer
from holdfast.training.causes import Learning, likely_causes
from holdfast.training.recorder import Recorder

FINE = Learning("a", "", True, 0.1, 500, 0.7, 0.6, 1.0)


def test_nothing_is_said_without_a_sign():
    assert likely_causes(FINE) == []
    assert likely_causes(replace(FINE, trains=False, last_loss=9.0)) == []
    assert likely_causes(replace(FINE, first_loss=math.nan, suggested=0.1)) == []


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        ({"last_loss": 30.0}, "diverged: its loss rose from 0.7 to 30; lower the learning rate"),
        ({"suggested": 3.0}, "the learning rate 0.1 is far below 3"),
        ({"suggested": 0.001}, "the learning rate 0.1 is far above 0.001"),
        ({"steps": 4}, "trained for 4 steps only; give more --epochs"),
        ({"inputs": 120.0}, "not normalised: their root mean square is 120"),
        ({"inputs": 0.02}, "the inputs are small: their root mean square is 0.02"),
        (
            {"last_loss": 0.01},
            r"were learnt .its loss fell from 0.7 to 0.01., but not",
        ),
        ({"holding": "EWC(1e9)"}, "may hold the weights too firmly"),
    ],
)
def test_each_cause_follows_from_its_fact(fact, words):
    (cause,) = likely_causes(replace(FINE, **fact))
    assert re.search(words, cause)


def run(stream, make, method=None, **settings):
    model = mlp(stream.shape, "growing", hidden=[16], seed=0)
    return Learner(model, method, make, scenario="class", **settings).fit(stream)


def test_a_run_that_learnt_nothing_warns_and_says_why():
    stream = split(digits(), 5, "class")
    with pytest.warns(UserWarning, match="nothing was learnt"):
        learnt_nothing = run(stream, optimizer("sgd", lr=1e-6))
    assert [task.task for task in learnt_nothing.unlearnt] == list(learnt_nothing.matrix.tasks)
    assert "steps only" in learnt_nothing.warning
    learnt = run(stream, optimizer("adam", lr=0.003), ER(200), epochs=10)
    assert not learnt.unlearnt
    assert learnt.warning == ""


def test_pixels_from_0_to_255_are_named():
    x = torch.rand(80, 6) * 255
    y = [0, 1] * 40
    stream = from_arrays(x, y, [0] * len(y), "class", test=0.5)
    with pytest.warns(UserWarning, match="not normalised"):
        run(stream, optimizer("sgd", lr=1e-9))


def test_an_answer_that_is_always_the_commonest_label_is_no_learning():
    x = torch.zeros(100, 3)
    y = [0] * 90 + [1] * 10
    stream = from_arrays(x, y, [0] * len(y), "class", test=0.5)
    with pytest.warns(UserWarning, match=r"score 0.9 .*guessing gives 0.9"):
        run(stream, optimizer("sgd", lr=0.1), epochs=20)


def log_score(logits, y):
    return logits.log_softmax(1)[torch.arange(len(y)), y]


def test_a_scorer_of_another_range_is_judged_by_an_interval():
    stream = split(digits(), 5, "class")
    results = []
    for lr in (1e-6, 0.1):
        model = mlp(stream.shape, "growing", hidden=[16], seed=0)
        make = optimizer("sgd", lr=lr, momentum=0.9)
        learner = Learner(model, None, make, scenario="class", scorer=log_score, epochs=3)
        learner.train(stream[0])
        recorder = Recorder()
        recorder.evaluate(learner.view, stream, stream[0].name, [stream[0]])
        results.append(recorder.unlearnt)
    (near,) = results[0]
    assert near.level == pytest.approx(-math.log(2))
    assert results[1] == []


def test_a_method_that_holds_the_weights_is_named_if_nothing_else_is_known():
    known = replace(FINE, holding=repr(EWC(1e12)), first_loss=3.0, last_loss=3.0)
    assert likely_causes(known) == [
        f"{EWC(1e12)!r} may hold the weights too firmly; try a smaller strength, and compare with "
        "FineTune"
    ]
    assert len(likely_causes(replace(known, steps=3))) == 1
