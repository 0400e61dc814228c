"""A batch that comes from a loop of the user's, checked before it is trained on."""

from collections.abc import Mapping

from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs, tensors_of
from holdfast.streams.several_inputs import as_inputs


def own_batch(batch: object, outputs: int, labels: bool = True) -> tuple[Inputs, Tensor]:
    """Check a batch of a loop of your own.

    Args:
        batch: A pair, inputs (N, ...) and labels (N,). Inputs may be several tensors, as a mapping
            or a tuple. Labels are output indices.
        outputs: The number of outputs that are open.
        labels: Whether targets are output indices. If not, they are rows of numbers, (N, K).

    Returns:
        The inputs, and the labels as int64, or the targets.

    Raises:
        HoldfastError: It is no such pair. The values of labels on an accelerator are not checked,
            because the step would wait for it.

    Example:
        >>> import torch
        >>> _, labels = own_batch((torch.zeros(2, 3), torch.tensor([0, 1], dtype=torch.int32)), 2)
        >>> labels.dtype
        torch.int64
    """
    x: object = batch
    y: object = None
    # The loaders of PyTorch give lists, and loops by hand mostly tuples.
    if isinstance(batch, tuple | list) and len(batch) == 2:
        x, y = batch
    if isinstance(x, Mapping | tuple):
        x = as_inputs(x)
    if not isinstance(x, Tensor | NamedInputs) or not isinstance(y, Tensor):
        raise HoldfastError(
            "a step takes a batch of learner.view.batches(), or a pair of tensors (inputs, "
            f"labels), got {_described(batch)}"
        )
    if not labels:
        return x, _checked_targets(x, y, outputs)
    if y.dim() != 1 or len(x) != len(y) or not len(y):
        raise HoldfastError(
            "a batch needs one label for each of its inputs, and at least one row, got inputs of "
            f"shape {_shape(x)} and labels of shape {tuple(y.shape)}"
        )
    # A conversion would turn 0.9 into output 0 without a word.
    if y.is_floating_point() or y.is_complex():
        raise HoldfastError(f"labels are whole output indices, got {y.dtype}; pass y.long()")
    # On an accelerator the step would wait for the answer.
    if y.device.type == "cpu":
        _refuse_unopened(int(y.min()), int(y.max()), outputs)
    return x, y.long()


def _refuse_unopened(least: int, largest: int, outputs: int) -> None:
    """Refuse labels that are no output which is open."""
    if least < 0 or largest >= outputs:
        raise HoldfastError(
            f"labels are output indices from 0 to {outputs - 1}, got {least} to {largest}; "
            "task.train.fetch returns such labels, or build the stream with from_arrays"
        )


def _checked_targets(x: Inputs, y: Tensor, outputs: int) -> Tensor:
    """Check targets that are rows of numbers."""
    # There may be more columns than outputs, since those of later tasks are not open yet.
    if y.dim() != 2 or len(x) != len(y) or not len(y) or y.shape[1] < outputs:
        raise HoldfastError(
            "a batch needs a row of targets for each of its inputs, with a number for each of the "
            f"{outputs} outputs, got inputs of shape {_shape(x)} and targets of shape "
            f"{tuple(y.shape)}; pass y[:, None] if there is one target"
        )
    if not y.is_floating_point():
        raise HoldfastError(f"targets are floating numbers, got {y.dtype}; pass y.float()")
    return y


def _shape(x: Inputs) -> str:
    """Describe the shape of inputs with their dimension of rows."""
    return ", ".join(str(tuple(tensor.shape)) for tensor in tensors_of(x))


def _described(batch: object) -> str:
    """Describe what was passed instead of a pair."""
    kind = type(batch).__name__
    if not isinstance(batch, tuple | list):
        return f"a {kind} alone"
    entries = ", ".join(type(entry).__name__ for entry in batch)
    return f"a {kind} of {entries or 'nothing'}"
