"""BatchNorm and batches of one row.

A batch has no variance if it gives BatchNorm a single value per channel, and PyTorch then raises an
error. Such batches come from many places: the last batch of an epoch, a batch size of 1, a memory
that holds one row, micro-batches, methods that train on one example at a time. There is one rule
for all of them: the layer uses its running statistics for that batch, as it does in evaluation, and
does not update them. All other batches are computed as before, to the bit.
"""

import warnings

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from holdfast.errors import HoldfastError

NORMS = (nn.modules.batchnorm._BatchNorm,)
TOOK = "_took_one_row"  # marks a layer between the two hooks
WAY_OUT = "choose another batch_size, or set drop_last=True, so that no batch has a single row"


def has_batch_norm(model: nn.Module) -> bool:
    """Whether a model has BatchNorm layers that would normalise by a batch's own statistics."""
    return any(isinstance(m, NORMS) and m.training for m in model.modules())


def take_single_rows(model: nn.Module) -> list[RemovableHandle]:
    """Make the BatchNorm layers of a model take batches of one value per channel in training.

    The first such batch gives a warning.

    Args:
        model: The model. Layers that are added later are not included.

    Returns:
        Handles, whose `remove` ends it.

    Example:
        >>> import torch
        >>> layer = nn.BatchNorm1d(2)
        >>> handles = take_single_rows(layer)
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     layer(torch.ones(1, 2)).shape, layer.training
        (torch.Size([1, 2]), True)
    """
    handles = []
    for layer in model.modules():
        if isinstance(layer, NORMS):
            handles.append(layer.register_forward_pre_hook(_before))
            # Called also if the forward pass fails, so that no layer stays switched.
            handles.append(layer.register_forward_hook(_after, always_call=True))
    return handles


def _before(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Switch a layer to its running statistics if its input has one value per channel."""
    x = inputs[0]
    if not layer.training or x.dim() < 2 or x.numel() != x.shape[1]:
        return
    if layer.running_mean is None:
        raise HoldfastError(
            "a batch has a single row, which BatchNorm without running statistics cannot "
            f"normalise; {WAY_OUT}"
        )
    warnings.warn(
        "a batch has a single row, and BatchNorm needs at least two values per channel: its "
        f"layers use their running statistics for such a batch; {WAY_OUT}",
        stacklevel=2,
    )
    layer.training = False
    # In the module's dictionary, so that `_after` need not know whether it is there.
    layer.__dict__[TOOK] = True


def _after(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    """Switch the layer back."""
    if layer.__dict__.pop(TOOK, False):
        layer.training = True
