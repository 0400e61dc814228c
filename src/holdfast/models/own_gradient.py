"""Calling functions that bring a gradient of their own."""

from collections.abc import Callable

from torch import Tensor
from torch.autograd import Function


def applied(function: type[Function], *inputs: object) -> Tensor:
    """Apply a function with its own gradient.

    PyTorch's `Function.apply` has no annotations; this is the one place that gives it some.

    Args:
        function: The function, which returns one tensor.
        *inputs: What its `forward` takes after the context.

    Returns:
        The tensor, whose gradient the function computes.
    """
    apply: Callable[..., Tensor] = function.apply
    return apply(*inputs)
