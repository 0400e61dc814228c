"""Projections and meta-learning against their papers' equations, step by step, in float64."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from by_hand import (
    HEAD,
    LAYERS,
    RATE,
    both,
    descend,
    deviation,
    flat,
    gradient,
    hidden,
    logits,
    plain,
    record,
    unflat,
)

EXACT = 1e-12


def of_rows(w, x, y):
    """The gradient of the mean loss on rows, as a vector."""
    return flat(gradient(w, lambda v: F.cross_entropy(logits(v, x), y)))


def moved(w, direction, rate=RATE):
    return unflat(flat(w) - rate * direction, w)


def quadratic_programme(g, past, floor, ridge):
    """argmin over v ≥ floor of ½ vᵀ(G Gᵀ + ridge) v + (G g)ᵀ v: every active set is tried."""
    h, c = past @ past.T + ridge * torch.eye(len(past)), past @ g
    best = None
    for free in product((True, False), repeat=len(past)):
        inside = torch.tensor(free)
        v = torch.full((len(past),), float(floor))
        if inside.any():
            rest = c[inside] + h[inside][:, ~inside] @ v[~inside]
            v[inside] = -torch.linalg.solve(h[inside][:, inside], rest)
        value = 0.5 * v @ h @ v + c @ v
        if bool((v >= floor - 1e-12).all()) and (best is None or value < best[0]):
            best = (value, v)
    return best[1]


@pytest.mark.parametrize(("strength", "ridge"), [(0.5, 1e-3), (0.0, 0.0)])
def test_gem_solves_the_dual_of_its_quadratic_programme(strength, ridge):
    run, bound = record(f"GEM(8, strength={strength}, ridge={ridge})", epochs=3), []

    def act(w, lesson, moment):
        g = of_rows(w, moment.x, moment.y)
        old = [r for r in moment.sampled if len(r)]
        if old:
            past = torch.stack([of_rows(w, r.x, r.y) for r in old])
            if bool((past @ g < 0).any()):
                bound.append(len(past))
                g = g + quadratic_programme(g, past, strength, ridge) @ past
        return moved(w, g)

    assert deviation(run, act) < 1e-9
    assert {1, 2} <= set(bound), "one and two constraints were at work"


@pytest.mark.parametrize("where", ["gradient", "step"])
def test_agem_takes_off_what_goes_against_the_reference(where):
    """The small number in the denominator, 1e-7, is the method's; the paper has none."""
    run, cut = record(f"AGEM(30, project={where!r})", epochs=3), []

    def act(w, lesson, moment):
        g = of_rows(w, moment.x, moment.y)
        old = [r for r in moment.sampled if len(r)]
        if old:
            r = of_rows(w, old[0].x, old[0].y)
            if float(g @ r) < 0:
                cut.append(1)
                g = g - (g @ r) / (r @ r) * r
        return moved(w, g)

    assert deviation(run, act) < 1e-5
    assert cut


@pytest.mark.parametrize("balance", ["rows", "task"])
def test_agem_takes_as_many_reference_rows_from_each_task_if_it_is_told_to(balance):
    run = record(f"AGEM(30, balance={balance!r})", epochs=3)
    counts = [moment.sampled[0].task.bincount() for moment in run.lessons[2].moments]
    assert all(len(of_task) == 2 for of_task in counts)
    assert all(int(of_task.sum()) in (4, 5, 6) for of_task in counts)
    is_balanced = all(int(of_task[0]) == int(of_task[1]) for of_task in counts)
    assert is_balanced == (balance == "task")


@pytest.mark.parametrize("where", ["gradient", "step"])
def test_ogd_leaves_the_span_of_stored_logit_gradients(where):
    run, stored = record(f"OGD(15, project={where!r})"), []

    def span():
        """An orthonormal basis, task after task; directions below 1e-4 of the longest are none."""
        basis = torch.zeros(0, len(stored[0][0]))
        for rows in stored:
            new = rows - rows @ basis.T @ basis
            _, values, directions = torch.linalg.svd(new, full_matrices=False)
            basis = torch.cat([basis, directions[values > 1e-4 * rows.norm(dim=1).max()]])
        return basis

    def act(w, lesson, moment):
        g = of_rows(w, moment.x, moment.y)
        if stored:
            basis = span()
            g = g - g @ basis.T @ basis
        return moved(w, g)

    def end(w, lesson):
        pairs = zip(lesson.x, lesson.y, strict=True)
        rows = [flat(gradient(w, lambda v, x=x, y=y: logits(v, x[None])[0, y])) for x, y in pairs]
        stored.append(torch.stack(rows))

    assert deviation(run, plain) > 1e-3
    assert deviation(run, act, end) < 1e-10


def test_gpm_leaves_the_input_subspace_of_each_layer():
    run, share = record("GPM(0.9, samples=100)"), 0.9
    bases = [torch.zeros(n + 1, 0) for n in (6, 5, 4)]
    layers = (*LAYERS, HEAD)

    def act(w, lesson, moment):
        g = gradient(w, lambda v: F.cross_entropy(logits(v, moment.x), moment.y))
        for layer, m in zip(layers, bases, strict=True):
            whole = torch.cat([g[f"{layer}.weight"], g[f"{layer}.bias"][:, None]], 1)
            whole = whole - whole @ m @ m.T
            g[f"{layer}.weight"], g[f"{layer}.bias"] = whole[:, :-1], whole[:, -1]
        return {n: w[n] - RATE * g[n] for n in w}

    def end(w, lesson):
        for k, h in enumerate(hidden(w, lesson.x)):
            r = torch.cat([h, torch.ones(len(h), 1)], 1).T
            m = bases[k]
            rest = r - m @ (m.T @ r)
            directions, values, _ = torch.linalg.svd(rest, full_matrices=False)
            held = r.square().sum() - rest.square().sum()
            count = 0
            while float(held) < share * float(r.square().sum()):
                held, count = held + values[count] ** 2, count + 1
            bases[k] = torch.cat([m, directions[:, :count]], 1)

    assert deviation(run, plain) > 1e-3
    assert deviation(run, act, end) < 1e-9


def test_mer_is_reptile_within_and_across_batches():
    run = record("MER(20, rows=2, batches=2, beta=0.4, gamma=0.7)", tasks=2)

    def act(w, lesson, moment):
        start, now = flat(w), w
        (old,) = moment.sampled or [None]
        for k in range(2):
            first = flat(now)
            mine = range(2 * k, min(2 * k + 2, len(old))) if old else ()
            rows = [(old.x[i], old.y[i]) for i in mine] + list(zip(moment.x, moment.y, strict=True))
            for x, y in rows:
                now = descend(now, lambda v, x=x, y=y: F.cross_entropy(logits(v, x[None]), y[None]))
            now = unflat(first + 0.4 * (flat(now) - first), w)
        return unflat(start + 0.7 * (flat(now) - start), w)

    assert deviation(run, plain) > 1e-3
    assert deviation(run, act) < EXACT


@pytest.mark.parametrize("clip", [None, 0.5])
def test_la_maml_learns_a_rate_for_each_weight(clip):
    """The meta gradient is averaged over the inner steps, as in the authors' code."""
    run = record(f"LaMAML(20, alpha=0.01, rate=20.0, inner=3, clip={clip})", tasks=2)
    alpha, fell = torch.full_like(flat(run.start), 0.01), []

    def grad(w, x, y):
        g = of_rows(w, x, y)
        return g if clip is None else g * min(1.0, clip / float(g.norm()))

    def act(w, lesson, moment):
        nonlocal alpha
        x, y = both(moment)
        fast, inner, slow = w, [], []
        parts = list(zip(moment.x.tensor_split(3), moment.y.tensor_split(3), strict=True))
        for part in parts:
            inner.append(grad(fast, *part))
            fast = unflat(flat(fast) - alpha * inner[-1], w)
            slow.append(grad(fast, x, y))
        of_alpha = torch.zeros_like(alpha)
        for k, s in enumerate(slow):
            of_alpha = of_alpha - s * sum(inner[: k + 1]) / len(parts)
        alpha = alpha - 20.0 * of_alpha
        fell.append(bool((alpha < 0).any()))
        meta = sum(slow) / len(parts)
        return unflat(flat(w) - alpha.clamp_min(0) * meta, w)

    assert deviation(run, plain) > 1e-3
    assert deviation(run, act) < EXACT
    assert any(fell), "some rate fell below 0"


def test_oml_differentiates_through_the_inner_loop_of_the_head():
    run = record("OML(20, inner_lr=0.3, inner=3)")

    def act(w, lesson, moment):
        x, y = both(moment)

        def outer(v):
            head = [v[f"{HEAD}.weight"], v[f"{HEAD}.bias"]]
            size = -(-len(moment.y) // 3)
            for part, label in zip(moment.x.split(size), moment.y.split(size), strict=True):
                inner = F.cross_entropy(hidden(v, part)[-1] @ head[0].T + head[1], label)
                g = torch.autograd.grad(inner, head, create_graph=True)
                head = [h - 0.3 * d for h, d in zip(head, g, strict=True)]
            return F.cross_entropy(hidden(v, x)[-1] @ head[0].T + head[1], y)

        return descend(w, outer)

    assert deviation(run, plain) > 1e-3
    assert deviation(run, act) < EXACT
