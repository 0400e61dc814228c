"""Help pages in narrow terminals.

By default a help page is at least 50 characters wide, and its options take up to 30 of them. In a
narrower terminal every line would be broken a second time by the terminal itself.
"""

from collections.abc import Sequence
from typing import Any

import typer

NARROW = 60  # characters of a line below which the options get less room
LEAST = 30  # characters of a line that are always assumed
# The type is that of click, or of the copy of it inside newer versions of Typer.
HelpFormatter: Any = typer.Context.formatter_class


class NarrowFormatter(HelpFormatter):  # type: ignore[misc]  # Its type is only known at run time.
    """Writes the description of a long option below it, so that both have room."""

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write options and their descriptions."""
        super().write_dl(rows, min(col_max, self.width // 4), col_spacing)


class NarrowContext(typer.Context):
    """Makes the help of one command."""

    formatter_class = NarrowFormatter


def fit_help(command: Any, columns: int) -> int | None:
    """Let the help of a command and of those below it fit a terminal.

    Args:
        command: The command of Typer. It is changed if the terminal is narrow.
        columns: How many characters a line of the terminal has.

    Returns:
        The width of a help page for `make_context`. None for the usual one.
    """
    if columns >= NARROW:
        return None
    command.context_class = NarrowContext
    for inner in getattr(command, "commands", {}).values():
        fit_help(inner, columns)
    # Typer leaves two characters free on the right, too.
    return max(columns - 2, LEAST)
