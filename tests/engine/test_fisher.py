"""The Fisher diagonal, which the engine computes in three ways.

Each way must agree with the closed form, and with autograd on one example at a time.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from holdfast import HoldfastError
from holdfast.engine import magnitudes
from holdfast.engine.fisher import EXACT_UP_TO, chosen_labels, fisher_diagonal
from holdfast.engine.magnitudes import terms
from holdfast.engine.parameters import ParameterSpace


def run(m, x):
    return m(x)


class Reused(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.out = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.body(torch.tanh(self.body(x)))))


class TiedOutside(nn.Module):
    """A layer whose weight is used once more, outside of it."""

    def __init__(self):
        super().__init__()
        self.body, self.out = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(torch.tanh(F.linear(torch.tanh(self.body(x)), self.body.weight)))


class Branching(nn.Module):
    """Control flow on data, which vmap refuses."""

    def __init__(self):
        super().__init__()
        self.bn, self.out = nn.LayerNorm(5), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.bn(x) if float(x.sum()) > 0 else x)


def conv():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)
    )


def norm():
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3, 3),
    )
    net[1].running_mean.uniform_(-1, 1)
    net[1].running_var.uniform_(0.5, 2)
    return net


def inplace():
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(inplace=True), nn.Linear(4, 3))


CASES = {
    "linear": (lambda: nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)), (5,)),
    "in place": (inplace, (5,)),
    "convolution": (conv, (2, 4, 4)),
    "eval-mode BatchNorm": (norm, (2, 4, 4)),
    "a reused layer": (Reused, (5,)),
    "a weight used outside its layer": (TiedOutside, (5,)),
    "control flow on data": (Branching, (5,)),
}


def by_definition(net, x, weights):
    net.eval()
    total = [torch.zeros_like(p) for p in net.parameters()]
    for xi, w in zip(x, weights, strict=True):
        for c in range(3):
            net.zero_grad()
            net(xi[None]).log_softmax(1)[0, c].backward()
            for t, p in zip(total, net.parameters(), strict=True):
                t += 0 if p.grad is None else w[c] * p.grad**2 / len(x)
    net.zero_grad()
    return torch.cat([t.flatten() for t in total])


def flat(space, vector):
    return torch.cat([v.flatten() for v in space.views(vector).values()])


@pytest.mark.parametrize("case", CASES)
def test_it_equals_the_definition(case):
    torch.manual_seed(0)
    make, shape = CASES[case]
    net, x = make(), torch.randn(7, *shape)
    net.eval()
    p = (
        net(x).softmax(1).detach()
        if case != "control flow on data"
        else torch.cat([net(r[None]).softmax(1) for r in x]).detach()
    )
    expected = by_definition(net, x, p)
    if case == "control flow on data":
        x = x.abs()  # one branch, so that the whole batch takes it
        expected = by_definition(net, x, net(x).softmax(1).detach())
    net.train()
    space = ParameterSpace(net)
    for way in (None, "loop"):
        got = flat(space, fisher_diagonal(space, run, x, way=way, chunk=3))
        assert torch.allclose(got, expected, rtol=1e-3, atol=1e-7), way
    assert net.training


@pytest.mark.parametrize(
    ("case", "way"),
    [
        ("linear", "layers"),
        ("convolution", "layers"),
        ("linear", "vmap"),
        ("convolution", "vmap"),
        ("eval-mode BatchNorm", "vmap"),
        ("a reused layer", "vmap"),
    ],
)
def test_each_way_applies_where_it_should(case, way):
    torch.manual_seed(1)
    make, shape = CASES[case]
    space, x = ParameterSpace(make()), torch.randn(6, *shape)
    assert torch.allclose(
        fisher_diagonal(space, run, x, way=way),
        fisher_diagonal(space, run, x, way="loop"),
        rtol=1e-3,
        atol=1e-8,
    )


@pytest.mark.parametrize("case", ["a reused layer", "a weight used outside its layer", "in place"])
def test_layer_products_are_refused_where_they_would_be_wrong(case):
    make, shape = CASES[case]
    with pytest.raises(HoldfastError, match="each used once"):
        fisher_diagonal(ParameterSpace(make()), run, torch.randn(4, *shape), way="layers")


def test_softmax_regression_has_the_closed_form():
    torch.manual_seed(2)
    net, x = nn.Linear(4, 3).double(), torch.randn(50, 4).double()
    space = ParameterSpace(net)
    p = net(x).softmax(1).detach()
    f = space.views(fisher_diagonal(space, run, x))
    assert torch.allclose(f["weight"], (p * (1 - p)).T @ x**2 / 50)
    assert torch.allclose(f["bias"], (p * (1 - p)).mean(0))


def test_it_does_not_depend_on_the_batch_size():
    torch.manual_seed(3)
    space, x = ParameterSpace(CASES["a reused layer"][0]()), torch.randn(20, 5)
    one, many = (fisher_diagonal(space, run, x, chunk=c) for c in (1, 20))
    assert torch.allclose(one, many, rtol=1e-4)


def test_the_kinds_of_labels():
    torch.manual_seed(4)
    space, x = ParameterSpace(nn.Linear(4, 3)), torch.randn(3000, 4)
    exact = fisher_diagonal(space, run, x)
    sampled = fisher_diagonal(
        space, run, x, labels="sampled", generator=torch.Generator().manual_seed(0)
    )
    assert torch.allclose(exact, sampled, rtol=0.15, atol=0.01)
    y = space.module(x).argmax(1)
    assert torch.allclose(
        fisher_diagonal(space, run, x, labels="predicted"),
        fisher_diagonal(space, run, x, y, labels="empirical"),
    )
    with pytest.raises(HoldfastError, match="true labels"):
        fisher_diagonal(space, run, x, labels="empirical")
    with pytest.raises(HoldfastError, match="at least one example"):
        fisher_diagonal(space, run, x[:0])


def test_parameters_and_generators_are_left_alone():
    torch.manual_seed(5)
    net = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.Linear(4, 3))
    space, state = ParameterSpace(net), torch.get_rng_state()
    fisher_diagonal(space, run, torch.randn(4, 5, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in net.parameters())


def test_sampled_labels_are_chosen_beyond_a_number_of_outputs_and_it_is_said():
    assert chosen_labels("auto", EXACT_UP_TO) == "exact"
    torch.manual_seed(6)
    space, x = ParameterSpace(nn.Linear(4, EXACT_UP_TO + 1)), torch.randn(9, 4)

    def own(labels):
        return fisher_diagonal(
            space, run, x, labels=labels, generator=torch.Generator().manual_seed(0)
        )

    with pytest.warns(UserWarning, match="sampled labels.*labels='exact'"):
        found = own("auto")
    assert torch.equal(found, own("sampled"))
    assert not torch.equal(found, own("exact"))


@pytest.mark.parametrize("case", ["linear", "convolution", "a reused layer"])
def test_one_label_for_each_example_equals_the_sum_over_classes(case):
    torch.manual_seed(7)
    make, shape = CASES[case]
    space, x = ParameterSpace(make().eval()), torch.randn(7, *shape)
    y = torch.tensor([0, 2, 1, 1, 0, 2, 2])
    got = fisher_diagonal(space, run, x, y, labels="empirical")
    expected = by_definition(space.module, x, F.one_hot(y, 3).float())
    assert torch.allclose(flat(space, got), expected, rtol=1e-3, atol=1e-7)
    passes = list(terms(F.one_hot(y, 3).float()))
    assert len(passes) == 1


def test_chunks_follow_the_bytes_of_gradients(monkeypatch):
    space, x = ParameterSpace(CASES["a reused layer"][0]()), torch.randn(20, 5)
    whole = fisher_diagonal(space, run, x)
    monkeypatch.setattr(magnitudes, "BUDGET", 1000)  # less than the gradients of two examples
    sizes = []
    taken = magnitudes.parts
    monkeypatch.setattr(magnitudes, "parts", lambda x, size: sizes.append(size) or taken(x, size))
    assert torch.allclose(fisher_diagonal(space, run, x), whole, rtol=1e-4)
    assert sizes[-1] == 1
