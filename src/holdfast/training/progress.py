"""How far training has come: the plain numbers that a learner counts, and a checkpoint holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

CLOCKS = ("training", "consolidation", "evaluation")


@dataclass
class Progress:
    """How far training has come, in plain values.

    Attributes:
        names: The names of the tasks begun so far, in order.
        seen_outputs: The number of outputs of these tasks.
        task_steps: The steps done in the current task.
        steps: The steps done in all tasks.
        rows_given: The examples of the current task that came as (x, y) from a loop of the user's.
            They tell when the first epoch of such a loop ends.
        seconds: The seconds spent, by kind (`CLOCKS`).

    Example:
        >>> progress = Progress(names=["digits 0 and 1"])
        >>> progress.count_step()
        >>> progress.task_steps, progress.steps
        (1, 1)
    """

    names: list[str] = field(default_factory=list)
    seen_outputs: int = 0
    task_steps: int = 0
    steps: int = 0
    rows_given: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CLOCKS, 0.0))

    @contextmanager
    def timed(self, clock: str) -> Iterator[None]:
        """Add the time that is spent inside to a clock, unless an error ends it.

        Args:
            clock: One of `CLOCKS`.
        """
        # No `finally`: work that failed is done again, and would count twice.
        start = perf_counter()
        yield
        self.seconds[clock] += perf_counter() - start

    def begin_task(self, name: str) -> None:
        """Start to count the steps of a new task.

        Args:
            name: The name of the task.
        """
        self.names.append(name)
        self.task_steps = 0
        self.rows_given = 0

    def count_step(self) -> None:
        """Count one more step, which is done."""
        self.task_steps += 1
        self.steps += 1
