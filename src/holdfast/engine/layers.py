"""Linear layers and convolutions seen as matrices: what flows into each, with a 1 for the bias, and the gradient's rows and columns."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.parameters import ParameterSpace
from holdfast.errors import HoldfastError

Matrix = nn.Linear | nn.Conv2d


def matrices(module: nn.Module, who: str) -> dict[str, Matrix]:
    """Trainable linear layers and convolutions by name; an error where something else is trainable."""
    found: dict[str, Matrix] = {}
    owners: dict[int, str] = {}
    for name, m in module.named_modules():
        own = [p for p in m.parameters(recurse=False) if p.requires_grad]
        for p in own:
            if owners.setdefault(id(p), name) != name:
                raise HoldfastError(
                    f"{who} treats each layer by itself, but {owners[id(p)]} and {name} share a weight; "
                    "use another method, or give each layer a weight of its own"
                )
        if type(m) in (nn.Linear, nn.Conv2d) and (not isinstance(m, nn.Conv2d) or m.groups == 1):
            if own:
                found[name] = m
        elif own:
            raise HoldfastError(
                f"{who} treats linear layers and convolutions (without groups), but {name or 'the model'} is {type(m).__name__} with "
                "trainable parameters; use mlp or convnet, or freeze that layer"
            )
    return found


def rows_in(layer: Matrix, x: Tensor) -> Tensor:
    """What a layer's matrix is multiplied with: inputs (or patches, one a position) and a 1 where there is a bias, (rows, columns)."""
    if isinstance(layer, nn.Conv2d):
        patches = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
        x = patches.transpose(1, 2).flatten(0, 1)
    x = x.flatten(0, -2)
    return x if layer.bias is None else torch.cat([x, x.new_ones(len(x), 1)], 1)


def rows_out(layer: Matrix, delta: Tensor) -> Tensor:
    """Values at a layer's outputs in the order of `rows_in`, (rows, outputs)."""
    return (
        delta.flatten(2).transpose(1, 2).flatten(0, 1)
        if isinstance(layer, nn.Conv2d)
        else delta.flatten(0, -2)
    )


class LayerViews:
    """A θ-shaped vector as one matrix a layer: weights, and the bias as the last column."""

    def __init__(self, space: ParameterSpace, vector: Tensor) -> None:
        self.views = space.views(vector)

    def trains(self, name: str) -> bool:
        """Whether the layer's weight is trainable."""
        return _key(name, "weight") in self.views

    def get(self, name: str) -> Tensor:
        """The layer's matrix (outputs, columns), a copy."""
        weight, bias = self.views[_key(name, "weight")], self.views.get(_key(name, "bias"))
        flat = weight.flatten(1)
        return flat if bias is None else torch.cat([flat, bias[:, None]], 1)

    def put(self, name: str, matrix: Tensor, add: float | None = None) -> None:
        """Writes the layer's matrix, or adds `add` times it to the first of its rows."""
        weight, bias = self.views[_key(name, "weight")], self.views.get(_key(name, "bias"))
        columns, n = weight[0].numel(), len(matrix)
        for part, value in (
            (weight, matrix[:, :columns].view(n, *weight.shape[1:])),
            (bias, matrix[:, -1]),
        ):
            if part is not None:
                part[:n].copy_(value) if add is None else part[:n].add_(value, alpha=add)


def _key(name: str, leaf: str) -> str:
    return f"{name}.{leaf}" if name else leaf


def used(
    seen: dict[Matrix, list[tuple[Tensor, Tensor]]], layers: dict[str, Matrix]
) -> Iterator[tuple[str, Matrix, Tensor, Tensor]]:
    """(name, layer, input, output) of the layers that took part once, from what was recorded."""
    for name, layer in layers.items():
        for inp, out in seen[layer][:1]:
            yield name, layer, inp, out
