"""Progress of runs on stderr: a bar with a time estimate on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

    from holdfast.runs.config import RunConfig

EVERY = 0.2  # seconds between updates inside a run
# Runs of a suite differ in length, so a time estimate needs the last ten minutes.
ESTIMATE_OVER = 600.0
TITLE = "{task.description:<48.48}"  # a fixed width keeps the bar in its place

Tell = Callable[[str, float, int], None]  # label, tasks done so far, tasks of the run
Ended = Iterable[tuple[str, "RunConfig", float]]  # label, settings and seconds of each run


class Display(Protocol):
    """What shows progress."""

    def inside(self, label: str, tasks_done: float, tasks: int) -> None:
        """Show how far a run is that this process trains itself."""

    def ended(self, label: str, config: "RunConfig", seconds: float) -> None:
        """Show that a run has ended."""


def follow(start: Callable[[Tell], Ended], total: int, done: int) -> None:
    """Carry out runs and show how far they are.

    Args:
        start: Starts the runs and yields each as it ends. It is given a function to call inside
            runs, with the label of the run, the number of tasks done and the number of all tasks.
        total: The number of all runs.
        done: How many of them were finished before, and are skipped.
    """
    if done:
        print(f"{done} of {total} runs are finished already and are skipped", file=sys.stderr)
    if done == total:
        return
    if sys.stderr.isatty():
        _follow_with_bar(start, total - done)
        return
    lines = _Lines(total, done)
    _show(start, lines)


def _show(start: Callable[[Tell], Ended], display: Display) -> None:
    """Carry out runs, and tell a display of each."""
    for label, config, seconds in start(display.inside):
        display.ended(label, config, seconds)


class _Lines:
    """A line for every task and every run, for logs and pipes."""

    def __init__(self, total: int, done: int) -> None:
        self.total = total
        self.done = done
        self.last_shown = 0

    def inside(self, label: str, tasks_done: float, tasks: int) -> None:
        """Print a line after each task but the last, whose line is that of the run."""
        whole = int(tasks_done)
        if whole == self.last_shown:
            return
        self.last_shown = whole
        if 0 < whole < tasks:
            self._print(self.done + 1, f"{label}: {whole} of {tasks} tasks")

    def ended(self, label: str, config: "RunConfig", seconds: float) -> None:
        """Print a line after each run."""
        self.done += 1
        run = f"{label}, {config.scenario} scenario, seed {config.seed}"
        self._print(self.done, f"{run}: {seconds:.1f} s")

    def _print(self, number: int, text: str) -> None:
        """Print a line with the number of a run, at once."""
        print(f"[{number}/{self.total}] {text}", file=sys.stderr, flush=True)


class _Bar:
    """A bar that moves with the tasks of runs."""

    def __init__(self, bar: "Progress", total: int) -> None:
        self.bar = bar
        self.total = total
        self.done = 0
        self.last_update = 0.0
        self.job = bar.add_task(f"0 of {total} runs", total=total)

    def inside(self, label: str, tasks_done: float, tasks: int) -> None:
        """Move the bar, but not so often that drawing costs time."""
        now = time.monotonic()
        if now - self.last_update > EVERY:
            self.last_update = now
            self._update(self.done + tasks_done / tasks, label)

    def ended(self, label: str, config: "RunConfig", seconds: float) -> None:
        """Move the bar to the end of a run."""
        self.done += 1
        self._update(self.done, f"{label}, {config.scenario}, seed {config.seed}")

    def _update(self, completed: float, text: str) -> None:
        """Draw the bar."""
        title = f"{self.done} of {self.total} runs; {text}"
        self.bar.update(self.job, completed=completed, description=title)


def _follow_with_bar(start: Callable[[Tell], Ended], total: int) -> None:
    """Carry out runs under a bar, and leave a line about all of them."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        # A label may hold [brackets], which are no style here.
        TextColumn(TITLE, markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    console = Console(stderr=True)
    with Progress(*columns, console=console, speed_estimate_period=ESTIMATE_OVER) as bar:
        display = _Bar(bar, total)
        _show(start, display)
        seconds = time.monotonic() - began
        bar.update(display.job, description=f"{display.done} runs in {seconds:.0f} s")
