"""Replay against its papers' equations, weight by weight and step by step, in float64.

Which rows a memory gave is read from the recording, what a method computes from them is not: logits
and activations that a method stored are computed again from the weights of that moment.
"""

import pytest
import torch
import torch.nn.functional as F
from by_hand import (
    RATE,
    descend,
    deviation,
    flat,
    gradient,
    hidden,
    key,
    logits,
    plain,
    record,
)

from holdfast.methods.bic import BiC

EXACT = 1e-12
ROUNDED = 1e-7  # the weights of rows that do not all weigh the same are float32 (engine/loss.py)


def both(moment):
    """New rows and those of the memory's only draw, if it was asked."""
    (old,) = moment.sampled or [None]
    if old is None:
        return moment.x, moment.y
    return torch.cat([moment.x, old.x]), torch.cat([moment.y, old.y])


def test_er_is_descent_on_the_mean_over_new_and_stored_rows():
    run = record("ER(20, ratio=0.4)")

    def act(w, lesson, moment):
        x, y = both(moment)
        return descend(w, lambda v: F.cross_entropy(logits(v, x), y))

    assert deviation(run, plain) > 1e-4
    assert deviation(run, act) < EXACT


def test_er_weighs_new_rows_by_one_over_the_number_of_tasks():
    run = record("ER(20, weights='task', insert='boundary')")

    def act(w, lesson, moment):
        def loss(v):
            new = F.cross_entropy(logits(v, moment.x), moment.y)
            if not lesson.number:
                return new
            (old,) = moment.sampled
            share = 1 / (lesson.number + 1)
            return share * new + (1 - share) * F.cross_entropy(logits(v, old.x), old.y)

        return descend(w, loss)

    assert deviation(run, plain) > 1e-4
    assert deviation(run, act) < ROUNDED


@pytest.mark.parametrize("open_outputs", ["seen", "all"])
def test_er_ace_lets_new_rows_compete_with_no_old_class_that_is_absent(open_outputs):
    run, seen = record("ERACE(20)", "class", outputs=open_outputs), set()

    def act(w, lesson, moment):
        active = lesson.outputs[1] if open_outputs == "seen" else 6
        present = set(moment.y.tolist())
        rivals = torch.tensor([c in present or c not in seen for c in range(active)])

        def loss(v):
            z = logits(v, moment.x)[:, :active]
            new = F.cross_entropy(torch.where(rivals, z, -torch.inf), moment.y)
            if not moment.sampled:
                return new
            (old,) = moment.sampled
            return new + F.cross_entropy(logits(v, old.x)[:, :active], old.y)

        w = descend(w, loss)
        seen.update(present)
        return w

    assert deviation(run, plain) > 1e-4
    assert deviation(run, act) < EXACT


def remember_logits(stored, w, moment):
    """The logits of new rows enter the memory with them, before the step, in the first epoch."""
    if moment.first_epoch:
        stored.update(zip(map(key, moment.x), logits(w, moment.x), strict=True))


def kept_logits(stored, v, rows):
    return (logits(v, rows.x) - torch.stack([stored[key(x)] for x in rows.x])).square().mean()


def test_der_pulls_stored_rows_to_the_logits_they_gave():
    run, stored = record("DER(20, alpha=0.7)"), {}

    def act(w, lesson, moment):
        remember_logits(stored, w, moment)
        old = [r for r in moment.sampled if len(r)]

        def loss(v):
            new = F.cross_entropy(logits(v, moment.x), moment.y)
            return new + 0.7 * kept_logits(stored, v, old[0]) if old else new

        return descend(w, loss)

    assert deviation(run, plain) > 1e-4
    assert deviation(run, act) < ROUNDED


@pytest.mark.parametrize("draws", [1, 2])
def test_der_plus_plus_adds_the_labels_of_stored_rows(draws):
    run, stored = record(f"DERpp(20, alpha=0.7, beta=0.3, draws={draws})"), {}

    def act(w, lesson, moment):
        remember_logits(stored, w, moment)
        old = moment.sampled

        def loss(v):
            new = F.cross_entropy(logits(v, moment.x), moment.y)
            if not old:
                return new
            labels = F.cross_entropy(logits(v, old[-1].x), old[-1].y)
            return new + 0.7 * kept_logits(stored, v, old[0]) + 0.3 * labels

        assert len(old) in (0, draws)
        return descend(w, loss)

    assert deviation(run, plain) > 1e-4
    assert deviation(run, act) < ROUNDED


def test_mir_replays_the_candidates_whose_loss_a_virtual_step_raises_most():
    run = record("MIR(30, candidates=12, rows=4)")

    def losses(w, rows):
        return F.cross_entropy(logits(w, rows.x), rows.y, reduction="none")

    def act(w, lesson, moment):
        x, y = moment.x, moment.y
        if moment.sampled:
            (found,) = moment.sampled
            ahead = descend(w, lambda v: F.cross_entropy(logits(v, x), y), RATE)
            raised = losses(ahead, found) - losses(w, found)
            worst = sorted(range(len(found)), key=lambda k: -float(raised[k]))[:4]
            x, y = torch.cat([x, found.x[worst]]), torch.cat([y, found.y[worst]])
        return descend(w, lambda v: F.cross_entropy(logits(v, x), y))

    assert deviation(run, plain) > 1e-4
    assert deviation(run, act) < EXACT


def test_the_score_of_gss_is_one_plus_the_largest_cosine_with_stored_gradients():
    """Replayed as ER; what enters the memory enters with the score of the paper."""
    run, scores = record("GSS(12, compare=4)"), {}

    def unit(w, x, y):
        g = flat(gradient(w, lambda v: F.cross_entropy(logits(v, x[None]), y[None])))
        return g / g.norm()

    def act(w, lesson, moment):
        x, y = moment.x, moment.y
        replayed, compared = _roles(moment)
        if replayed is not None:
            x, y = torch.cat([x, replayed.x]), torch.cat([y, replayed.y])
        w = descend(w, lambda v: F.cross_entropy(logits(v, x), y))
        if moment.first_epoch:
            old = [unit(w, *row) for row in zip(compared.x, compared.y, strict=True)] if compared else []
            for row, label in zip(moment.x, moment.y, strict=True):
                new = unit(w, row, label)
                scores[key(row)] = 1 + max(float(new @ o) for o in old) if old else 1.0
        return w

    def _roles(moment):
        if not moment.sampled:
            return None, None
        return (*moment.sampled, None) if len(moment.sampled) == 1 else moment.sampled

    assert deviation(run, act) < EXACT
    method = run.learner.method
    held = method.get_buffer("score")[: len(method.memory)]
    by_hand = torch.tensor([scores[key(x)] for x in method.memory.everything().x])
    assert torch.allclose(held, by_hand, rtol=0, atol=1e-9)


def test_icarl_distils_sigmoids_and_learns_new_classes():
    run, teacher = record("iCaRL(12, temperature=2.0)", "class"), []

    def act(w, lesson, moment):
        old, active = 2 * lesson.number, lesson.outputs[1]
        target = F.one_hot(moment.y, active).double()
        if teacher:
            target[:, :old] = torch.sigmoid(logits(teacher[-1], moment.x)[:, :old] / 2.0)

        def loss(v):
            q = torch.sigmoid(logits(v, moment.x)[:, :active])
            return -(target * q.log() + (1 - target) * (1 - q).log()).sum(1).mean()

        return descend(w, loss)

    assert deviation(run, act, lambda w, lesson: teacher.append(w)) < EXACT


def test_icarl_predicts_the_nearest_mean_of_unit_features():
    run = record("iCaRL(12)", "class")
    w, kept = run.lessons[-1].after, run.learner.method.memory.everything()
    unit = F.normalize(hidden(w, kept.x)[-1], dim=1)
    means = torch.stack([F.normalize(unit[kept.y == c].mean(0), dim=0) for c in range(6)])
    x = torch.cat([t.test.fetch(torch.arange(len(t.test)))[0] for t in run.stream])
    distance = (F.normalize(hidden(w, x)[-1], dim=1)[:, None] - means).square().sum(2)
    assert torch.allclose(run.learner.predict(x), -distance, atol=1e-10)


def newton(z, y, first, steps=50):
    """α and β of the bias correction: Newton's method on the cross-entropy."""

    def loss(p):
        return F.cross_entropy(torch.cat([z[:, :first], p[0] * z[:, first:] + p[1]], 1), y)

    p = torch.tensor([1.0, 0.0])
    for _ in range(steps):
        (g,) = torch.autograd.grad(loss(q := p.clone().requires_grad_()), q)
        p = p - torch.linalg.solve(torch.autograd.functional.hessian(loss, p), g)
    return p


def test_bic_fits_its_correction_to_the_rows_that_it_held_out():
    run = record("ER(20) + BiC(60, share=0.4)", "class", epochs=1)
    bic = next(p for p in run.learner.method.parts if isinstance(p, BiC))
    rows, w = bic.memory.everything(), run.lessons[-1].after
    z = logits(w, rows.x)
    earlier = bic.get_buffer("scale")[2], bic.get_buffer("shift")[2]
    z[:, 2:4] = earlier[0] * z[:, 2:4] + earlier[1]
    alpha, beta = newton(z.detach(), rows.y, first=4)
    assert float(bic.get_buffer("scale")[4]) == pytest.approx(float(alpha), abs=1e-6)
    assert float(bic.get_buffer("shift")[4]) == pytest.approx(float(beta), abs=1e-6)
    x = rows.x[:5]
    z = logits(w, x).detach()
    corrected = torch.cat([z[:, :2], earlier[0] * z[:, 2:4] + earlier[1], alpha * z[:, 4:] + beta], 1)
    assert torch.allclose(run.learner.predict(x), corrected, atol=1e-5)


@pytest.mark.parametrize("lengthen", [True, False])
def test_wa_scales_new_rows_to_the_mean_length_of_old_ones(lengthen):
    run = record(f"ER(20) + WA(lengthen={lengthen})", "class")
    used = []

    def act(w, lesson, moment):
        x, y = both(moment)
        return descend(w, lambda v: F.cross_entropy(logits(v, x)[:, : lesson.outputs[1]], y))

    def end(w, lesson):
        first, last = 2 * lesson.number, lesson.outputs[1]
        if not first:
            return w
        length = w["head.linear.weight"].square().sum(1).sqrt()
        gamma = float(length[:first].mean() / length[first:last].mean())
        used.append(gamma)
        aligned = w["head.linear.weight"].clone()
        aligned[first:last] *= gamma if lengthen else min(gamma, 1.0)
        return w | {"head.linear.weight": aligned}

    assert deviation(run, act, end) < EXACT
    assert len(used) == 2


def test_latent_replay_mixes_activations_of_the_frozen_trunk():
    run, activations = record("LatentReplay(20, ratio=0.4)"), {}

    def act(w, lesson, moment):
        trunk = {n: v for n, v in w.items() if n.startswith("backbone.")}

        def loss(v):
            x = torch.relu(moment.x @ v["backbone.1.weight"].T + v["backbone.1.bias"])
            new = F.cross_entropy(top(v, x), moment.y, reduction="none")
            if not moment.sampled:
                return new.mean()
            (old,) = moment.sampled
            stored = torch.stack([nearest(activations, h) for h in old.x])
            return torch.cat([new, F.cross_entropy(top(v, stored), old.y, reduction="none")]).mean()

        after = descend(w, loss)
        return after | trunk if lesson.number else after

    def top(v, x):
        h = torch.relu(x @ v["top.0.weight"].T + v["top.0.bias"])
        return h @ v["head.linear.weight"].T + v["head.linear.bias"]

    def nearest(of, h):
        """The activation that was computed by hand for the stored one."""
        every = torch.stack(list(of.values()))
        best = every[(every - h).abs().amax(1).argmin()]
        assert float((best - h).abs().max()) < 1e-12
        return best

    def end(w, lesson):
        h = torch.relu(lesson.x @ w["backbone.1.weight"].T + w["backbone.1.bias"])
        activations.update(zip(map(key, lesson.x), h, strict=True))

    assert deviation(run, act, end) < EXACT
    assert any(m.sampled for lesson in run.lessons for m in lesson.moments)


@pytest.mark.parametrize("labels", ["hard", "soft"])
def test_generated_rows_weigh_one_minus_one_over_t_under_the_old_networks_labels(labels):
    """What the VAE drew is read from the recording; its own loss has its reference elsewhere."""
    run, teacher = record(f"GenerativeReplay((8,), 3, labels={labels!r})"), []

    def act(w, lesson, moment):
        block = moment.batch.block("GenerativeReplay")
        assert (block is None) == (not teacher)

        def loss(v):
            new = F.cross_entropy(logits(v, moment.x), moment.y)
            if block is None:
                return new
            x, share = moment.batch.x[block.start : block.stop], 1 / (lesson.number + 1)
            old, z = logits(teacher[-1], x), logits(v, x)
            if labels == "hard":
                replayed = F.cross_entropy(z, old.argmax(1))
            else:
                p, q = (old / 2.0).softmax(1), (z / 2.0).softmax(1)
                replayed = (p * (p / q).log()).sum(1).mean()
            return share * new + (1 - share) * replayed

        return descend(w, loss)

    assert deviation(run, act, lambda w, lesson: teacher.append(w)) < ROUNDED


@pytest.mark.parametrize("spec", ["Joint()", "FromScratch()", "GDumb(30)"])
def test_baselines_that_restart_descend_from_the_first_weights(spec):
    run = record(spec)
    assert deviation(run, plain, begin=lambda w, lesson: dict(run.start)) < EXACT
    assert deviation(run, plain) > 1e-3, "going on is another run"


@pytest.mark.parametrize("spec", ["FineTune()", "Cumulative()"])
def test_baselines_that_go_on_are_plain_descent(spec):
    assert deviation(record(spec), plain) < EXACT


def test_joint_and_cumulative_draw_from_all_tasks_so_far():
    for spec in ("Joint()", "Cumulative()"):
        run = record(spec)
        allowed = set()
        for lesson in run.lessons:
            allowed |= set(map(key, lesson.x))
            assert {key(x) for m in lesson.moments for x in m.x} == allowed
