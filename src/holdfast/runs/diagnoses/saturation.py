"""Saturation: how much of the network is held by what it has learned, and does it learn less?"""

import numpy as np
import torch

from holdfast.diagnostics import Saturation
from holdfast.results import Finding
from holdfast.runs.kept import KeptRun

MOST_EXAMPLES = 256  # for the Fisher information of one task
LEAST_POINTS = 3  # for a correlation


def saturation(run: KeptRun) -> Finding:
    """Compute the share of parameters whose running Fisher information is large.

    Large means above a hundredth (and less) of one task's largest entry. The finding also holds the
    score of each task right after it was learned.

    Args:
        run: A run that kept its learners.
    """
    running = Saturation()
    shares: list[list[float]] = []
    strength: list[float] = []
    learnt: list[float] = []
    for number in range(run.tasks):
        learner = run.learner(number + 1)
        task = learner.view.tasks[-1]
        fisher = learner.view.fisher(
            task,
            samples=min(run.examples, MOST_EXAMPLES),
            labels="exact",
            # The examples of each task are the same in every diagnosis of the run.
            generator=torch.Generator().manual_seed(number),
        )
        shares.append(running.add(fisher, learner.view.space.layout))
        strength.append(running.strength)
        learnt.append(float(learner.evaluate(task).mean()))
    # The first threshold is a hundredth.
    share = [of_thresholds[0] for of_thresholds in shares]
    sentence = (
        f"{100 * share[0]:.0f} % of the parameters hold more than a hundredth of the first task's "
        f"largest importance, {100 * share[-1]:.0f} % after all {run.tasks} tasks; the score of a "
        f"task right after it was learnt went from {100 * learnt[0]:.1f} to {100 * learnt[-1]:.1f} "
        f"%{_relation(strength, learnt)}."
    )
    by_threshold = {}
    for place, threshold in enumerate(running.thresholds):
        by_threshold[f"{threshold:g}"] = [of_thresholds[place] for of_thresholds in shares]
    numbers = {
        "tasks": run.task_names,
        "share": share,
        "strength": strength,
        "learnt": learnt,
        "by_threshold": by_threshold,
    }
    return Finding.of("saturation", sentence, numbers)


def _relation(strength: list[float], learnt: list[float]) -> str:
    """Say how the strength of the anchors and the scores correlate, if they do so at all."""
    # Two points always lie on a line, and constant values have no correlation.
    if len(learnt) < LEAST_POINTS or not np.std(learnt) or not np.std(strength):
        return ""
    correlation = np.corrcoef(strength, learnt)[0, 1]
    return f"; correlation of the anchors' strength with it {correlation:+.2f}"
