"""Cumulative, OnlineEWC, SI, MAS, DER, DER++ and GEM against oracles and laws of their own."""

from functools import cache

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from helpers import learner, same, stream, weights
from holdfast import HoldfastError
from holdfast.methods import DER, MAS, SI, Cumulative, DERpp, OnlineEWC, parse_method
from holdfast.methods.agem import project as agem_project
from holdfast.methods.der import squared_distance
from holdfast.methods.gem import project
from holdfast.training import optimizer


def test_cumulative_goes_on_from_where_it_is_with_all_data():
    s = stream("class")
    ours = learner(s, Cumulative(), head="masked").train(s[0])
    before = weights(ours.model)
    ours.begin(s[1])
    assert same(before, weights(ours.model))
    assert len(ours.view.training_task.train) == len(s[0].train) + len(s[1].train)


@pytest.mark.parametrize("gamma", [1.0, 0.5])
def test_online_ewc_carries_one_discounted_fisher_around_one_anchor(gamma):
    s = stream("domain")
    ours = learner(s, OnlineEWC(3.0, gamma=gamma))
    fishers, original = [], ours.view.fisher
    ours.view.fisher = lambda *a, **k: (
        fishers.append(original(*a, **k).clone()) or fishers[-1].clone()
    )
    ours.train(*s.tasks[:3])
    running = gamma * (gamma * fishers[0] + fishers[1]) + fishers[2]
    assert torch.allclose(ours.method.fisher, running)
    anchor = ours.view.space.theta.clone()
    with torch.no_grad():
        ours.view.space.theta.add_(0.01 * torch.ones_like(anchor))
    theta = ours.view.space.theta.detach().clone().requires_grad_()
    (3.0 / 2 * (gamma * running * (theta - anchor) ** 2)).sum().backward()
    g = torch.zeros_like(anchor)
    ours.method.penalty(ours.view, g)
    assert torch.allclose(g, theta.grad, rtol=1e-4, atol=1e-8)


def test_the_strength_of_online_ewc_decays_from_boundary_to_boundary():
    s = stream("domain")
    ours, seen = learner(s, OnlineEWC(4.0, decay=0.5)), []
    for t in s.tasks[:3]:
        ours.train(t)
        seen.append(ours.method.stiffness)
    assert seen == [4.0, 2.0, 1.0]


def test_online_ewc_normalised_has_entries_up_to_one():
    s = stream("domain")
    ours = learner(s, OnlineEWC(1.0, normalize=True)).train(s[0])
    assert float(ours.method.fisher.max()) == pytest.approx(1.0)
    with pytest.raises(HoldfastError, match=r"gamma must lie in \[0, 1\]"):
        OnlineEWC(1.0, gamma=1.5)


def full_batch_loss(ours, task):
    x, y, _ = task.train.fetch(torch.arange(len(task.train)))
    with torch.no_grad():
        return torch.nn.functional.cross_entropy(ours.model(ours.view.prepare(x)), y).item()


def test_the_path_integral_of_si_is_the_decrease_of_the_loss():
    """By the fundamental theorem of calculus, Σ ω = L(start) − L(end).

    It holds nearly here because a batch is the whole task and the steps are small.
    """
    s = stream("domain")
    ours = learner(s, SI(1.0), optimizer("sgd", lr=0.01), batch_size=1000, epochs=150)
    ours.begin(s[0])
    start = full_batch_loss(ours, s[0])
    for b in ours.view.batches():
        ours.step(b)
    decrease = start - full_batch_loss(ours, s[0])
    assert decrease > 0.05
    assert float(ours.method.omega.sum()) == pytest.approx(decrease, rel=0.05)
    omega, first, theta = (
        ours.method.omega.clone(),
        ours.method.start.clone(),
        ours.view.space.theta.detach().clone(),
    )
    ours.end()
    assert torch.allclose(ours.method.importance, omega / ((theta - first) ** 2 + 0.1))


def test_the_variants_of_si_differ_where_they_should():
    s = stream("domain")
    seen = {}
    for which in ("task", "total"):
        for clamp in ("none", "sum"):
            ours = learner(s, SI(5.0, gradient=which, clamp=clamp)).train(*s.tasks[:2])
            seen[which, clamp] = ours.method.importance
    assert bool((seen["task", "none"] < 0).any())
    assert bool((seen["task", "sum"] >= 0).all())
    assert not torch.equal(seen["task", "none"], seen["total", "none"])
    one = [learner(s, SI(5.0, gradient=g)).train(s[0]).method.importance for g in ("task", "total")]
    assert torch.equal(*one), "without a penalty the two gradients are the same"


def test_the_penalty_of_si_has_no_half():
    s = stream("domain")
    ours = learner(s, SI(3.0)).train(s[0])
    with torch.no_grad():
        ours.view.space.theta.mul_(1.01)
    theta = ours.view.space.theta.detach().clone().requires_grad_()
    (3.0 * ours.method.importance * (theta - ours.method.anchor) ** 2).sum().backward()
    g = torch.zeros_like(theta)
    ours.method.penalty(ours.view, g)
    assert torch.allclose(g, theta.grad, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("scenario", ["domain", "task", "class"])
def test_mas_is_the_mean_of_absolute_gradients_of_half_the_squared_norm(scenario):
    s = stream(scenario)
    ours = learner(s, MAS(1.0, samples=0)).train(s[0])
    x, _, _ = s[0].train.fetch(torch.arange(len(s[0].train)))
    total = torch.zeros_like(ours.view.space.theta)
    for row in ours.view.prepare(x):
        z = ours.model(row[None], 0 if scenario == "task" else None)[:, :2]
        grads = torch.autograd.grad(
            z.square().sum() / 2, ours.view.space.parameters, allow_unused=True
        )
        total += ours.view.space.gather(list(grads)).abs()
    assert torch.allclose(ours.method.importance, total / len(x), rtol=1e-3, atol=1e-7)


def test_der_stores_the_logits_of_the_moment_and_pulls_towards_them():
    s = stream("domain")
    ours = learner(s, DER(1000, alpha=1.0), epochs=1)
    ours.begin(s[0])
    batch = next(ours.view.batches())
    expected = ours.view.forward(batch).logits.detach()
    ours.step(batch)
    assert torch.equal(ours.method.memory.payloads()["logits"][:32], expected)
    drawn = ours.method.draw(ours.view, batch)
    assert len(drawn) == 64
    assert float(drawn.weights()[32:].sum()) == 0
    step = ours.view.forward(drawn)
    by_hand = ((step.logits[32:] - drawn.block("DER").payloads["logits"]) ** 2).mean()
    assert torch.allclose(ours.method.loss(ours.view, step), by_hand)


@pytest.mark.parametrize(
    "method",
    [
        "DER(60, alpha=1.0)",
        "DERpp(60, alpha=1.0, beta=1.0)",
        "DERpp(60, alpha=1.0, beta=1.0, draws=1)",
    ],
)
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_der_compares_only_outputs_that_existed(method, scenario):
    s = stream(scenario)
    ours = learner(s, method).train(*s.tasks[:3])
    stored = ours.method.memory.payloads()["logits"]
    known = stored.isfinite().sum(1)
    expected = {"task": {2}, "domain": {2}, "class": {2, 4, 6}}[scenario]
    assert set(known.tolist()) <= expected
    assert 2 in known.tolist()


def test_unknown_outputs_leave_no_trace_in_the_gradient():
    z = torch.ones(2, 3, requires_grad=True)
    squared_distance(z, torch.tensor([[0.0, torch.nan], [2.0, 0.0]])).backward()
    assert z.grad.tolist() == [
        [pytest.approx(2 / 3), 0.0, 0.0],
        [pytest.approx(-2 / 3), pytest.approx(2 / 3), 0.0],
    ]


def test_der_plus_plus_draws_twice_and_weighs_labels_by_beta():
    s = stream("class")
    for draws, length in ((2, 96), (1, 64)):
        ours = learner(s, DERpp(60, beta=0.7, draws=draws)).train(s[0])
        ours.begin(s[1])
        drawn = ours.method.draw(ours.view, next(ours.view.batches()))
        assert len(drawn) == length
        assert float(drawn.weights()[:32].sum()) == pytest.approx(1)
        assert float(drawn.weights()[32:].sum()) == pytest.approx(0.7)


def test_gem_solves_its_quadratic_programme():
    rng = np.random.default_rng(0)
    for k in (1, 2, 4, 7):
        for _ in range(5):
            g, past = rng.normal(size=12), rng.normal(size=(k, 12))
            ours = project(torch.tensor(g), torch.tensor(past), strength=0.0, ridge=0.0).numpy()
            found = minimize(
                lambda v, g=g: ((v - g) ** 2).sum() / 2,
                g,
                jac=lambda v, g=g: v - g,
                method="SLSQP",
                constraints={
                    "type": "ineq",
                    "fun": lambda v, past=past: past @ v,
                    "jac": lambda v, past=past: past,
                },
            ).x
            assert np.allclose(ours, found, atol=1e-4)
            assert (past @ ours >= -1e-8).all()


def test_gem_with_one_memory_is_agem_and_leaves_good_gradients_alone():
    torch.manual_seed(0)
    for _ in range(20):
        g, r = torch.randn(9).double(), torch.randn(9).double()
        assert torch.allclose(
            project(g, r[None], 0.0, 0.0), agem_project(g.clone(), r.clone(), 0.0), atol=1e-8
        )
    g = torch.tensor([1.0, 2.0])
    assert project(g, torch.tensor([[1.0, 0.0], [0.0, 1.0]])) is g


def test_the_strength_of_gem_is_a_floor_under_the_dual():
    g, past = torch.tensor([1.0, -1.0]).double(), torch.tensor([[0.0, 1.0]]).double()
    out = project(g, past, strength=3.0, ridge=0.0)
    assert torch.allclose(out, torch.tensor([1.0, 2.0]).double())


def test_gem_keeps_the_latest_of_each_task():
    s = stream("domain")
    ours = learner(s, parse_method("GEM(15)")).train(*s.tasks[:3])
    task = ours.method.memory.get_buffer("task")[: len(ours.method.memory)]
    assert task.bincount().tolist() == [15, 15, 15]


@cache
def lost_by(method):
    """How much accuracy is lost over five tasks, summed over tasks."""
    s = stream("task", 5)
    # small batches: logits are stored in the first epoch, and must be worth keeping by then
    make = optimizer("sgd", lr=0.02, momentum=0.9)
    m = learner(s, method, make, epochs=2, batch_size=4).fit(s).matrix
    last = s[4].name
    return sum(max(0, m.score(t.name, after=t.name) - m.score(t.name, after=last)) for t in s)


@pytest.mark.parametrize(
    "method",
    ["OnlineEWC(5)", "SI(1)", "MAS(0.5)", "DER(100)", "DERpp(100)", "GEM(30)", "Cumulative()"],
)
def test_each_keeps_more_than_plain_training(method):
    assert lost_by(method) < lost_by("FineTune()")
