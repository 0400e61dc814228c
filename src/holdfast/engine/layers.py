"""Linear layers and convolutions seen as matrices.

A layer multiplies rows by a matrix. The rows are its inputs, or the patches that a convolution sees
at each position, with a 1 for the bias. The matrix is its weight, with the bias as the last column.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.parameters import ParameterSpace
from holdfast.errors import HoldfastError, Unsuitable

L = TypeVar("L", bound=nn.Module)
Matrix = nn.Linear | nn.Conv2d
Calls = list[tuple[Tensor, Tensor]]  # the input and the output of each call of a layer


def is_plain(layer: nn.Module) -> bool:
    """Whether a layer is exactly one of PyTorch's own, because a subclass may compute otherwise."""
    return type(layer) in (nn.Linear, nn.Conv2d)


def matrices(module: nn.Module, who: str) -> dict[str, Matrix]:
    """Find the trainable linear layers and convolutions of a module.

    Args:
        module: The module.
        who: The name of the method, for the message.

    Returns:
        The layers by name.

    Raises:
        HoldfastError: Something else is trainable, or two layers share a weight.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> list(matrices(net, "KFAC"))
        ['0', '2']
    """
    layers: dict[str, Matrix] = {}
    others: list[str] = []
    owners: dict[int, str] = {}
    for name, layer in module.named_modules():
        own = [p for p in layer.parameters(recurse=False) if p.requires_grad]
        for p in own:
            # A module that is used twice is listed once, so another name is another module.
            owner = owners.setdefault(id(p), name)
            if owner != name:
                raise HoldfastError(
                    f"{who} treats each layer by itself, but {owner} and {name} share a weight; "
                    "use another method, or give each layer a weight of its own"
                )
        # A frozen layer may be of any kind, because nothing is computed for it.
        if not own:
            continue
        matrix = _as_matrix(layer)
        if matrix is None:
            kind = type(layer).__name__
            if is_plain(layer):  # then its settings are what is wrong with it
                kind = str(layer)
            others.append(f"{name or 'the model'} is {kind} with trainable parameters")
        else:
            layers[name] = matrix
    if others:
        raise _of_another_kind(who, others)
    return layers


def _of_another_kind(who: str, others: Sequence[str]) -> Unsuitable:
    """Make the refusal of trainable layers that do not multiply rows by a matrix."""
    more = ""
    freeze = "freeze that layer"
    if len(others) > 1:
        more = f", and so are {len(others) - 1} more layers of other kinds"
        freeze = "freeze all layers of other kinds"
    return Unsuitable(
        f"{who} treats linear layers and convolutions (without groups, padded with a number of "
        f"zeros), but {others[0]}{more}; use mlp or convnet, or {freeze}"
    )


def _as_matrix(layer: nn.Module) -> Matrix | None:
    """The layer if it multiplies rows by one matrix, else None."""
    if not is_plain(layer):
        return None
    if isinstance(layer, nn.Linear):
        return layer
    if isinstance(layer, nn.Conv2d) and has_patches(layer):
        return layer
    return None


def has_patches(layer: nn.Conv2d) -> bool:
    """Whether a convolution multiplies patches, padded with a number of zeros, by one matrix."""
    padded_with_zeros = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return padded_with_zeros and layer.groups == 1


def patches(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """What a convolution sees at each position.

    Args:
        layer: The convolution, with padding in numbers.
        x: Its inputs, (N, I, H, W).

    Returns:
        The patches, (N, columns, positions), columns in the order of the weight's elements.

    Raises:
        HoldfastError: The padding is given as a word.
    """
    # `unfold` pads with a number of zeros alone.
    if isinstance(layer.padding, str):
        raise HoldfastError(
            f"a convolution has padding={layer.padding!r}, but its patches need numbers; "
            "give the number of rows and columns"
        )
    return F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)


def rows_in(layer: Matrix, x: Tensor) -> Tensor:
    """What a layer's matrix is multiplied by.

    Args:
        layer: The layer.
        x: Its inputs, (N, ..., features) or (N, I, H, W).

    Returns:
        The rows, (rows, columns), with a 1 as the last column if the layer has a bias.
    """
    if isinstance(layer, nn.Conv2d):
        x = patches(layer, x).transpose(1, 2).flatten(0, 1)
    # The tokens of a sequence are rows of their own, like the positions of an image.
    x = x.flatten(0, -2)
    if layer.bias is None:
        return x
    return torch.cat([x, x.new_ones(len(x), 1)], 1)


def rows_out(layer: Matrix, delta: Tensor) -> Tensor:
    """Values at a layer's outputs in the order of `rows_in`.

    Args:
        layer: The layer.
        delta: Values at its outputs, (N, ..., features) or (N, O, H, W).

    Returns:
        The rows, (rows, outputs).
    """
    if isinstance(layer, nn.Conv2d):
        return delta.flatten(2).transpose(1, 2).flatten(0, 1)
    return delta.flatten(0, -2)


@contextmanager
def recording(layers: Sequence[L]) -> Iterator[dict[L, Calls]]:
    """Record what flows into and out of layers while the context is open.

    Args:
        layers: The layers.

    Yields:
        For each layer, the input (detached) and the output of each of its calls.
    """
    seen: dict[L, Calls] = {layer: [] for layer in layers}

    def note(layer: L, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep one call of a layer."""
        # Gradients are taken with respect to the output, for which its graph is needed.
        seen[layer].append((inputs[0].detach(), output))

    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


class Use(NamedTuple):
    """The one call of a layer in a forward pass.

    Attributes:
        name: The name of the layer.
        layer: The layer.
        inputs: Its input, without a graph.
        output: Its output, with a graph.
    """

    name: str
    layer: Matrix
    inputs: Tensor
    output: Tensor


def used(seen: Mapping[Matrix, Calls], layers: Mapping[str, Matrix]) -> Iterator[Use]:
    """The layers that took part in a forward pass.

    Args:
        seen: What `recording` recorded.
        layers: The layers by name.

    Yields:
        The first call of each layer that was called.
    """
    for name, layer in layers.items():
        calls = seen[layer]
        # The head of another task, for example, takes no part.
        if calls:
            inputs, output = calls[0]
            yield Use(name, layer, inputs, output)


class LayerViews:
    """A θ-shaped vector as one matrix per layer: the weight, and the bias as the last column.

    Args:
        space: The space that the vector belongs to.
        vector: The vector.
    """

    def __init__(self, space: ParameterSpace, vector: Tensor) -> None:
        self.views = space.views(vector)

    def trains(self, name: str) -> bool:
        """Whether the layer's weight is trainable."""
        return _key(name, "weight") in self.views

    def get(self, name: str) -> Tensor:
        """The layer's matrix, (outputs, columns), a copy if the layer has a bias."""
        weight = self.views[_key(name, "weight")].flatten(1)
        bias = self.views.get(_key(name, "bias"))
        if bias is None:
            return weight
        return torch.cat([weight, bias[:, None]], 1)

    def put(self, name: str, matrix: Tensor, add: float | None = None) -> None:
        """Write the first rows of the layer's matrix.

        Args:
            name: The name of the layer.
            matrix: The rows, (rows, columns). A layer that has grown since has more.
            add: Add so many times the rows to what is there. None puts the rows in its place.
        """
        weight = self.views[_key(name, "weight")]
        bias = self.views.get(_key(name, "bias"))
        rows = len(matrix)
        columns = weight[0].numel()
        # A convolution's weight has more dimensions than its matrix.
        of_weight = matrix[:, :columns].view(rows, *weight.shape[1:])
        _write(weight[:rows], of_weight, add)
        if bias is not None:
            _write(bias[:rows], matrix[:, -1], add)


def _write(target: Tensor, value: Tensor, add: float | None) -> None:
    """Write values into a view, or add a multiple of them."""
    if add is None:
        target.copy_(value)
    else:
        target.add_(value, alpha=add)


def _key(name: str, leaf: str) -> str:
    """The name of a layer's parameter, also if the layer is the whole model and has no name."""
    if not name:
        return leaf
    return f"{name}.{leaf}"
