"""KFAC-EWC, LowRankEWC and RWalk against dense Fisher matrices and their own equations."""

import pytest
import torch

from helpers import learner, stream
from holdfast import HoldfastError
from holdfast.engine.kronecker import kronecker_factors
from holdfast.engine.parameters import ParameterSpace
from holdfast.methods.kfac_ewc import KFACEWC
from holdfast.methods.low_rank_ewc import LowRankEWC, leading
from holdfast.methods.rwalk import RWalk
from holdfast.models import convnet, mlp, slim_resnet18


def dense_rows(space: ParameterSpace, logits, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """∂ log p(y_n | x_n) / ∂θ, one row an example, by plain autograd."""
    rows = []
    for xi, yi in zip(x, y, strict=True):
        log_p = logits(space.module, xi[None]).log_softmax(1)[0, yi]
        rows.append(space.gather(list(torch.autograd.grad(log_p, space.parameters))))
    return torch.stack(rows)


def test_for_one_example_and_one_label_the_kronecker_factors_are_the_fisher_of_each_layer():
    net = mlp(5, "fixed", 3, hidden=(4,), seed=0)
    space, x, y = ParameterSpace(net), torch.rand(1, 5), torch.tensor([1])
    factors = kronecker_factors(net, lambda m, x: m(x, None), x, y, labels="empirical")
    row = dense_rows(space, lambda m, x: m(x, None), x, y)[0]
    views = space.views(row)
    assert list(factors) == ["backbone.1", "head.linear"]
    for name, (a, g) in factors.items():
        matrix = torch.cat([views[f"{name}.weight"], views[f"{name}.bias"][:, None]], 1)
        assert torch.allclose(
            torch.kron(g, a), torch.outer(matrix.flatten(), matrix.flatten()), atol=1e-7
        )


def test_kronecker_factors_average_over_examples_and_labels():
    net, x = mlp(5, "fixed", 3, hidden=(4,), seed=0), torch.rand(6, 5)
    a, g = kronecker_factors(net, lambda m, x: m(x, None), x)["head.linear"]
    h = torch.cat([net.features(x), torch.ones(6, 1)], 1)
    p = net(x).softmax(1)
    expected = (
        sum(
            p[n, c] * torch.outer(d, d)
            for n in range(6)
            for c in range(3)
            for d in [torch.eye(3)[c] - p[n]]
        )
        / 6
    )
    assert torch.allclose(a, h.T @ h / 6, atol=1e-6)
    assert torch.allclose(g, expected, atol=1e-6)


def test_a_convolution_at_one_position_is_a_linear_layer():
    torch.manual_seed(0)
    conv = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.Flatten())
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(18, 3))
    linear[1].weight.data, linear[1].bias.data = conv[0].weight.data.flatten(1), conv[0].bias.data
    x = torch.rand(4, 2, 3, 3)
    (a, b), (c, d) = (
        next(iter(kronecker_factors(m, lambda m, x: m(x), x).values())) for m in (conv, linear)
    )
    assert torch.allclose(a, c, atol=1e-6)
    assert torch.allclose(b, d, atol=1e-6)


def test_the_penalty_of_kfac_ewc_is_half_the_trace_form():
    s = stream("domain")
    ours = learner(s, KFACEWC(3.0, samples=50)).train(*s.tasks[:2])
    with torch.no_grad():
        ours.view.space.theta.mul_(1.05)
    method, g = ours.method, torch.zeros_like(ours.view.space.theta)
    method.penalty(ours.view, g)
    theta = ours.view.space.theta.detach().clone().requires_grad_()
    moved, total = ours.view.space.views(theta - method.anchor), 0.0
    for k, name in enumerate(method.host["layers"]):
        delta = torch.cat([moved[f"{name}.weight"], moved[f"{name}.bias"][:, None]], 1)
        total = total + 3.0 / 2 * torch.trace(
            delta.T @ method.get_buffer(f"outputs_{k}") @ delta @ method.get_buffer(f"inputs_{k}")
        )
    total.backward()
    assert torch.allclose(g, theta.grad, rtol=1e-3, atol=1e-6)
    assert float(g.abs().max()) > 0


def test_kfac_warns_by_the_curvature_of_all_tasks_together():
    s = stream("domain")
    ours = learner(s, KFACEWC(3.0, samples=50))
    warned_by = []
    ours.view.warn_if_unstable = lambda strength, largest: warned_by.append(largest)
    ours.train(*s.tasks[:3])
    method = ours.method
    expected = max(
        float(torch.linalg.matrix_norm(method.inputs[k], 2))
        * float(torch.linalg.matrix_norm(method.outputs[k], 2))
        for k in range(len(method.host["layers"]))
    )
    assert warned_by[-1] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("spec", ["MAS(0.3)", "EWC(0.3)", "OnlineEWC(0.3)"])
def test_a_spring_warns_by_the_curvature_that_its_penalty_has(spec):
    s = stream("domain")
    ours = learner(s, spec, steps=3)
    warned_by = []
    ours.view.warn_if_unstable = lambda strength, largest: warned_by.append(strength * largest)
    ours.train(s[0])
    ours.begin(s[1])
    g = torch.zeros_like(ours.view.space.theta)
    # The gradient of a quadratic is its curvature times the way from its minimum, here 1.
    with torch.no_grad():
        ours.view.space.theta.add_(1)
    ours.method.penalty(ours.view, g)
    assert float(g.max()) > 0
    assert warned_by[-1] == pytest.approx(float(g.max()), rel=1e-4)


def test_the_leading_directions_are_those_that_the_rows_have():
    row = torch.tensor([3.0, 0.0, 4.0])
    for scale in (1.0, 1e-8, 1e8):
        found = leading(scale * row.repeat(4, 1), 3)
        assert found.shape == (1, 3), "four equal rows have one direction"
        torch.testing.assert_close(found.abs(), 2 * scale * row[None])
    assert leading(torch.zeros(2, 3), 2).shape == (0, 3)
    two = leading(torch.diag(torch.tensor([1.0, 2.0, 3.0])), 2)
    torch.testing.assert_close(two.abs(), torch.tensor([[0.0, 0.0, 3.0], [0.0, 2.0, 0.0]]))


def test_kfac_refuses_what_it_has_no_factors_for():
    s = stream("domain")
    from holdfast.training import Learner

    ours = Learner(
        slim_resnet18((1, 8, 8), "fixed", 2, seed=0),
        KFACEWC(1.0, samples=4),
        scenario="domain",
        steps=1,
    )
    with pytest.raises(HoldfastError, match="BatchNorm2d"):
        ours.train(s[0])
    fine = Learner(
        convnet((1, 8, 8), "fixed", 2, seed=0), KFACEWC(1.0, samples=20), scenario="domain", steps=3
    ).train(*s.tasks[:2])
    assert len(fine.method.host["layers"]) == 4


def test_leading_rows_are_the_leading_eigenpairs():
    rows = torch.randn(6, 9, generator=torch.Generator().manual_seed(1)).double()
    values, vectors = torch.linalg.eigh(rows.T @ rows)
    top = vectors[:, -3:] @ torch.diag(values[-3:]) @ vectors[:, -3:].T
    ours = leading(rows, 3)
    assert torch.allclose(ours.T @ ours, top, atol=1e-8)


def test_with_enough_rank_the_penalty_is_that_of_the_dense_fisher():
    s = stream("domain")
    ours = learner(s, LowRankEWC(2.0, rank=40, samples=15, labels="empirical"))
    seen, original = [], ours.view.examples_of
    ours.view.examples_of = lambda *a: seen.append(original(*a)) or seen[-1]
    fishers = []
    for t in s.tasks[:2]:
        ours.train(t)
        rows = dense_rows(ours.view.space, seen[-1][2], *seen[-1][:2])
        fishers.append(rows.T @ rows / len(rows))
    dense = sum(fishers)
    anchor = ours.view.space.theta.detach().clone()
    with torch.no_grad():
        ours.view.space.theta.add_(
            0.02
            * torch.randn(len(anchor), generator=torch.Generator().manual_seed(0))
            * (dense.diagonal() > 0)
        )
    g = torch.zeros_like(anchor)
    ours.method.penalty(ours.view, g)
    assert torch.allclose(
        g,
        2.0 * dense @ (ours.view.space.theta.detach() - anchor),
        rtol=1e-2,
        atol=1e-4 * float(g.abs().max()),
    )


def test_truncation_keeps_the_diagonal_of_the_fisher():
    s = stream("domain")
    small, whole = (
        learner(s, LowRankEWC(0.1, rank=r, samples=30)).train(s[0]).method for r in (3, 60)
    )
    diagonal = [m.roots.square().sum(0) + m.rest for m in (small, whole)]
    assert torch.allclose(*diagonal, atol=1e-5 * float(diagonal[0].max()))
    assert float(small.rest.sum()) > float(whole.rest.sum())


def test_the_score_of_rwalk_is_loss_saved_over_distance():
    s = stream("domain")
    ours = learner(s, RWalk(1.0, alpha=1.0, window=1, epsilon=0.5))
    ours.begin(s[0])
    before = ours.view.space.theta.detach().clone()
    batch = next(ours.view.batches())
    ours.step(batch)
    g, delta = ours.view.space.grad.clone(), ours.view.space.theta.detach() - before
    x = ours.view.prepare(batch.x)
    fisher = dense_rows(ours.view.space, lambda m, x: m(x, None), x, batch.y).square().mean(0)
    assert torch.allclose(ours.method.fisher, fisher, rtol=1e-3, atol=1e-8)
    assert torch.allclose(
        ours.method.score,
        (-g * delta).clamp_min(0) / (fisher * delta**2 / 2 + 0.5),
        rtol=1e-3,
        atol=1e-9,
    )


def test_rwalk_normalises_its_importances_and_halves_its_scores():
    s = stream("domain")
    ours = learner(s, RWalk(1.0, window=2))
    ours.begin(s[0])
    for b in ours.view.batches():
        ours.step(b)
    score = ours.method.score.clone()
    ours.end()
    assert 1 <= float(ours.method.importance.max()) <= 2
    assert torch.equal(ours.method.score, score / 2)
