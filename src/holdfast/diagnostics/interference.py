"""Interference while a model learns: do the gradients of new and old data point the same way, and does the step cost the old?"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from holdfast.diagnostics.rows import Rows, gradient
from holdfast.engine.parameters import ParameterSpace


@dataclass
class Interference:
    """By measured step: the cosine of g_new and g_old, and the change of the old loss, g_old·Δθ (first order) against measured."""

    steps: list[int] = field(default_factory=list)
    cosine: list[float] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    measured: list[float] = field(default_factory=list)


def cosine(space: ParameterSpace, new: Rows, old: Rows) -> float:
    """Cosine of the gradients of the loss on new and on old data; below 0 a small step on the new raises the old loss."""
    return float(F.cosine_similarity(gradient(space, new), gradient(space, old), dim=0))


def watch_interference(
    space: ParameterSpace,
    step: Callable[[], object],
    new: Rows,
    old: Iterable[Rows],
    steps: int,
    every: int = 1,
) -> Interference:
    """Calls `step()` `steps` times and measures at every `every`-th. `old`: one or several tasks, averaged.

    ΔL_old ≈ g_old·Δθ with the actual change of θ (−η g_old·g_new for plain gradient descent).
    """
    out, tasks = Interference(), list(old)
    for k in range(steps):
        if k % every:
            step()
            continue
        before = space.theta.clone()
        g_old = torch.stack([gradient(space, t) for t in tasks]).mean(0)
        loss = sum(t.value(space.module) for t in tasks) / len(tasks)
        out.steps.append(k)
        out.cosine.append(float(F.cosine_similarity(gradient(space, new), g_old, dim=0)))
        step()
        out.predicted.append(float(g_old @ (space.theta - before)))
        out.measured.append(sum(t.value(space.module) for t in tasks) / len(tasks) - loss)
    return out
