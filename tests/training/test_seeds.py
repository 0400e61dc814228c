"""The learner's seed decides all draws.

This includes draws from the global generators of PyTorch, NumPy and Python.
"""

import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from helpers import same, weights
from holdfast import HoldfastError
from holdfast.methods import parse_method
from holdfast.models import classifier_from
from holdfast.streams import from_datasets
from holdfast.training import Learner, optimizer
from holdfast.training.checkpoint import Checkpoints
from holdfast.training.randomness import Randomness, may_draw

NOISE = {
    "numpy": lambda: np.random.normal(size=6).astype(np.float32),  # noqa: NPY002
    "python": lambda: np.array([random.gauss(0, 1) for _ in range(6)], np.float32),
    "torch": lambda: torch.randn(6).numpy(),
}


class Noisy(Dataset):
    def __init__(self, first, kind, rows=40):
        self.first, self.kind, self.rows = first, kind, rows

    def __len__(self):
        return self.rows

    def __getitem__(self, i):
        return torch.from_numpy(NOISE[self.kind]()) + i % 2, self.first + i % 2


def noisy_stream(kind):
    pairs = [(Noisy(first, kind), Noisy(first, kind, 10)) for first in (0, 2)]
    return from_datasets(pairs, "class", labels=[(0, 1), (2, 3)])


def make(seed=0, method="ER(20)", **options):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    settings = {"scenario": "class", "batch_size": 8, "epochs": 2, "seed": seed} | options
    return Learner(
        classifier_from(net, "2", "growing"),
        parse_method(method),
        optimizer("sgd", lr=0.05),
        **settings,
    )


def disturb(n):
    """Another state of the process, as whatever ran before may leave it."""
    np.random.seed(n)  # noqa: NPY002
    random.seed(n)
    torch.manual_seed(n)
    np.random.normal(), random.gauss(0, 1)  # noqa: NPY002 each keeps a second value


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("own_loop", [False, True])
def test_noise_in_a_data_set_follows_the_seed_of_the_learner(kind, own_loop):
    found, scores = [], []
    for process, seed in ((1, 0), (2, 0), (3, 1)):
        s, ours = noisy_stream(kind), make(seed)
        disturb(process)
        if own_loop:
            for task in s:
                ours.begin(task)
                for batch in ours.view.batches():
                    ours.step(batch)
                    disturb(process)
                ours.end()
        else:
            scores.append(ours.fit(s, evaluate_every=4).curves.scores)
        found.append(weights(ours.model))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])
    assert own_loop or str(scores[0]) == str(scores[1])


def test_the_generators_of_the_process_are_left_as_they_were():
    s = noisy_stream("numpy")
    drawn, ours = [], make()
    for train in (False, True):
        disturb(7)
        if train:
            ours.fit(s)
        draws = (np.random.normal, random.random, lambda: random.gauss(0, 1), lambda: torch.rand(1))
        drawn.append([float(draw()) for draw in draws])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("stop", [3, 5, 10, 13])
def test_a_run_that_was_killed_in_a_task_resumes_to_the_same_bits(tmp_path, kind, stop):
    class Killed(Exception):
        pass

    s, steps = noisy_stream(kind), []

    def kill(*_):
        steps.append(1)
        if len(steps) == stop:
            raise Killed

    whole = make()
    disturb(1)
    expected = whole.fit(s).matrix
    saves = Checkpoints(tmp_path, every=0.0)
    disturb(2)
    with pytest.raises(Killed):
        make().fit(s, checkpoints=saves, progress=kill)
    disturb(3)
    again = make()
    matrix = again.fit(s, checkpoints=saves).matrix
    assert same(weights(whole.model), weights(again.model))
    assert [c.score for c in matrix.cells.values()] == [c.score for c in expected.cells.values()]


def test_evaluating_a_noisy_test_set_changes_nothing_and_gives_the_same_scores():
    s = noisy_stream("numpy")
    often, never = make(), make()
    scores = []
    for ours in (often, never):
        ours.begin(s[0])
        for batch in ours.view.batches():
            ours.step(batch)
            if ours is often:
                scores.append((ours.evaluate(s[0]), ours.evaluate(s[0])))
        ours.end()
    assert same(weights(often.model), weights(never.model))
    assert all(torch.equal(a, b) for a, b in scores)


@pytest.mark.parametrize("kind", ["numpy", "python"])
def test_an_augmentation_of_the_user_follows_the_seed(kind):
    def augment(x, generator):
        return x + torch.from_numpy(NOISE[kind]())

    found = []
    for process in (1, 2):
        disturb(process)
        ours = make(method="AGEM(10)", augment=augment)
        s = noisy_stream("torch")
        ours.begin(s[0])
        for batch in ours.view.batches():
            ours.step(batch)
        ours.end()
        found.append(weights(ours.model))
    assert same(*found)
    assert may_draw(augment, ours.model)
    assert not may_draw(None, ours.model)


def test_states_survive_saving_with_the_values_that_they_keep():
    a, b = (Randomness(seed, torch.device("cpu")) for seed in (0, 1))
    with a.active():
        drawn()  # the second normal value of each pair is kept
        b.restore(a.state())
        expected = drawn()
    with b.active():
        assert drawn() == expected


def drawn() -> tuple[float, ...]:
    """One number of each kind from NumPy's and Python's global generators."""
    of_numpy = (np.random.normal(), np.random.rand())  # noqa: NPY002
    return (*of_numpy, random.gauss(0, 1), random.random())


def test_a_checkpoint_from_before_has_no_state_of_numpy_and_python():
    old = Randomness(0, torch.device("cpu")).state()
    loaded = Randomness(0, torch.device("cpu"))
    loaded.restore({"host": old["host"]})
    with loaded.active(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 <= np.random.rand() < 1  # noqa: NPY002


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(3),
        torch.full((627,), -1.0),
        torch.full((627,), 2.0**33),
        torch.full((627,), 700.0),
    ],
)
@pytest.mark.parametrize("whose", ["numpy", "python"])
def test_a_state_that_is_none_is_refused(whose, wrong):
    own = Randomness(0, torch.device("cpu"))
    with pytest.raises(HoldfastError, match="is no state of a generator"):
        own.restore(own.state() | {whose: wrong.double()})
