"""How much faster a method learns new tasks than a network that has learnt nothing before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.metrics import Interval, learning_speed_transfer, seed_interval
from holdfast.results.curves import TrainingCurves
from holdfast.results.groups import Group
from holdfast.results.measures import interval_over_seeds

FRESH = "FromScratch()"
QUICK = 0.95  # the score that `steps` counts up to


@dataclass(frozen=True)
class LearningSpeed:
    """Learning speed of a group on tasks 2 to T, over seeds.

    Args:
        label: The group.
        area: Area under the learning curve minus that of a fresh network, as a score.
        steps: Steps to a score of 95 % minus those of the fresh network. Below 0, it is faster.
        zero_shot: The score before the first step, once the outputs exist.
    """

    label: str
    area: Interval
    steps: Interval
    zero_shot: Interval


def learning_speed(groups: Sequence[Group]) -> list[LearningSpeed]:
    """Compare the learning curves of every group with those of FromScratch, paired by seed.

    A curve begins with the zero-shot score, which is that of the outputs before their first step.

    Args:
        groups: Groups of one scenario.

    Returns:
        The learning speed of each group that has curves. Empty without curves or FromScratch.
    """
    fresh: dict[int, TrainingCurves] = {}
    for group in groups:
        if group.method == FRESH:
            fresh |= _curves_by_seed(group)
    speeds = []
    for group in groups:
        curves = _curves_by_seed(group)
        shared = [seed for seed in curves if seed in fresh]
        # Without a partner for every seed, the seeds that are left could flatter a group.
        if not shared or len(shared) < len(group.results):
            continue
        by_seed = [_speed_of_run(curves[seed], fresh[seed]) for seed in shared]
        areas, steps, zero_shots = zip(*by_seed, strict=True)
        first = group.results[0]
        speeds.append(
            LearningSpeed(
                label=group.label,
                area=interval_over_seeds(areas, "change", first),
                # There is no largest number of steps, so this interval has no limits.
                steps=seed_interval(steps),
                zero_shot=interval_over_seeds(zero_shots, "score", first),
            )
        )
    return speeds


def _curves_by_seed(group: Group) -> dict[int, TrainingCurves]:
    """Collect the curves of the runs that have zero-shot scores."""
    curves = {}
    for result in group.results:
        if result.curves is not None and result.curves.zero_shot:
            curves[result.seed] = result.curves
    return curves


def _speed_of_run(learner: TrainingCurves, fresh: TrainingCurves) -> tuple[float, float, float]:
    """Average area, steps and zero-shot score of a run over tasks 2 to T."""
    areas = []
    steps = []
    # The first task comes after none, so it tells nothing about what was learnt before.
    for place in range(1, len(learner.ends)):
        times, scores = learner.of_task(place)
        _, fresh_scores = fresh.of_task(place)
        speed = learning_speed_transfer(times, scores, fresh_scores, threshold=QUICK)
        areas.append(speed["area"])
        # Of a task that one of the two never learns so well, the steps are not known.
        if not math.isnan(speed["steps"]):
            steps.append(speed["steps"])
    mean_steps = math.nan
    if steps:
        mean_steps = float(np.mean(steps))
    zero_shot = float(np.mean(learner.zero_shot_scores[1:]))
    return float(np.mean(areas)), mean_steps, zero_shot
