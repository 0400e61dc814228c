"""Methods on frozen features, and meta-learning.

NCM, SLDA and RanPAC must agree with closed forms, in any order of the examples. The second-order
gradient of OML must agree with plain autograd.
"""

from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import SGD, learner, stream
from holdfast import HoldfastError
from holdfast.methods import NCM, OML, SLDA, RanPAC, parse_method
from holdfast.models import classifier_from, mlp
from holdfast.streams import blurry, digits, split
from holdfast.training import Learner


def frozen(s, method, **options):
    net = mlp(
        s.shape, "masked" if s.scenario == "class" else "fixed", s.outputs, hidden=(32, 16), seed=0
    ).freeze()
    return Learner(net, method, SGD, scenario=s.scenario, batch_size=50, **options)


def everything(ours, s):
    f = torch.cat([ours.view.embed(t) for t in s]).double()
    y = torch.cat([t.train.fetch(torch.arange(len(t.train)))[1] for t in s])
    x = torch.cat([t.test.fetch(torch.arange(len(t.test)))[0] for t in s])
    return f.numpy(), y.numpy(), x


@pytest.mark.parametrize("spec", [NCM, SLDA, RanPAC])
def test_a_trainable_backbone_is_refused(spec):
    s = stream("class")
    with pytest.raises(HoldfastError, match=r"call model.freeze\(\)"):
        learner(s, spec())


def test_ncm_is_the_nearest_mean():
    s = stream("class")
    ours = frozen(s, NCM(), epochs=3).train(*s.tasks)
    f, y, x = everything(ours, s)
    means = np.stack([f[y == c].mean(0) for c in range(10)])
    test = ours.view.embed(x).double().numpy()
    expected = ((test[:, None] - means[None]) ** 2).sum(2).argmin(1)
    assert (ours.predict(x).argmax(1).numpy() == expected).all()


def test_slda_is_linear_discriminant_analysis_on_all_data_at_once():
    s = stream("class")
    ours = frozen(s, SLDA(1e-4)).train(*s.tasks)
    f, y, x = everything(ours, s)
    means = np.stack([f[y == c].mean(0) for c in range(10)])
    centred = f - means[y]
    precision = np.linalg.inv((1 - 1e-4) * centred.T @ centred / len(f) + 1e-4 * np.eye(f.shape[1]))
    test = ours.view.embed(x).double().numpy()
    scores = test @ precision @ means.T - np.einsum("cd,de,ce->c", means, precision, means) / 2
    found = ours.predict(x).double().numpy()
    found, scores = (v - v.mean(1, keepdims=True) for v in (found, scores))
    assert np.allclose(found, scores, rtol=1e-3, atol=1e-4 * np.abs(scores).max())


@pytest.mark.parametrize("method", [NCM(), SLDA(1e-3), RanPAC(80, ridge=0.1)])
def test_the_order_of_tasks_does_not_matter(method):
    scores = []
    for order in (None, [8, 9, 2, 3, 0, 1, 6, 7, 4, 5]):
        s = split(digits(), 5, "class", order=order)
        ours = frozen(s, type(method)(**method.arguments)).train(*s.tasks)
        x = digits().test_x
        z = ours.predict(x)
        scores.append(z[:, [s.labels.index(c) for c in range(10)]])
    assert torch.allclose(*scores, rtol=1e-4, atol=1e-4)


def test_ranpac_is_ridge_regression_on_its_projection():
    s = stream("domain")
    ours = frozen(s, RanPAC(40, ridge=0.5)).train(*s.tasks)
    f, y, x = everything(ours, s)
    w_rand = ours.method.random.numpy()
    h, one_hot = np.maximum(f @ w_rand, 0), np.eye(2)[y]
    w = np.linalg.solve(h.T @ h + 0.5 * np.eye(40), h.T @ one_hot)
    test = np.maximum(ours.view.embed(x).double().numpy() @ w_rand, 0)
    assert np.allclose(ours.predict(x).numpy(), test @ w, atol=1e-4)


def test_they_train_no_weight_and_count_each_example_once():
    s = stream("class")
    ours = frozen(s, NCM(), epochs=5)
    before = ours.view.space.theta.clone()
    ours.train(s[0])
    assert torch.equal(before, ours.view.space.theta)
    assert ours.method.host["examples"] == len(s[0].train)


def test_the_gradient_of_oml_passes_through_the_inner_loop():
    s = stream("domain")
    ours = learner(s, OML(50, inner_lr=0.2, inner=2))
    ours.begin(s[0])
    batch = next(ours.view.batches())
    step = ours.view.forward(batch)
    grads = torch.autograd.grad(ours.method.criterion(ours.view, step), ours.view.space.parameters)
    h = torch.cat([ours.model.features(ours.view.prepare(batch.x), None), torch.ones(32, 1)], 1)
    head = ours.view.head.linear
    w = torch.cat([head.weight, head.bias[:, None]], 1)
    for part in (slice(0, 16), slice(16, 32)):
        (g,) = torch.autograd.grad(
            F.cross_entropy(h[part] @ w.T, batch.y[part]), w, create_graph=True
        )
        w = w - 0.2 * g
    expected = torch.autograd.grad(F.cross_entropy(h @ w.T, batch.y), ours.view.space.parameters)
    for ours_g, theirs in zip(grads, expected, strict=True):
        assert torch.allclose(ours_g, theirs, atol=1e-6)


def test_the_inner_loop_of_oml_moves_the_head_alone():
    s = stream("domain")
    slow, still = (learner(s, OML(50, inner_lr=rate)) for rate in (0.3, 0.0))
    for ours in (slow, still):
        ours.begin(s[0])
        ours.step(next(ours.view.batches()))
    plain = learner(s, "FineTune()")
    plain.begin(s[0])
    plain.step(next(plain.view.batches()))
    assert torch.allclose(still.view.space.theta, plain.view.space.theta, atol=1e-6), (
        "without an inner loop it is plain training"
    )
    assert not torch.allclose(slow.view.space.theta, plain.view.space.theta, atol=1e-6)


def test_oml_takes_a_head_without_a_bias():
    s = stream("class")
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU())
    net = nn.Sequential(OrderedDict(body=body, last=nn.Linear(16, 2, bias=False)))
    model = classifier_from(net, head="last", kind="growing")
    ours = Learner(model, OML(50, inner_lr=0.2, inner=1), SGD, scenario="class", batch_size=32)
    ours.begin(s[0])
    batch = next(ours.view.batches())
    step = ours.view.forward(batch)
    loss = ours.method.criterion(ours.view, step)
    weight = ours.view.head.linear.weight
    features = step.features
    (gradient,) = torch.autograd.grad(
        F.cross_entropy(features @ weight.T, batch.y), weight, create_graph=True
    )
    expected = F.cross_entropy(features @ (weight - 0.2 * gradient).T, batch.y)
    assert torch.allclose(loss, expected, atol=1e-6)
    ours.step(batch)
    assert ours.predict(batch.x).shape == (32, 2)


@pytest.mark.parametrize("spec", ["NCM()", "SLDA()", "RanPAC(50)", "iCaRL(40)", "OML(40)"])
@pytest.mark.parametrize("head", ["growing", "masked"])
def test_a_class_of_which_nothing_was_seen_is_never_predicted(spec, head):
    s = stream("class")
    model = mlp(s.shape, head, s.outputs, hidden=(32, 16), seed=0)
    method = parse_method(spec)
    if not method.declare().trains:
        model.freeze()
    ours = Learner(model, method, SGD, scenario="class", batch_size=64, steps=3).train(s[0])
    x = ours.view.prepare(s[1].test.fetch(torch.arange(20))[0])
    z = ours.method.predict(ours.view, x, None)
    assert z.shape == (20, ours.view.head.width)
    assert z.argmax(1).max() < 2
    # The head has grown for the classes of the second task, but no step was taken on them.
    ours.begin(s[1])
    z = ours.method.predict(ours.view, x, None)
    assert z.argmax(1).max() < (4 if spec.startswith("OML") else 2)
    assert not torch.isnan(z).any()
    assert not torch.isposinf(z).any()


@pytest.mark.parametrize("spec", ["HAT()", "KFACEWC(1.0)", "GPM()", "SI(1.0)", "LwF()", "OGD()"])
def test_a_frozen_backbone_stays_as_it_is_under_methods_of_every_kind(spec):
    s = split(digits(), 5, "task")
    model = mlp(s.shape, "separate", seed=0).freeze()
    before = [p.clone() for p in model.backbone.parameters()]
    Learner(model, parse_method(spec), scenario="task", steps=3).train(s[0], s[1])
    assert all(map(torch.equal, before, model.backbone.parameters()))


def test_packnet_prunes_no_frozen_weight():
    s = split(digits(), 5, "task")
    with pytest.raises(HoldfastError, match="none of them is trainable"):
        Learner(
            mlp(s.shape, "separate", seed=0).freeze(), parse_method("PackNet()"), scenario="task"
        )
    model = mlp(s.shape, "separate", seed=0)
    layers = [p for p in model.backbone.parameters() if p.dim() > 1]
    first = layers[0].requires_grad_(False).clone()
    Learner(model, parse_method("PackNet()"), scenario="task", steps=3).train(s[0], s[1])
    assert torch.equal(layers[0], first)


def test_icarl_refuses_streams_in_which_no_task_has_a_class_of_its_own():
    s = blurry(split(digits(), 5, "class"), 0.2)
    learner = Learner(mlp(s.shape, "growing", seed=0), parse_method("iCaRL(100)"), scenario="class")
    with pytest.raises(HoldfastError, match=r"'2\+3' has none, as in blurry streams"):
        learner.fit(s, progress=lambda *_: pytest.fail("a step was taken"))
