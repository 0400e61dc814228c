"""Each method against an oracle or law of its own."""

import pytest
import torch
import torch.nn.functional as F

from helpers import SGD, learner, same, stream, weights
from holdfast import HoldfastError
from holdfast.engine.batch import Batch
from holdfast.engine.distillation import distillation
from holdfast.engine.fisher import fisher_diagonal
from holdfast.methods import AGEM, ER, EWC, LwF, parse_method
from holdfast.methods.agem import project
from holdfast.training import optimizer


def test_the_gradient_of_ewc_equals_autograd_over_the_naive_sum_of_penalties():
    s = stream("domain")
    ours = learner(s, EWC(3.0, samples=50), SGD)
    ours.model.double()
    anchors, fishers = [], []
    original = ours.view.fisher

    def recording(*a, **k):
        f = original(*a, **k)
        fishers.append(f.clone())
        anchors.append(ours.view.space.theta.clone())
        return f

    ours.view.fisher = recording
    ours.view.forward.prepare = lambda x, augment=True: x.double() / 255
    ours.train(*s.tasks[:3])
    theta = ours.view.space.theta.clone().requires_grad_()
    sum(
        3.0 / 2 * (f * (theta - a) ** 2).sum() for f, a in zip(fishers, anchors, strict=True)
    ).backward()
    g = torch.zeros_like(ours.view.space.theta)
    ours.method.penalty(ours.view, g)
    assert len(fishers) == 3
    assert g.dtype == torch.float64
    assert torch.allclose(g, theta.grad, rtol=1e-10, atol=1e-12)


def test_ewc_takes_the_fisher_of_the_outputs_that_competed():
    s = stream("task")
    ours = learner(s, EWC(1.0, samples=0), head="masked")
    ours.begin(s[0])
    ours.end()
    x, _, _ = s[0].train.fetch(torch.arange(len(s[0].train)))
    expected = fisher_diagonal(ours.view.space, lambda m, v: m(v, 0)[:, 0:2], x.float() / 255)
    assert torch.allclose(ours.method.fisher_sum, expected, rtol=1e-3, atol=1e-9)


def test_a_stronger_ewc_stays_closer_to_its_anchor():
    s = stream("domain")
    moved = []
    for strength in (0.0, 1.0, 20.0):
        ours = learner(s, EWC(strength), optimizer("sgd", lr=0.01)).train(*s.tasks[:1])
        anchor = ours.view.space.theta.clone()
        ours.train(*s.tasks[1:2])
        moved.append(float((ours.view.space.theta - anchor).norm()))
    assert moved[0] > moved[1] > moved[2]


def test_the_decay_of_ewc_multiplies_the_whole_penalty_of_earlier_tasks():
    s = stream("domain")
    ours = learner(s, EWC(3.0, decay=0.5))
    original, terms = ours.view.fisher, []

    def recording(*a, **k):
        terms.append((original(*a, **k), ours.view.space.theta.clone()))
        return terms[-1][0].clone()

    ours.view.fisher = recording
    ours.train(*s.tasks[:3])
    with torch.no_grad():
        ours.view.space.theta.mul_(1.05)
    theta = ours.view.space.theta.detach().clone().requires_grad_()
    penalties = [
        w * (f * (theta - a) ** 2).sum() for w, (f, a) in zip((0.25, 0.5, 1.0), terms, strict=True)
    ]
    (3.0 / 2 * sum(penalties)).backward()
    g = torch.zeros_like(theta)
    ours.method.penalty(ours.view, g)
    assert torch.allclose(g, theta.grad, rtol=1e-3, atol=1e-5 * float(theta.grad.abs().max()))


def test_distillation_is_the_divergence_and_pads_a_narrow_teacher_with_zeros():
    torch.manual_seed(0)
    z, old = torch.randn(6, 5).double(), torch.randn(6, 3).double()
    p = (old / 2).softmax(1)
    q = (z / 2).softmax(1)
    by_hand = (p * (p.log() - q[:, :3].log())).sum(1).mean()
    assert torch.allclose(distillation(z, old, 2.0), by_hand)
    assert distillation(z, z, 3.0).abs() < 1e-12
    for teacher in (old, torch.randn(6, 5).double()):
        assert torch.autograd.gradcheck(
            lambda v, t=teacher: distillation(v, t, 2.0), z.clone().requires_grad_()
        )


def test_lwf_without_a_change_of_weights_adds_nothing_and_pulls_back_after_one():
    s = stream("class")
    ours = learner(s, LwF(), head="masked").train(*s.tasks[:1])
    ours.begin(s[1])
    batch = next(ours.view.batches())
    step = ours.view.forward(batch)
    assert ours.method.loss(ours.view, step).item() == pytest.approx(0, abs=1e-6)
    own = torch.Generator().manual_seed(0)
    with torch.no_grad():
        ours.view.space.theta += 0.05 * torch.randn(len(ours.view.space.theta), generator=own)
    assert ours.method.loss(ours.view, ours.view.forward(batch)).item() > 1e-4


def test_lwf_in_the_task_scenario_sums_one_term_for_each_old_task():
    s = stream("task")
    ours = learner(s, LwF(t_squared=False)).train(*s.tasks[:2])
    teacher = ours.method.teacher
    ours.begin(s[2])
    batch = next(ours.view.batches())
    with torch.no_grad():
        ours.view.space.theta.mul_(1.1)
    step = ours.view.forward(batch)
    expected = 0.0
    for t in range(2):
        new, old = (
            m(step.x, t)[:, 2 * t : 2 * t + 2] for m in (ours.model, teacher.network(ours.model))
        )
        expected += F.kl_div((new / 2).log_softmax(1), (old / 2).softmax(1), reduction="batchmean")
    assert torch.allclose(ours.method.loss(ours.view, step), expected)


def test_er_weighs_rows_alike_or_by_tasks():
    s = stream("class")
    for weights_, expected in (("mean", 1 / 64), ("task", 1 / 64)):
        ours = learner(s, ER(100, weights=weights_)).train(*s.tasks[:1])
        ours.begin(s[1])
        drawn = ours.method.draw(ours.view, next(ours.view.batches()))
        assert len(drawn) == 64
        assert drawn.weights().tolist() == pytest.approx([expected] * 64)
    ours = learner(s, ER(100, weights="task", ratio=0.2)).train(*s.tasks[:2])
    ours.begin(s[2])
    w = ours.method.draw(ours.view, next(ours.view.batches())).weights()
    assert float(w[:32].sum()) == pytest.approx(1 / 3)
    assert float(w[32:].sum()) == pytest.approx(2 / 3)
    assert len(w) == 40


def test_er_offers_each_example_once():
    s = stream("class")
    ours = learner(s, ER(10), epochs=3).train(*s.tasks[:2])
    assert ours.method.memory.host["offered"] == len(s[0].train) + len(s[1].train)


def test_er_at_the_boundary_replays_past_tasks_alone():
    s = stream("class")
    ours = learner(s, ER(20, memory="per_class", insert="boundary"))
    ours.begin(s[0])
    for b in ours.view.batches():
        ours.step(b)
    assert len(ours.method.memory) == 0
    ours.end()
    assert ours.method.memory.counts() == {0: 20, 1: 20}


def test_agem_never_moves_against_the_reference():
    torch.manual_seed(0)
    for _ in range(50):
        g, r = torch.randn(20).double(), torch.randn(20).double()
        out = project(g.clone(), r.clone(), 0.0)
        assert float(out @ r) >= -1e-12
        if float(g @ r) >= 0:
            assert torch.equal(out, g)
        else:  # the nearest such vector
            assert torch.allclose(out, g - (g @ r) / (r @ r) * r)


@pytest.mark.parametrize("where", ["gradient", "step"])
@pytest.mark.parametrize(
    "spec", ["AGEM(60, project={!r})", "AGEM(60, project={!r}, balance='task')"]
)
def test_reference_rows_are_of_past_tasks_alone(spec, where):
    s = stream("domain")
    ours = learner(s, spec.format(where), epochs=1)
    original, referred = ours.view.gradient_on, set()

    def recording(batch, **rest):
        referred.update(batch.task.tolist())
        return original(batch, **rest)

    ours.view.gradient_on = recording
    for k, task in enumerate(s.tasks[:3]):
        ours.train(task)
        assert referred == set(range(k))
        stored = ours.method.memory.get_buffer("task")[: len(ours.method.memory)]
        assert k in stored, "rows of the task were in the memory, to be drawn by mistake"


@pytest.mark.parametrize("where", ["gradient", "step"])
def test_agem_projects_what_it_says(where):
    s = stream("domain")
    ours = learner(s, AGEM(60, project=where), optimizer("adam", lr=1e-2)).train(*s.tasks[:1])
    ours.begin(s[1])
    memory, seen = ours.method.memory, []
    fixed = memory.sample(32, before=1)
    memory.sample = lambda *a, **k: fixed
    for b in ours.view.batches():
        r, before = ours.view.gradient_on(Batch.of_stream(fixed)), ours.view.space.theta.clone()
        ours.step(b)
        grad, delta = ours.view.space.grad.clone(), ours.view.space.theta - before
        seen.append(float(grad @ r) if where == "gradient" else -float(delta @ r))
        assert seen[-1] >= -0.01 * float(
            r.norm() * (grad if where == "gradient" else delta).norm()
        )  # ε in r·r + ε
    assert seen


def test_a_gradient_on_other_rows_leaves_everything_alone():
    s = stream("domain")
    ours = learner(s, AGEM(60)).train(*s.tasks[:1])
    ours.begin(s[1])
    rows = next(ours.view.batches())
    ours.step(rows)
    ours.loss(rows).backward()
    g, state = ours.view.space.collect().clone(), torch.get_rng_state()
    before = weights(ours.model)
    assert ours.view.gradient_on(Batch.of_stream(ours.method.memory.sample(8))).any()
    assert torch.equal(ours.view.space.grad, g)
    assert all(
        p.grad.data_ptr() == v.data_ptr()
        for p, v in zip(ours.view.space.parameters, ours.view.space._grad_views, strict=True)
    )
    assert torch.equal(state, torch.get_rng_state())
    assert same(before, weights(ours.model))


def test_joint_starts_from_the_first_weights_and_sees_all_tasks():
    s = stream("class")
    ours = learner(s, "Joint", head="masked")
    first = ours.view.space.theta.clone()
    ours.train(*s.tasks[:1])
    ours.begin(s[1])
    assert torch.equal(first, ours.view.space.theta)
    assert len(ours.view.training_task.train) == len(s[0].train) + len(s[1].train)
    assert {int(t) for b in ours.view.batches() for t in b.task} == {0, 1}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("EWD(1)", "did you mean 'EWC'"),
        ("ER(capcity=3)", "did you mean 'capacity'"),
        ("ER", "missing a required argument"),
        ("EWC(-1)", "at least 0"),
        ("LwF(alpha='x')", "at least 0"),
        ("ER(1.5)", "whole number"),
        ("ER(10, ratio=1.0)", r"in \[0, 1\)"),
        ("ER(10) + ER(20)", "in the sum twice"),
        ("AGEM(10) + GEM(10)", "AGEM and GEM both define the gradient"),
        ("BiC() + iCaRL(10)", "BiC and iCaRL both define the"),
        ("ERACE(10) + iCaRL(10)", "ERACE and iCaRL both define the criterion"),
        ("__import__('os').system('true')", "expected names with arguments"),
        ("ER(len([]))", "plain values"),
        ("ER(10", "cannot be read"),
        ("ER(10) - LwF()", "joined by"),
        ("ER(10, store='m') + AGEM(20, store='m')", "give both the same"),
    ],
)
def test_wrong_specs_say_what_is_wrong(spec, message):
    with pytest.raises(HoldfastError, match=message):
        parse_method(spec)


@pytest.mark.parametrize(
    "spec",
    ["ER(500) + LwF(alpha=1.0)", "EWC(100)", "FineTune()", "AGEM(10, project='step') + EWC(2.5)"],
)
def test_a_spec_is_the_repr(spec):
    assert repr(parse_method(spec)) == spec


def test_a_shared_memory_is_filled_once():
    s = stream("class")
    ours = learner(s, parse_method("ER(40, store='m') + AGEM(40, store='m')"))
    assert ours.method.parts[0].memory is ours.method.parts[1].memory
    ours.train(*s.tasks[:2])
    assert ours.method.parts[0].memory.host["offered"] == len(s[0].train) + len(s[1].train)
