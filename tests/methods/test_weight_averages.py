"""What EMA, Interpolate and TaskArithmetic promise beside their equations."""

import pytest
import torch
from torch import nn

from helpers import normed, same, stream, weights
from holdfast import HoldfastError
from holdfast.checks.parts import small_learner, small_stream, trained
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.running_average import RunningAverage
from holdfast.methods import EMA, Interpolate, TaskArithmetic, parse_method
from holdfast.models import mlp
from holdfast.training import Learner, optimizer

SCENARIOS = ("task", "domain", "class")
TASKS = 2


def small(scenario: str):
    """A stream of a few hundred digits."""
    return small_stream(scenario, examples=400)


def weights_after(spec: str, scenario: str, tasks: int = TASKS) -> dict[str, torch.Tensor]:
    """The weights after some tasks."""
    return weights(trained(parse_method(spec), small(scenario), tasks).model)


def rows_of(task, count: int = 20) -> torch.Tensor:
    """The first test rows of a task."""
    return task.test.fetch(torch.arange(count))[0]


def with_batch_norm(s, method: str) -> Learner:
    """A learner whose network has BatchNorm."""
    make = optimizer("sgd", lr=0.05)
    return Learner(normed(s), method, make, scenario="class", batch_size=32, steps=3)


# ---- EMA


@pytest.mark.parametrize("decay", [0.0, 0.9])
@pytest.mark.parametrize("beside", ["FineTune()", "ER(30)", "EWC(1.0)"])
def test_training_does_not_notice_the_average(decay, beside):
    plain = weights_after(beside, "class")
    assert same(weights_after(f"EMA({decay}) + {beside}", "class"), plain)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("start", ["trained", "average"])
def test_without_decay_the_answers_are_those_of_the_network(scenario, start):
    s = small(scenario)
    ours = trained(EMA(0.0, start=start), s, TASKS)
    theirs = trained(parse_method("FineTune"), s, TASKS)
    for task in s.tasks[:TASKS]:
        answers = [one.predict(rows_of(task), task.index) for one in (ours, theirs)]
        assert torch.equal(*answers)


def test_the_average_under_a_constant_gradient_has_the_closed_form():
    decay, rate, steps = 0.9, 0.1, 7
    net = mlp(3, "fixed", 2, hidden=(4,), seed=0).double()
    space, average = ParameterSpace(net), RunningAverage()
    first, g = space.theta.clone(), torch.ones_like(space.theta)
    average.follow(net, space, 2)
    for n in range(1, steps + 1):
        with torch.no_grad():
            space.theta.sub_(rate * g)
        average.add(net, space, (1 - decay) / (1 - decay**n))
    # The mean number of steps that were taken.
    shares = [decay ** (steps - s) for s in range(1, steps + 1)]
    mean = sum(s * share for s, share in enumerate(shares, 1)) / sum(shares)
    torch.testing.assert_close(average.theta, first - rate * mean * g)


def test_answers_come_from_the_average_while_a_task_is_trained_and_after_it():
    s = small("class")
    ours = small_learner(EMA(0.95), s)
    ours.begin(s[0])
    batches = list(ours.view.batches())
    for batch in batches[:3]:
        ours.step(batch)
    x = rows_of(s[0])
    by_hand = mlp(s.shape, "growing", s.outputs, hidden=(24, 16), seed=0)
    by_hand.head.open(0, *s[0].outputs)
    by_hand.load_state_dict(ours.method.average.tensors())
    expected = by_hand.eval()(ours.view.prepare(x, augment=False)).detach()
    torch.testing.assert_close(ours.predict(x), expected)
    assert not torch.equal(ours.predict(x), ours.model(ours.view.prepare(x, augment=False)))


@pytest.mark.parametrize("scenario", ["class", "task"])
def test_a_head_that_grows_starts_its_new_rows_in_the_average_as_in_the_network(scenario):
    s = small(scenario)
    ours = small_learner(EMA(0.9), s).train(s[0])
    old = {name: t.clone() for name, t in ours.method.average.tensors().items()}
    ours.begin(s[1])
    now, network = ours.method.average.tensors(), weights(ours.model)
    for name, tensor in now.items():
        if not tensor.dim():
            continue
        kept = len(old[name]) if name in old else 0
        if kept:
            assert torch.equal(tensor[:kept], old[name])
        assert torch.equal(tensor[kept:], network[name][kept:])
    assert ours.predict(rows_of(s[1]), 1).isfinite().any()


def test_statistics_of_batch_norm_are_averaged_and_counts_are_copied():
    s = stream("class")
    ours = with_batch_norm(s, "EMA(0.5)")
    ours.begin(s[0])
    norm = next(n for n, m in ours.model.named_modules() if isinstance(m, nn.BatchNorm1d))
    seen = []
    for batch in ours.view.batches():
        ours.step(batch)
        seen.append(ours.model.state_dict()[f"{norm}.running_mean"].clone())
    expected = (seen[0] + 2 * seen[1] + 4 * seen[2]) / 7
    average = ours.method.average.tensors()
    torch.testing.assert_close(average[f"{norm}.running_mean"], expected)
    assert int(average[f"{norm}.num_batches_tracked"]) == 3


def test_the_average_becomes_the_weights_if_the_next_task_starts_there():
    s = small("class")
    ours = small_learner(EMA(0.9, start="average"), s)
    ours.begin(s[0])
    for batch in ours.view.batches():
        ours.step(batch)
    average = {name: t.clone() for name, t in ours.method.average.tensors().items()}
    raw = weights(ours.model)
    ours.end()
    assert same(weights(ours.model), average)
    assert not same(raw, average)
    x = rows_of(s[0])
    assert torch.equal(ours.predict(x), ours.model(ours.view.prepare(x, augment=False)))


@pytest.mark.parametrize("other", ["Interpolate(0.5)", "TaskArithmetic(0.5)", "WA()", "Joint()"])
def test_an_average_of_its_own_refuses_parts_that_set_the_weights(other):
    with pytest.raises(HoldfastError, match=r"use EMA\(start='average'\)"):
        parse_method(f"EMA(0.9) + {other}")
    assert len(parse_method(f"EMA(0.9, start='average') + {other}").parts) == 2


def test_interpolate_reaches_the_answers_of_an_average_that_becomes_the_weights():
    s = small("domain")
    ours = trained(parse_method("EMA(0.9, start='average') + Interpolate(0.5)"), s, 1)
    alone = trained(parse_method("EMA(0.9, start='average')"), s, 1)
    first = weights(small_learner(parse_method("FineTune"), s).model)
    for name, tensor in weights(ours.model).items():
        torch.testing.assert_close(tensor, (first[name] + weights(alone.model)[name]) / 2)
    x = rows_of(s[0])
    assert torch.equal(ours.predict(x), ours.model(ours.view.prepare(x, augment=False)))


@pytest.mark.parametrize("decay", [1.0, -0.1, "0.9", True, float("nan")])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(HoldfastError, match=r"in \[0, 1\)"):
        EMA(decay)


# ---- Interpolate


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_at_alpha_0_what_existed_before_a_task_never_moves(scenario):
    s = small(scenario)
    ours = small_learner(Interpolate(0.0), s)
    for task in s.tasks[:TASKS]:
        before = weights(ours.model)
        ours.train(task)
        now = weights(ours.model)
        for name, tensor in before.items():
            assert torch.equal(now[name][: len(tensor)], tensor)
        # The rows of new outputs have learnt all the same.
        if scenario != "domain":
            grown = {n: t for n, t in now.items() if n not in before or len(before[n]) < len(t)}
            assert grown


@pytest.mark.parametrize("spec", ["Interpolate(0.3)", "TaskArithmetic(0.3, start='merged')"])
def test_new_rows_of_a_growing_head_keep_what_the_task_taught_them(spec):
    s = small("class")
    ours = small_learner(parse_method(spec), s).train(s[0])
    ours.begin(s[1])
    for batch in ours.view.batches():
        ours.step(batch)
    head = ours.model.head.linear.weight.detach().clone()
    ours.end()
    now = ours.model.head.linear.weight.detach()
    assert torch.equal(now[2:], head[2:])
    assert not torch.equal(now[:2], head[:2])


def test_without_the_first_task_interpolation_begins_with_the_second():
    assert same(
        weights_after("Interpolate(0.3, first=False)", "class", 1),
        weights_after("FineTune", "class", 1),
    )
    assert not same(
        weights_after("Interpolate(0.3, first=False)", "class"), weights_after("FineTune", "class")
    )


@pytest.mark.parametrize(
    ("spec", "share"),
    [("Interpolate(0.25)", 0.25), ("TaskArithmetic(0.25, start='merged')", 0.25)],
)
def test_statistics_of_batch_norm_are_interpolated(spec, share):
    s = stream("class")
    ours, plain = with_batch_norm(s, spec), with_batch_norm(s, "FineTune")
    before = weights(plain.model)
    for one in (ours, plain):
        one.train(s[0])
    after, mixed = weights(plain.model), weights(ours.model)
    names = [name for name in after if name.endswith("running_mean")]
    for name in names:
        torch.testing.assert_close(mixed[name], torch.lerp(before[name], after[name], share))
    counts = [name for name in after if name.endswith("num_batches_tracked")]
    assert all(torch.equal(mixed[name], after[name]) for name in counts)
    assert names
    assert counts


@pytest.mark.parametrize("alpha", [1.5, -0.1, "half", True])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(HoldfastError, match=r"in \[0, 1\]"):
        Interpolate(alpha)


# ---- TaskArithmetic


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("start", ["initial", "merged"])
def test_one_task_with_scale_1_is_plain_training_bit_for_bit(scenario, start):
    spec = f"TaskArithmetic(1.0, start={start!r})"
    assert same(weights_after(spec, scenario, 1), weights_after("FineTune", scenario, 1))


def test_the_order_of_the_tasks_does_not_matter():
    s = small("domain")
    ends = []
    for order in ((0, 1, 2), (2, 0, 1)):
        ours = small_learner(TaskArithmetic(0.4), s, shuffle=False)
        for number, place in enumerate(order):
            task = s.tasks[place]
            ours.train(type(task)(**{**vars(task), "index": number}))
        ends.append(weights(ours.model))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][name], rtol=1e-5, atol=1e-6)
    plain = weights_after("FineTune", "domain", 3)
    assert any(not torch.allclose(plain[name], tensor) for name, tensor in ends[0].items())


def test_merged_task_vectors_are_interpolation():
    ours = weights_after("TaskArithmetic(0.3, start='merged')", "domain")
    theirs = weights_after("Interpolate(0.3)", "domain")
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name])


def test_each_task_starts_from_the_first_weights_and_statistics():
    s = stream("class")
    ours = with_batch_norm(s, "TaskArithmetic(0.5)")
    first = weights(ours.model)
    seen = []
    for task in s.tasks[:3]:
        ours.begin(task)
        begun = weights(ours.model)
        for name, tensor in first.items():
            assert torch.equal(begun[name][: len(tensor)] if tensor.dim() else begun[name], tensor)
        for batch in ours.view.batches():
            ours.step(batch)
        seen.append(weights(ours.model))
        ours.end()
    name = next(name for name in first if name.endswith("running_mean"))
    expected = (seen[0][name] + seen[1][name] + seen[2][name]) / 3
    torch.testing.assert_close(weights(ours.model)[name], expected)


@pytest.mark.parametrize("spec", ["TaskArithmetic(0.5)", "Interpolate(0.5)", "Joint()"])
def test_gates_of_old_tasks_stay_when_weights_are_set_anew(spec):
    s = small("task")
    ours = small_learner(parse_method(f"{spec} + XdG()"), s)
    kept: dict[str, torch.Tensor] = {}
    for task in s.tasks:
        ours.train(task)
        gates = {name: b.clone() for name, b in ours.model.named_buffers() if "gate_" in name}
        for name, before in kept.items():
            assert torch.equal(gates[name][: len(before)], before)
        kept = gates
    assert kept
