"""Each diagnostic against a closed form, a dense matrix or a law of its own, on plain modules."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from holdfast.diagnostics import (
    Sample,
    Saturation,
    cosine,
    dormant_units,
    effective_rank,
    fisher_spectrum,
    gradient,
    losses_on_line,
    losses_on_plane,
    output_entropy,
    random_label_loss,
    restore_layers,
    watch_interference,
    watch_stability_gap,
    weight_norm,
)
from holdfast.diagnostics.stability_gap import evaluation_steps
from holdfast.engine.parameters import ParameterSpace
from holdfast.errors import HoldfastError


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))


def sample(n: int = 60, seed: int = 1) -> Sample:
    g = torch.Generator().manual_seed(seed)
    return Sample(torch.randn(n, 6, generator=g), torch.randint(4, (n,), generator=g))


def dense_fisher(net: nn.Module, data: Sample, labels: str) -> np.ndarray:
    """Eigenvalues of the mean of Σ weight × g gᵀ over labels, from gradients made one by one."""
    total = 0.0
    for x, y in zip(data.x, data.y, strict=True):
        log_p = net(x[None]).log_softmax(1)[0]
        weights = {int(y): 1.0}
        if labels == "exact":
            weights = {c: float(log_p[c].detach().exp()) for c in range(4)}
        for c, weight in weights.items():
            gradients = torch.autograd.grad(log_p[c], list(net.parameters()), retain_graph=True)
            g = torch.cat([part.flatten() for part in gradients]).double()
            total = total + weight * torch.outer(g, g)
    return np.linalg.eigvalsh((total / len(data.x)).numpy())[::-1]


@pytest.mark.parametrize("labels", ["exact", "empirical"])
def test_eigenvalues_equal_those_of_the_dense_fisher(labels):
    net = network()
    data = sample()
    expected = dense_fisher(net, data, labels)
    spectrum = fisher_spectrum(ParameterSpace(net), data, top=10, labels=labels)
    assert np.abs(spectrum.eigenvalues / expected[:10] - 1).max() < 1e-3
    assert spectrum.trace == pytest.approx(expected.sum(), rel=1e-4)
    assert (spectrum.examples, spectrum.parameters) == (60, 6 * 8 + 8 + 8 * 4 + 4)
    assert sum(spectrum.layers.values()) == pytest.approx(1, rel=1e-6)
    assert set(spectrum.layers) == {"0", "2"}


def test_lanczos_equals_the_gram_matrix_whose_rank_is_at_most_n():
    net = network()
    data = sample(20)
    space = ParameterSpace(net)
    gram = fisher_spectrum(space, data, labels="empirical", way="gram")
    lanczos = fisher_spectrum(space, data, labels="empirical", top=8)
    assert len(gram.eigenvalues) == 20
    assert np.abs(lanczos.eigenvalues / gram.eigenvalues[:8] - 1).max() < 1e-3
    assert gram.eigenvalues.sum() == pytest.approx(gram.trace, rel=1e-4)
    assert gram.directions(1.0) <= 20
    assert gram.directions(0.5) < gram.directions(0.9)
    with pytest.raises(HoldfastError, match="one gradient per example"):
        fisher_spectrum(space, data, way="gram")
    with pytest.raises(HoldfastError, match="top must be a number of eigenvalues"):
        fisher_spectrum(space, data, top=1000)


def test_a_convolution_has_the_same_spectrum_both_ways():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4)
    )
    data = Sample(torch.randn(30, 1, 8, 8), torch.randint(4, (30,)))
    space = ParameterSpace(net)
    gram = fisher_spectrum(space, data, labels="empirical", way="gram")
    lanczos = fisher_spectrum(space, data, labels="empirical", top=6, chunk=7)
    assert np.abs(lanczos.eigenvalues / gram.eigenvalues[:6] - 1).max() < 1e-3


def test_the_first_order_change_is_the_measured_one_for_a_small_step():
    net = network()
    new = sample(seed=1)
    old = sample(seed=2)
    space = ParameterSpace(net)

    def step(lr: float = 1e-4) -> None:
        with torch.no_grad():
            space.theta.sub_(lr * gradient(space, new))

    product = float(gradient(space, new) @ gradient(space, old))
    watched = watch_interference(space, step, new, [old], steps=3, every=2)
    assert watched.steps == [0, 2]
    assert watched.predicted[0] == pytest.approx(-1e-4 * product, rel=1e-3)
    assert watched.measured[0] == pytest.approx(watched.predicted[0], rel=0.05, abs=2e-7)
    assert cosine(space, new, new) == pytest.approx(1, rel=1e-5)


def test_restoring_the_layer_that_was_destroyed_brings_everything_back():
    net = network()
    data = sample()
    y = net(data.x).argmax(1)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with torch.no_grad():
        net[2].weight.neg_()
        net[2].bias.neg_()
    broken = {k: v.clone() for k, v in net.state_dict().items()}

    def score() -> float:
        return float((net(data.x).argmax(1) == y).float().mean())

    base = score()
    recovered = restore_layers(net, before, score)
    assert recovered == {"0": 0.0, "2": pytest.approx(1 - base)}
    assert all(torch.equal(v, broken[k]) for k, v in net.state_dict().items()), "left as it was"
    with pytest.raises(HoldfastError, match="no layer in common"):
        restore_layers(net, {"x": torch.zeros(3)}, score)


def test_saturation_counts_what_exceeds_the_threshold():
    layer = nn.Linear(3, 1, bias=False)
    space = ParameterSpace(layer)
    saturation = Saturation(0.1)
    f = torch.zeros_like(space.theta)
    f[:3] = torch.tensor([10.0, 0.5, 0.0])
    assert saturation.add(f, space.layout) == [pytest.approx(1 / 3)]
    assert saturation.add(f, space.layout) == [pytest.approx(1 / 3)]
    assert saturation.add(f, space.layout) == [pytest.approx(2 / 3)], "0.05 three times"
    assert Saturation().add(f, space.layout) == [pytest.approx(2 / 3)] * 3
    with pytest.raises(HoldfastError, match="above 0"):
        Saturation(0.0)
    assert saturation.strength == pytest.approx(3 * 1.05 / 3)
    with pytest.raises(HoldfastError, match="no strength before the first task"):
        _ = Saturation().strength


def test_the_landscape_goes_through_its_points_and_leaves_the_model_alone():
    net = network()
    task_a = sample(seed=1)
    task_b = sample(seed=2)
    space = ParameterSpace(net)
    start = space.theta.clone()
    inside = space.mask(lambda name: True)
    a, b, c = (
        start
        + 0.1 * k * inside * torch.randn(len(start), generator=torch.Generator().manual_seed(k))
        for k in (1, 2, 3)
    )
    at, losses = losses_on_line(space, a, b, [task_a, task_b], points=5)
    assert at.tolist() == [0, 0.25, 0.5, 0.75, 1]
    for theta, column in ((a, losses[:, 0]), (b, losses[:, -1])):
        with torch.no_grad():
            space.theta.copy_(theta)
        assert column == pytest.approx([task_a.value(net), task_b.value(net)], rel=1e-5)
    with torch.no_grad():
        space.theta.copy_(start)
    plane = losses_on_plane(space, a, b, c, [task_a], path=[a, (a + b) / 2, b, c], points=3)
    assert torch.equal(space.theta, start)
    assert plane.points["A"] == (0, 0)
    assert plane.points["B"] == (
        pytest.approx(float((b - a).norm()), rel=1e-5),
        pytest.approx(0, abs=1e-4),
    )
    assert math.dist(plane.points["B"], plane.points["joint"]) == pytest.approx(
        float((b - c).norm()), rel=1e-4
    ), "distances are kept"
    assert plane.outside == pytest.approx(0, abs=1e-4)
    assert plane.path[1] == pytest.approx(np.array(plane.points["B"]) / 2, abs=1e-4)
    assert (
        losses_on_plane(space, a, b, c, [task_a], path=[a + torch.randn(len(a))], points=2).outside
        > 0.5
    )
    with pytest.raises(HoldfastError, match="on one line"):
        losses_on_plane(space, a, b, (a + b) / 2, [task_a])
    with pytest.raises(HoldfastError, match="the same point"):
        losses_on_plane(space, a, a, b, [task_a])


def test_dormant_units_rank_norm_and_entropy():
    net = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 4))
    with torch.no_grad():
        net[0].bias[:3] = -1e6
    assert dormant_units(net, sample()) >= 0.3
    assert dormant_units(network(), Sample(sample().x, sample().y)) == 0
    with pytest.raises(HoldfastError, match="no activation modules"):
        dormant_units(nn.Linear(6, 4), sample())
    assert effective_rank(torch.randn(50, 1) @ torch.randn(1, 20)) == pytest.approx(1, abs=1e-4)
    layer = nn.Linear(3, 2)
    assert weight_norm(layer) == pytest.approx(
        math.sqrt(sum(float(v) ** 2 for p in layer.parameters() for v in p.detach().flatten()))
    )
    flat = nn.Linear(6, 4)
    nn.init.zeros_(flat.weight)
    nn.init.zeros_(flat.bias)
    assert output_entropy(flat, sample()) == pytest.approx(math.log(4))
    assert weight_norm(flat) == 0


def test_a_dead_network_learns_random_labels_worse_than_a_fresh_one_and_is_not_touched():
    fresh = network(3)
    dead = network(3)
    with torch.no_grad():
        dead[0].weight.zero_()
    before = {k: v.clone() for k, v in dead.state_dict().items()}
    data = sample(30)
    assert random_label_loss(fresh, data, steps=300, lr=0.1) < random_label_loss(
        dead, data, steps=20, lr=0.001
    )
    assert all(torch.equal(v, before[k]) for k, v in dead.state_dict().items())


def test_the_gap_is_the_way_from_the_lowest_point_to_the_end():
    values = iter([0.9, 0.5, 0.3, 0.6, 0.8])
    gap = watch_stability_gap(lambda: None, lambda: next(values), [0, 1, 2, 3, 10])
    assert (gap.depth, gap.lowest_at) == (pytest.approx(0.5), 2)
    assert evaluation_steps(3) == [0, 1, 2, 3]
    with pytest.raises(HoldfastError, match="first evaluation is at step 0"):
        watch_stability_gap(lambda: None, lambda: 0.0, [1])


def test_a_sample_that_does_not_fit_is_refused():
    with pytest.raises(HoldfastError, match="one label per example, got 3 inputs and 2 labels"):
        Sample(torch.zeros(3, 2), torch.zeros(2))
    assert F.cross_entropy(network()(sample().x), sample().y).item() == pytest.approx(
        sample().value(network()), rel=1e-6
    )
