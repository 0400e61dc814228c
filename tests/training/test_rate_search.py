"""lr="auto": a learning rate from the first task's training examples, without a trace elsewhere."""

import random
from dataclasses import replace

import pytest
import torch
from numpy.random import mtrand

from holdfast import HoldfastError
from holdfast.methods import ER, NCM, LwF
from holdfast.models import mlp
from holdfast.streams import digits, from_arrays, split
from holdfast.training import Learner, optimizer

STREAM = split(digits(), 5, "class")


def learner(method=None, make=None, stream=STREAM, seed=0, **settings):
    model = mlp(stream.shape, "growing", hidden=[24], seed=0)
    make = make or optimizer("sgd", lr="auto", momentum=0.9)
    return Learner(model, method, make, scenario="class", seed=seed, **settings)


def one_task(x, y):
    return from_arrays(x, y, [0] * len(y), "class", test=0.5)


def weights(trained):
    return torch.cat([value.reshape(-1) for value in trained.model.state_dict().values()])


def test_training_is_that_of_the_found_rate_to_the_bit():
    found = learner(ER(40), schedule="cosine").train(*STREAM)
    rate = found.state.optimizers.first_rate
    told = learner(ER(40), optimizer("sgd", lr=rate, momentum=0.9), schedule="cosine")
    assert torch.equal(weights(found), weights(told.train(*STREAM)))


def drawn_by_numpy():
    return mtrand.get_bit_generator().state["state"]["pos"]


def test_no_generator_and_no_weight_notices_the_search():
    searching = learner(ER(40))
    before = weights(searching)
    state = torch.get_rng_state()
    python = random.getstate()
    numpy = drawn_by_numpy()
    searching.rate.find(STREAM[0])
    assert torch.equal(before, weights(searching))
    assert torch.equal(state, torch.get_rng_state())
    assert (python, numpy) == (random.getstate(), drawn_by_numpy())


def test_the_method_plays_no_part_and_later_tasks_and_tests_are_not_read():
    class Unreadable:
        def __len__(self):
            return 10

        def to(self, device):
            return self

    first = replace(STREAM[0], test=Unreadable())
    rates = [learner(method).rate.find(STREAM[0]).lr for method in (None, ER(40), LwF())]
    assert rates == [rates[0]] * 3
    assert learner().rate.find(first).lr == rates[0]


def test_the_search_is_the_same_every_time_and_depends_on_the_optimizer():
    sgd = learner().rate.find(STREAM[0])
    assert learner().rate.find(STREAM[0]) == sgd
    assert sgd.losses[sgd.lr] < sgd.first_loss / 2
    adam = learner(make=optimizer("adam", lr="auto")).rate.find(STREAM[0])
    assert adam.lr < sgd.lr


def test_a_resumed_learner_has_the_rate_of_before_and_looks_for_none(tmp_path):
    renewing = {"renew_optimizer": True}
    whole = learner(**renewing).train(STREAM[0])
    whole.save(tmp_path / "learner.safetensors")
    resumed = learner(**renewing)
    resumed.load(tmp_path / "learner.safetensors")
    for each in (whole, resumed):
        each.train(STREAM[1])
    assert torch.equal(weights(whole), weights(resumed))
    with pytest.raises(HoldfastError, match="before the first task begins"):
        resumed.rate.find(STREAM[0])


def test_what_cannot_be_searched_is_refused():
    frozen = mlp(STREAM.shape, "growing", seed=0)
    frozen.freeze()
    with pytest.raises(HoldfastError, match=r"NCM.* trains no weights"):
        Learner(frozen, NCM(), optimizer("sgd", lr="auto"), scenario="class")
    with pytest.raises(HoldfastError, match="momentum"):
        optimizer("sgd", lr="auto", momentum=-1)
    with pytest.raises(HoldfastError, match="lr='auto'"):
        learner(make=optimizer("sgd", lr=0.1)).rate.find(STREAM[0])
    broken = torch.full((20, 4), 1e38)
    stream = one_task(broken, [0, 1] * 10)
    with pytest.raises(HoldfastError, match="not finite"):
        learner(stream=stream).rate.find(stream[0])


def test_a_task_of_few_rows_has_a_rate():
    tiny = one_task(torch.eye(4), [0, 1, 0, 1])
    assert learner(stream=tiny).rate.find(tiny[0]).lr > 0
