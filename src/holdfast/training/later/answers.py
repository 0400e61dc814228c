"""`learner.predict`: logits of tensors, and names of labels for the user's own kind of data."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, overload

import torch
from torch import Tensor

from holdfast.engine.objectives import Multilabel
from holdfast.errors import HoldfastError, unknown
from holdfast.named_inputs import Inputs
from holdfast.streams.own_data.reader import image_paths
from holdfast.streams.several_inputs import as_inputs
from holdfast.streams.types import ArrowStream, Label, ToPandas
from holdfast.training.evaluation import predict as logits_of
from holdfast.training.later.history import History
from holdfast.training.later.whole_file import Saves
from holdfast.training.view import View

if TYPE_CHECKING:
    import pandas as pd

    OwnRows = str | Path | list[str] | list[Path] | pd.DataFrame | ToPandas | ArrowStream
else:
    OwnRows = object

ROWS_AT_ONCE = 2048
NO_READER = (
    "the learner has not learnt from files or data frames, so it does not know how to read {}; "
    "pass a tensor of inputs, with names=True for the names of labels"
)


class Answers(Saves, Protocol):
    """What an answer needs of a learner."""

    @property
    def view(self) -> View:
        """The learner as its method sees it."""


class Answer(NamedTuple):
    """An answer for a row.

    Attributes:
        label: The label with the largest logit.
        score: Its share of the softmax over the outputs in play, in [0, 1].
    """

    label: Label
    score: float


@overload
def predict(
    learner: Answers,
    x: Tensor | Inputs | Mapping[str, object] | tuple[object, ...],
    task: int | None = None,
    names: Literal[False] = False,
) -> Tensor: ...


@overload
def predict(
    learner: Answers, x: object, task: int | None = None, *, names: Literal[True]
) -> list[Label]: ...


@overload
def predict(learner: Answers, x: OwnRows, task: int | None = None) -> list[Label]: ...


def predict(
    learner: Answers, x: object, task: int | None = None, names: bool = False
) -> Tensor | list[Label]:
    """Compute the logits of raw inputs in evaluation mode, or name the labels of your own data.

    Args:
        learner: The learner.
        x: Raw inputs (N, ...), or several such tensors: a mapping of their names, or a tuple. If
            the learner has learnt from your own files: the path of a table, of an image or of a
            folder, a data frame, or a list of texts or of paths of images.
        task: The number of the task, from 0. Only the task scenario uses it, and needs it.
        names: Whether tensors are answered by names of labels, too.

    Returns:
        Logits (N, C), with -inf at outputs that are not in play. For your own data, and with
        `names`, the label of each row. If a row may have several labels, their names have `;`
        between them. For regression, predictions (N, C) in the unit of the targets.

    Raises:
        HoldfastError: The learner does not know the names, or how to read the data; or the data
            hold a mistake.
    """
    own = is_own_rows(x)
    # Tensors are answered by a tensor, whatever the objective is.
    if not own and not names:
        return logits_of(learner.view, as_inputs(x), task)
    if not learner.view.objective.takes_labels:
        return _of_targets(learner, x, task, names)
    return [answer.label for answer in answers(learner, x, task)]


def _of_targets(learner: Answers, x: object, task: int | None, names: bool) -> Tensor | list[Label]:
    """Answer for other objectives: predictions, or the names of several labels per row."""
    objective = learner.view.objective
    if names and not isinstance(objective, Multilabel):
        raise HoldfastError(f"a learner for {objective.name} answers with numbers; leave names out")
    chunks = _chunks(_inputs(learner.history, x))
    # On the CPU, because the answers to any number of rows need not fit beside the network.
    answers = torch.cat([logits_of(learner.view, chunk, task).cpu() for chunk in chunks])
    if not isinstance(objective, Multilabel):
        return answers
    labels = learner.history.known_labels
    # A logit above 0 is a probability above one half.
    rows = (answers > 0).tolist()
    return [";".join(str(labels[k]) for k, there in enumerate(row) if there) for row in rows]


def is_own_rows(x: object) -> bool:
    """Whether inputs are the user's own kind of data, and no tensors."""
    if isinstance(x, str | Path | ToPandas | ArrowStream):
        return True
    # A frame of pandas, which need not be imported to tell it.
    if hasattr(x, "isna") and hasattr(x, "columns"):
        return True
    # An empty list may be one of numbers as well, so it is left to the checks of tensors.
    return isinstance(x, list) and bool(x) and all(isinstance(one, str | Path) for one in x)


def answers(learner: Answers, x: object, task: int | None = None) -> list[Answer]:
    """Name the label of each row, with its score.

    Args:
        learner: The learner.
        x: As in `predict`.
        task: The number of the task, in the task scenario.

    Raises:
        HoldfastError: As in `predict`.
    """
    history = learner.history
    labels = history.known_labels
    inputs = _inputs(history, x)
    found = []
    for chunk in _chunks(inputs):
        # Half precision has too few digits for the shares of many classes.
        logits = logits_of(learner.view, chunk, task).float()
        # Outputs that are not in play are -inf, so their share is 0.
        shares = logits.softmax(1).max(1)
        chosen = logits.argmax(1).tolist()
        found += [Answer(labels[k], s) for k, s in zip(chosen, shares.values.tolist(), strict=True)]
    return found


def row_names(history: History, x: object) -> tuple[str, list[str]]:
    """Name what is to be answered: images by their files, rows of tables by their numbers.

    Args:
        history: The past of the learner.
        x: The path of the user's own data.

    Returns:
        What the names are, and the name of each row.
    """
    if history.reader is None:
        raise HoldfastError(NO_READER.format(f"the path {str(x)!r}"))
    if history.reader.reads_images:
        return "file", [str(path) for path in image_paths(x)]
    rows = len(history.reader.table(x))
    # People count the rows of a table from 1.
    return "row", [str(row + 1) for row in range(rows)]


def task_number(history: History, name: str) -> int:
    """Find the number of a task by its name.

    Raises:
        HoldfastError: No task has this name.
    """
    names = [record.name for record in history.tasks]
    if name not in names:
        raise unknown("task", name, names)
    return names.index(name)


def _inputs(history: History, x: object) -> Inputs:
    """Read what is to be answered."""
    if not is_own_rows(x):
        return as_inputs(x)
    if history.reader is None:
        what = f"the path {str(x)!r}" if isinstance(x, str | Path) else f"a {type(x).__name__}"
        raise HoldfastError(NO_READER.format(what))
    return history.reader.inputs(x)


def _chunks(inputs: Inputs) -> Iterator[Inputs]:
    """Split rows, so that any number of them can be answered."""
    # By the numbers of rows, so that several tensors are split at the same places.
    for rows in torch.arange(len(inputs)).split(ROWS_AT_ONCE):
        yield inputs.index_select(0, rows.to(inputs.device))
