"""OGD, GPM, MER and La-MAML against the vectors that their equations give."""

import pytest
import torch

from helpers import ADAMW, learner, stream
from holdfast import HoldfastError
from holdfast.engine.batch import Batch
from holdfast.methods import GPM, MER, OGD, LaMAML, gem
from holdfast.methods.gpm import grown_basis
from holdfast.methods.ogd import extended
from holdfast.models import mlp, slim_resnet18
from holdfast.training import Learner, optimizer

SMALL = optimizer("sgd", lr=1e-3)


def test_the_basis_of_ogd_is_orthonormal_and_spans_what_was_stored():
    generator = torch.Generator().manual_seed(0)
    basis, rows = torch.zeros(0, 30), torch.randn(9, 30, generator=generator)
    for part in rows.split(4):
        basis = extended(basis, part)
    assert torch.allclose(basis @ basis.T, torch.eye(9), atol=1e-5)
    assert torch.allclose(rows @ basis.T @ basis, rows, atol=1e-4)
    assert len(extended(basis, rows[:3])) == 9, "nothing new, nothing stored"


def test_ogd_leaves_stored_logits_alone_to_first_order():
    s = stream("domain")
    drift = {}
    for method in ("FineTune()", "OGD(20)"):
        ours = learner(s, method, SMALL, epochs=1).train(s[0])
        x, y, logits = ours.view.examples_of(s[0], 20, torch.Generator().manual_seed(1))
        if method != "FineTune()":
            empty = torch.zeros(0, len(ours.view.space.theta))
            ours.method.basis = extended(empty, _gradients(ours, x, y, logits))
        before = logits(ours.model, x).gather(1, y[:, None]).detach()
        ours.begin(s[1])
        for _ in range(5):
            ours.step(next(ours.view.batches()))
        drift[method] = float(
            (logits(ours.model, x).gather(1, y[:, None]) - before).detach().abs().max()
        )
    assert drift["OGD(20)"] < 0.05 * drift["FineTune()"]


def _gradients(ours, x, y, logits):
    from holdfast.engine.jacobian import per_example_gradients

    label = iter(y)
    return per_example_gradients(ours.view.space, lambda m, one: logits(m, one)[:, next(label)], x)


def test_ogd_refuses_a_basis_beyond_its_limit_before_the_first_step():
    s = stream("domain")
    ours = learner(s, OGD(100, limit_bytes=1e5))
    with pytest.raises(HoldfastError, match="lower samples"):
        ours.fit(s)
    assert not ours.state.progress.names


def test_ogd_takes_exactly_the_bytes_of_its_limit():
    """What the first check lets pass, no later boundary refuses."""
    s = stream("domain", tasks=2)
    plain = learner(s, "FineTune()", SMALL, steps=1)
    needed = 3 * len(s) * plain.view.space.theta.nbytes
    ours = learner(s, OGD(3, limit_bytes=needed), SMALL, steps=1)
    ours.fit(s)
    assert ours.method.basis.nbytes == needed
    with pytest.raises(HoldfastError, match=r"for each of 2 tasks \(the whole stream\)"):
        learner(s, OGD(3, limit_bytes=needed - 1), SMALL, steps=1).fit(s)
    twice_as_wide = mlp(s.shape, "fixed", s.outputs, hidden=(32, 16), seed=0).double()
    with pytest.raises(HoldfastError, match="lower samples"):
        Learner(twice_as_wide, OGD(3, limit_bytes=needed), SMALL, scenario="domain").fit(s)


def test_projecting_the_step_holds_under_adam_with_decay():
    s = stream("domain")
    ours = learner(s, OGD(10, project="step"), ADAMW).train(s[0])
    ours.begin(s[1])
    before = ours.view.space.theta.detach().clone()
    ours.step(next(ours.view.batches()))
    moved = ours.view.space.theta.detach() - before
    assert float((ours.method.basis @ moved).abs().max()) < 1e-5 * float(moved.norm())


def test_the_basis_of_gpm_holds_the_share_that_was_asked_for():
    r = torch.randn(8, 40, generator=torch.Generator().manual_seed(0)).double()
    for threshold in (0.5, 0.9, 0.999, 1.0):
        m = grown_basis(torch.zeros(8, 0).double(), r @ r.T, threshold)
        held = float((m @ m.T @ r).square().sum() / r.square().sum())
        assert held >= threshold - 1e-9
        if m.shape[1] > 1:
            u = torch.linalg.svd(r)[0][:, : m.shape[1] - 1]
            assert float((u @ u.T @ r).square().sum() / r.square().sum()) < threshold, (
                "one direction fewer would not do"
            )
    again = grown_basis(m, r @ r.T, 1.0)
    assert again.shape == (8, 8)


@pytest.mark.parametrize(
    ("method", "make"), [("GPM(1.0)", SMALL), ("GPM(1.0, project='step')", ADAMW)]
)
def test_with_the_whole_input_space_held_old_outputs_do_not_change(method, make):
    s = stream("task")
    ours = learner(s, parse(method, samples=12), make).train(s[0])
    x, _, logits = ours.view.examples_of(
        s[0], 12, torch.Generator().manual_seed(ours.method.generator().initial_seed())
    )
    before = logits(ours.model, x).detach()
    ours.begin(s[1])
    for _ in range(10):
        ours.step(next(ours.view.batches()))
    assert float((logits(ours.model, x) - before).detach().abs().max()) < 1e-3 * float(
        before.abs().max()
    )


def parse(text: str, **more):
    from holdfast.methods import parse_method

    return type(parse_method(text))(**(parse_method(text).arguments | more))


def test_gpm_refuses_norm_layers_before_the_first_step():
    s = stream("domain")
    with pytest.raises(HoldfastError, match="BatchNorm2d"):
        Learner(slim_resnet18((1, 8, 8), "fixed", 2, seed=0), GPM(), scenario="domain").fit(s)


def test_mer_with_full_meta_rates_is_plain_descent_one_example_at_a_time():
    s = stream("domain")
    ours = learner(s, MER(50, rows=0, beta=1.0, gamma=1.0), SMALL, batch_size=4)
    bare = learner(s, "FineTune()", SMALL, batch_size=1)
    ours.begin(s[0])
    bare.begin(s[0])
    for _ in range(3):
        batch = next(ours.view.batches())
        ours.step(batch)
        for k in range(4):
            bare.step(Batch.of_stream(batch.rows(torch.tensor([k]))))
    assert torch.allclose(ours.view.space.theta, bare.view.space.theta, atol=1e-6)


def test_reptile_moves_by_its_rates():
    s = stream("domain")
    moves = {}
    for rates in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.0, 1.0)):
        ours = learner(s, MER(50, rows=0, beta=rates[0], gamma=rates[1]), SMALL, batch_size=4)
        ours.begin(s[0])
        start = ours.view.space.theta.detach().clone()
        ours.step(next(ours.view.batches()))
        moves[rates] = ours.view.space.theta.detach() - start
    assert torch.allclose(moves[0.5, 1.0], moves[1.0, 1.0] / 2, atol=1e-7)
    assert torch.allclose(moves[1.0, 0.5], moves[1.0, 1.0] / 2, atol=1e-7)
    assert not moves[0.0, 1.0].any()


def test_la_maml_with_one_inner_step_and_fixed_rates_is_its_equation():
    s = stream("domain")
    ours = learner(s, LaMAML(50, alpha=0.3, rate=0.0, inner=1, clip=None), SMALL)
    ours.begin(s[0])
    batch, start = next(ours.view.batches()), ours.view.space.theta.detach().clone()
    fast = start - 0.3 * ours.view.gradient_on(batch)
    with ours.view.at(fast):
        meta = ours.view.gradient_on(batch)
    ours.step(batch)
    assert torch.allclose(ours.view.space.theta.detach(), start - 0.3 * meta, atol=1e-6)


def test_la_maml_learns_lower_rates_where_gradients_disagree():
    s = stream("domain")
    ours = learner(s, LaMAML(50, alpha=0.1, rate=0.1, inner=1, clip=None), SMALL)
    ours.begin(s[0])
    batch, start = next(ours.view.batches()), ours.view.space.theta.detach().clone()
    first = ours.view.gradient_on(batch)
    with ours.view.at(start - 0.1 * first):
        second = ours.view.gradient_on(batch)
    ours.step(batch)
    assert torch.allclose(ours.method.offset, 0.1 * second * first, atol=1e-7)


def test_gem_leaves_a_gradient_alone_that_is_orthogonal_to_those_of_the_past():
    g = torch.tensor([1.0, 0.0, 0.0])
    past = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 1.0]])
    assert torch.equal(gem.project(g, past, strength=0.5), g)
    against = torch.tensor([1.0, -1e-3, 0.0])
    assert not torch.equal(gem.project(against, past, strength=0.5), against)
