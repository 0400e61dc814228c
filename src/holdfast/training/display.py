"""How far a run has come, and what is told of it while it trains.

What is shown never changes a result: it draws no random number, and reads neither the loss nor the
weights. A step that is not shown costs one look at the clock.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from holdfast.methods.method import Method
from holdfast.streams.task import Task
from holdfast.text import hours

EVERY = 0.5  # seconds between two updates of a line, each of which takes milliseconds
TRAINING = "training"

ShowProgress = Callable[[Task, int, int], None]  # (task, step within it, its steps)


@dataclass(frozen=True)
class Moment:
    """How far a run has come.

    Attributes:
        task: The name of the task.
        number: The number of the task, from 1.
        tasks: The number of tasks.
        step: The steps done in the task.
        steps: The steps of the task.
        done: The steps done in all tasks.
        total: The steps of all tasks, as far as they are known before.
        rate: The steps per second since the moment before, or 0 if no step was done.
        phase: "training", or what is done without steps, such as "evaluation".

    Example:
        >>> print(Moment("2+3", 2, 5, 12, 40, 52, 200, 310.0))
        task 2 of 5 (2+3): step 12 of 40, 310 steps/s
    """

    task: str
    number: int
    tasks: int
    step: int
    steps: int
    done: int
    total: int
    rate: float
    phase: str = TRAINING

    def __str__(self) -> str:
        task = f"task {self.number} of {self.tasks} ({self.task})"
        if self.phase != TRAINING:
            return f"{task}: {self.phase}"
        rate = f", {self.rate:.3g} steps/s" if self.rate else ""
        return f"{task}: step {self.step} of {self.steps}{rate}"


@runtime_checkable
class Watch(Protocol):
    """What is told of a run while it trains."""

    def step(self, task: Task, step: int, steps: int) -> None:
        """Hear that a step was done."""

    def phase(self, task: Task, name: str) -> None:
        """Hear that work without steps begins."""

    def close(self) -> None:
        """Hear that the run has ended, or failed."""


class Silent:
    """A watch that shows nothing, as in a script that nobody waits for."""

    def step(self, task: Task, step: int, steps: int) -> None:
        """Ignore a step."""

    def phase(self, task: Task, name: str) -> None:
        """Ignore work without steps."""

    def close(self) -> None:
        """Ignore the end."""


class Calls(Silent):
    """Passes steps on to a function of the user.

    Args:
        show: The function, called as `show(task, step, steps)`.
    """

    def __init__(self, show: ShowProgress) -> None:
        self._show = show

    def step(self, task: Task, step: int, steps: int) -> None:
        """Call the function."""
        self._show(task, step, steps)


class Pulse:
    """Counts the steps of a run, and shows how far it is from time to time.

    Args:
        show: Receives the moments.
        planned: The steps of each task by its number, from 0.
        every: The least time between two moments in training, in seconds.
        phases: Whether each phase without steps is shown at once.
        close: Called when the run has ended.
    """

    def __init__(
        self,
        show: Callable[[Moment], None],
        planned: Mapping[int, int],
        every: float = EVERY,
        phases: bool = True,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._show = show
        self._planned = dict(planned)
        self._every = every
        self._phases = phases
        self._close = close
        # Not the time of day, which may be set back while a run trains.
        self._shown = time.monotonic()
        self._next = self._shown + every
        self._done_then: int | None = None
        self._newest: tuple[Task, int, int] | None = None

    def step(self, task: Task, step: int, steps: int) -> None:
        """Show the moment if it is time for it."""
        self._newest = (task, step, steps)
        # The number of the first step tells where a resumed run begins.
        if self._done_then is None:
            self._done_then = self._before(task) + step - 1
        if time.monotonic() >= self._next:
            # A method may have changed the number of steps since they were planned.
            self._planned[task.index] = steps
            self._tell(task, step, steps, TRAINING)

    def phase(self, task: Task, name: str) -> None:
        """Show that work without steps begins."""
        if self._phases or time.monotonic() >= self._next:
            steps = self._planned.get(task.index, 0)
            self._tell(task, steps, steps, name)

    def close(self) -> None:
        """Show the last step, and leave the place where moments were shown."""
        # The step that was shown last may be some seconds old.
        if self._newest is not None:
            self._tell(*self._newest, TRAINING)
        if self._close is not None:
            self._close()

    def _before(self, task: Task) -> int:
        """Count the steps of the tasks before a task."""
        return sum(steps for index, steps in self._planned.items() if index < task.index)

    def _tell(self, task: Task, step: int, steps: int, phase: str) -> None:
        """Show a moment."""
        now = time.monotonic()
        done = self._before(task) + step
        rate = 0.0
        if self._done_then is not None and now > self._shown:
            # A plan that changes can make the count smaller.
            rate = max(done - self._done_then, 0) / (now - self._shown)
        self._shown = now
        self._next = now + self._every
        self._done_then = done
        moment = Moment(
            task=task.name,
            # People count from 1.
            number=task.index + 1,
            tasks=len(self._planned),
            step=step,
            steps=steps,
            done=done,
            total=sum(self._planned.values()),
            rate=rate,
            phase=phase,
        )
        self._show(moment)


class TimeLeft:
    """Estimates the time that a run still needs, from the steps of this process.

    Example:
        >>> left = TimeLeft(clock=iter([0.0, 10.0]).__next__)
        >>> left(done=20, total=100), left(done=40, total=100)
        ('', '0:00:30 left')
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, int] | None = None

    def __call__(self, done: int, total: int) -> str:
        """Return the time left in words; "" while nothing is known.

        Args:
            done: The steps done, also those of an earlier process.
            total: The steps of the whole run.
        """
        now = self._clock()
        # Steps of an earlier process took their time elsewhere, so counting begins here.
        if self._first is None:
            self._first = (now, done)
        then, done_then = self._first
        if done <= done_then:
            return ""
        return f"{hours((total - done) * (now - then) / (done - done_then))} left"


def consolidation_of(method: Method) -> str:
    """Name what closes a task, such as the Fisher information of EWC or the herding of iCaRL."""
    names = [part.name for part in method.parts if part.uses("consolidate")]
    if not names:
        return "end of the task"
    return f"consolidation by {' + '.join(names)}"
