"""Stability gap: how far do old tasks fall right after a task boundary, before they recover?"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from holdfast.diagnostics import StabilityGap, watch_stability_gap
from holdfast.diagnostics.stability_gap import evaluation_steps
from holdfast.results import Finding
from holdfast.runs.diagnoses.training_again import train_again
from holdfast.runs.kept import KeptRun
from holdfast.streams.task import Subset, Task


def stability_gap(run: KeptRun) -> Finding:
    """Watch the mean score of the old tasks, step by step after every boundary.

    The scores are on fixed test examples.

    Args:
        run: A run with at least two kept tasks.

    Raises:
        HoldfastError: The run kept one task only.
    """
    run.need_a_boundary("stability-gap")
    gaps = {number: _gap_before(run, number) for number in range(1, run.tasks)}
    names = {number: run.stream[number].name for number in gaps}
    boundaries = []
    for number, gap in gaps.items():
        boundaries.append(
            {
                "task": names[number],
                "steps": gap.steps,
                "scores": gap.scores,
                "depth": gap.depth,
                "at": gap.lowest_at,
            }
        )
    return Finding.of("stability-gap", _sentence(gaps, names), {"boundaries": boundaries})


def _sentence(gaps: Mapping[int, StabilityGap], names: Mapping[int, str]) -> str:
    """Name the deepest gap, because a mean hides it."""
    worst = max(gaps, key=lambda number: gaps[number].depth)
    if gaps[worst].depth == 0:
        # The lowest score is the last one everywhere.
        return (
            "There is no stability gap: after every boundary the old tasks are lowest where they "
            "end. What they lose does not come back."
        )
    mean_depth = np.mean([gap.depth for gap in gaps.values()])
    return (
        f"Right after the boundary to {names[worst]} the old tasks fall "
        f"{100 * gaps[worst].depth:.1f} points below where they end (lowest at step "
        f"{gaps[worst].lowest_at}); over all boundaries {100 * mean_depth:.1f} points on average."
    )


def _gap_before(run: KeptRun, number: int) -> StabilityGap:
    """Train a task again, and watch the tasks before it."""
    again = train_again(run, number)
    learner = again.learner
    device = learner.view.device
    old = [_limited(task.to(device), run.examples) for task in run.stream.tasks[:number]]

    def score() -> float:
        return float(np.mean([float(learner.evaluate(task).mean()) for task in old]))

    return watch_stability_gap(again.step, score, evaluation_steps(again.steps))


def _limited(task: Task, examples: int) -> Task:
    """Take some test examples of a task, at random but always the same."""
    generator = torch.Generator().manual_seed(task.index)
    chosen = torch.randperm(len(task.test), generator=generator)[:examples]
    return replace(task, test=Subset(task.test, chosen))
