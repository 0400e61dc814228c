"""What a learner sends to the user's logger: plain dicts with a step that rises over the whole run.

Every record has these keys:

- `task`: the name of the newest task, None before the first.
- `step`: the steps of all tasks, which suits as the x axis.
- `task_step`: the steps of the newest task.

Records of steps add `loss`, records of evaluations `score` and `validation`.
"""

from collections.abc import Mapping

from torch import Tensor

from holdfast.training.progress import Progress
from holdfast.training.setup import Record, Setup


class Records:
    """Sends records of steps and evaluations to the user's function, if there is one.

    Args:
        setup: The arguments of the learner, of which `log` and `log_every` matter here.
    """

    def __init__(self, setup: Setup) -> None:
        self._log = setup.log
        self._every = setup.log_every
        self._unsent: Record | None = None  # of the newest step, until it is sent

    def after_step(self, progress: Progress, loss: Tensor | None) -> None:
        """Note a step. Every `log_every` steps of a task, its record is sent.

        Args:
            progress: How far training has come, this step included.
            loss: The loss of the step as a tensor, since a number would have to wait for the
                device. None for methods that train no weight.
        """
        if self._log is None:
            return
        self._unsent = _position(progress)
        if loss is not None:
            self._unsent["loss"] = loss
        if progress.task_steps % self._every == 0:
            self.send_last_step()

    def send_last_step(self) -> None:
        """Send the record of the newest step unless it was sent: a task may have few steps."""
        record = self._unsent
        self._unsent = None
        if self._log is not None and record is not None:
            self._log(record)

    def evaluated(self, progress: Progress, means: Mapping[str, Mapping[str, float]]) -> None:
        """Send the mean scores of an evaluation.

        Args:
            progress: How far training has come.
            means: "score" (of the test parts) and "validation", each the mean scores by task name.
        """
        if self._log is None:
            return
        record = _position(progress)
        for part, by_task in means.items():
            record[part] = dict(by_task)
        self._log(record)


def _position(progress: Progress) -> Record:
    """Return the keys that every record has."""
    newest = None
    if progress.names:
        newest = progress.names[-1]
    return {"task": newest, "step": progress.steps, "task_step": progress.task_steps}
