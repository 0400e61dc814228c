"""The types of what users bring: labels, values, frames and map-style data sets."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from numpy.typing import ArrayLike
from torch import Tensor

if TYPE_CHECKING:
    import pandas as pd

# A label after it has been checked: a whole number or text.
Label = int | str

# One value, or one row of values, per example: an array, a tensor, a Series or a list.
Values = Tensor | ArrayLike | Sequence[object]

# A fixed change of raw inputs, (N, ...) → (N, ...), which is the same whenever a row is read. It
# takes and returns one tensor, or `NamedInputs` if inputs are several.
Transform = Callable[[Any], Any]

# What picks a value out of a row: a position in a tuple, or the name of a column.
Key = int | str


class MapStyle(Protocol):
    """A data set whose rows are read by number, as PyTorch's `Dataset` is."""

    def __len__(self) -> int:
        """The number of rows."""
        ...

    def __getitem__(self, index: int, /) -> object:
        """The row of this number."""
        ...


class LabelledRows(Protocol):
    """A map-style data set whose rows are (input, label) pairs."""

    def __len__(self) -> int:
        """The number of rows."""
        ...

    def __getitem__(self, index: int, /) -> Sequence[object]:
        """The (input, label) pair of this number."""
        ...


@runtime_checkable
class ToPandas(Protocol):
    """A data frame of another package that can be converted to pandas, such as one of Polars."""

    def to_pandas(self) -> "pd.DataFrame":
        """The same rows and columns as a pandas frame."""
        ...


@runtime_checkable
class ArrowStream(Protocol):
    """A table of any library that offers its columns by the Arrow PyCapsule protocol."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule with the table."""
        ...
