"""Layers seen as matrices: which ones are, and which ones only look like it."""

import pytest
import torch
from torch import nn

from holdfast import HoldfastError
from holdfast.engine.jacobian import gradient_products, per_example_gradients
from holdfast.engine.layers import matrices
from holdfast.engine.parameters import ParameterSpace

PADDINGS = [
    {"padding": 1},
    {"padding": 1, "padding_mode": "circular"},
    {"padding": 1, "padding_mode": "reflect"},
    {"padding": "same"},
]


def first_logit(net, x):
    return net(x)[:, 0]


def network(**padding):
    torch.manual_seed(0)
    convolution = nn.Conv2d(1, 2, 3, **padding)
    return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(2 * 16, 3))


@pytest.mark.parametrize("padding", PADDINGS)
def test_products_of_gradients_are_those_of_the_gradients_whatever_pads_an_image(padding):
    space = ParameterSpace(network(**padding))
    x = torch.rand(5, 1, 4, 4)
    rows = per_example_gradients(space, first_logit, x)
    products = gradient_products(space, first_logit, x)
    torch.testing.assert_close(products, rows @ rows.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", PADDINGS[1:])
def test_a_convolution_that_is_padded_otherwise_is_no_matrix(padding):
    with pytest.raises(HoldfastError, match=r"GPM treats .* padded with a number of zeros.*Conv2d"):
        matrices(network(**padding), "GPM")
