"""Progress of runs on stderr: a bar and the running runs on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from holdfast.text import hours

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from holdfast.runs.pulses import Moment

PER_SECOND = 2  # how often the display is drawn, so that its clock moves in long phases
LOG_EVERY = 30.0  # seconds between lines in a log, besides those of ended tasks and runs
MOST_SHOWN = 8  # runs that are shown at a time


class Settings(Protocol):
    """What progress shows of the settings of a run."""

    @property
    def hash(self) -> str:
        """What tells the run from others."""

    @property
    def scenario(self) -> str:
        """What the model is told about the task of an example."""

    @property
    def seed(self) -> int:
        """What decides everything that is random in the run."""


Tell = Callable[[str, Settings, "Moment"], None]  # a run and the moment that it has reached
Ended = Iterable[tuple[str, Settings, float]]  # label, settings and seconds of each run


class Display(Protocol):
    """What shows progress."""

    def inside(self, label: str, config: Settings, moment: "Moment") -> None:
        """Show how far a run is."""

    def ended(self, label: str, config: Settings, seconds: float) -> None:
        """Show that a run has ended."""


def follow(start: Callable[[Tell], Ended], total: int, done: int) -> None:
    """Carry out runs and show how far they are.

    Args:
        start: Starts the runs and yields each as it ends. It is given a function to call inside
            runs, with the label and the settings of the run and the moment that it has reached.
        total: The number of all runs.
        done: How many of them were finished before, and are skipped.
    """
    if done:
        print(f"{done} of {total} runs are finished already and are skipped", file=sys.stderr)
    if done == total:
        return
    if sys.stderr.isatty():
        _follow_on_terminal(start, total - done)
        return
    lines = _Lines(total, done)
    _show(start, lines)


def _show(start: Callable[[Tell], Ended], display: Display) -> None:
    """Carry out runs, and tell a display of each."""
    for label, config, seconds in start(display.inside):
        display.ended(label, config, seconds)


class _Lines:
    """A line for every task and every run, and one now and then in long tasks."""

    def __init__(self, total: int, done: int) -> None:
        self.total = total
        self.done = done
        self.tasks_shown: dict[str, int] = {}  # the tasks of each running run that have ended
        self.next_line = time.monotonic() + LOG_EVERY

    def inside(self, label: str, config: Settings, moment: "Moment") -> None:
        """Print a line after each task but the last, whose line is that of the run."""
        ended = moment.number - 1
        tasks = moment.tasks
        if ended > self.tasks_shown.get(config.hash, 0):
            self.tasks_shown[config.hash] = ended
            self._print(self.done + 1, f"{self._run(label, config)}: {ended} of {tasks} tasks")
        elif time.monotonic() >= self.next_line:
            self._print(self.done + 1, f"{self._run(label, config)}: {moment}")

    def ended(self, label: str, config: Settings, seconds: float) -> None:
        """Print a line after each run."""
        self.done += 1
        run = f"{label}, {config.scenario} scenario, seed {config.seed}"
        self._print(self.done, f"{run}: {seconds:.1f} s")

    def _run(self, label: str, config: Settings) -> str:
        """Name a run, with what tells it from others that run at the same time."""
        if self.total == 1:
            return label
        return f"{label}, {config.scenario}, seed {config.seed}"

    def _print(self, number: int, text: str) -> None:
        """Print a line with the number of a run, at once."""
        self.next_line = time.monotonic() + LOG_EVERY
        print(f"[{number}/{self.total}] {text}", file=sys.stderr, flush=True)


@dataclass
class _Total:
    """The steps of all runs, as far as they are known.

    Example:
        >>> total = _Total(runs=4)
        >>> total.by_run = {"a": (50, 50), "b": (10, 150)}
        >>> total.done, total.steps, total.is_known
        (60, 400, False)
    """

    runs: int

    def __post_init__(self) -> None:
        self.by_run: dict[str, tuple[int, int]] = {}  # steps done, and all steps

    @property
    def done(self) -> int:
        """The steps done in all runs."""
        return sum(done for done, _ in self.by_run.values())

    @property
    def steps(self) -> int:
        """The steps of all runs. One that has not begun counts as long as the others on average."""
        known = sum(steps for _, steps in self.by_run.values())
        return round(known / max(len(self.by_run), 1) * self.runs)

    @property
    def is_known(self) -> bool:
        """Whether all runs have begun."""
        return len(self.by_run) == self.runs


class _Board:
    """A bar over the steps of all runs, the time, and a line for each running run."""

    def __init__(self, runs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.runs = runs
        self.total = _Total(runs)
        self.running: dict[str, tuple[str, Moment]] = {}
        self.done = 0
        self.clock = clock
        self.began = clock()
        self.first: float | None = None  # when the first run was seen
        self.steps_before = 0  # of interrupted runs, in an earlier process

    def inside(self, label: str, config: Settings, moment: "Moment") -> None:
        """Take the moment that a run has reached."""
        key = config.hash
        # Processes take seconds to start, in which no step is done.
        if self.first is None:
            self.first = self.clock()
        if key not in self.total.by_run:
            # Steps of an earlier process took none of this one's time.
            self.steps_before += moment.done
        self.total.by_run[key] = (min(moment.done, moment.total), moment.total)
        self.running[key] = (f"{label}, {config.scenario}, seed {config.seed}", moment)

    def ended(self, label: str, config: Settings, seconds: float) -> None:
        """Take out a run that has ended."""
        key = config.hash
        self.done += 1
        self.running.pop(key, None)
        # A run that trains nothing is never seen inside.
        _, steps = self.total.by_run.get(key, (0, 0))
        if steps:
            self.total.by_run[key] = (steps, steps)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Draw the board."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        steps = max(self.total.steps, 1)
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True, justify="right")
        bar = ProgressBar(total=steps, completed=self.total.done)
        row.add_row(
            f"{self.done} of {self.runs} runs", bar, f"{100 * self.total.done // steps:3} %"
        )
        yield row
        yield Text(self._times(), no_wrap=True, overflow="ellipsis")
        for line in self._lines():
            # A label may hold [brackets], which are no style in a `Text`.
            yield Text(line, no_wrap=True, overflow="ellipsis")

    def _times(self) -> str:
        """Write the steps, the time so far and the time left."""
        now = self.clock()
        about = "" if self.total.is_known else "about "
        parts = [f"{hours(now - self.began)} so far"]
        new = self.total.done - self.steps_before
        if self.first is None:
            parts.append("starting")
        elif new > 0:
            left = (now - self.first) * (self.total.steps - self.total.done) / new
            parts.append(f"about {hours(left)} left")
        if self.total.steps:
            parts.append(f"step {self.total.done:,} of {about}{self.total.steps:,}")
        return ", ".join(parts)

    def _lines(self) -> Iterator[str]:
        """Write a line for each running run."""
        for label, moment in list(self.running.values())[:MOST_SHOWN]:
            yield f"  {label}: {moment}"
        if len(self.running) > MOST_SHOWN:
            yield f"  and {len(self.running) - MOST_SHOWN} more"


def _follow_on_terminal(start: Callable[[Tell], Ended], total: int) -> None:
    """Carry out runs under a board, and leave a line about all of them."""
    from rich.console import Console
    from rich.live import Live

    board = _Board(total)
    console = Console(stderr=True)
    with Live(board, console=console, refresh_per_second=PER_SECOND, transient=True):
        _show(start, board)
    runs = "1 run" if board.done == 1 else f"{board.done} runs"
    console.print(f"{runs} in {time.monotonic() - board.began:.0f} s", highlight=False)
