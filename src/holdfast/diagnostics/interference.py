"""Interference while a model learns: do new and old gradients oppose each other, at what cost?"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.diagnostics.sample import Sample, gradient
from holdfast.engine.parameters import ParameterSpace


@dataclass
class Interference:
    """What `watch_interference` measured, with one entry per measured step.

    Args:
        steps: The number of each measured step, from 0.
        cosine: The cosine of the gradients on new and on old data before the step.
        predicted: The change of the old loss by the step to first order, g_old·Δθ.
        measured: The measured change of the old loss by the step.
    """

    steps: list[int] = field(default_factory=list)
    cosine: list[float] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    measured: list[float] = field(default_factory=list)


def cosine(space: ParameterSpace, new: Sample, old: Sample) -> float:
    """Compute the cosine of the loss gradients on new and on old data.

    If it is below 0, a small step on the new data raises the loss on the old data.

    Args:
        space: The parameters of the module, `ParameterSpace(module)`.
        new: Examples of the new task.
        old: Examples of an old task.

    Returns:
        The cosine, from -1 to 1.

    Example:
        >>> space = ParameterSpace(nn.Linear(2, 2))
        >>> sample = Sample(torch.eye(2), torch.tensor([0, 1]))
        >>> round(cosine(space, sample, sample), 4)
        1.0
    """
    return _cosine(gradient(space, new), gradient(space, old))


def watch_interference(
    space: ParameterSpace,
    step: Callable[[], object],
    new: Sample,
    old: Iterable[Sample],
    steps: int,
    every: int = 1,
) -> Interference:
    """Train, and measure in between how much the steps on a new task cost the old tasks.

    To first order, a step Δθ changes the old loss by g_old·Δθ; for plain gradient descent with
    learning rate η that is −η g_old·g_new. The actual Δθ is used here, so any optimizer will do.

    Args:
        space: The parameters of the module that is trained.
        step: Trains one step on the new task. Its result is not used.
        new: Examples of the new task.
        old: Examples of each old task. Their gradients and losses are averaged.
        steps: How often to call `step`.
        every: Measure at every step whose number is a multiple of this, from step 0.

    Returns:
        The measurements, in order.

    Example:
        >>> space = ParameterSpace(nn.Linear(2, 2))
        >>> sample = Sample(torch.eye(2), torch.tensor([0, 1]))
        >>> watch_interference(space, lambda: None, sample, [sample], steps=5, every=2).steps
        [0, 2, 4]
    """
    watched = Interference()
    tasks = list(old)
    for number in range(steps):
        # Measuring costs several passes over all examples, so it is left out in between.
        if number % every:
            step()
            continue
        # Gradients and loss are those before the step, so that they predict what it does.
        theta = space.theta.clone()
        g_old = torch.stack([gradient(space, task) for task in tasks]).mean(0)
        g_new = gradient(space, new)
        loss = _mean_loss(space.module, tasks)
        step()
        watched.steps.append(number)
        change = space.theta - theta
        watched.cosine.append(_cosine(g_new, g_old))
        watched.predicted.append(float(g_old @ change))
        watched.measured.append(_mean_loss(space.module, tasks) - loss)
    return watched


def _cosine(a: Tensor, b: Tensor) -> float:
    """The cosine of the angle between two vectors."""
    return float(F.cosine_similarity(a, b, dim=0))


def _mean_loss(module: nn.Module, tasks: Sequence[Sample]) -> float:
    """The mean of the losses on several tasks."""
    return sum(task.value(module) for task in tasks) / len(tasks)
