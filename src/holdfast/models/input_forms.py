"""The form of inputs as plain values, to try a network that is made again in another process."""

from collections.abc import Mapping
from typing import Any

import torch

from holdfast.named_inputs import Inputs, NamedInputs, as_dict


def form_of(example: Inputs) -> dict[str, object]:
    """Describe the form of inputs by plain values: shapes, types, names."""
    tensors = {}
    for name, tensor in as_dict(example).items():
        kind = str(tensor.dtype).removeprefix("torch.")
        tensors[name] = {"shape": list(tensor.shape[1:]), "type": kind}
    form: dict[str, object] = {"tensors": tensors}
    if isinstance(example, NamedInputs):
        form |= {
            "padding": example.padding,
            "positional": example.positional,
            "hidden": list(example.hidden),
        }
    return form


def inputs_like(form: Mapping[str, Any]) -> Inputs:
    """Make one row of inputs of a form, all zeros or ones."""
    tensors = {}
    for name, tensor in form["tensors"].items():
        # Ones, because a mask of zeros would leave no token to pool.
        tensors[name] = torch.ones(1, *tensor["shape"], dtype=getattr(torch, tensor["type"]))
    if "padding" not in form:
        return tensors[""]
    return NamedInputs(tensors, form["padding"], form["positional"], form["hidden"])
