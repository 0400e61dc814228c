"""A data set that is no task of a stream, read so that its rows are like those of the stream."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs, described, shape_of, tensors_of
from holdfast.streams.dataset_rows import LABEL_NAMES
from holdfast.streams.language import IGNORED, LABELS
from holdfast.streams.own_data.encoding import ENCODED, Encoding, combined, encoded, tokens
from holdfast.streams.own_data.examples import IMAGE, open_examples
from holdfast.streams.own_data.files import is_own
from holdfast.streams.own_data.folders import read_path
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.roles import Role, decide_roles
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.values import labels as labels_in
from holdfast.streams.parts import ArrayPart, Part
from holdfast.streams.several_inputs import as_inputs
from holdfast.streams.sources import named
from holdfast.streams.task import Task
from holdfast.streams.tokens import IDS, MASK

COLOURS = {1: "grayscale", 3: "rgb"}  # by the number of channels
IMAGE_DIMENSIONS = 3


def read_outside(name: str, like: Inputs, tokenizer: str | None) -> tuple[Inputs, np.ndarray]:
    """Read the training examples of a data set, or all rows of the user's own data.

    Args:
        name: A name as `--data` takes it: digits, a name on the Hugging Face hub, or the path of a
            folder of images or of a table.
        like: A row of the stream. Own images are resized to its size.
        tokenizer: The folder of a language model whose tokens texts become. None: they become
            hashed features.

    Returns:
        The inputs, (N, ...), and the labels, (N,). Own data without a column of labels have empty
        texts as labels.

    Raises:
        HoldfastError: There is no such data set, it can't be read, or it has columns whose encoding
            depends on the data.

    Example:
        >>> x, labels = read_outside("digits", torch.zeros(1, 1, 8, 8), None)
        >>> tuple(x.shape), labels[:3].tolist()
        ((1438, 1, 8, 8), [0, 1, 2])
    """
    if not is_own(name):
        source = named(name, tokenizer=tokenizer)
        return source.train_x, source.train_y
    table = read_path(name)
    options = _options(like, tokenizer)
    label = next((name for name in table.columns if name.lower() in LABEL_NAMES), None)
    uses = {} if label is None else {label: "label"}
    roles = decide_roles(table, uses, options)
    if any(role.kind == IMAGE for role in roles.values()):
        examples = open_examples(table, options)
        return examples.inputs(np.ones(len(examples), dtype=bool)), examples.labels
    x = _texts(table, roles, options)
    if label is None:
        return x, np.full(len(table), "", dtype=object)
    return x, labels_in(table, label)


def _options(like: Inputs, tokenizer: str | None) -> Options:
    """How own data are read, so that images have the size and the colours of the stream's."""
    options = Options(tokenizer=tokenizer)
    if isinstance(like, Tensor) and like.dim() == IMAGE_DIMENSIONS + 1:
        color = COLOURS.get(like.shape[1], "auto")
        return replace(options, image_size=int(like.shape[-1]), color=color)
    return options


def _texts(table: Table, roles: dict[str, Role], options: Options) -> Inputs:
    """The inputs of a table of texts."""
    fitted = [
        column for column, role in roles.items() if role.kind in ENCODED and role.kind != "text"
    ]
    # The stream encodes such columns by what it has seen of its own first task.
    if fitted:
        raise HoldfastError(
            f"{table.name} has the columns {', '.join(fitted)}, which are numbers, dates or "
            "categories. Their encoding belongs to the stream; leave them out, or hand over the "
            "rows in Python as tensors, encoded as the stream's"
        )
    if options.tokenizer is not None:
        return tokens(table, roles, options)
    return combined(encoded(table, roles, Encoding(), options), table.name, options)


def whole_text(x: Inputs) -> Inputs:
    """Let every token of texts count, for the objective of language models.

    Args:
        x: `input_ids` and `attention_mask`, or what has `labels` already.

    Returns:
        The same with `labels`: the tokens themselves, and -100 where there is none.
    """
    if isinstance(x, Tensor) or LABELS in x.tensors or IDS not in x.tensors:
        return x
    ids = x[IDS].long()
    labels = ids.masked_fill(x[MASK] == 0, IGNORED)
    return NamedInputs({**x.tensors, LABELS: labels}, {**x.padding, LABELS: IGNORED})


def part_of(dataset: object, labels: bool) -> Part:
    """Make a part of what a user hands over in Python.

    Args:
        dataset: A task, a part of one, inputs, or a pair (inputs, outputs).
        labels: Whether the outputs are learnt, so that they must be there.

    Returns:
        The examples. Without labels, all outputs are 0.

    Raises:
        HoldfastError: It is something else, or there are no examples.

    Example:
        >>> len(part_of((torch.zeros(3, 2), torch.tensor([0, 1, 0])), labels=True))
        3
    """
    if isinstance(dataset, Task):
        dataset = dataset.train
    part: Part
    if isinstance(dataset, Part):
        part = dataset
    elif not labels:
        x = as_inputs(dataset)
        part = ArrayPart(x, torch.zeros(len(x), dtype=torch.long), 0)
    elif isinstance(dataset, tuple) and len(dataset) == 2:
        part = ArrayPart(as_inputs(dataset[0]), torch.as_tensor(dataset[1]), 0)
    else:
        raise HoldfastError(
            "an outside data set is a name, a path, a task, a part of a task, or a pair (inputs, "
            f"outputs), got a {type(dataset).__name__}; pass labels=False for inputs alone, and "
            "stream[0] for a task of a stream"
        )
    if not len(part):
        raise HoldfastError("the outside data set has no examples; pass one with at least one row")
    return part


def refuse_unlike(part: Part, task: Task, name: str, labels: bool) -> None:
    """Refuse examples that could not be in one batch with those of a task.

    Args:
        part: The examples.
        task: The task.
        name: What messages call the examples.
        labels: Whether their targets are learnt.

    Raises:
        HoldfastError: Inputs or targets have another form.
    """
    x, y, _ = part.fetch(torch.arange(1))
    like, target, _ = task.train.fetch(torch.arange(1))
    if _form(x) != _form(like):
        raise HoldfastError(
            f"the inputs of {name} are {described(x)}, those of task {task.name!r} are "
            f"{described(like)}; bring them into one form"
        )
    if labels and (y.dim(), y.is_floating_point()) != (target.dim(), target.is_floating_point()):
        raise HoldfastError(
            f"the targets of {name} are {described(y)}, those of task {task.name!r} are "
            f"{described(target)}; give both one form, or pass labels=False"
        )


def _form(x: Inputs) -> list[object]:
    """The shape of a row, and the kind of numbers of each of its tensors."""
    kinds = ["float" if t.is_floating_point() else str(t.dtype) for t in tensors_of(x)]
    return [shape_of(x), *kinds]
