"""Penalties and distillation against their papers' equations, step by step, in float64."""

import pytest
import torch
import torch.nn.functional as F
from by_hand import (
    HEAD,
    LAYERS,
    RATE,
    descend,
    deviation,
    flat,
    gradient,
    hidden,
    logits,
    of_label,
    plain,
    record,
    total,
    unflat,
)

EXACT = 1e-12


def follow(run, penalty, end, act=None):
    """The deviation of a run by hand, once it is sure that plain training is another run."""

    def step(w, lesson, moment):
        return descend(w, lambda v: F.cross_entropy(logits(v, moment.x), moment.y) + penalty(v))

    assert deviation(run, plain) > 1e-5
    return deviation(run, act or step, end)


def spring(importance, anchor, strength):
    return lambda v: strength * total((importance[n] * (v[n] - anchor[n]) ** 2).sum() for n in v)


def exact_fisher(w, x):
    """E_x Σ_y p(y|x) (∂ log p(y|x) / ∂θ)², one example and one label after the other."""
    out = {n: torch.zeros_like(v) for n, v in w.items()}
    for row in x:
        p = logits(w, row[None]).softmax(1)[0]
        for label, share in enumerate(p):
            g = of_label(w, row, label)
            out = {n: out[n] + share * g[n] ** 2 / len(x) for n in w}
    return out


def test_ewc_adds_one_spring_for_each_task():
    run, springs = record("EWC(4.0, samples=0)"), []

    def end(w, lesson):
        springs.append(spring(exact_fisher(w, lesson.x), w, 4.0 / 2))

    assert follow(run, lambda v: total(s(v) for s in springs), end) < EXACT


@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_online_ewc_has_one_spring_and_a_discounted_fisher(decay):
    run = record(f"OnlineEWC(6.0, gamma=0.7, decay={decay}, samples=0)")
    state = {"fisher": None, "strength": 6.0 / decay, "spring": lambda v: torch.zeros(())}

    def end(w, lesson):
        new, old = exact_fisher(w, lesson.x), state["fisher"]
        state["fisher"] = new if old is None else {n: 0.7 * old[n] + new[n] for n in w}
        state["strength"] *= decay
        state["spring"] = spring(state["fisher"], w, 0.7 * state["strength"] / 2)

    assert follow(run, lambda v: state["spring"](v), end) < EXACT


def test_mas_sums_absolute_gradients_of_half_the_squared_norm():
    run, total_of, now = record("MAS(0.5, samples=0)"), {}, [lambda v: torch.zeros(())]

    def end(w, lesson):
        for row in lesson.x:
            g = gradient(w, lambda v, row=row: logits(v, row[None]).square().sum() / 2)
            for n in w:
                total_of[n] = total_of.get(n, 0.0) + g[n].abs() / len(lesson.x)
        now[0] = spring(dict(total_of), w, 0.5)

    assert follow(run, lambda v: now[0](v), end) < EXACT


@pytest.mark.parametrize("which", ["task", "total"])
@pytest.mark.parametrize("clamp", ["none", "sum"])
def test_si_weighs_by_the_path_integral_over_the_squared_way(which, clamp):
    run = record(f"SI(0.5, xi=0.01, gradient={which!r}, clamp={clamp!r})")
    omega, importance = {}, dict.fromkeys(run.start, 0.0)
    state = {"spring": lambda v: torch.zeros(()), "start": run.start}

    def act(w, lesson, moment):
        def task(v):
            return F.cross_entropy(logits(v, moment.x), moment.y)

        whole = gradient(w, lambda v: task(v) + state["spring"](v))
        g = gradient(w, task) if which == "task" else whole
        for n in w:
            omega[n] = omega.get(n, 0.0) + g[n] * RATE * whole[n]  # −g Δθ
        return {n: w[n] - RATE * whole[n] for n in w}

    def end(w, lesson):
        for n in w:
            importance[n] = importance[n] + omega[n] / ((w[n] - state["start"][n]) ** 2 + 0.01)
            if clamp == "sum":
                importance[n] = importance[n].clamp_min(0)
        omega.clear()
        state["spring"], state["start"] = spring(dict(importance), w, 0.5), w

    assert follow(run, None, end, act) < EXACT


def test_rwalk_adds_a_normalised_fisher_and_a_normalised_score():
    run, epsilon, alpha, window = record("RWalk(0.05, window=3, alpha=0.8)"), 1e-3, 0.8, 3
    zero = {n: torch.zeros_like(v) for n, v in run.start.items()}
    state = {"fisher": None, "score": zero, "saved": zero, "from": run.start}
    state["spring"] = lambda v: torch.zeros(())

    def act(w, lesson, moment):
        def task(v):
            return F.cross_entropy(logits(v, moment.x), moment.y)

        whole, g = gradient(w, lambda v: task(v) + state["spring"](v)), gradient(w, task)
        state["saved"] = {n: state["saved"][n] + g[n] * RATE * whole[n] for n in w}
        w = {n: w[n] - RATE * whole[n] for n in w}
        if (moment.number + 1) % window == 0:
            close_window(w, moment)
        return w

    def close_window(w, moment):
        fresh = {n: torch.zeros_like(v) for n, v in w.items()}
        for row, label in zip(moment.x, moment.y, strict=True):
            g = of_label(w, row, label)
            fresh = {n: fresh[n] + g[n] ** 2 / len(moment.y) for n in w}
        old = state["fisher"] or fresh
        fisher = state["fisher"] = {n: alpha * fresh[n] + (1 - alpha) * old[n] for n in w}
        way = {n: 0.5 * fisher[n] * (w[n] - state["from"][n]) ** 2 + epsilon for n in w}
        gained = {n: state["saved"][n].clamp_min(0) / way[n] for n in w}
        state["score"] = {n: state["score"][n] + gained[n] for n in w}
        state["saved"], state["from"] = zero, w

    def end(w, lesson):
        f, s = state["fisher"], state["score"]
        highest_f, highest_s = flat(f).max(), flat(s).max()
        state["spring"] = spring({n: f[n] / highest_f + s[n] / highest_s for n in w}, w, 0.05)
        state["score"] = {n: s[n] / 2 for n in w}
        state["saved"], state["from"] = zero, w

    assert follow(run, None, end, act) < EXACT


def layer_matrix(w, layer):
    return torch.cat([w[f"{layer}.weight"], w[f"{layer}.bias"][:, None]], 1)


def test_kfac_ewc_is_half_the_trace_form_of_mean_and_summed_factors():
    run, layers = record("KFACEWC(2.0, samples=0)"), (*LAYERS, HEAD)
    a, g, state = {}, {}, {"anchor": None, "tasks": 0}

    def factors(w, x):
        found_a, found_g = [0.0] * 3, [0.0] * 3
        for row in x:
            with_one = [torch.cat([h, torch.ones(1, 1)], 1) for h in hidden(w, row[None])]
            for label in range(3):
                # The bias's gradient is that of the layer's output.
                d = of_label(w, row, label)
                p = logits(w, row[None]).softmax(1)[0, label]
                for k, layer in enumerate(layers):
                    delta = d[f"{layer}.bias"]
                    found_g[k] = found_g[k] + p * torch.outer(delta, delta) / len(x)
            for k, h in enumerate(with_one):
                found_a[k] = found_a[k] + h.T @ h / len(x)
        return found_a, found_g

    def penalty(v):
        if state["anchor"] is None:
            return torch.zeros(())
        moved = [layer_matrix(v, k) - layer_matrix(state["anchor"], k) for k in layers]
        return total(torch.trace(m.T @ g[k] @ m @ a[k]) for m, k in zip(moved, layers, strict=True))

    def end(w, lesson):
        new_a, new_g = factors(w, lesson.x)
        t = state["tasks"]
        for k, one_a, one_g in zip(layers, new_a, new_g, strict=True):
            a[k], g[k] = (a.get(k, 0.0) * t + one_a) / (t + 1), g.get(k, 0.0) + one_g
        state["anchor"], state["tasks"] = w, t + 1

    assert follow(run, lambda v: 2.0 / 2 * penalty(v), end) < EXACT
    # After the third task nothing is trained, but its factors are the first mean of three.
    method = run.learner.method
    for number, layer in enumerate(method.host["layers"]):
        torch.testing.assert_close(method.inputs[number], a[layer])
        torch.testing.assert_close(method.outputs[number], g[layer])


def test_low_rank_ewc_keeps_the_leading_pairs_and_the_diagonal_of_the_rest():
    rank = 4
    run = record(f"LowRankEWC(2.0, rank={rank}, samples=100, labels='empirical')")
    state = {"low": 0.0, "rest": 0.0, "anchor": None}

    def penalty(v):
        if state["anchor"] is None:
            return torch.zeros(())
        d = flat(v) - flat(state["anchor"])
        return d @ state["low"] @ d + (state["rest"] * d * d).sum()

    def end(w, lesson):
        rows = [flat(of_label(w, x, y)) for x, y in zip(lesson.x, lesson.y, strict=True)]
        dense = state["low"] + torch.stack(rows).T @ torch.stack(rows) / len(rows)
        values, vectors = torch.linalg.eigh(dense)
        low = (vectors[:, -rank:] * values[-rank:]) @ vectors[:, -rank:].T
        state["rest"] = (dense.diagonal() + state["rest"] - low.diagonal()).clamp_min(0)
        state["low"], state["anchor"] = low, w

    assert follow(run, lambda v: 2.0 / 2 * penalty(v), end) < 1e-10


def divergence(old, new, temperature):
    p, q = (old / temperature).softmax(1), (new / temperature).softmax(1)
    return (p * (p.log() - q.log())).sum(1).mean()


@pytest.mark.parametrize("t_squared", [True, False])
def test_lwf_distils_the_network_of_the_last_boundary(t_squared):
    run = record(f"LwF(1.5, temperature=3.0, t_squared={t_squared}, weight='tasks')")
    teacher = []

    def act(w, lesson, moment):
        def loss(v):
            z = logits(v, moment.x)
            kept = divergence(logits(teacher[-1], moment.x), z, 3.0) if teacher else torch.zeros(())
            scale = 1.5 * (9.0 if t_squared else 1.0) * lesson.number
            return F.cross_entropy(z, moment.y) + scale * kept

        return descend(w, loss)

    assert follow(run, None, lambda w, lesson: teacher.append(w), act) < EXACT


def test_lwf_in_the_task_scenario_distils_each_old_head():
    run, teacher = record("LwF(1.0)", "task"), []

    def act(w, lesson, moment):
        def loss(v):
            heads = [f"head.layers.{k}" for k in range(lesson.number + 1)]
            old = ((logits(teacher[-1], moment.x, h), logits(v, moment.x, h)) for h in heads[:-1])
            own = F.cross_entropy(logits(v, moment.x, heads[-1]), moment.y - lesson.outputs[0])
            return own + 4.0 * total(divergence(*pair, 2.0) for pair in old)

        return descend(w, loss)

    assert deviation(run, act, lambda w, lesson: teacher.append(w)) < EXACT


@pytest.mark.parametrize("open_outputs", ["seen", "all"])
def test_lwf_in_the_class_scenario_distils_outputs_of_ended_tasks_alone(open_outputs):
    run, teacher = record("LwF(1.0)", "class", outputs=open_outputs), []

    def act(w, lesson, moment):
        def loss(v):
            old, active = 2 * lesson.number, lesson.outputs[1] if open_outputs == "seen" else 6
            z = logits(v, moment.x)
            kept = torch.zeros(())
            if teacher:
                kept = divergence(logits(teacher[-1], moment.x)[:, :old], z[:, :old], 2.0)
            return F.cross_entropy(z[:, :active], moment.y) + 4.0 * kept

        return descend(w, loss)

    assert follow(run, None, lambda w, lesson: teacher.append(w), act) < EXACT


def test_the_vector_of_all_weights_is_the_weights():
    run = record("FineTune", tasks=1)
    again = unflat(flat(run.start), run.start)
    assert all(torch.equal(again[n], v) for n, v in run.start.items())
