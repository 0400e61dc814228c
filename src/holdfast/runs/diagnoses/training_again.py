"""Train a task of a kept run again, step by step, to look at what happens in between."""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.runs.kept import KeptRun
from holdfast.training import Learner


@dataclass(frozen=True)
class TrainingAgain:
    """A learner at the start of a task.

    Args:
        learner: The learner, which has begun the task.
        step: Trains one more step. Call it at most `steps` times.
        steps: The number of steps that the task takes.
    """

    learner: Learner
    step: Callable[[], object]
    steps: int


def train_again(run: KeptRun, task: int) -> TrainingAgain:
    """Load the learner as it was before a task, and begin the task.

    Args:
        run: The run.
        task: The number of the task, from 0.
    """
    learner = run.learner(task)
    learner.begin(run.stream[task])
    batches = learner.view.batches()
    order = learner.view.order(learner.view.need_task())
    return TrainingAgain(learner, lambda: learner.step(next(batches)), order.steps)
