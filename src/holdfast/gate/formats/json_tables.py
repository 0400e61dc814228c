"""Tables in JSON files that list their columns and the values of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.gate.formats.json_content import Record, as_list, kind_of
from holdfast.gate.formats.metric_choice import is_number
from holdfast.text import shown

MOST_LISTED = 20  # columns that a message lists

Column = Sequence[object]


@dataclass(frozen=True)
class JsonTable:
    """A table in a JSON file.

    Attributes:
        name: What it is called in messages.
        columns: The values of each column, by the column's name in the order of the file.
        count: Number of rows.
    """

    name: str
    columns: Mapping[str, Column]
    count: int

    def record(self, row: int) -> Record:
        """Return a row, counted from 0, with the names of the columns as keys."""
        return {name: values[row] for name, values in self.columns.items()}

    def numeric(self) -> list[str]:
        """List the columns that hold nothing but numbers, truth values and gaps."""
        found = []
        for name, values in self.columns.items():
            # A gap says nothing about what a column holds.
            there = [value for value in values if value is not None]
            # A column of gaps alone is no choice for a score.
            if there and all(is_number(value) for value in there):
                found.append(name)
        return found


def is_split_table(value: Mapping[str, object]) -> bool:
    """Whether an object has the keys of a table that `split_table` reads."""
    return isinstance(value.get("columns"), list) and isinstance(value.get("data"), list)


def split_table(value: Mapping[str, object], name: str) -> JsonTable:
    """Read a table in the form that pandas calls "split".

    Args:
        value: An object with the keys `columns` and `data`.
        name: What the table is called in messages.

    Returns:
        The table.

    Raises:
        ValueError: It is no such table, rows have different lengths, or two columns have one name.

    Example:
        >>> split_table({"columns": ["id", "score"], "data": [[1, 0.5]]}, "t.json").columns
        {'id': [1], 'score': [0.5]}
    """
    listed_columns = as_list(value.get("columns"), f"columns of {name}")
    names = [_column_name(column, name) for column in listed_columns]
    # The values of one of two equal columns would be lost.
    twice = [column for column in dict.fromkeys(names) if names.count(column) > 1]
    if twice:
        raise ValueError(f"{name} has several columns called {twice[0]!r}; names must differ")
    rows = []
    for number, row in enumerate(as_list(value.get("data"), f"data of {name}"), 1):
        values = as_list(row, f"row {number} of {name}")
        # A shorter row would shift its values to other columns.
        if len(values) != len(names):
            raise ValueError(
                f"row {number} of {name} has {len(values)} values for {len(names)} columns"
            )
        rows.append(values)
    columns = {column: [row[place] for row in rows] for place, column in enumerate(names)}
    return JsonTable(name, columns, len(rows))


def _column_name(column: object, name: str) -> str:
    """Return the name of a column, which may also be a whole number."""
    # pandas numbers the columns of a frame that gives them no names.
    if isinstance(column, bool) or not isinstance(column, str | int):
        raise ValueError(f"{name}: the name of a column must be text, got {kind_of(column)}")
    return str(column)


def listed(names: Sequence[str]) -> str:
    """List names in a message, at most 20 of them.

    >>> listed(["a", "b"]), listed([])
    ('a, b', 'none')
    """
    text = ", ".join(shown(name) for name in names[:MOST_LISTED]) or "none"
    if len(names) > MOST_LISTED:
        text += ", …"
    return text
