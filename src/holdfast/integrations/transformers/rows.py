"""From the examples of a task to the rows and batches of a Trainer, and back to a learner's batch.

A Trainer reads rows that are dicts of tensors, and a collator makes a dict of tensors of some of
them. `labels` holds what is to be learnt, as everywhere in transformers: an output per example, or
of a text the tokens that count.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from holdfast.engine.batch import Batch, Rows
from holdfast.engine.next_token import NextToken
from holdfast.engine.rows import joined_targets
from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs, as_dict, join_inputs
from holdfast.streams.choices import ChoicePart
from holdfast.streams.row_tasks import rows_of_task, shared_task
from holdfast.streams.task import ArrayPart, Part, Stream
from holdfast.training.own_batch import own_batch
from holdfast.training.view import View

LABELS = "labels"  # output indices (N,), targets (N, K), or tokens of texts (N, T)
INPUT = "inputs"  # the name of inputs that are one tensor
TASK = "task_number"  # of each row, if a method trains on rows of several tasks

Row = dict[str, Tensor]
Collator = Callable[[list[Any]], dict[str, Any]]  # rows → a batch, as transformers has them


class TaskRows(Dataset[Row]):
    """The examples of a part of a task as rows of a Trainer.

    Args:
        part: The part.

    Example:
        >>> from holdfast.streams import digits, split
        >>> rows = TaskRows(split(digits(), 5, "class")[0].train)
        >>> {name: tuple(tensor.shape) for name, tensor in rows[0].items()}
        {'labels': (), 'inputs': (1, 8, 8)}
    """

    def __init__(self, part: Part) -> None:
        if isinstance(part, ChoicePart):
            part = _right_texts(part)
        # Workers and pinned memory need examples on the CPU. The learner moves each batch.
        self.part = part.to("cpu")

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, number: int) -> Row:
        # Loops over rows end with this error.
        if number >= len(self):
            raise IndexError(f"row {number} of {len(self)}")
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: list[int]) -> list[Row]:
        """Read several rows at once, as loaders of PyTorch ask for those of a batch."""
        x, y, tasks = self.part.fetch(torch.tensor(numbers))
        # The labels of texts are inputs already, and y says nothing.
        columns = {LABELS: y} | columns_of(x)
        # The usual part has rows of one task, which is the current one and need not be said.
        if shared_task(tasks) is None:
            columns[TASK] = tasks
        rows = zip(*(column.unbind() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]


def _right_texts(part: ChoicePart) -> ArrayPart:
    """Return the right completions alone, because a loss over wrong ones would say nothing."""
    rows = torch.arange(len(part)) * part.choices + part.y.cpu()
    texts = part.x.index_select(0, rows.to(part.x.device))
    return ArrayPart(texts, torch.zeros(len(part), dtype=torch.long), part.task)


def columns_of(x: Inputs) -> dict[str, Tensor]:
    """Return the tensors of inputs by the names that rows have.

    Args:
        x: Inputs (N, ...), or several such tensors.
    """
    if isinstance(x, Tensor):
        return {INPUT: x}
    return as_dict(x)


class Form:
    """What inputs look like, to make batches of rows and inputs of batches.

    Args:
        example: Inputs of any number of rows.
        of_texts: Whether `labels` are one of the inputs, as of language models.

    Example:
        >>> form = Form(NamedInputs({"ids": torch.tensor([[5, 6]])}, {"ids": 0}))
        >>> form.collate([{"ids": torch.tensor([5])}, {"ids": torch.tensor([6, 7])}])["ids"]
        tensor([[5, 0],
                [6, 7]])
    """

    def __init__(self, example: Inputs, of_texts: bool = False) -> None:
        self._example = example
        self.of_texts = of_texts
        self._names = tuple(columns_of(example))
        self._padding: dict[str, float] = {}
        if isinstance(example, NamedInputs):
            self._padding = example.padding

    @classmethod
    def of_stream(cls, stream: Stream) -> "Form":
        """Return the form of the inputs of a stream.

        Args:
            stream: The stream.

        Raises:
            HoldfastError: An input has a name that rows need for something else.
        """
        example, _, _ = stream[0].train.fetch(torch.arange(1))
        of_texts = stream.objective == NextToken.name
        for name in (LABELS, TASK):
            if name in columns_of(example) and not of_texts:
                raise HoldfastError(
                    f"an input of the stream is called {name!r}, which is what rows of a Trainer "
                    "call something else; rename it"
                )
        return cls(example, of_texts)

    @property
    def names(self) -> list[str]:
        """The names of all tensors of a batch."""
        return [*dict.fromkeys([*self._names, LABELS, TASK])]

    def collate(self, rows: Sequence[Row]) -> Row:
        """Make a batch of rows, with sequences filled to the longest of them.

        Args:
            rows: Rows of `TaskRows`.

        Returns:
            The tensors (N, ...) by name.
        """
        batch: Row = {}
        for name in rows[0]:
            tensors = [row[name] for row in rows]
            if name in self._padding:
                filling = self._padding[name]
                batch[name] = pad_sequence(tensors, batch_first=True, padding_value=filling)
            else:
                batch[name] = torch.stack(tensors)
        return batch

    def inputs(self, batch: Mapping[str, object]) -> Inputs:
        """Return the inputs of a batch that a collator made.

        Args:
            batch: Its tensors by name.

        Raises:
            HoldfastError: It has other inputs than the stream.
        """
        found = [name for name in batch if name in self._names or name not in (LABELS, TASK)]
        if set(found) != set(self._names):
            raise HoldfastError(
                f"the data_collator made batches of {', '.join(map(repr, found)) or 'no inputs'}, "
                f"but the inputs of the stream are {', '.join(map(repr, self._names))}; memories "
                "store the inputs of the stream, so both need the same names"
            )
        tensors = {name: _tensor(batch, name) for name in self._names}
        if isinstance(self._example, NamedInputs):
            return self._example.replaced(tensors)
        return tensors[INPUT]


def _tensor(batch: Mapping[str, object], name: str) -> Tensor:
    """Return a tensor of a batch."""
    value = batch.get(name)
    if not isinstance(value, Tensor):
        raise HoldfastError(
            f"a batch of the data_collator needs a tensor {name!r}, got "
            f"{type(value).__name__}; leave data_collator out, or let it keep this name"
        )
    return value


class PlainRows:
    """A collator of the user's, which gets rows as data sets of the hub give them.

    Args:
        collate: The collator. Token ids and labels reach it as lists and numbers, other inputs,
            such as images, as tensors.

    Example:
        >>> PlainRows(lambda rows: rows[0])([{"ids": torch.tensor([5, 6])}])
        {'ids': [5, 6]}
    """

    def __init__(self, collate: Collator) -> None:
        self._collate = collate

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        return self._collate([_plain(row) for row in rows])


def collator_for(given: Collator | None, form: Form, tasks: Stream) -> Collator:
    """Return what makes batches of the rows of a stream.

    Args:
        given: The collator of the user, which is tried on a row. None: sequences are filled.
        form: What inputs look like.
        tasks: The stream.

    Raises:
        HoldfastError: The collator loses or adds inputs.
    """
    if given is None:
        return form.collate
    collate = PlainRows(given)
    row = TaskRows(tasks[0].train)[0]
    form.inputs(collate([row, row]))
    return collate


def _plain(row: Row) -> dict[str, object]:
    """Return the integers of a row as Python has them, and other tensors as they are."""
    plain: dict[str, object] = {}
    for name, tensor in row.items():
        if tensor.is_floating_point() or tensor.dtype == torch.uint8:
            plain[name] = tensor
        else:
            plain[name] = tensor.tolist()
    return plain


def rows_of(batch: Mapping[str, object], form: Form, view: View, mixed: bool = False) -> Rows:
    """Return the rows of a batch that a collator made, on the device of the learner.

    Args:
        batch: Its tensors by name.
        form: What inputs look like.
        view: The learner, in a task.
        mixed: Whether rows may be of several tasks.

    Raises:
        HoldfastError: The batch has other inputs, no labels, or labels of no open output.
    """
    labels = _tensor(batch, LABELS)
    if form.of_texts:
        labels = torch.zeros(len(labels), dtype=torch.long)
    pair = (form.inputs(batch), labels)
    x, y = own_batch(pair, view.head.opened, view.objective.takes_labels)
    tasks = rows_of_task(view.task_number, len(y))
    if mixed:
        tasks = _tensor(batch, TASK).cpu()
    return Rows(x.to(view.device), y.to(view.device), tasks)


def joined(micro_batches: Sequence[Rows], first_epoch: bool) -> Batch:
    """Put the rows of micro-batches together, because methods see whole batches.

    Args:
        micro_batches: The rows of each, at least one.
        first_epoch: Whether the rows are seen for the first time.

    Returns:
        The batch.
    """
    if len(micro_batches) == 1:
        return Batch.of_stream(micro_batches[0], first_epoch=first_epoch)
    tasks = torch.cat([rows.task for rows in micro_batches])
    number = shared_task(micro_batches[0].task)
    # Rows of one task must still say so, because the network is then called with one number.
    if number is not None:
        tasks = rows_of_task(number, len(tasks))
    rows = Rows(
        x=join_inputs([rows.x for rows in micro_batches]),
        y=joined_targets([rows.y for rows in micro_batches]),
        task=tasks,
    )
    return Batch.of_stream(rows, first_epoch=first_epoch)
