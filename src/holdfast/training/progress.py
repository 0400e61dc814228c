"""How far training has come."""

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
        seconds: The time spent, by kind (`CLOCKS`).
    """

    names: list[str] = field(default_factory=list)
    seen_outputs: int = 0
    task_steps: int = 0
    steps: int = 0
    rows_given: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CLOCKS, 0.0))

    @contextmanager
    def timed(self, clock: str) -> Iterator[None]:
        """Add the time that is spent inside to a clock, unless an error ends it."""
        start = perf_counter()
        yield
        self.seconds[clock] += perf_counter() - start

    def count_step(self) -> None:
        """One more step is done."""
        self.task_steps += 1
        self.steps += 1
