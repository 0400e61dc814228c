"""Objectives against oracles: losses, Fisher information, divergences."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from holdfast.engine.competing import ALL, Competing
from holdfast.engine.fisher import fisher_diagonal
from holdfast.engine.kronecker import kronecker_factors
from holdfast.engine.objectives import (
    Classification,
    Custom,
    Multilabel,
    Objective,
    Regression,
    make_objective,
)
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError

N, D, K = 24, 3, 2


def rows_of(y: Tensor, x: Tensor | None = None) -> Rows:
    return Rows.of_task(torch.zeros(len(y), 1) if x is None else x, y, 0)


def examples(binary: bool) -> tuple[nn.Module, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    layer = nn.Linear(D, K).double()
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    x = torch.randn(N, D, generator=generator).double()
    y = torch.randn(N, K, generator=generator).double()
    return layer, x, (y > 0).double() if binary else y


def log_likelihood(objective: Objective, z: Tensor, y: Tensor) -> Tensor:
    """The log of the density of one row, written down with PyTorch's own distributions."""
    if objective.name == "multilabel":
        return Bernoulli(logits=z).log_prob(y).sum()
    return Normal(z, 1.0).log_prob(y).sum()


def per_row(space: ParameterSpace, value: Tensor) -> Tensor:
    return space.gather(list(torch.autograd.grad(value, space.parameters)))


# ---- losses


def test_multilabel_is_the_mean_of_pytorch() -> None:
    _, _, y = examples(binary=True)
    z = torch.randn(N, K).double()
    ours = Multilabel().losses(z, rows_of(y), ALL)
    assert torch.allclose(ours.mean(), F.binary_cross_entropy_with_logits(z, y))


def test_regression_is_half_the_squared_error_of_pytorch_in_its_unit() -> None:
    _, _, y = examples(binary=False)
    z = torch.randn(N, K).double()
    ours = Regression(mean=3.0, deviation=2.0).losses(z, rows_of(2 * y + 3), ALL)
    assert torch.allclose(ours.mean(), F.mse_loss(z, y) / 2)


@pytest.mark.parametrize("objective", [Multilabel(), Regression()])
def test_what_is_not_known_has_neither_loss_nor_gradient(objective: Objective) -> None:
    z = torch.tensor([[0.5, 2.0], [1.0, -torch.inf]], requires_grad=True)
    y = torch.tensor([[1.0, torch.nan], [0.0, 1.0]])
    losses = objective.losses(z, rows_of(y), ALL)
    alone = objective.losses(z.detach()[:, :1], rows_of(y[:, :1]), ALL)
    assert torch.equal(losses.detach(), alone)
    (g,) = torch.autograd.grad(losses.sum(), z)
    assert g[0, 1] == 0
    assert g[1, 1] == 0
    assert g.isfinite().all()
    assert (g[:, 0] != 0).all()


@pytest.mark.parametrize(
    "competing",
    [
        Competing.between(1, 3),
        Competing.chosen(torch.tensor([1, 2])),
        Competing.by_row(torch.tensor([[False, True, True, False]])),
    ],
)
def test_outputs_that_do_not_compete_change_nothing(competing: Competing) -> None:
    z = torch.randn(1, 4)
    y = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0]])  # of a stream that will have five outputs
    whole = Multilabel().losses(z, rows_of(y), competing)
    assert torch.allclose(whole, Multilabel().losses(z[:, 1:3], rows_of(y[:, 1:3]), ALL))


# ---- Fisher information


@pytest.mark.parametrize("objective", [Multilabel(), Regression()])
def test_exact_fisher_of_a_linear_layer_is_known_in_closed_form(objective: Objective) -> None:
    layer, x, _ = examples(binary=False)
    space = ParameterSpace(layer)
    f = fisher_diagonal(space, lambda net, part: net(part), x, objective=objective)
    z = layer(x)
    weight = torch.ones_like(z)
    if objective.name == "multilabel":
        weight = z.sigmoid() * (1 - z.sigmoid())
    expected = torch.einsum("nk,nd->kd", weight, x.square()) / N
    views = space.views(f)
    assert torch.allclose(views["weight"], expected)
    assert torch.allclose(views["bias"], weight.mean(0))


@pytest.mark.parametrize("way", ["layers", "vmap", "loop"])
@pytest.mark.parametrize("objective", [Multilabel(), Regression()])
def test_empirical_fisher_squares_the_gradient_of_each_row(objective: Objective, way: str) -> None:
    layer, x, y = examples(binary=objective.name == "multilabel")
    space = ParameterSpace(layer)
    f = fisher_diagonal(
        space, lambda net, part: net(part), x, y, labels="empirical", objective=objective, way=way
    )
    total = torch.zeros_like(f)
    for row, target in zip(x, y, strict=True):
        total += per_row(space, log_likelihood(objective, layer(row), target)).square()
    assert torch.allclose(f, total / N)


@pytest.mark.parametrize("objective", [Multilabel(), Regression()])
def test_sampled_fisher_is_exact_in_the_mean(objective: Objective) -> None:
    layer, x, _ = examples(binary=False)
    space = ParameterSpace(layer)
    many = x.repeat(400, 1)

    def forward(net: nn.Module, part: Tensor) -> Tensor:
        return net(part)

    generator = torch.Generator().manual_seed(0)
    sampled = fisher_diagonal(
        space, forward, many, labels="sampled", generator=generator, objective=objective
    )
    exact = fisher_diagonal(space, forward, x, objective=objective)
    assert torch.allclose(sampled, exact, rtol=0.1)


def test_unknown_targets_have_no_empirical_fisher() -> None:
    layer, x, y = examples(binary=True)
    y[:, 1] = torch.nan
    space = ParameterSpace(layer)
    f = fisher_diagonal(
        space, lambda net, part: net(part), x, y, labels="empirical", objective=Multilabel()
    )
    assert (space.views(f)["weight"][1] == 0).all()
    assert (space.views(f)["weight"][0] > 0).all()


def test_predicted_targets_say_nothing_for_regression() -> None:
    layer, x, _ = examples(binary=False)
    with pytest.raises(HoldfastError, match="use 'exact', 'sampled' or 'empirical'"):
        fisher_diagonal(
            ParameterSpace(layer),
            lambda net, part: net(part),
            x,
            labels="predicted",
            objective=Regression(),
        )


@pytest.mark.parametrize("labels", ["exact", "empirical"])
@pytest.mark.parametrize("objective", [Multilabel(), Regression()])
def test_kronecker_factors_of_one_example_and_one_output_are_exact(
    objective: Objective, labels: str
) -> None:
    layer = nn.Linear(D, 1).double()
    x = torch.randn(1, D).double()
    y = torch.ones(1, 1).double()
    a, g = kronecker_factors(
        layer, lambda net, part: net(part), x, y, labels=labels, objective=objective
    )[""]
    space = ParameterSpace(layer)
    f = fisher_diagonal(
        space, lambda net, part: net(part), x, y, labels=labels, objective=objective
    )
    views = space.views(f)
    expected = torch.cat([views["weight"][0], views["bias"]])
    assert torch.allclose((a * g).diagonal(), expected)


# ---- divergence


def test_divergences_are_those_of_pytorch() -> None:
    z, old = torch.randn(5, K), torch.randn(5, K)
    t = 2.0
    coins = kl_divergence(Bernoulli(logits=old / t), Bernoulli(logits=z / t))
    assert torch.allclose(Multilabel().divergence(z, old, t), coins.mean(), atol=1e-6)
    normals = kl_divergence(Normal(old / t, 1.0), Normal(z / t, 1.0))
    assert torch.allclose(Regression().divergence(z, old, t), normals.mean(), atol=1e-6)


def test_outputs_that_the_earlier_network_lacked_do_not_count() -> None:
    z = torch.tensor([[1.0, 2.0, 3.0]])
    old = torch.tensor([[0.0, -torch.inf]])
    assert float(Regression().divergence(z, old, 1.0)) == 0.5


# ---- the user's own loss


def huber(outputs: Tensor, targets: Tensor, rows: Rows) -> Tensor:
    return F.huber_loss(outputs, targets, reduction="none").sum(1)


def test_own_loss_gets_outputs_targets_and_rows() -> None:
    seen = []

    def loss(outputs: Tensor, targets: Tensor, rows: Rows) -> Tensor:
        seen.append((outputs.shape, targets.shape, rows.x.shape, rows.task.tolist()))
        return outputs.sum(1)

    x = torch.zeros(2, 7)
    y = torch.zeros(2, 3)
    Custom(loss).losses(torch.zeros(2, 3), Rows.of_task(x, y, 4), Competing.between(0, 2))
    assert seen == [((2, 2), (2, 2), (2, 7), [4, 4])]


def test_own_loss_of_classes_gets_positions() -> None:
    def loss(outputs: Tensor, targets: Tensor, rows: Rows) -> Tensor:
        return F.cross_entropy(outputs, targets, reduction="none", label_smoothing=0.1)

    z = torch.randn(3, 4)
    y = torch.tensor([2, 3, 2])
    ours = Custom(loss, outputs="classes").losses(z, rows_of(y), Competing.between(2, 4))
    assert torch.allclose(
        ours, F.cross_entropy(z[:, 2:], y - 2, reduction="none", label_smoothing=0.1)
    )


def test_empirical_fisher_of_an_own_loss_squares_its_gradients() -> None:
    layer, x, y = examples(binary=False)
    space = ParameterSpace(layer)
    f = fisher_diagonal(
        space, lambda net, part: net(part), x, y, labels="empirical", objective=Custom(huber)
    )
    total = torch.zeros_like(f)
    for number in range(N):
        one = slice(number, number + 1)
        loss = huber(layer(x[one]), y[one], rows_of(y[one])).sum()
        total += per_row(space, loss).square()
    assert torch.allclose(f, total / N)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda z, y, rows: (z - y).mean(), r"returned a tensor of shape \(\)"),
        (lambda z, y, rows: 1.0, "returned float"),
        (lambda z, y, rows: z @ y, "failed on outputs"),
    ],
)
def test_wrong_losses_are_refused_with_their_name(loss: object, message: str) -> None:
    with pytest.raises(HoldfastError, match=message):
        Custom(loss).losses(torch.zeros(3, 2), rows_of(torch.zeros(3, 2)), ALL)  # type: ignore[arg-type]


# ---- by name


def test_names() -> None:
    assert isinstance(make_objective("classification"), Classification)
    assert isinstance(make_objective("custom", huber), Custom)
    with pytest.raises(HoldfastError, match="did you mean 'regression'"):
        make_objective("regresion")
    with pytest.raises(HoldfastError, match="needs loss="):
        make_objective("custom")
    with pytest.raises(HoldfastError, match="loss has no effect"):
        make_objective("regression", huber)


def test_regression_takes_its_unit_from_targets() -> None:
    y = torch.tensor([[10.0, torch.nan], [14.0, 3.0]])
    objective = Regression.of(y)
    assert objective.mean == (12.0, 3.0)
    assert objective.deviation == (2.0, 1.0)
    assert torch.equal(objective.answers(torch.tensor([[1.0, -1.0]])), torch.tensor([[14.0, 2.0]]))
    again = eval(repr(objective), {"Regression": Regression})
    assert (again.mean, again.deviation) == (objective.mean, objective.deviation)
