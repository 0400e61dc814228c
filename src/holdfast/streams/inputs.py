"""Inputs: one rule for what arrays, tensors, frames and data sets become before they reach the model.

Integers stay integers (token ids, for an embedding), floats stay floats, booleans become floats 0 and 1,
and uint8 stays uint8 (pixels, which the learner divides by 255). The learner casts floats, and integers
for a model without an embedding, to the model's own dtype.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    import pandas as pd

LARGEST_EXACT = 2**24  # integers up to here are all float32 numbers


def input_tensor(x: Any, what: str = "inputs") -> Tensor:
    """Inputs as users bring them, as one tensor.

    Args:
        x: Numbers, (N, ...): an array, a tensor, nested lists.
        what: How messages call them.

    Returns:
        A tensor on the CPU or where it was: int64 for integers, the given dtype for floats, uint8 for uint8,
        and the default float dtype for booleans.

    Raises:
        HoldfastError: They are no numbers, are ragged, or have no dimension of examples and values.

    Example:
        >>> input_tensor(np.array([[3, 1]], dtype=np.int32)).dtype, input_tensor([[True]]).dtype
        (torch.int64, torch.float32)
    """
    tensor = x.detach() if isinstance(x, Tensor) else _from_array(x, what)
    if tensor.is_complex():
        raise HoldfastError(
            f"{what} must be real numbers, got {tensor.dtype}; split them into real and imaginary parts"
        )
    if tensor.dtype == torch.bool:
        return tensor.to(torch.get_default_dtype())
    if not tensor.is_floating_point() and tensor.dtype != torch.uint8:
        return tensor.to(torch.int64)
    return tensor


def _from_array(x: Any, what: str) -> Tensor:
    try:
        array = np.asarray(x)
    except ValueError:
        raise HoldfastError(
            f"{what} must all have one shape, got rows of different lengths; pad them"
        ) from None
    if array.dtype.kind not in "fiub":
        raise HoldfastError(
            f"{what} must be numbers, got dtype {array.dtype}; encode text and categories first"
        )
    if array.dtype.kind == "u" and array.dtype != np.uint8:
        if array.max(initial=0) > np.iinfo(np.int64).max:
            raise HoldfastError(
                f"{what}: {array.max()} does not fit into a 64-bit integer; is it an identifier? leave it out"
            )
        array = array.astype(np.int64)
    if array.dtype == np.longdouble:
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)  # torch reads native bytes only
    return torch.from_numpy(
        np.array(array, order="C", copy=None if array.flags.writeable else True)
    )


def input_rows(x: Any, what: str = "inputs") -> Tensor:
    """`input_tensor` of a whole set of examples: checked for shape and finiteness as well."""
    tensor = input_tensor(x, what)
    if tensor.dim() < 2:
        raise HoldfastError(
            f"{what} need one row per example, shape (N, ...), got shape {tuple(tensor.shape)}; a single column is x.reshape(-1, 1)"
        )
    refuse_unfinite(tensor, what)
    return tensor


def refuse_unfinite(x: Tensor, what: str) -> None:
    """Refuse NaN, infinity and what float32 can't hold, naming the first example that has one."""
    if not x.is_floating_point():
        return
    good = (
        x.abs() <= torch.finfo(torch.float32).max if x.dtype == torch.float64 else torch.isfinite(x)
    )
    if bool(good.all()):
        return
    bad = int((~good.flatten(1) if x.dim() > 1 else ~good[:, None]).any(1).nonzero()[0])
    raise HoldfastError(
        f"{what} contain NaN, infinity or a value beyond float32 (first at example {bad}); clean, impute or scale them"
    )


def frame_inputs(frame: "pd.DataFrame", columns: list[str]) -> Tensor:
    """Numeric columns of a frame as one tensor, (N, columns): integers if all are, else floats.

    Raises:
        HoldfastError: A column is not numeric, has missing values, or mixes integers that a float can't hold with
            columns of floats. The message names column and row.
    """
    if not columns:
        raise HoldfastError("there is no input column besides task, label and test; name inputs=")
    for c in columns:
        _check_column(frame, c)
    kinds = {frame[c].dtype.kind for c in columns}
    if kinds <= {"i", "u"}:
        return input_rows(
            np.stack([frame[c].to_numpy(dtype=np.int64) for c in columns], axis=1), "inputs"
        )
    parts = []
    for c in columns:
        values = torch.from_numpy(np.array(frame[c].to_numpy()))
        if frame[c].dtype.kind in "iu":
            refuse_inexact(values.to(torch.int64), f"column {c!r}")
        else:
            refuse_unfinite(values, f"column {c!r}: its values")
        parts.append(values.to(torch.float32))
    return torch.stack(parts, 1)


def _check_column(frame: "pd.DataFrame", column: str) -> None:
    if (frame.columns == column).sum() > 1:
        raise HoldfastError(
            f"the frame has {(frame.columns == column).sum()} columns called {column!r}; rename or drop them"
        )
    dtype = frame[column].dtype
    if getattr(dtype, "kind", "O") not in "fiub":
        raise HoldfastError(
            f"input columns must be numeric, but {column!r} has dtype {dtype}; encode it, or name inputs="
        )
    if frame[column].isna().any():
        row = int(frame[column].isna().to_numpy().argmax())
        raise HoldfastError(
            f"column {column!r} has missing values (first in row {row}); clean or impute them"
        )


def refuse_inexact(x: Tensor, what: str) -> None:
    """Refuse integers that float32 can't hold: neighbouring values would become one."""
    large = x.abs() > LARGEST_EXACT if x.numel() else torch.zeros(0, dtype=torch.bool)
    large &= x.to(torch.float32).to(torch.int64) != x
    if bool(large.any()):
        where = (
            int(large.flatten(1).any(1).nonzero()[0])
            if large.dim() > 1
            else int(large.nonzero()[0])
        )
        raise HoldfastError(
            f"{what}: {int(x[large][0])} (example {where}) can't be held exactly by float32, so values next to each other "
            "would become one; is it an identifier? leave it out, or scale it yourself"
        )
