"""Inputs: one rule for what arrays, tensors and rows of data sets become before the model.

Integers stay integers (token ids for an embedding), floats stay floats, booleans become the floats
0 and 1, and uint8 stays uint8 (pixels, which the learner divides by 255). The learner casts floats,
and integers for a model without an embedding, to the dtype of the model.
"""

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs

LARGEST_EXACT = 2**24  # float32 holds every integer up to here exactly
LARGEST_FLOAT32 = torch.finfo(torch.float32).max


def input_tensor(x: object, what: str = "inputs") -> Tensor:
    """Turn the inputs that a user brings into one tensor.

    Args:
        x: Numbers, (N, ...): an array, a tensor or nested lists.
        what: What messages call the inputs.

    Returns:
        A tensor, on the device of `x` if that is a tensor, else on the CPU. Integers become int64
        and booleans the default float dtype. Floats and uint8 keep their dtype.

    Raises:
        HoldfastError: The inputs are not real numbers, or their rows have different lengths.

    Example:
        >>> input_tensor(np.array([[3, 1]], dtype=np.int32)).dtype, input_tensor([[True]]).dtype
        (torch.int64, torch.float32)
    """
    if isinstance(x, Tensor):
        tensor = x.detach()
    else:
        tensor = _from_array(x, what)
    if tensor.is_complex():
        raise HoldfastError(
            f"{what} must be real numbers, got {tensor.dtype}; split them into real and imaginary "
            "parts"
        )
    # No layer takes booleans.
    if tensor.dtype == torch.bool:
        return tensor.to(torch.get_default_dtype())
    if tensor.is_floating_point() or tensor.dtype == torch.uint8:
        return tensor
    return tensor.to(torch.int64)


def _from_array(x: object, what: str) -> Tensor:
    """Anything that NumPy can read, as a tensor of the same numbers."""
    try:
        array = np.asarray(x)
    except ValueError:  # NumPy refuses rows of several lengths
        raise HoldfastError(
            f"{what} must all have one shape, got rows of different lengths; pad them to one length"
        ) from None
    if array.dtype.kind not in "fiub":
        raise HoldfastError(
            f"{what} must be numbers, got dtype {array.dtype}; encode text and categories first"
        )
    # PyTorch has few operations for unsigned integers other than uint8.
    if array.dtype.kind == "u" and array.dtype != np.uint8:
        largest = array.max(initial=0)
        if largest > np.iinfo(np.int64).max:
            raise HoldfastError(
                f"{what}: {largest} does not fit into a 64-bit integer; if it is an identifier, "
                "leave it out"
            )
        array = array.astype(np.int64)
    if array.dtype == np.longdouble:  # PyTorch has no such dtype
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)  # torch reads native bytes only
    # Torch would warn about memory that it may not write to, so such an array is copied.
    must_copy = None if array.flags.writeable else True
    return torch.from_numpy(np.array(array, order="C", copy=must_copy))


def input_rows(x: object, what: str = "inputs") -> Tensor:
    """Turn a whole set of examples into a tensor, (N, ...), and check its shape and its values.

    Args:
        x: Numbers, (N, ...), with at least one dimension beside that of the examples.
        what: What messages call the inputs.

    Returns:
        A tensor as `input_tensor` gives it.

    Raises:
        HoldfastError: The inputs have no dimension of values, contain NaN or infinity, or are
            refused by `input_tensor`.
    """
    tensor = input_tensor(x, what)
    if tensor.dim() < 2:
        raise HoldfastError(
            f"{what} need one row per example, shape (N, ...), got shape {tuple(tensor.shape)}; "
            "if each example is a single number, pass x.reshape(-1, 1)"
        )
    refuse_unfinite(tensor, what)
    return tensor


def refuse_unfinite(x: Inputs, what: str) -> None:
    """Refuse NaN, infinity, and values beyond float32; the error names the first such example."""
    if isinstance(x, NamedInputs):
        for name, tensor in x.tensors.items():
            refuse_unfinite(tensor, f"{what} ({name})")
        return
    if not x.is_floating_point():
        return
    if x.dtype == torch.float64:
        good = x.abs() <= LARGEST_FLOAT32  # also False for NaN
    else:
        good = torch.isfinite(x)
    if bool(good.all()):
        return
    raise HoldfastError(
        f"{what} contain NaN, infinity or a value beyond float32 (first at example "
        f"{_first_example(~good)}); clean, impute or scale them"
    )


def refuse_inexact(x: Tensor, what: str) -> None:
    """Refuse integers that float32 can't hold, because it would make neighbouring values equal."""
    if not x.numel():
        return
    inexact = (x.abs() > LARGEST_EXACT) & (x.to(torch.float32).to(torch.int64) != x)
    if bool(inexact.any()):
        raise HoldfastError(
            f"{what}: {int(x[inexact][0])} (example {_first_example(inexact)}) can't be held "
            "exactly by float32, which would make neighbouring values equal; if it is an "
            "identifier, leave it out, otherwise scale it first"
        )


def _first_example(bad: Tensor) -> int:
    """The number of the first example, (N, ...), in which any value is True."""
    return int(bad.reshape(len(bad), -1).any(1).nonzero()[0])


def to_float(x: Tensor) -> Tensor:
    """Turn raw rows into the input of the network.

    Args:
        x: Raw rows, (N, ...).

    Returns:
        Pixels (uint8) as float32 in [0, 1]. Every other dtype is returned as it is.

    Example:
        >>> to_float(torch.tensor([0, 255], dtype=torch.uint8))
        tensor([0., 1.])
    """
    if x.dtype != torch.uint8:
        return x
    return x.to(torch.float32).div_(255)
