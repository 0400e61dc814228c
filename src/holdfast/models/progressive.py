"""A progressive network: one column of layers for each task, which reads the columns before it.

With `lateral="below"`, layer l of column k is

    h_l^(k) = ReLU(W_l h_{l−1}^(k) + Σ_{j<k} U_l^{(k:j)} h_{l−1}^(j)),

from the second layer on and for the output. This is the paper without its adapters. With
`lateral="same"`, Σ_{j<k} U_l^{(k:j)} h_l^(j) from the same layer is added before the ReLU, in
hidden layers only. U has no bias. All U of a layer are one matrix over the concatenated columns,
which is drawn as a layer of that width.

References:
    A. A. Rusu et al. (2016), Progressive neural networks. arXiv:1606.04671.
"""

from typing import TypedDict, cast

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, Unsuitable, one_of
from holdfast.models.classifier import Classifier
from holdfast.models.heads import SeparateHead
from holdfast.models.per_task import PerTask
from holdfast.models.separate import counts
from holdfast.named_inputs import Inputs, need_one_tensor

LATERALS = ("below", "same")


class Columns(TypedDict):
    """The size of a progressive network."""

    columns: int
    parameters: int
    frozen: int
    trainable: int


class _ProgressiveHead(SeparateHead):
    """A head per task. With laterals from below, task k's reads the last layers of columns 1..k."""

    def __init__(self, features: int, reads_all: bool) -> None:
        super().__init__(features)
        self.reads_all = reads_all

    def inputs_of(self, task: int) -> int:
        """The number of features that the layer of a task reads."""
        if self.reads_all:
            return self.features * (task + 1)
        return self.features


class Progressive(PerTask):
    """A classifier that gains a column when its head opens a task. Earlier columns are frozen.

    Args:
        model: An MLP (`holdfast.models.mlp`) with separate heads. It becomes the first column.
        lateral: Where the lateral connections come from, `below` or `same`.

    Attributes:
        columns: The layers of each column.
        laterals: The lateral connections of each column, one for each layer that has them. The
            first column has none.

    Raises:
        HoldfastError: The model is of another kind, or `lateral` is unknown.

    Example:
        >>> from holdfast.models import mlp
        >>> net = Progressive(mlp(784, "separate", hidden=(256, 256)), "below")
        >>> for k in range(2):
        ...     net.head.open(k, 2 * k, 2 * k + 2)
        >>> net.capacity()
        {'columns': 2, 'parameters': 600580, 'frozen': 267266, 'trainable': 333314}
    """

    def __init__(self, model: Classifier, lateral: str) -> None:
        layers = _first_column(model.backbone)
        head = model.head
        if not isinstance(head, SeparateHead):
            raise HoldfastError(
                "each column ends in a head of its own; expected head 'separate', "
                f"got {head.kind!r}"
            )
        self.lateral = one_of("lateral", lateral, LATERALS)
        like = layers[0].weight
        new_head = _ProgressiveHead(head.features, reads_all=lateral == "below")
        super().__init__(nn.Flatten(), new_head.to(like.device, like.dtype))
        self.columns = nn.ModuleList([nn.ModuleList(layers)])
        # The first column has nothing to read.
        self.laterals = nn.ModuleList([nn.ModuleList()])
        self.grow_with_tasks(self._open)

    def _open(self, task: int) -> None:
        """Freeze what there is and add the column of a task, if it has none."""
        if task < len(self.columns):
            return
        # Before the new column is there, because that one must train.
        self.requires_grad_(False)
        sizes = [(m.in_features, m.out_features) for m in _linears(self.columns[0])]
        if self.lateral == "below":
            reads = sizes[1:]
        else:
            reads = [(outputs, outputs) for _, outputs in sizes]
        # New layers are made on the CPU in PyTorch's type, so that a seed gives the same numbers.
        like = next(self.parameters())
        column = [nn.Linear(inputs, outputs) for inputs, outputs in sizes]
        laterals = [nn.Linear(task * inputs, outputs, bias=False) for inputs, outputs in reads]
        self.columns.append(nn.ModuleList(column))
        self.laterals.append(nn.ModuleList(laterals))
        for module in (self.columns[-1], self.laterals[-1]):
            module.to(like.device, like.dtype)

    def _activities(self, x: Tensor, last: int) -> list[Tensor]:
        """The last hidden layer of columns 0..last, (N, D) each."""
        # Columns of later tasks are left out, because no earlier one reads them.
        columns = [_linears(column) for column in self.columns[: last + 1]]
        laterals = [_linears(lateral) for lateral in self.laterals[: last + 1]]
        # The inputs feed the first layer of every column.
        below = [self.backbone(x)] * (last + 1)
        # Layer by layer, because a layer may read the same one of the columns before it.
        for layer in range(len(columns[0])):
            here: list[Tensor] = []
            for k, column in enumerate(columns):
                z = column[layer](below[k])
                # The first column reads no other. From below, nor does the first layer.
                if k and self.lateral == "same":
                    before = torch.cat(here, 1)
                    z = z + laterals[k][layer](before)
                elif k and layer:
                    before = torch.cat(below[:k], 1)
                    z = z + laterals[k][layer - 1](before)
                here.append(z.relu())
            below = here
        return below

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """What the head of a task reads.

        Args:
            x: Inputs, (N, ...).
            task: The number of the task of all rows.

        Returns:
            The features, (N, D), or (N, (task + 1) D) with laterals from below.

        Raises:
            HoldfastError: Not one task is given, or it has not begun.
        """
        task = self.one_task(task)
        activities = self._activities(need_one_tensor(x, "a progressive network"), task)
        if self.lateral == "below":
            return torch.cat(activities, 1)
        return activities[task]

    def capacity(self) -> Columns:
        """The number of columns, of parameters, and of those frozen and trainable."""
        sizes = counts(self)
        return {
            "columns": len(self.columns),
            "parameters": sizes["parameters"],
            "frozen": sizes["frozen"],
            "trainable": sizes["trainable"],
        }


def _linears(layers: nn.Module) -> list[nn.Linear]:
    """The linear layers of a list or sequence of modules, in order."""
    listed = cast("nn.ModuleList | nn.Sequential", layers)
    return [layer for layer in listed if isinstance(layer, nn.Linear)]


def _first_column(backbone: nn.Module) -> list[nn.Linear]:
    """The layers of an MLP, or an error for another kind of network."""
    refusal = Unsuitable(
        "columns are made for MLPs of linear layers with ReLU; use holdfast.models.mlp"
    )
    if not isinstance(backbone, nn.Sequential):
        raise refusal
    layers = _linears(backbone)
    plain = all(isinstance(m, nn.Linear | nn.ReLU | nn.Flatten) for m in backbone)
    if not layers or not plain:
        raise refusal
    return layers
