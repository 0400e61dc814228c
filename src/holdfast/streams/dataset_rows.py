"""Rows of a user's data set: which of their values are input and label, and reading all labels."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, cast, runtime_checkable

import numpy as np
from torch import Tensor
from torch.utils.data import TensorDataset

from holdfast.errors import HoldfastError
from holdfast.streams.dataset_part import plain_value
from holdfast.streams.inputs import input_tensor
from holdfast.streams.labels import label_array
from holdfast.streams.types import Key, LabelledRows, MapStyle

# Names of a label's column, the most usual first.
LABEL_NAMES = ("label", "labels", "target", "targets", "class", "y")


@runtime_checkable
class SelectsColumns(Protocol):
    """A data set that can leave columns out, as a `datasets.Dataset` can."""

    def select_columns(self, columns: list[Key], /) -> Iterable[Mapping[Key, object]]:
        """The same rows with these columns alone."""
        ...


class PairedRows:
    """The rows of a data set as (input, label) pairs.

    Args:
        dataset: A data set whose rows are tuples or dicts.
        columns: The positions or names of input and label in each row. A list of them gives several
            inputs, by name if they have names.
    """

    def __init__(self, dataset: MapStyle, columns: tuple[Key | Sequence[Key], Key]) -> None:
        self.dataset = dataset
        self.columns = columns

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[object, object]:
        # Tuples and dicts are read alike: by position or by name.
        row = cast(Mapping[Key, object], self.dataset[index])
        input_column, label_column = self.columns
        if isinstance(input_column, int | str):
            return row[input_column], row[label_column]
        inputs: object = {str(name): row[name] for name in input_column}
        if all(isinstance(position, int) for position in input_column):
            inputs = tuple(input_tensor(row[position]) for position in input_column)
        return inputs, row[label_column]


def labelled_rows(
    dataset: MapStyle, columns: tuple[Key | Sequence[Key], Key] | None
) -> LabelledRows:
    """Read a data set as (input, label) pairs.

    Args:
        dataset: A map-style data set, whose rows are pairs, longer tuples, or dicts.
        columns: The positions or names of input and label. None: rows have two values, and dicts
            name their label as `LABEL_NAMES` has it, else it is the last value.

    Raises:
        HoldfastError: The data set can't be read by number, or rows have other values that would
            be dropped without notice.
    """
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise HoldfastError(
            f"expected map-style data sets (with len and [i]), got {type(dataset).__name__}; turn "
            "an iterable data set into a list first"
        )
    if not len(dataset):  # an empty part is refused later, under the name of its task
        return cast(LabelledRows, dataset)
    first = dataset[0]
    if columns is not None:
        _check_columns(first, columns)
    if isinstance(first, dict):
        return PairedRows(dataset, columns or _columns_of(first))
    if columns is not None:
        return PairedRows(dataset, columns)
    # A row of three values would lose one without anybody noticing.
    if not isinstance(first, tuple | list) or len(first) != 2:
        count = f"one {type(first).__name__}"
        if isinstance(first, tuple | list):
            count = f"{len(first)} values"
        raise HoldfastError(
            f"expected rows of (input, label), got rows of {count}; name the positions of input "
            "and label, for example columns=(0, 1)"
        )
    return cast(LabelledRows, dataset)


def _check_columns(row: object, columns: tuple[Key | Sequence[Key], Key]) -> None:
    """Refuse columns that rows don't have, before a run stops at the first batch."""
    inputs, label = columns
    names_of_inputs = [inputs] if isinstance(inputs, int | str) else list(inputs)
    for column in [*names_of_inputs, label]:
        try:
            cast(Mapping[Key, object], row)[column]
        except (KeyError, IndexError, TypeError):
            names = f"one {type(row).__name__}"
            if isinstance(row, dict):
                names = str(list(row))
            elif isinstance(row, tuple | list):
                names = f"positions 0 to {len(row) - 1}"
            raise HoldfastError(
                f"columns= names {column!r}, but rows have {names}; name the input and the label "
                "of a row"
            ) from None


def _columns_of(row: dict[Key, object]) -> tuple[Key, Key]:
    """The names of input and label in a row of two values."""
    names = list(row)
    if len(names) != 2:
        raise HoldfastError(
            f"expected rows of two columns, input and label, got {names}; only one input can be "
            "learned, so name both, for example columns=('image', 'label'), to leave out the others"
        )
    first, second = names
    if _label_name(names) == first:
        return second, first
    return first, second


def _label_name(names: Sequence[Key]) -> Key:
    """The name that a label usually has, or the last name."""
    for usual in LABEL_NAMES:
        for name in names:
            if str(name).lower() == usual:
                return name
    return names[-1]


def labels_of(dataset: LabelledRows, where: str) -> np.ndarray:
    """Read and check the label of every row.

    Args:
        dataset: Rows that are (input, label) pairs. If the data set allows it, the labels are read
            without the inputs.
        where: What messages call the labels.

    Returns:
        The labels, (N,), as `label_array` gives them.

    Raises:
        HoldfastError: A row has several labels, or a label is refused by `label_array`.
    """
    column = _label_column(dataset)
    # A tensor of several values is most likely one-hot or multi-label.
    if column and isinstance(column[0], Tensor) and column[0].numel() != 1:
        raise HoldfastError(
            f"{where}: expected one label per row, got a tensor of shape {tuple(column[0].shape)}"
        )
    labels = []
    for label in column:
        if isinstance(label, Tensor):
            label = plain_value(label)
        labels.append(label)
    return label_array(labels, where)


def _label_column(dataset: LabelledRows) -> Sequence[object]:
    """The labels of all rows, as the data set gives them."""
    if isinstance(dataset, TensorDataset):
        return list(dataset.tensors[1])
    if isinstance(dataset, PairedRows) and isinstance(dataset.dataset, SelectsColumns):
        # Without the other columns, no image is decoded.
        name = dataset.columns[1]
        return [row[name] for row in dataset.dataset.select_columns([name])]
    return [dataset[row][1] for row in range(len(dataset))]
