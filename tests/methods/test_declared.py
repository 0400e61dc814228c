"""What methods declare, held against what they do and against their papers.

The advice, the table of methods and the benchmarks believe the declarations, so a wrong one sends
people to the wrong method.
"""

from collections import Counter

import pytest
import torch
from torch import nn

from helpers import HEADS, stream
from holdfast.engine.memory import Memory
from holdfast.methods import METHODS, Method, parse_method
from holdfast.models import mlp
from holdfast.streams.task import ArrayPart
from holdfast.training import Learner, optimizer

BATCH = 64
# XdG shares its weights. SupSup shares none, and infers the task.
ISOLATING = {"HAT", "LoRA", "PNN", "PackNet", "SeparateNetworks", "SupSup"}


def own_part(spec: str, name: str) -> Method:
    """The method of this name in a spec, which may be a sum."""
    return next(part for part in parse_method(spec).parts if part.name == name)


def small(spec: str, scenario: str) -> Learner:
    """A learner of digits with tiny hidden layers."""
    s = stream(scenario)
    method = parse_method(spec)
    model = mlp(s.shape, HEADS[scenario], s.outputs, hidden=(8, 8), seed=0)
    if not all(part.declare().trains for part in method.parts):
        model.freeze()
    make = optimizer("sgd", lr=0.05)
    return Learner(model, method, make, scenario=scenario, batch_size=BATCH, epochs=1)


def usual_scenario(name: str) -> str:
    """The class scenario if the method is defined there, otherwise the task scenario."""
    return "class" if "class" in METHODS[name].declaration.scenarios else "task"


@pytest.mark.parametrize("name", METHODS)
def test_a_method_isolates_tasks_only_if_its_paper_does(name):
    declared = own_part(METHODS[name].typical_spec(), name).declare()
    assert declared.isolates == (name in ISOLATING)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_trains_restarts_and_stores_examples_only_if_it_says_so(name):
    scenario = usual_scenario(name)
    learner, s = small(METHODS[name].small_specs()[0], scenario), stream(scenario)
    declared = own_part(METHODS[name].small_specs()[0], name).declare()
    learner.begin(s[0])
    first = values(learner)
    for batch in learner.view.batches():
        learner.step(batch)
    learner.end()
    trained = values(learner)
    stored = any(len(m) for m in learner.method.modules() if isinstance(m, Memory))
    learner.begin(s[1])
    begun = values(learner)
    past_rows = any(bool((batch.task == 0).any()) for batch in learner.view.batches())
    assert (not unchanged(first, trained)) == declared.trains
    assert (declared.trains and unchanged(first, begun)) == declared.restarts
    assert (stored or past_rows) == declared.stores_examples


def values(learner: Learner) -> dict[str, torch.Tensor]:
    """A copy of all parameters."""
    return {n: p.detach().clone() for n, p in learner.model.named_parameters()}


def unchanged(before: dict[str, torch.Tensor], now: dict[str, torch.Tensor]) -> bool:
    """Whether all parameters have the values that they had; a head may have gained rows."""
    # A layer that was wrapped meanwhile has another name.
    return all(n in now and torch.equal(v, now[n][: len(v)]) for n, v in before.items())


def test_what_mas_measures_does_not_depend_on_labels():
    learner, task = small("FineTune()", "domain"), stream("domain")[0]
    learner.begin(task)
    x, y, _ = task.train.fetch(torch.arange(len(task.train)))
    relabelled = task.with_training(ArrayPart(x, 1 - y, task.index))
    measured = {}
    for spec in ("MAS(0.1, samples=0)", "EWC(1.0, samples=0, labels='empirical')"):
        found = []
        for same_inputs in (task, relabelled):
            method = parse_method(spec)
            method.consolidate(learner.view, same_inputs)
            found.append(next(iter(method.buffers())))
        measured[method.name] = torch.allclose(*found, rtol=1e-4)
        assert method.declare().labels != measured[method.name]
    assert measured == {"MAS": True, "EWC": False}


# The layers of these are no modules, or their rows enter elsewhere; see `benchmarks/overhead.py`.
COUNTED = [name for name in METHODS if name not in ("LatentReplay", "RWalk", "SupSup")]


@pytest.mark.parametrize("name", COUNTED)
def test_a_step_takes_the_passes_that_are_declared(name):
    """Rows that enter the first layers in a step of the second task, with full memories."""
    scenario = usual_scenario(name)
    learner, s = small(METHODS[name].typical_spec(), scenario), stream(scenario)
    learner.train(s[0])
    learner.begin(s[1])
    passes: list[int] = []
    for path, module in learner.model.named_modules():
        if isinstance(module, nn.Linear) and module.in_features == 64 and "lora" not in path:
            module.register_forward_hook(lambda _, inputs, __: passes.append(len(inputs[0])))
    learner.step(next(learner.view.batches()))
    declared = METHODS[name].declaration.passes
    trained = declared.rows if METHODS[name].declaration.trains else 0
    multiples = trained + sum(declared.forwards) + sum(declared.gradients)
    assert sum(passes) == pytest.approx(multiples * BATCH + declared.singles)
    assert Counter(passes)[1] == declared.singles
