"""What KLAnchor promises beside its equation, and the divergence in the reverse direction."""

import pytest
import torch

from helpers import learner, same, stream, weights
from holdfast import HoldfastError
from holdfast.checks.parts import small_learner, small_stream
from holdfast.engine.objectives import Custom, Multilabel, Objective, Regression, make_objective
from holdfast.methods import KLAnchor, parse_method
from holdfast.models import mlp
from holdfast.training import Learner

TEMPERATURE = 1.7


def outputs(rows: int = 5, width: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs of a network and of an earlier one, in double precision."""
    chance = torch.Generator().manual_seed(3)
    now, earlier = torch.randn(2, rows, width, generator=chance, dtype=torch.double)
    return now.requires_grad_(), earlier


def of_answers(objective: str, now: torch.Tensor, earlier: torch.Tensor) -> torch.Tensor:
    """KL(now ‖ earlier) of one row, as a sum over everything that the row could be."""
    q, p = now / TEMPERATURE, earlier / TEMPERATURE
    if objective == "classification":
        q, p = q.exp() / q.exp().sum(), p.exp() / p.exp().sum()
        return sum(q[c] * (q[c] / p[c]).log() for c in range(len(q)))
    total = torch.zeros((), dtype=torch.double)
    for c in range(len(q)):
        if objective == "multilabel":
            a, b = 1 / (1 + (-q[c]).exp()), 1 / (1 + (-p[c]).exp())
            total = total + a * (a / b).log() + (1 - a) * ((1 - a) / (1 - b)).log()
        else:
            # The integral over values y of the normal density around q times the difference.
            y = torch.linspace(-12, 12, 4001, dtype=torch.double)
            density = torch.exp(-((y - q[c]) ** 2) / 2) / (2 * torch.pi) ** 0.5
            difference = ((y - p[c]) ** 2 - (y - q[c]) ** 2) / 2
            total = total + torch.trapezoid(density * difference, y)
    return total / len(q)


@pytest.mark.parametrize("name", ["classification", "multilabel", "regression"])
def test_the_reverse_divergence_is_the_sum_over_all_answers(name):
    now, earlier = outputs()
    found = make_objective(name).reverse_divergence(now, earlier, TEMPERATURE)
    rows = zip(now, earlier, strict=True)
    expected = sum(of_answers(name, *row) for row in rows) / len(now)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    ours = torch.autograd.grad(found, now, retain_graph=True)[0]
    torch.testing.assert_close(ours, torch.autograd.grad(expected, now)[0], rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("objective", [make_objective("classification"), Multilabel()])
def test_the_reverse_divergence_is_the_forward_one_with_the_sides_exchanged(objective):
    now, earlier = outputs()
    there = objective.reverse_divergence(now, earlier, TEMPERATURE)
    back = objective.divergence(earlier, now.detach(), TEMPERATURE)
    torch.testing.assert_close(there, back)


def test_outputs_that_one_side_lacks_are_left_out_of_the_reverse_divergence():
    now, earlier = outputs()
    objective = make_objective("classification")
    masked = torch.cat([now.detach(), torch.full((5, 1), -torch.inf)], 1).requires_grad_()
    wide = torch.cat([earlier, torch.zeros(5, 1)], 1)
    expected = objective.reverse_divergence(now, earlier, 1.0)
    for student, teacher in ((masked, wide), (masked, earlier)):
        found = objective.reverse_divergence(student, teacher, 1.0)
        torch.testing.assert_close(found, expected)
        assert torch.autograd.grad(found, student)[0].isfinite().all()


def test_a_loss_of_the_users_own_has_the_divergence_of_its_outputs():
    now, earlier = outputs()
    custom = Custom(lambda outputs, targets, rows: outputs.sum(1), outputs="labels")
    expected = Multilabel().reverse_divergence(now, earlier, 1.0)
    assert torch.equal(custom.reverse_divergence(now, earlier, 1.0), expected)


def test_an_objective_without_the_reverse_direction_says_so():
    with pytest.raises(HoldfastError, match="direction='forward'"):
        Objective.reverse_divergence(Regression(), *outputs(), 1.0)


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_forward_without_the_first_task_is_lwf(scenario):
    s = small_stream(scenario, examples=400)
    anchored = KLAnchor(1.0, temperature=2.0, first=False)
    ours = small_learner(anchored, s).train(*s.tasks)
    theirs = small_learner(parse_method("LwF(alpha=1.0)"), s).train(*s.tasks)
    # A growing head has more rows when its copy is made, so that products are rounded otherwise.
    if scenario != "class":
        assert same(weights(ours.model), weights(theirs.model))
    for name, tensor in weights(theirs.model).items():
        torch.testing.assert_close(weights(ours.model)[name], tensor)


@pytest.mark.parametrize("objective", ["classification", "multilabel", "regression"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_the_anchor_does_not_pull_in_the_first_step_of_a_task(objective, direction):
    s = small_stream("domain", examples=400, objective=objective)
    # In double precision, so that rounding does not look like a pull.
    model = mlp(s.shape, "fixed", s.outputs, hidden=(8,), seed=0).double()
    anchor = KLAnchor(1.0, direction=direction)
    ours = Learner(model, anchor, scenario="domain", objective=objective, batch_size=32)
    for task in s.tasks[:2]:
        ours.begin(task)
        batch, second = list(ours.view.batches())[:2]
        ours.view.space.zero_grad()
        term = anchor.loss(ours.view, ours.view.forward(batch))
        term.backward()
        assert abs(term.item()) < 1e-12
        assert max(float(p.grad.abs().max()) for p in model.parameters()) < 1e-12
        ours.step(second)
        moved = anchor.loss(ours.view, ours.view.forward(batch))
        assert moved.item() > 1e-9
        ours.end()


def test_the_first_task_is_held_in_the_domain_scenario_alone():
    for scenario, held in (("domain", True), ("class", False), ("task", False)):
        s = stream(scenario)
        ours = learner(s, "KLAnchor(1.0)", steps=2)
        ours.begin(s[0])
        assert ours.method.teacher.taken == held


def test_an_unknown_direction_is_refused():
    with pytest.raises(HoldfastError, match="forward"):
        KLAnchor(1.0, direction="backward")
