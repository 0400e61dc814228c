"""Tokens that a language model can't read, found before the first step instead of in a batch."""

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.models.pooled import Pooled
from holdfast.named_inputs import Inputs, NamedInputs
from holdfast.streams.dataset_part import DatasetPart
from holdfast.streams.task import ArrayPart, Part, Task
from holdfast.streams.text_rows import TextRows
from holdfast.streams.tokens import IDS, MASK

PARTS = ("train", "validation", "test")


def check_vocabulary(model: nn.Module, task: Task) -> None:
    """Refuse tokens that the network does not know.

    Args:
        model: The network, any.
        task: A task, any.

    Raises:
        HoldfastError: A token has a number for which the network has no embedding.
    """
    known = [module.vocabulary for module in model.modules() if isinstance(module, Pooled)]
    numbers = [number for number in known if number is not None]
    if not numbers:
        return
    for name in PARTS:
        ids = _ids(getattr(task, name))
        if ids is None or not ids.numel():
            continue
        largest = int(ids.max())
        if largest >= min(numbers):
            raise HoldfastError(
                f"the {name} texts of task {task.name!r} have the token {largest}, but the network "
                f"knows only the tokens 0 to {min(numbers) - 1}, so they were tokenised for "
                "another network; use the tokenizer that belongs to this one"
            )


def longest_row(part: Part) -> Inputs | None:
    """Find the longest text of a part, which a network may be too short for.

    Args:
        part: The part.

    Returns:
        The text as inputs of one row. None: the part holds no texts, or they are read row by row.
    """
    if not isinstance(part, ArrayPart) or not isinstance(part.x, NamedInputs):
        return None
    mask = _rows(part, MASK)
    if mask is None or not mask.numel():
        return None
    longest = int(mask.sum(1).argmax())
    return part.fetch(torch.tensor([longest]))[0]


def _ids(part: Part | None) -> Tensor | None:
    """The numbers of the tokens of a part, if they are in memory."""
    if isinstance(part, DatasetPart) and isinstance(part.dataset, TextRows):
        return torch.from_numpy(part.dataset.tokens)
    if isinstance(part, ArrayPart) and isinstance(part.x, NamedInputs):
        return _rows(part, IDS)
    return None


def _rows(part: ArrayPart, name: str) -> Tensor | None:
    """One of the tensors of a part, its own rows alone."""
    if not isinstance(part.x, NamedInputs) or name not in part.x.for_network:
        return None
    tensor = part.x[name]
    if tensor.dim() != 2 or tensor.is_floating_point():
        return None
    if part.rows is None:
        return tensor
    return tensor.index_select(0, part.rows.to(tensor.device))
