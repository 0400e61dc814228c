"""Masks, gates, columns, adapters and readouts against their papers' equations, in float64.

What chance decides (gates of XdG, new layers, RanPAC's projection) is read from the model.
"""

import pytest
import torch
import torch.nn.functional as F
from by_hand import LAYERS, RATE, deviation, gradient, hidden, record

EXACT = 1e-12


def own_loss(z, lesson, moment):
    """Cross-entropy over the outputs of the row's own task."""
    return F.cross_entropy(z, moment.y - lesson.outputs[0])


def own_head(w, lesson, h):
    return h @ w[f"head.layers.{lesson.number}.weight"].T + w[f"head.layers.{lesson.number}.bias"]


def stepped(w, g, free=None):
    """Descent on what may move."""
    return {n: w[n] - RATE * g[n] * (1.0 if free is None else free.get(n, 1.0)) for n in w}


def test_separate_networks_are_plain_networks_side_by_side():
    run = record("SeparateNetworks()", "task")

    def act(w, lesson, moment):
        def loss(v):
            h = moment.x
            for k in (1, 3):
                name = f"networks.{lesson.number}.{k}"
                h = torch.relu(h @ v[f"{name}.weight"].T + v[f"{name}.bias"])
            return own_loss(own_head(v, lesson, h), lesson, moment)

        return stepped(w, gradient(w, loss))

    assert deviation(run, act) < EXACT


def test_xdg_multiplies_hidden_units_by_the_tasks_gates():
    run = record("XdG(0.5)", "task")

    def act(w, lesson, moment):
        def loss(v):
            h = moment.x
            for k, layer in enumerate(LAYERS):
                gate = run.learner.model.get_buffer(f"gate_{k}")[lesson.number]
                h = torch.relu(h @ v[f"{layer}.weight"].T + v[f"{layer}.bias"]) * gate
            return own_loss(own_head(v, lesson, h), lesson, moment)

        return stepped(w, gradient(w, loss))

    assert deviation(run, act) < EXACT


def test_hat_learns_attention_under_the_papers_gradient_and_masks():
    c, largest = 0.75, 8.0
    run = record(f"HAT({c}, scale={largest})", "task")
    taken = [torch.zeros(5), torch.zeros(4)]

    def act(w, lesson, moment):
        progress = moment.number % 3 / 2  # three batches an epoch
        s = 1 / largest + (largest - 1 / largest) * progress
        names = [f"embeddings.{lesson.number}.{k}" for k in range(2)]

        def loss(v):
            h, gates = moment.x, [torch.sigmoid(s * v[n]) for n in names]
            for layer, gate in zip(LAYERS, gates, strict=True):
                h = torch.relu(h @ v[f"{layer}.weight"].T + v[f"{layer}.bias"]) * gate
            new = [1 - t for t in taken]
            used = sum((a * n).sum() for a, n in zip(gates, new, strict=True))
            cost = used / sum(n.sum() for n in new)
            return own_loss(own_head(v, lesson, h), lesson, moment) + c * cost

        g = gradient(w, loss)
        for n in names:
            g[n] = g[n] * largest / s * (torch.cosh(s * w[n]) + 1) / (torch.cosh(w[n]) + 1)
        w = stepped(w, g, masks())
        return w | {n: w[n].clamp(-6, 6) for n in names}

    def masks():
        first, second = taken
        return {
            "backbone.1.weight": (1 - first)[:, None],
            "backbone.1.bias": 1 - first,
            "backbone.3.weight": 1 - torch.minimum(second[:, None], first[None]),
            "backbone.3.bias": 1 - second,
        }

    def end(w, lesson):
        for k in range(2):
            taken[k] = torch.maximum(taken[k], (w[f"embeddings.{lesson.number}.{k}"] > 0).double())

    assert deviation(run, act, end) < 1e-10
    assert any(bool(t.any()) for t in taken)


def test_packnet_prunes_to_equal_shares_retrains_and_freezes():
    run = record("PackNet(3, epochs=2)", "task")
    weights, biases = ([f"{n}.{kind}" for n in LAYERS] for kind in ("weight", "bias"))
    owner = {n: torch.zeros_like(run.start[n]) for n in weights}

    def train(w, lesson, moment, free):
        def loss(v):
            h = moment.x
            for layer in LAYERS:
                h = torch.relu(h @ v[f"{layer}.weight"].T + v[f"{layer}.bias"])
            return own_loss(own_head(v, lesson, h), lesson, moment)

        still = {n: float(lesson.number == 0) for n in biases}
        return stepped(w, gradient(w, loss), still | free)

    def act(w, lesson, moment):
        return train(w, lesson, moment, {n: (owner[n] == 0).double() for n in weights})

    def end(w, lesson):
        task, left = lesson.number + 1, 3 - lesson.number
        for n in weights:
            free = (owner[n] == 0).flatten().nonzero().flatten().tolist()
            largest = sorted(free, key=lambda i, n=n: -abs(float(w[n].flatten()[i])))
            owner[n].view(-1)[largest[: round(len(free) / left)]] = task
            w[n] = torch.where(owner[n] == 0, 0.0, w[n])
        assert len(lesson.moments) > lesson.phase
        for moment in lesson.moments[lesson.phase :]:
            w = train(w, lesson, moment, {n: (owner[n] == task).double() for n in weights})
        return w

    assert deviation(run, act, end) < EXACT


def test_supsup_sends_the_gradient_of_the_masked_weight_to_its_score():
    share = 0.4
    run = record(f"SupSup({share})", "task")

    def act(w, lesson, moment):
        scores = [f"masks.{k}.scores.{lesson.number}" for k in range(2)]
        fixed = [w[f"{n}.weight"] for n in LAYERS]
        seen = {}
        for score, weight in zip(scores, fixed, strict=True):
            dropped = round((1 - share) * weight.numel())
            order = w[score].flatten().argsort()
            mask = torch.ones(weight.numel()).index_fill(0, order[:dropped], 0.0)
            seen[score] = weight * mask.view_as(weight)

        def loss(v):
            h = moment.x
            for score in scores:
                h = torch.relu(h @ v[score].T)
            return own_loss(own_head(v, lesson, h), lesson, moment)

        g = gradient(w | seen, loss)
        g |= {score: g[score] * weight for score, weight in zip(scores, fixed, strict=True)}
        return stepped(w, g)

    assert deviation(run, act) < EXACT


def test_supsup_infers_the_mask_along_which_the_entropy_falls_most_steeply():
    run = record("SupSup(0.5)", "domain")
    w, model = run.lessons[-1].after, run.learner.model
    kept = [[bank.mask(t).double() for t in range(3)] for bank in model.banks]
    fixed = [w["backbone.1.weight"], w["backbone.3.weight"], w["head.linear.weight"]]
    x = torch.cat([lesson.x for lesson in run.lessons])
    chosen = model.infer_task(x)
    assert len(chosen.unique()) > 1
    for row, task in zip(x, chosen, strict=True):
        alpha = torch.full((3,), 1 / 3, requires_grad=True)
        h = row
        for k, (weight, masks) in enumerate(zip(fixed, kept, strict=True)):
            h = sum(a * ((weight * m) @ h) for a, m in zip(alpha, masks, strict=True))
            h = torch.relu(h) if k < 2 else h
        p = h.softmax(0)
        (slope,) = torch.autograd.grad(-(p * p.log()).sum(), alpha)
        assert float(slope[task]) < float(slope.min()) + 1e-12


@pytest.mark.parametrize("lateral", ["below", "same"])
def test_pnn_columns_read_those_before_them(lateral):
    run = record(f"PNN({lateral!r})", "task")

    def activities(v, x, last):
        """The last hidden layer of each column up to `last`."""
        below = [x] * (last + 1)
        for layer in range(2):
            here = []
            for k in range(last + 1):
                name = f"columns.{k}.{layer}"
                z = below[k] @ v[f"{name}.weight"].T + v[f"{name}.bias"]
                side = f"laterals.{k}.{layer if lateral == 'same' else layer - 1}.weight"
                if side in v:
                    source = here if lateral == "same" else below
                    parts = v[side].chunk(k, 1)
                    z = z + sum(source[j] @ u.T for j, u in enumerate(parts))
                here.append(torch.relu(z))
            below = here
        return below

    def act(w, lesson, moment):
        mine = lesson.number

        def loss(v):
            last = activities(v, moment.x, mine)
            h = torch.cat(last, 1) if lateral == "below" else last[mine]
            return own_loss(own_head(v, lesson, h), lesson, moment)

        own = (f"columns.{mine}.", f"laterals.{mine}.", f"head.layers.{mine}.")
        return stepped(w, gradient(w, loss), {n: float(n.startswith(own)) for n in w})

    assert deviation(run, act) < EXACT


def adapted(v, x, tasks, scale):
    """Features under the sum of the adapters of these tasks."""
    for layer in LAYERS:
        z = x @ v[f"{layer}.base_layer.weight"].T + v[f"{layer}.base_layer.bias"]
        for t in tasks:
            a, b = v[f"{layer}.lora_A.task_{t}.weight"], v[f"{layer}.lora_B.task_{t}.weight"]
            z = z + scale * x @ a.T @ b.T
        x = torch.relu(z)
    return x


def test_lora_trains_a_low_rank_change_for_each_task():
    run = record("LoRA(rank=2, alpha=6.0, freeze='start')", "task")

    def act(w, lesson, moment):
        def loss(v):
            h = adapted(v, moment.x, [lesson.number], 6.0 / 2)
            return own_loss(own_head(v, lesson, h), lesson, moment)

        return stepped(w, gradient(w, loss), {n: 0.0 for n in w if "base_layer" in n})

    assert deviation(run, act) < EXACT


def test_o_lora_adds_adapters_up_and_pays_for_overlap():
    run = record("OLoRA(0.3, rank=2, alpha=4.0, freeze='start')")

    def act(w, lesson, moment):
        mine = lesson.number

        def loss(v):
            h = adapted(v, moment.x, range(mine + 1), 4.0 / 2)
            z = h @ v["head.linear.weight"].T + v["head.linear.bias"]
            overlap = 0.0
            for layer in LAYERS:
                *old, new = (v[f"{layer}.lora_A.task_{t}.weight"] for t in range(mine + 1))
                overlap = overlap + sum((a @ new.T).abs().sum() for a in old)
            return F.cross_entropy(z, moment.y) + 0.3 * overlap

        moving = {n: float(f"task_{mine}" in n or n.startswith("head")) for n in w}
        return stepped(w, gradient(w, loss), moving)

    assert deviation(run, act) < EXACT


def features(run):
    """Features and labels of all training rows, and features of new ones."""
    x, y = (torch.cat([getattr(lesson, k) for lesson in run.lessons]) for k in "xy")
    return hidden(run.start, x)[-1], y, hidden(run.start, torch.rand(9, x.shape[1]))[-1]


def by_readout(run, h):
    w, b = run.learner.method.readout()
    return run.learner.method.expand(h) @ w.T + b


def test_ncm_scores_are_the_distances_to_class_means():
    run = record("NCM()", "class")
    h, y, new = features(run)
    means = torch.stack([h[y == c].mean(0) for c in range(6)])
    distance = (new[:, None] - means).square().sum(2)
    scores = new.square().sum(1, keepdim=True) - distance  # the term that classes share added back
    assert torch.allclose(by_readout(run, new), scores, atol=1e-12)


def test_slda_is_a_discriminant_with_the_shrunk_covariance_within_classes():
    run = record("SLDA(0.1)", "class")
    h, y, new = features(run)
    means = torch.stack([h[y == c].mean(0) for c in range(6)])
    off = h - means[y]
    precision = torch.linalg.inv(0.9 * off.T @ off / len(h) + 0.1 * torch.eye(h.shape[1]))
    scores = new @ precision @ means.T - 0.5 * (means @ precision * means).sum(1)
    assert torch.allclose(by_readout(run, new), scores, atol=1e-10)


def test_ranpac_is_ridge_regression_on_its_random_features():
    run = record("RanPAC(12, ridge=0.5)", "class")
    h, y, new = features(run)
    random = run.learner.method.get_buffer("random")
    rows, target = torch.relu(h @ random), F.one_hot(y, 6).double()
    system = torch.cat([rows, 0.5**0.5 * torch.eye(12)])
    w = torch.linalg.lstsq(system, torch.cat([target, torch.zeros(12, 6)])).solution
    assert torch.allclose(by_readout(run, new), torch.relu(new @ random) @ w, atol=1e-9)
