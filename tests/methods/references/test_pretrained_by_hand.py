"""Anchors, averages of weights and frozen parts against their equations, in float64."""

import pytest
import torch
import torch.nn.functional as F
from by_hand import (
    HEAD,
    RATE,
    descend,
    deviation,
    distance,
    gradient,
    key,
    logits,
    plain,
    record,
    total,
)

EXACT = 1e-12


def divergence(direction, old, new, temperature):
    """Σ_c a_c (log a_c − log b_c), one output after the other, the mean over rows."""
    p, q = (old / temperature).softmax(1), (new / temperature).softmax(1)
    if direction == "reverse":
        p, q = q, p
    return total(p[:, c] * (p[:, c].log() - q[:, c].log()) for c in range(p.shape[1])).mean()


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("first", [True, False])
def test_kl_anchor_holds_the_outputs_of_the_model_before_the_task(direction, first):
    run = record(f"KLAnchor(1.5, direction={direction!r}, temperature=2.0, first={first})")

    def act(w, lesson, moment):
        def loss(v):
            z = logits(v, moment.x)
            plain_loss = F.cross_entropy(z, moment.y)
            if not (lesson.number or first):
                return plain_loss
            before = logits(lesson.before, moment.x)
            return plain_loss + 1.5 * 4.0 * divergence(direction, before, z, 2.0)

        return descend(w, loss)

    assert deviation(run, plain) > 1e-5
    assert deviation(run, act) < EXACT


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_kl_anchor_in_the_task_scenario_holds_each_old_head(direction):
    run = record(f"KLAnchor(1.0, direction={direction!r})", "task")

    def act(w, lesson, moment):
        def loss(v):
            heads = [f"head.layers.{k}" for k in range(lesson.number + 1)]
            own = F.cross_entropy(logits(v, moment.x, heads[-1]), moment.y - lesson.outputs[0])
            pairs = [
                (logits(lesson.before, moment.x, head), logits(v, moment.x, head))
                for head in heads[:-1]
            ]
            return own + total(divergence(direction, *pair, 1.0) for pair in pairs)

        return descend(w, loss)

    assert deviation(run, act) < EXACT


def test_kl_anchor_in_the_class_scenario_holds_outputs_of_ended_tasks_alone():
    run = record("KLAnchor(1.0, direction='reverse')", "class")

    def act(w, lesson, moment):
        def loss(v):
            old = 2 * lesson.number
            z = logits(v, moment.x)
            before = logits(lesson.before, moment.x)[:, :old]
            kept = divergence("reverse", before, z[:, :old], 1.0) if old else torch.zeros(())
            return F.cross_entropy(z[:, : lesson.outputs[1]], moment.y) + kept

        return descend(w, loss)

    assert deviation(run, act) < EXACT


def test_ema_is_the_geometric_mean_of_the_weights_after_each_step():
    run = record("EMA(0.8)")
    assert deviation(run, plain) < EXACT
    after = [moment.after for lesson in run.lessons for moment in lesson.moments]
    shares = [0.8 ** (len(after) - 1 - k) for k in range(len(after))]
    average = run.learner.method.average.tensors()
    for name in run.start:
        expected = total(s * w[name] for s, w in zip(shares, after, strict=True)) / sum(shares)
        torch.testing.assert_close(average[name], expected, rtol=0, atol=EXACT)


def test_interpolate_goes_a_part_of_the_way_of_each_task():
    run = record("Interpolate(0.3)")

    def end(w, lesson):
        return {n: 0.7 * lesson.before[n] + 0.3 * w[n] for n in w}

    assert deviation(run, plain) > 1e-5
    assert deviation(run, plain, end) < EXACT


def test_interpolate_keeps_new_rows_of_a_masked_head_as_they_were_trained():
    run = record("Interpolate(0.3)", "class")

    def end(w, lesson):
        mixed = {n: 0.7 * lesson.before[n] + 0.3 * w[n] for n in w}
        for name in (f"{HEAD}.weight", f"{HEAD}.bias"):
            new = slice(*((2 * lesson.number, lesson.outputs[1])))
            mixed[name][new] = w[name][new]
        return mixed

    assert deviation(run, plain, end) < EXACT


def test_task_arithmetic_adds_task_vectors_from_the_first_weights():
    run, vectors = record("TaskArithmetic(0.4)"), []

    def end(w, lesson):
        vectors.append({n: w[n] - run.start[n] for n in w})
        return {n: run.start[n] + 0.4 * sum(tau[n] for tau in vectors) for n in w}

    assert deviation(run, plain, end, begin=lambda w, lesson: run.start) < EXACT
    assert len(vectors) == 3


def test_task_arithmetic_from_merged_weights_adds_a_part_of_each_change():
    run = record("TaskArithmetic(1.5, start='merged')")

    def end(w, lesson):
        return {n: lesson.before[n] + 1.5 * (w[n] - lesson.before[n]) for n in w}

    assert deviation(run, plain, end) < EXACT


@pytest.mark.parametrize("from_task", [0, 1])
def test_freeze_leaves_out_the_steps_of_frozen_weights(from_task):
    run = record(f"Freeze('backbone.1', from_task={from_task})")

    def act(w, lesson, moment):
        g = gradient(w, lambda v: F.cross_entropy(logits(v, moment.x), moment.y))
        still = lesson.number >= from_task
        return {n: w[n] if still and n.startswith("backbone.1.") else w[n] - RATE * g[n] for n in w}

    assert deviation(run, act) < EXACT
    assert distance(run.start, run.lessons[-1].after) > 1e-3


def test_mix_is_descent_on_the_mean_over_new_and_outside_rows():
    run, mixed = record("Mix('first', 0.4)"), []

    def act(w, lesson, moment):
        x, y = moment.batch.x, moment.batch.y
        mixed.append((lesson.number, len(moment.y), x[len(moment.y) :]))
        return descend(w, lambda v: F.cross_entropy(logits(v, x), y))

    assert deviation(run, act) < EXACT
    first = {key(row) for row in run.lessons[0].x}
    for number, _, outside in mixed:
        assert {key(row) for row in outside} <= first
        assert number or not len(outside)
    # Of the batches of later tasks, 40 % are rows of the first one.
    later = [(new, len(outside)) for number, new, outside in mixed if number]
    share = sum(m for _, m in later) / sum(n + m for n, m in later)
    assert abs(share - 0.4) < 0.02
