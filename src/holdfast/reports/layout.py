"""The table of methods before it becomes Markdown, LaTeX, CSV or HTML: its columns and its cells.

There are two layouts. A list has one row per group, and its columns are measures. A pivot has one
row per method, and its columns are scenarios × sizes of the memory × measures.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from holdfast.errors import HoldfastError, unknown
from holdfast.metrics import Interval
from holdfast.reports.cells import UNKNOWN, of_seeds, show
from holdfast.results.groups import Group, by_scenario
from holdfast.results.measures import MEASURES
from holdfast.results.memory_sizes import memory_size, name_without_size
from holdfast.results.ranking import best, ranks

RANK = "rank"
SEEDS = "seeds"
KEY_OF = {measure.heading: name for name, measure in MEASURES.items()}  # heading → key
COLUMNS = (RANK, SEEDS, *KEY_OF)  # what a table can show, by the names of its columns
BOLD = (
    "Bold: no other method is clearly better, that is, no other interval lies wholly on the "
    "better side."
)
BOLD_OF_ONE_SEED = "Bold: the best value of one seed, which proves nothing."


@dataclass(frozen=True)
class TableCell:
    """A cell of the table of methods.

    Args:
        text: What it says.
        best: Whether it is among the best of its column and scenario.
        value: The number. None for a rank, a number of seeds, and an empty cell.
    """

    text: str
    best: bool = False
    value: Interval | None = None


EMPTY = TableCell("")
RowKey = tuple[str, int]  # the name of a row of a pivot, and a number for rows of one name


@dataclass(frozen=True)
class Heading:
    """The heading of a column, from the outermost level to the innermost one.

    Args:
        levels: Its parts, such as ("class", "memory 200", "ACC").
    """

    levels: tuple[str, ...]

    @property
    def text(self) -> str:
        """The heading in one line."""
        return ", ".join(self.levels)


@dataclass(frozen=True)
class Span:
    """A part of the headings above some neighbouring columns.

    Args:
        text: What it says.
        width: How many columns it is about.
    """

    text: str
    width: int


@dataclass(frozen=True)
class TableRow:
    """A row of the table of methods.

    Args:
        block: The scenario of a list, which rules separate. "" in a pivot.
        name: The method.
        cells: The cells, one per heading.
    """

    block: str
    name: str
    cells: tuple[TableCell, ...]


@dataclass(frozen=True)
class Layout:
    """A table of methods.

    Args:
        headings: The headings of all columns but the name of the method.
        rows: The rows.
        note: What the numbers are, and what bold means.
        scenarios: The scenarios in the table.
    """

    headings: tuple[Heading, ...]
    rows: tuple[TableRow, ...]
    note: str
    scenarios: tuple[str, ...]


def known_columns(columns: Sequence[str]) -> list[str]:
    """Check the names of columns that a user chose.

    Args:
        columns: Headings of measures, "rank" or "seeds", in the order of the table. Upper and lower
            case are the same, and "forgetting" is another name of F.

    Returns:
        The names as tables write them.

    Raises:
        HoldfastError: There is no such column, or one is named twice.

    Example:
        >>> known_columns(["acc", "F", "time"])
        ['ACC', 'F', 'time']
    """
    by_lower_case = {name.lower(): name for name in COLUMNS}
    by_lower_case |= {key.lower(): heading for heading, key in KEY_OF.items()}
    found = []
    for column in columns:
        if column.lower() not in by_lower_case:
            raise unknown("column", column, COLUMNS)
        found.append(by_lower_case[column.lower()])
    for column in found:
        if found.count(column) > 1:
            raise HoldfastError(f"column {column} is named twice; name each column once")
    if not found:
        raise HoldfastError(f"no column is named; choose some of {', '.join(COLUMNS)}")
    return found


def as_list(
    groups: Sequence[Group], columns: Sequence[str], reference: Collection[str] = ()
) -> Layout:
    """Lay out one row per group, in the order of the groups.

    Args:
        groups: The groups.
        columns: Names of columns, from `known_columns`.
        reference: Labels of methods that are no competitors, such as an upper bound.
    """
    # Groups cannot be keys, since equal ones may come from two folders.
    cells_of: dict[int, list[TableCell]] = {id(group): [] for group in groups}
    for members in by_scenario(groups).values():
        for column in columns:
            cells = _column(members, column, reference)
            for group, cell in zip(members, cells, strict=True):
                cells_of[id(group)].append(cell)
    rows = [TableRow(group.scenario, group.label, tuple(cells_of[id(group)])) for group in groups]
    headings = tuple(Heading((column,)) for column in columns)
    return Layout(headings, tuple(rows), note_about(groups), _scenarios(groups))


def as_pivot(
    groups: Sequence[Group], columns: Sequence[str] = ("ACC",), reference: Collection[str] = ()
) -> Layout:
    """Lay out one row per method, with one column per scenario, size of the memory and measure.

    A level that has one value alone is left out of the headings. A method without a memory has the
    same number at every size, so that each column can be read by itself.

    Args:
        groups: The groups. Methods are in the order in which they first appear.
        columns: Names of measures, from `known_columns`.
        reference: Labels of methods that are no competitors, such as an upper bound.
    """
    sizes = memory_sizes(groups)
    scenarios = _scenarios(groups)
    headings = []
    found: list[dict[RowKey, TableCell]] = []
    for scenario in scenarios:
        members = [group for group in groups if group.scenario == scenario]
        # Without sizes to tell apart, one column holds all of them.
        for size in sizes or [0]:
            competing = members
            if size:
                competing = [group for group in members if memory_size(group) in (None, size)]
            keys = _row_keys(competing, named_by_size=bool(sizes))
            outer = [scenario] * (len(scenarios) > 1) + [f"memory {size}"] * bool(sizes)
            for column in columns:
                # The measure needs no level of its own if there is one, because the note names it.
                inner = [column] * (len(columns) > 1 or not outer)
                headings.append(Heading(tuple(outer + inner)))
                cells = _column(competing, column, reference)
                found.append(dict(zip(keys, cells, strict=True)))
    rows = []
    for name, number in dict.fromkeys(key for cells_of in found for key in cells_of):
        cells = [cells_of.get((name, number), EMPTY) for cells_of in found]
        rows.append(TableRow("", name, tuple(cells)))
    note = note_about(groups)
    if len(columns) == 1:
        note = f"{_meaning(columns[0])} {note}"
    if sizes and any(memory_size(group) is None for group in groups):
        note += " A method without a memory has the same value at every size."
    return Layout(tuple(headings), tuple(rows), note, scenarios)


def _meaning(column: str) -> str:
    """Say what a column shows, as a sentence."""
    if column in KEY_OF:
        return f"{column} is {MEASURES[KEY_OF[column]].meaning}."
    return f"The numbers are the {column}."


def memory_sizes(groups: Sequence[Group]) -> list[int]:
    """List the sizes of the memories of some groups, if there are at least two of them.

    Returns:
        The sizes, ascending. Empty if all memories are equally large.
    """
    sizes = {memory_size(group) for group in groups} - {None}
    if len(sizes) < 2:
        return []
    return sorted(size for size in sizes if size is not None)


def _row_keys(groups: Sequence[Group], named_by_size: bool) -> list[RowKey]:
    """Name the row of each group, with a number that tells apart groups of one name."""
    names = [group.label for group in groups]
    # The size is in the heading then.
    if named_by_size:
        names = [name_without_size(group) for group in groups]
    return [(name, names[:place].count(name)) for place, name in enumerate(names)]


def _scenarios(groups: Sequence[Group]) -> tuple[str, ...]:
    """The scenarios of some groups, in the order in which they first appear."""
    return tuple(by_scenario(groups))


def _column(groups: Sequence[Group], column: str, reference: Collection[str]) -> list[TableCell]:
    """The cells of one column for groups that are compared with each other."""
    if column == RANK:
        return [TableCell(rank) for rank in ranks(groups)]
    if column == SEEDS:
        return [TableCell(str(len(group.results))) for group in groups]
    key = KEY_OF[column]
    cells = []
    for group, is_best in zip(groups, best(groups, key, reference), strict=True):
        value = group.values[key]
        cells.append(TableCell(show(key, value), is_best, value))
    return cells


def note_about(groups: Sequence[Group]) -> str:
    """Say what the numbers of a table are, and which of them are bold."""
    counts = sorted({len(group.results) for group in groups})
    seeds = " or ".join(str(count) for count in counts)
    if counts[-1:] == [1]:
        return f"Scores in points, {of_seeds(1)}. {BOLD_OF_ONE_SEED}"
    return f"Scores in points, mean over {seeds} seeds, {of_seeds(2)}. {BOLD}"


def heading_rows(headings: Sequence[Heading]) -> list[list[Span]]:
    """Arrange headings as rows, in which equal neighbours are joined.

    Args:
        headings: The headings, all with the same number of levels.

    Returns:
        One row per level. In the last row, each column has a heading of its own.
    """
    depth = max((len(heading.levels) for heading in headings), default=1)
    rows = []
    for level in range(depth):
        above = [heading.levels[: level + 1] for heading in headings]
        if level == depth - 1:
            rows.append([Span(levels[-1], 1) for levels in above])
        else:
            rows.append([Span(levels[-1], len(list(same))) for levels, same in groupby(above)])
    return rows


def drop_unknown(layout: Layout) -> Layout:
    """Leave out the columns of a table in which no number is known, such as FWT.

    Args:
        layout: The table. It is not changed.
    """
    kept = [
        place
        for place, _ in enumerate(layout.headings)
        if any(row.cells[place].text not in ("", UNKNOWN) for row in layout.rows)
    ]
    rows = []
    for row in layout.rows:
        cells = tuple(row.cells[place] for place in kept)
        rows.append(TableRow(row.block, row.name, cells))
    headings = tuple(layout.headings[place] for place in kept)
    return Layout(headings, tuple(rows), layout.note, layout.scenarios)
