"""What an answer that ignores the input would score on a task, just after its training."""

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.metrics.learnt import MARGIN
from holdfast.streams.choices import ChoicePart
from holdfast.streams.task import Task
from holdfast.training.scoring import Accuracy, range_of, scores_of
from holdfast.training.view import View


def guess_level(view: View, task: Task, of_rows: Tensor, labels: Tensor) -> float:
    """Compute the best mean score on a task of answers that ignore the input.

    For accuracies it is 1/C if C outputs compete, or the share of the commonest label if that is
    more. In the class scenario the commonest label counts only if the right answers are those of
    one label, since a model that tells the classes of all tasks apart may well score less on one of
    them. For another scorer it is the score of one vector of logits for all examples: the logarithm
    of the share of each label, or equal logits for all classes so far in the class scenario. For
    other objectives it is the best answer that is the same for all examples.

    Args:
        view: The learner, just after it has learnt the task.
        task: The task.
        of_rows: The score of each of its test examples, (N,).
        labels: Their labels as output indices, (N,).

    Returns:
        The level, in the unit of the scorer.
    """
    first, last = task.outputs
    if view.objective.sequences:
        return _level_of_texts(view, task, labels)
    if not isinstance(view.setup.scorer, Accuracy):
        return _constant_score(view, task, labels)
    level = 1 / (last - first)
    shares = labels.bincount() / len(labels)
    if view.scenario != "class" or _gives_one_answer(of_rows, labels):
        level = max(level, float(shares.max()))
    return level


def _level_of_texts(view: View, task: Task, right: Tensor) -> float:
    """The score of the choice that is right most often; 0 if a model may say what it likes.

    Raises:
        HoldfastError: The scores of the learner are no shares of right answers.
    """
    if range_of(view.setup.scorer) != (0.0, 1.0):
        raise HoldfastError("nothing is known of guessing by this score")
    if not isinstance(task.test, ChoicePart):
        return 0.0
    return float(right.bincount().max()) / len(right)


def _gives_one_answer(of_rows: Tensor, labels: Tensor) -> bool:
    """Tell whether hardly any example is right except those of one of several labels."""
    means = sorted(float(of_rows[labels == label].mean()) for label in labels.unique())
    return len(means) > 1 and means[-2] < MARGIN


def _constant_score(view: View, task: Task, labels: Tensor) -> float:
    """Score one vector of logits on all examples."""
    first, last = task.outputs
    logits = torch.full((view.head.width,), -torch.inf)
    if view.scenario == "class" and view.objective.takes_labels:
        logits[first:last] = 0.0
    else:
        logits = view.objective.constant_answer(labels, view.head.width)
    rows = view.objective.answers(logits.expand(len(labels), -1)).to(view.device)
    return float(scores_of(view.setup.scorer, rows, labels.to(view.device)).double().mean())
