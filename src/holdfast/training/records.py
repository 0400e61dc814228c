"""What a learner tells the user's logger: plain dicts, with a step that rises over the whole run."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from holdfast.training.progress import Progress
from holdfast.training.setup import Setup


class Records:
    """Sends records of steps and evaluations to the user's function, if there is one."""

    def __init__(self, setup: Setup) -> None:
        self._log = setup.log
        self._every = setup.log_every
        self._unsent: dict[str, Any] | None = None  # of the newest step, until it is sent

    def after_step(self, progress: Progress, loss: Tensor | None) -> None:
        """Note a step; every `log_every` steps of a task, its record is sent.

        Args:
            progress: How far training has come, this step included.
            loss: The loss of the step; None for methods that train no weight.
        """
        if self._log is None:
            return
        self._unsent = _where(progress)
        if loss is not None:
            self._unsent["loss"] = loss
        if progress.task_steps % self._every == 0:
            self.last_step()

    def last_step(self) -> None:
        """Send the record of the newest step unless it was sent: a task may have few steps."""
        record = self._unsent
        self._unsent = None
        if self._log is not None and record is not None:
            self._log(record)

    def evaluated(self, progress: Progress, means: Mapping[str, Mapping[str, float]]) -> None:
        """Send the mean scores of an evaluation.

        Args:
            progress: How far training has come.
            means: "score" (on test parts) and "validation", each a mean score by the name of a task.
        """
        if self._log is not None:
            by_part = {part: dict(by_task) for part, by_task in means.items()}
            self._log(_where(progress) | by_part)


def _where(progress: Progress) -> dict[str, Any]:
    """The newest task (None before the first), the step over all tasks, and that in the task."""
    return {
        "task": progress.names[-1] if progress.names else None,
        "step": progress.steps,
        "task_step": progress.task_steps,
    }
