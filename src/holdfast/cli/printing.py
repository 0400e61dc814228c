"""Tables for a terminal or a log."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

from holdfast.text import shown

if TYPE_CHECKING:
    from rich.console import Console

LOG_WIDTH = 160  # characters of a line where no terminal says how wide it is


def make_console() -> "Console":
    """Make a console that prints text as it is, without colours for numbers or [styles].

    Returns:
        The console. It is as wide as the terminal, or 160 characters wide in a file or a pipe.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        # By default rich would break the lines of a log at 80 characters.
        console = Console(highlight=False, markup=False, width=LOG_WIDTH)
    return console


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str = "",
    left: Collection[int] = (0,),
    no_wrap: bool = False,
) -> None:
    """Print a table. Its names may come from anywhere: what a terminal would act on is replaced.

    Args:
        headings: The headings of the columns.
        rows: The cells of each row.
        title: A line above the table.
        left: The positions of the columns that hold text, which is aligned on the left. The others
            hold numbers, which are aligned on the right.
        no_wrap: Whether a cell that is too long is cut instead of continued on a second line.

    Example:
        >>> print_table(["task", "score"], [["a", "9.5"], ["b", "10.0"]])
        ┏━━━━━━┳━━━━━━━┓
        ┃ task ┃ score ┃
        ┡━━━━━━╇━━━━━━━┩
        │ a    │   9.5 │
        │ b    │  10.0 │
        └──────┴───────┘
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(title=shown(title) or None, title_justify="left")
    for position, heading in enumerate(headings):
        justify: Literal["left", "right"] = "right"
        if position in left:
            justify = "left"
        # `Text` keeps rich from reading [brackets] in a name as a style.
        table.add_column(Text(shown(heading)), justify=justify, no_wrap=no_wrap)
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    make_console().print(table)


def print_in_parts(
    headings: Sequence[str], rows: Sequence[Sequence[str]], title: str, named: int = 1
) -> None:
    """Print a table, in several parts below each other if the terminal is too narrow for one.

    Args:
        headings: The headings of the columns.
        rows: The cells of each row.
        title: A line above the first part.
        named: The number of columns, from the left, that say what a row is about. The first of them
            is repeated in every part.
    """
    from rich.cells import cell_len

    columns = list(zip(headings, *rows, strict=True))
    # Besides its text, a column has two blanks and a line. The table has one more line.
    widths = [max(cell_len(shown(cell)) for cell in column) + 3 for column in columns]
    room = make_console().width - 1
    parts = [list(range(named))]
    for position in range(named, len(columns)):
        used = sum(widths[other] for other in parts[-1])
        # A part has at least one column of numbers, however narrow the terminal is.
        if used + widths[position] > room and parts[-1][-1] >= named:
            parts.append([0])
        parts[-1].append(position)
    for number, part in enumerate(parts):
        cells = [[row[position] for position in part] for row in rows]
        heading = title * (number == 0)
        print_table([headings[position] for position in part], cells, heading, no_wrap=True)


def print_unlearnt(warnings: Sequence[str], advice: Sequence[str] = ()) -> None:
    """Print what was not learnt so that it stands out, and once what that means.

    Args:
        warnings: A sentence about each matrix that has tasks at the level of guessing.
        advice: What follows the warnings. Empty: what may be said without knowing more.
    """
    from holdfast.metrics import UNLEARNT_ADVICE

    console = make_console()
    for line in warnings:
        console.print(f"WARNING: {shown(line)}", style="bold yellow", soft_wrap=True)
    if warnings:
        for line in advice or [UNLEARNT_ADVICE]:
            console.print(shown(line), soft_wrap=True)
