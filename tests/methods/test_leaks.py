"""What is held out stays out: no validation row of any task is trained on, seen or stored.

Rows are told apart by their bytes: all digits differ, turned and permuted ones as well. The laws of
`holdfast.checks` hold each method against single leaks (`tests/test_checks.py` runs them over all
methods); here whole runs are watched, with the streams in which tasks share their examples.
"""

from dataclasses import replace

import pytest
import torch

from holdfast.checks.parts import same_bits
from holdfast.engine.memory import Memory
from holdfast.methods import ER, METHODS, FineTune, parse_method
from holdfast.models import mlp
from holdfast.models.heads import FITS
from holdfast.streams import blurry, digits, mixture, permuted, rotated, sequence, split
from holdfast.streams.task import ArrayPart
from holdfast.training import Learner, optimizer

DIGITS = digits().limited(200, 0)
SHARE = 0.2
QUICK = {"GDumb": "GDumb(60)", "MER": "MER(40, rows=1)", "GSS": "GSS(20, compare=2)"}


def _twice(validation, **rest):
    copy = replace(DIGITS, train_x=DIGITS.train_x.clone(), name="copy")
    return sequence([DIGITS, copy], "domain", validation=validation, **rest)


def _mixture(validation):
    pieces = ["digits", "digits:rotate=90", "digits:permute=1"]
    return mixture(pieces, lambda name: replace(DIGITS), "domain", validation=validation)


STREAMS = {
    "split": lambda v: split(DIGITS, 5, "class", validation=v),
    "blurry": lambda v: blurry(split(DIGITS, 5, "class", validation=v), 0.3),
    "permuted": lambda v: permuted(DIGITS, 3, "task", validation=v),
    "rotated": lambda v: rotated(DIGITS, 3, "domain", validation=v),
    "another order": lambda v: permuted(DIGITS, 4, "domain", validation=v, task_order=[3, 0, 2]),
    "another seed": lambda v: rotated(DIGITS, 3, "domain", validation=v, seed=5),
    "a data set and its copy": _twice,
    "mixture": _mixture,
}
OF_SCENARIO = {"class": "split", "task": "permuted", "domain": "rotated"}


def _rows(part):
    """All inputs of a part, in order."""
    return part.fetch(torch.arange(len(part)))[0]


class Register:
    """The digits of a stream, by their bytes in each task: which source row a network input is."""

    def __init__(self, name):
        self.of_bytes = {}
        for k, task in enumerate(STREAMS[name](0.0)):
            x = _rows(task.train)
            shared = len(x) == len(DIGITS.train_y) and name != "blurry"
            for p, row in enumerate(x):
                identity = p if shared else row.numpy().tobytes()
                assert self.of_bytes.setdefault((k, row.numpy().tobytes()), identity) == identity
        self.of_any_task = {row: identity for (_, row), identity in self.of_bytes.items()}

    def sources(self, x):
        """The source rows that are among the rows of x, in whatever task."""
        found = (self.of_any_task.get(row.numpy().tobytes()) for row in x)
        return {identity for identity in found if identity is not None}


def _held_out(stream, register):
    """The source rows of the validation parts of all tasks."""
    return set().union(*(register.sources(_rows(t.validation)) for t in stream))


@pytest.mark.parametrize("name", STREAMS)
def test_no_task_trains_on_the_validation_rows_of_another(name):
    stream, register = STREAMS[name](SHARE), Register(name)
    held = _held_out(stream, register)
    trained = set().union(*(register.sources(_rows(t.train)) for t in stream))
    assert held
    assert not held & trained
    everything = set(register.of_any_task.values())
    assert held | trained == everything, "each row is used in one of the two parts"


def _learner(stream, method, **options):
    model = mlp(stream.shape, FITS[stream.scenario][0], stream.outputs, hidden=(12, 8), seed=0)
    if not all(p.declare().trains for p in method.parts):
        model.freeze()
    settings = {"scenario": stream.scenario, "batch_size": 20, "epochs": 1} | options
    return Learner(model, method, optimizer("sgd", lr=0.02), **settings)


def _watched(learner):
    """The raw rows that the learner prepares for its network from now on."""
    seen, prepare = [], learner.view.forward.prepare

    def recorded(x, augment=True):
        seen.append(x.clone())
        return prepare(x, augment)

    learner.view.forward.prepare = recorded
    return seen


def _memories(learner):
    return [m.everything().x for m in learner.method.modules() if isinstance(m, Memory) and len(m)]


def _spec(name):
    return QUICK.get(name) or METHODS[name].small_specs()[0]


CASES = [(_spec(n), scenario) for n, m in METHODS.items() for scenario in m.declaration.scenarios]


@pytest.mark.parametrize(("spec", "scenario"), CASES)
def test_no_method_sees_or_stores_a_validation_row(spec, scenario):
    name = OF_SCENARIO[scenario]
    stream, register = STREAMS[name](SHARE), Register(name)
    held = _held_out(stream, register)
    learner = _learner(stream, parse_method(spec))
    seen = _watched(learner)
    learner.train(*stream.tasks[:2])
    in_network = set().union(*(register.sources(x) for x in seen))
    stored = set().union(*(register.sources(x) for x in _memories(learner)))
    assert len(in_network) > 20, "what the network reads is recognised"
    assert not held & (in_network | stored)
    if _memories(learner) and "LatentReplay" not in spec:  # that one stores activations
        assert stored, "what the memories hold is recognised"


class Storing(ER):
    """A leak: offers the memory the validation rows of each task."""

    def offer_task(self, learner, task):
        super().offer_task(learner, task.with_training(task.validation))


def test_a_method_that_stores_validation_rows_is_seen():
    stream, register = STREAMS["rotated"](SHARE), Register("rotated")
    learner = _learner(stream, Storing(40, insert="boundary")).train(*stream.tasks[:2])
    stored = set().union(*(register.sources(x) for x in _memories(learner)))
    assert stored
    assert stored <= _held_out(stream, register)


def _with_test_parts(stream, change):
    return replace(stream, tasks=tuple(replace(t, test=change(t)) for t in stream))


def _shuffled(task):
    order = torch.randperm(len(task.test), generator=torch.Generator().manual_seed(1))
    x, y, _ = task.test.fetch(order)
    return ArrayPart(x, y, task.index)


def _noise_under_other_labels(task):
    generator = torch.Generator().manual_seed(2)
    x, y, _ = task.test.fetch(torch.arange(len(task.test)))
    noise = torch.randint(256, x.shape, generator=generator, dtype=torch.uint8)
    return ArrayPart(noise, y[torch.randperm(len(y), generator=generator)], task.index)


def _left_behind(learner):
    state = {f"model.{k}": v for k, v in learner.model.state_dict().items()}
    state |= {f"method.{k}": v for k, v in learner.method.state_dict().items()}
    return {k: v.clone() for k, v in state.items()}


@pytest.mark.parametrize(("spec", "scenario"), dict(CASES).items())
def test_a_run_leaves_the_same_bits_whatever_the_test_parts_hold(spec, scenario):
    stream = STREAMS[OF_SCENARIO[scenario]](0.0)
    stream = replace(stream, tasks=stream.tasks[:2])
    left = []
    for change in (lambda t: t.test, _shuffled, _noise_under_other_labels):
        learner = _learner(stream, parse_method(spec))
        learner.fit(_with_test_parts(stream, change))
        left.append(_left_behind(learner))
    for other in left[1:]:
        assert left[0].keys() == other.keys()
        assert [k for k, v in left[0].items() if not same_bits(v, other[k])] == []


def test_training_with_evaluations_at_every_step_leaves_the_same_bits():
    stream = STREAMS["split"](SHARE)
    left = []
    for every in (None, 1, 2):
        learner = _learner(stream, FineTune() + ER(30))
        learner.fit(stream, **({} if every is None else {"evaluate_every": every}))
        left.append(_left_behind(learner))
    assert all(torch.equal(v, other[k]) for other in left[1:] for k, v in left[0].items())
