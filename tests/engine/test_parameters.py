"""θ and g as views: what may happen to a model between steps, and what must survive it."""

import copy

import pytest
import torch
from torch import nn

from holdfast import HoldfastError
from holdfast.engine.parameters import ParameterSpace, carry


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


def backward(m):
    m(torch.ones(2, 3)).square().sum().backward()


def test_parameters_are_views_of_one_aligned_vector():
    m = net()
    before = [p.clone() for p in m.parameters()]
    space = ParameterSpace(m)
    assert all(torch.equal(a, b) for a, b in zip(before, m.parameters(), strict=True))
    assert all(p.data_ptr() % 64 == space.theta.data_ptr() % 64 for p in m.parameters())
    space.theta.zero_()
    assert all(not p.any() for p in m.parameters())
    assert space.numel == sum(p.numel() for p in m.parameters())


@pytest.mark.parametrize("vector", [False, True])
def test_a_parameter_without_gradient_has_none_and_zeros_in_g(vector):
    m = net()
    m.unused = nn.Linear(2, 2)
    space = ParameterSpace(m)
    for _ in range(2):
        space.zero_grad(vector=vector)
        m[2](m[1](m[0](torch.ones(1, 3)))).sum().backward()
        g = space.collect()
        assert m.unused.weight.grad is None
        assert not space.views(g)["unused.weight"].any()
        assert torch.equal(space.views(g)["0.weight"], m[0].weight.grad)
        assert g.any()


def test_both_ways_to_collect_give_the_same_bits():
    m = net()
    space = ParameterSpace(m)
    results = []
    for vector in (False, True):
        space.zero_grad(vector=vector)
        backward(m)
        results.append(space.collect().clone())
    assert torch.equal(*results)


def test_a_gradient_of_zeros_is_still_a_gradient():
    m = net()
    space = ParameterSpace(m)
    space.zero_grad(vector=True)
    (m(torch.ones(1, 3)) * 0).sum().backward()
    space.collect()
    assert all(p.grad is not None for p in m.parameters())


@pytest.mark.parametrize("to_none", [True, False])
def test_foreign_zero_grad_and_foreign_gradients_are_adopted(to_none):
    m = net()
    space = ParameterSpace(m)
    opt = torch.optim.SGD(m.parameters(), lr=0.1)
    opt.zero_grad(set_to_none=to_none)
    backward(m)
    expected = [p.grad.clone() for p in m.parameters()]
    space.collect()
    assert all(torch.equal(a, p.grad) for a, p in zip(expected, m.parameters(), strict=True))
    assert all(
        p.grad.untyped_storage().data_ptr() == space.grad.untyped_storage().data_ptr()
        for p in m.parameters()
    )


def test_gradients_made_with_create_graph_are_copied_in():
    m = net()
    space = ParameterSpace(m)
    space.zero_grad(vector=True)
    loss = m(torch.ones(2, 3)).square().sum()
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss.backward(create_graph=True)
    g = space.collect()
    assert not g.requires_grad
    assert g.any()


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.double(),
        lambda m: m.load_state_dict(net().state_dict(), assign=True),
        lambda m: m[0].register_parameter("weight", nn.Parameter(torch.ones(5, 3))),
        lambda m: setattr(m[0].weight, "data", torch.ones(5, 3)),
        lambda m: m[0].weight.requires_grad_(False),
    ],
    ids=["double", "assign", "replaced parameter", "replaced data", "frozen"],
)
def test_bind_follows_what_others_do_to_the_model(change):
    m = net()
    space = ParameterSpace(m)
    assert space.bind() is None
    change(m)
    values = [p.clone() for p in m.parameters()]
    assert space.bind() is not None
    assert space.bind() is None
    assert all(torch.equal(a, b) for a, b in zip(values, m.parameters(), strict=True))
    space.theta.add_(1)
    assert any(not torch.equal(a, b) for a, b in zip(values, m.parameters(), strict=True))


def test_channels_last_weights_keep_their_strides():
    m = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    stride = m.weight.stride()
    ParameterSpace(m)
    assert m.weight.stride() == stride
    assert m.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_deep_copy_has_storage_of_its_own():
    m = net()
    space = ParameterSpace(m)
    other = copy.deepcopy(m)
    space.theta.zero_()
    assert any(p.any() for p in other.parameters())


def test_vectors_are_carried_by_name_with_old_rows_kept():
    m = net()
    space = ParameterSpace(m)
    vector, old = torch.arange(float(len(space.theta))), space.layout
    m[2] = nn.Linear(5, 4)
    m.extra = nn.Linear(1, 1)
    space.bind(thorough=True)
    new = space.views(carry(vector, old, space.layout, fill=-1.0))
    assert torch.equal(new["0.weight"], old.views(vector)["0.weight"])
    assert torch.equal(new["2.weight"][:2], old.views(vector)["2.weight"])
    assert bool((new["2.weight"][2:] == -1).all())
    assert bool((new["extra.weight"] == -1).all())


def test_what_cannot_be_a_space_is_refused():
    with pytest.raises(HoldfastError, match="no trainable parameter"):
        ParameterSpace(nn.ReLU())
    mixed = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())
    with pytest.raises(HoldfastError, match="share one dtype"):
        ParameterSpace(mixed)
