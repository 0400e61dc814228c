"""A table as it was read: its rows, its columns, and where each row comes from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import HoldfastError, unknown
from holdfast.text import shown

if TYPE_CHECKING:
    import pandas as pd

    # A column, whose values may be of any type.
    Column = pd.Series[Any]

LONGEST_VALUE = 60  # characters of a value in a message


@dataclass(frozen=True)
class FileRows:
    """The rows of one file.

    Args:
        name: The name of the file.
        rows: The number of its rows.
        lines: The number of the line of each row, counting from 1. Empty: they are not known.
    """

    name: str
    rows: int
    lines: tuple[int, ...] = ()

    def place(self, row: int) -> str:
        """Say where a row is, counting from 1 as people do.

        Args:
            row: The number of the row in the file, from 0.

        Example:
            >>> FileRows("a.jsonl", 2, (1, 3)).place(1)
            'a.jsonl, row 2 (line 3)'
        """
        if not self.lines:
            return f"{self.name}, row {row + 1}"
        return f"{self.name}, row {row + 1} (line {self.lines[row]})"


@dataclass(frozen=True)
class Table:
    """Rows of examples with named columns.

    Args:
        frame: The rows. Its index counts them as they were read, and keeps the count if some go.
        name: What messages call the data.
        parts: The rows of each file, in the order of the rows.
        as_text: Whether every value is a text, as in a CSV file, so that numbers must be parsed.
        sides: "train" or "test" for each row, if files or folders say so. None: they do not.
        folder: The folder in which file names of images begin. None: it is not known.
        origin: The file or folder that was read, if it is one. None: there are several, or none.
        added: Columns that the files do not have, such as the name of the file of each row.
        notes: What the user should know of the reading, in whole sentences.
    """

    frame: "pd.DataFrame"
    name: str
    parts: tuple[FileRows, ...]
    as_text: bool = False
    sides: np.ndarray | None = None
    folder: Path | None = None
    origin: Path | None = None
    added: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [str(column) for column in self.frame.columns]

    def column(self, name: str) -> "Column":
        """The values of a column.

        Raises:
            HoldfastError: There is no such column.
        """
        if name not in self.frame.columns:
            raise unknown(f"column of {self.name}", name, self.columns)
        return self.frame[name]

    def place(self, position: int) -> str:
        """Say in which file and row a row was, counting from 1 as people do.

        Args:
            position: The number of the row in the frame, from 0.
        """
        row = int(self.frame.index[position])
        for part in self.parts:
            if row < part.rows:
                return part.place(row)
            row -= part.rows
        return f"{self.name}, row {row + 1}"

    def wrong(self, column: str, position: int, expected: str) -> HoldfastError:
        """Make the error about a value.

        Args:
            column: The column.
            position: The number of the row in the frame, from 0.
            expected: What was expected and what to do, as the end of a sentence.
        """
        value = self.frame[column].iloc[position]
        text = shown(repr(value)[:LONGEST_VALUE])
        return HoldfastError(f"{self.place(position)}, column {column!r}: {text} {expected}")

    def only(self, kept: np.ndarray) -> "Table":
        """The table with some of its rows.

        Args:
            kept: A mask, (N,), of the rows to keep.
        """
        sides = self.sides
        if sides is not None:
            sides = sides[kept]
        return replace(self, frame=self.frame[kept], sides=sides)

    def noted(self, *notes: str) -> "Table":
        """The table with more to say about its reading."""
        return replace(self, notes=(*self.notes, *notes))
