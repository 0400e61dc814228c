"""Replay and the methods derived from it.

The tests compute the loss by hand and the choice of examples by brute force. They also check the
corrections of the head's outputs.
"""

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from helpers import ADAMW, learner, stream
from holdfast import HoldfastError
from holdfast.methods import (
    ERACE,
    GSS,
    MIR,
    BiC,
    GDumb,
    GenerativeReplay,
    LatentReplay,
    iCaRL,
    parse_method,
)
from holdfast.methods.bic import fitted
from holdfast.models.vae import VAE
from holdfast.training import optimizer


def test_er_ace_leaves_absent_old_classes_out_of_the_new_rows_loss():
    s = stream("class")
    ours = learner(s, ERACE(60)).train(s[0])
    ours.begin(s[1])
    drawn = ours.method.draw(ours.view, next(ours.view.batches()))
    step = ours.view.forward(drawn)
    n, y = 32, drawn.y
    z = step.logits.detach().clone().requires_grad_()
    step.logits = z
    loss = ours.method.criterion(ours.view, step)
    by_hand = F.cross_entropy(z[:n, 2:4], y[:n] - 2) + F.cross_entropy(z[n:], y[n:])
    assert torch.allclose(loss, by_hand)
    loss.backward()
    assert not z.grad[:n, :2].any()
    assert z.grad[n:, :2].any()


def test_er_ace_keeps_classes_never_seen_in_play():
    s = stream("class")
    ours = learner(s, ERACE(60), head="masked", outputs="all")
    ours.begin(s[0])
    step = ours.view.forward(next(ours.view.batches()))
    assert torch.allclose(
        ours.method.criterion(ours.view, step), F.cross_entropy(step.logits, step.batch.y)
    )


def test_mir_replays_the_candidates_that_a_virtual_step_damages_most():
    s = stream("class")
    ours = learner(s, MIR(60, candidates=40, rows=5), optimizer("sgd", lr=0.5)).train(s[0])
    ours.begin(s[1])
    batch = next(ours.view.batches())
    state = ours.method.memory.generator("draws").get_state()
    drawn = ours.method.draw(ours.view, batch)
    ours.method.memory.generator("draws").set_state(state)
    found = ours.method.memory.sample(40)

    def losses() -> torch.Tensor:
        return F.cross_entropy(
            ours.model(ours.view.prepare(found.x)), found.y, reduction="none"
        ).detach()

    before = losses()
    with ours.view.at(ours.view.space.theta - 0.5 * ours.view.gradient_on(batch)):
        raised = losses() - before
    chosen = found.x[raised.argsort(descending=True)[:5]].flatten(1)
    assert {tuple(r) for r in drawn.x[32:].flatten(1).tolist()} == {
        tuple(r) for r in chosen.tolist()
    }


def test_gss_does_not_admit_what_it_already_has():
    s = stream("class")
    ours = learner(s, GSS(8, compare=8), batch_size=8)
    ours.begin(s[0])
    batch = next(ours.view.batches())
    ours.step(batch)
    before = ours.method.memory.everything()
    ours.method.offer(ours.view, ours.view.forward(batch))
    again = ours.method.memory.everything()
    assert torch.equal(before.x, again.x), "an example's gradient has cosine 1 with itself"
    assert len(ours.method.memory) == 8


def test_gss_prefers_gradients_that_point_elsewhere():
    s = stream("class")
    ours = learner(s, GSS(6, compare=6), batch_size=6, epochs=1).train(*s.tasks[:3])
    assert len(ours.method.memory.counts()) >= 3


def test_gdumb_trains_anew_on_a_balanced_memory():
    s = stream("class")
    ours = learner(s, GDumb(40)).train(*s.tasks[:2])
    assert set(ours.method.memory.counts().values()) == {10}
    with pytest.raises(
        HoldfastError, match="smaller than the number of classes, 10; raise capacity to at least 10"
    ):
        learner(s, GDumb(9)).fit(s)


def test_gdumb_learns_nothing_from_what_is_not_in_its_memory():
    s = stream("class")
    ours = learner(s, GDumb(40), head="masked").train(s[0])
    kept = ours.method.memory.everything()
    ours.begin(s[1])
    rows = [
        ours.view.training_task.train.fetch(torch.tensor([k]))[0]
        for k in range(len(ours.view.training_task.train))
    ]
    assert len(rows) == 40
    assert sum(any(torch.equal(r[0], k) for k in kept.x) for r in rows) >= 20


def test_a_ranked_memory_smaller_than_the_classes_is_refused_before_the_first_step():
    s = stream("class")
    for method in ("iCaRL(9)", "ER(9, memory='herding')"):
        with pytest.raises(HoldfastError, match="smaller than the number of classes, 10"):
            learner(s, method).fit(s)


def test_a_coreset_larger_than_the_task_is_refused():
    s = stream("class")
    with pytest.raises(
        HoldfastError,
        match="larger than task '0\\+1', which has 288; lower capacity to at most 288",
    ):
        learner(s, "ER(2000, memory='coreset')").train(s[0])
    before = learner(s, "ER(2000, memory='coreset')")
    with pytest.raises(HoldfastError, match="larger than task"):
        before.fit(s)
    assert not before.state.progress.names, "found before the first step"


@pytest.mark.parametrize("policy", ["herding", "coreset"])
def test_ranked_memories_share_alike(policy):
    s = stream("class")
    ours = learner(s, f"ER(60, memory={policy!r})").train(*s.tasks[:3])
    tasks = ours.method.memory.everything().task.bincount().tolist()
    assert tasks == [20, 20, 20]
    assert ours.method.insert == "boundary"


def test_latent_replay_computes_the_loss_that_raw_rows_would_give():
    s = stream("class")
    ours = learner(s, LatentReplay(64), ADAMW).train(s[0])
    ours.begin(s[1])
    rows = ours.method.memory.everything()
    assert rows.x.shape[1:] == (32,)
    trunk = {n: p.detach().clone() for n, p in ours.model.backbone.named_parameters()}
    stored = {tuple(r) for r in rows.x.tolist()}
    x = s[0].train.fetch(torch.arange(len(s[0].train)))[0]
    assert stored <= {tuple(r) for r in ours.method.latent(ours.view, x).tolist()}
    batch = next(ours.view.batches())
    step = ours.view.forward(batch)
    state = ours.method.memory.generator("draws").get_state()
    loss = ours.method.criterion(ours.view, step)
    ours.method.memory.generator("draws").set_state(state)
    drawn = ours.method.memory.sample(32)
    z = ours.view.head(ours.model.top(drawn.x))
    by_hand = F.cross_entropy(torch.cat([step.logits, z]), torch.cat([batch.y, drawn.y]))
    assert torch.allclose(loss, by_hand)
    for b in ours.view.batches():
        ours.step(b)
    assert all(
        torch.equal(v, dict(ours.model.backbone.named_parameters())[n]) for n, v in trunk.items()
    )


def test_the_loss_of_the_vae_is_the_negative_elbo_per_pixel():
    vae, x = VAE((6,), (5,), 2, seed=0), torch.rand(4, 6)
    rows = vae.loss(x, torch.Generator().manual_seed(3))
    mean, log_variance = vae.to_latent(vae.encode(x)).chunk(2, 1)
    noise = torch.randn(4, 2, generator=torch.Generator().manual_seed(3))
    out = vae.decode(mean + (log_variance / 2).exp() * noise).sigmoid()
    kl = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(
        rows, (F.binary_cross_entropy(out, x, reduction="none").sum(1) + kl) / 6, atol=1e-6
    )


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_generated_rows_carry_the_old_networks_labels_and_weigh_one_minus_one_over_t(scenario):
    s = stream(scenario)
    ours = learner(s, GenerativeReplay((16,), 4)).train(*s.tasks[:2])
    ours.begin(s[2])
    drawn = ours.method.draw(ours.view, next(ours.view.batches()))
    assert float(drawn.weights()[:32].sum()) == pytest.approx(1 / 3)
    task = drawn.task[32:]
    x = ours.view.prepare(drawn.x[32:])
    z = ours.method.old(ours.model, x, task if scenario == "task" else None)[
        :, : ours.method.old.outputs
    ]
    assert torch.equal(z.argmax(1), drawn.y[32:])
    if scenario == "task":
        assert task.bincount().tolist() == [16, 16]
        assert bool((drawn.y[32:] // 2 == task).all())
    assert ours.method.state_bytes() > 0


def test_generative_replay_refuses_inputs_that_its_vae_cannot_draw():
    from holdfast.streams import from_arrays

    rng = torch.Generator().manual_seed(0)
    s = from_arrays(
        3 * torch.randn(80, 4, generator=rng), [0, 1] * 40, [0] * 40 + [1] * 40, "domain"
    )
    with pytest.raises(HoldfastError, match=r"inputs in \[0, 1\]"):
        learner(s, GenerativeReplay((8,), 2)).train(s[0])


def test_icarl_predicts_the_nearest_mean_of_its_exemplars():
    s = stream("class")
    ours = learner(s, iCaRL(60)).train(*s.tasks[:3])
    x = s[1].test.fetch(torch.arange(10))[0]
    with torch.no_grad():
        f = F.normalize(ours.model.features(ours.view.prepare(x), None), dim=1)
        means = []
        for c in range(6):
            rows = ours.method.memory.group(f"{c // 2}:{c}")
            assert len(rows) == 10
            means.append(
                F.normalize(
                    F.normalize(ours.model.features(ours.view.prepare(rows.x), None), dim=1).mean(
                        0
                    ),
                    dim=0,
                )
            )
    expected = torch.cdist(f, torch.stack(means)).argmin(1)
    assert torch.equal(ours.predict(x).argmax(1), expected)


def test_icarl_distils_sigmoids_of_old_classes_and_learns_new_ones():
    s = stream("class")
    ours = learner(s, iCaRL(60, temperature=2.0)).train(s[0])
    ours.begin(s[1])
    assert len(ours.view.training_task.train) == len(s[1].train) + 60
    step = ours.view.forward(next(ours.view.batches()))
    y, old = step.batch.y, torch.sigmoid(ours.method.teacher(ours.model, step.x, None)[:, :2] / 2)
    target = torch.cat([old, F.one_hot(y, 4)[:, 2:].float()], 1)
    by_hand = (
        -(target * step.logits.sigmoid().log() + (1 - target) * (1 - step.logits.sigmoid()).log())
        .sum(1)
        .mean()
    )
    assert torch.allclose(ours.method.criterion(ours.view, step), by_hand, rtol=1e-4)


def test_bic_holds_examples_out_and_is_never_worse_on_them():
    s = stream("class")
    ours = learner(s, parse_method("ER(30)") + BiC(60, share=0.2), epochs=4).train(s[0])
    ours.begin(s[1])
    assert len(ours.view.training_task.train) == len(s[1].train) - round(0.2 * len(s[1].train))
    for b in ours.view.batches():
        ours.step(b)
    ours.end()
    bic = next(p for p in ours.method.parts if isinstance(p, BiC))
    rows = bic.memory.everything()
    z = ours.model(ours.view.prepare(rows.x)).detach()
    assert float(F.cross_entropy(bic.corrected(z), rows.y)) <= float(F.cross_entropy(z, rows.y))
    assert torch.equal(bic.get_buffer("scale")[:2], torch.ones(2))


def test_the_correction_of_bic_is_the_minimum():
    z = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    y = torch.randint(5, (200,), generator=torch.Generator().manual_seed(1))
    alpha, beta = fitted(z, y, 3)
    p = torch.tensor([alpha, beta], dtype=torch.float64, requires_grad=True)
    F.cross_entropy(torch.cat([z[:, :3], p[0] * z[:, 3:] + p[1]], 1), y).backward()
    assert float(p.grad.abs().max()) < 1e-6


def test_wa_gives_old_and_new_rows_one_length():
    s = stream("class")
    ours = learner(s, "ER(30) + WA(lengthen=True)").train(*s.tasks[:2])
    length = ours.view.head.linear.weight.detach().norm(dim=1)
    assert float(length[:2].mean()) == pytest.approx(float(length[2:].mean()), rel=1e-5)
    shorter = (
        learner(s, "ER(30) + WA()").train(*s.tasks[:2]).view.head.linear.weight.detach().norm(dim=1)
    )
    assert float(shorter[2:].mean()) <= float(shorter[:2].mean()) * (1 + 1e-6)


def test_teachers_see_aligned_weights():
    s = stream("class")
    ours = learner(s, "LwF() + WA(lengthen=True)").train(*s.tasks[:2])
    teacher = next(p for p in ours.method.parts if p.name == "LwF").teacher
    assert torch.equal(teacher.tensors()["head.linear.weight"], ours.view.head.linear.weight)


@pytest.mark.parametrize("preset", ["ER_LwF(50)", "ER_LwF_EWC(50)", "DERpp_BiC(50)"])
def test_presets_are_sums(preset):
    method = parse_method(preset)
    assert " + " in repr(method)
    assert repr(parse_method(repr(method))) == repr(method)
    with pytest.raises(HoldfastError, match="unexpected keyword"):
        parse_method(preset.replace("50", "50, nonsense=1"))


@pytest.mark.parametrize("network", ["mlp", "convnet", "slim_resnet18"])
def test_products_of_gradients_are_those_of_the_gradients(network):
    from holdfast.engine.jacobian import gradient_products
    from holdfast.engine.parameters import ParameterSpace
    from holdfast.models import MODELS

    net = MODELS[network]((1, 8, 8), "fixed", 3, seed=0).eval()
    space, x, y = ParameterSpace(net), torch.rand(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1])
    found = gradient_products(
        space, lambda m, x: F.cross_entropy(m(x, None), y, reduction="none"), x
    )
    rows = torch.stack(
        [
            space.gather(
                list(
                    torch.autograd.grad(
                        F.cross_entropy(net(x[k : k + 1]), y[k : k + 1]), space.parameters
                    )
                )
            )
            for k in range(5)
        ]
    )
    assert torch.allclose(found, rows @ rows.T, rtol=1e-3, atol=1e-5)
