"""Where progress is shown: on a terminal, in a notebook, or in a log."""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError
from holdfast.training.display import (
    EVERY,
    Calls,
    Moment,
    Pulse,
    ShowProgress,
    Silent,
    TimeLeft,
    Watch,
)

if TYPE_CHECKING:
    from rich.progress import Progress

LOG_EVERY = 10.0  # seconds between two lines of a log


def watch_for(progress: bool | ShowProgress | Watch | None, planned: Mapping[int, int]) -> Watch:
    """Choose how a run is shown.

    Args:
        progress: None shows it in an interactive session only, True always, False never. A function
            is called as `progress(task, step, steps)` after every step. A `Watch` is told itself.
        planned: The steps of each task by its number, from 0.

    Returns:
        What is told of the run.

    Raises:
        HoldfastError: It is none of these.
    """
    if isinstance(progress, Watch):
        return progress
    if callable(progress):
        return Calls(progress)
    if not isinstance(progress, bool | None):
        raise HoldfastError(
            f"progress is True, False, None or a function of (task, step, steps), got {progress!r}"
        )
    if progress is False or (progress is None and not is_interactive()):
        return Silent()
    if in_notebook():
        return Pulse(_Cell(), planned, every=EVERY)
    if sys.stderr.isatty():
        line = _Line()
        return Pulse(line, planned, every=EVERY, close=line.close)
    return Pulse(_print_line, planned, every=LOG_EVERY, phases=False)


def is_interactive() -> bool:
    """Tell whether a person types the program: in a notebook, or in a terminal's interpreter."""
    if in_notebook():
        return True
    return sys.stderr.isatty() and (hasattr(sys, "ps1") or bool(sys.flags.interactive))


def in_notebook() -> bool:
    """Tell whether this is a notebook, which shows more than lines of text."""
    ipython = sys.modules.get("IPython")
    # Nobody but IPython itself has loaded it in a notebook.
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _print_line(moment: Moment) -> None:
    """Print a line into a log."""
    print(f"holdfast: {moment}", file=sys.stderr, flush=True)


class _Line:
    """One line of a terminal that moves, and is gone when the run has ended."""

    def __init__(self) -> None:
        self._left = TimeLeft()
        self._bar: Progress | None = None

    def __call__(self, moment: Moment) -> None:
        """Draw the line."""
        if self._bar is None:
            self._bar = _bar()
            self._bar.add_task("", total=None, left="")
            self._bar.start()
        left = self._left(moment.done, moment.total)
        self._bar.update(
            self._bar.task_ids[0],
            completed=moment.done,
            total=moment.total,
            description=str(moment),
            left=left,
            refresh=True,
        )

    def close(self) -> None:
        """Remove the line."""
        if self._bar is not None:
            self._bar.stop()


def _bar() -> "Progress":
    """Make a bar that is drawn when it is told to, so that no thread takes time from training."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    return Progress(
        # The names of tasks may hold [brackets], which are no style here.
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True, min_width=12)),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        expand=True,
    )


class _Cell:
    """A line below the cell of a notebook."""

    def __init__(self) -> None:
        self._left = TimeLeft()
        self._shown: Any = None  # a handle of IPython

    def __call__(self, moment: Moment) -> None:
        """Write the line, in place of the one before."""
        left = self._left(moment.done, moment.total)
        bundle = {"text/plain": ", ".join(filter(None, [str(moment), left]))}
        if self._shown is None:
            # IPython comes with the notebook, and is no package that Holdfast asks for.
            display = import_module("IPython.display").display
            self._shown = display(bundle, raw=True, display_id=True)
        else:
            self._shown.update(bundle, raw=True)
