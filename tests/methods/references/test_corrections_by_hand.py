"""Class-incremental distillation and corrections against their equations, in float64."""

import pytest
import torch
import torch.nn.functional as F
from by_hand import both, descend, deviation, hidden, logits, record

from holdfast.methods.bic import BiC

EXACT = 1e-12


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
    second, third = earlier[0] * z[:, 2:4] + earlier[1], alpha * z[:, 4:] + beta
    corrected = torch.cat([z[:, :2], second, third], 1)
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
