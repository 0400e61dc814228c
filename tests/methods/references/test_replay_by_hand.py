"""Replay against its papers' equations, weight by weight and step by step, in float64.

Which rows a memory gave is read from the recording, what a method computes from them is not: logits
and activations that a method stored are computed again from the weights of that moment.
"""

import pytest
import torch
import torch.nn.functional as F
from by_hand import (
    RATE,
    both,
    descend,
    deviation,
    flat,
    gradient,
    key,
    logits,
    plain,
    record,
)

EXACT = 1e-12
ROUNDED = 1e-12


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
        replayed, compared = roles(moment)
        if replayed is not None:
            x, y = torch.cat([x, replayed.x]), torch.cat([y, replayed.y])
        w = descend(w, lambda v: F.cross_entropy(logits(v, x), y))
        if moment.first_epoch:
            pairs = zip(compared.x, compared.y, strict=True) if compared else ()
            old = [unit(w, *pair) for pair in pairs]
            for row, label in zip(moment.x, moment.y, strict=True):
                new = unit(w, row, label)
                scores[key(row)] = 1 + max(float(new @ o) for o in old) if old else 1.0
        return w

    def roles(moment):
        """Rows to replay, then those that the new rows are compared with (in the first epoch)."""
        return (*moment.sampled, None, None)[:2]

    assert deviation(run, act) < EXACT
    method = run.learner.method
    held = method.get_buffer("score")[: len(method.memory)]
    by_hand = torch.tensor([scores[key(x)] for x in method.memory.everything().x])
    assert torch.allclose(held, by_hand, rtol=0, atol=1e-9)


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
