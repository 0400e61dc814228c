"""What a learner tells the user's logger while it trains: plain dicts, under a step that rises over the whole run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


def after_step(learner: "Learner", loss: Tensor | None) -> None:
    """Count a step, and log it every `log_every` steps of a task.

    Args:
        learner: The learner.
        loss: The loss of the step; None for methods that train no weight.
    """
    learner.task_steps += 1
    learner.steps_done += 1
    if learner.log is None:
        return
    learner._unlogged = {**_where(learner), **({} if loss is None else {"loss": loss})}
    if learner.task_steps % learner.log_every == 0:
        last_step(learner)


def last_step(learner: "Learner") -> None:
    """Log the newest step unless it was logged: a task may be shorter than `log_every`."""
    record, learner._unlogged = learner._unlogged, None
    if learner.log is not None and record is not None:
        learner.log(record)


def evaluated(learner: "Learner", scores: Mapping[str, Mapping[str, float]]) -> None:
    """Log the mean scores of an evaluation.

    Args:
        learner: The learner.
        scores: "score" (on test parts) and "validation", each a mean score by the name of a task.
    """
    if learner.log is not None:
        learner.log({**_where(learner), **{part: dict(found) for part, found in scores.items()}})


def _where(learner: "Learner") -> dict[str, Any]:
    """The newest task (None before the first), the step over all tasks, and the step within the task."""
    task = learner.names[-1] if learner.names else None
    return {"task": task, "step": learner.steps_done, "task_step": learner.task_steps}
