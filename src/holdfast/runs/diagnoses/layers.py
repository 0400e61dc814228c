"""Layers: which layer has to get its old weights back for the old tasks to come back?"""

from dataclasses import dataclass

import numpy as np

from holdfast.diagnostics import restore_layers
from holdfast.results import Finding
from holdfast.runs.kept import KeptRun

CLEAR = 0.01  # share of right answers from which a loss or a gain is worth a word


@dataclass(frozen=True)
class RestoredTask:
    """What one old task gains if one layer gets back the weights it had after the task.

    Args:
        task: The name of the task.
        then: Its score right after it was learned.
        now: Its score after the last task.
        recovered: For each layer, what comes back with that layer alone.
    """

    task: str
    then: float
    now: float
    recovered: dict[str, float]


def layers(run: KeptRun) -> Finding:
    """Measure for each old task what comes back if one layer gets back its old weights.

    Args:
        run: A run with at least two kept tasks.

    Raises:
        HoldfastError: The run kept one task only.
    """
    run.need_a_boundary("layers")
    tasks = [_restored(run, number) for number in range(run.tasks - 1)]
    mean = {}
    for layer in tasks[0].recovered:
        # With a layer that a later task does not share, nothing of that task comes back.
        gains = [task.recovered.get(layer, 0.0) for task in tasks]
        mean[layer] = float(np.mean(gains))
    lost = float(np.mean([task.then - task.now for task in tasks]))
    # If several layers recover as much, the first of them is named.
    best = max(mean, key=lambda layer: mean[layer])
    verdict = ": no single layer brings them back."
    if lost > CLEAR and mean[best] > CLEAR:
        verdict = ", more than with any other layer."
    sentence = (
        f"Old tasks lost {100 * lost:.1f} points on average; with the old weights of {best} alone "
        f"{100 * mean[best]:+.1f} points come back{verdict}"
    )
    numbers = {"tasks": [vars(task) for task in tasks], "mean": mean, "lost": lost}
    return Finding.of("layers", sentence, numbers)


def _restored(run: KeptRun, number: int) -> RestoredTask:
    """Give each layer of the last learner in turn the weights it had right after a task."""
    learner = run.last
    task = run.stream[number].to(learner.view.device)
    before = run.learner(number + 1)
    # `state_dict` shares memory with the network, and `restore_layers` needs values that stay.
    old = {name: tensor.clone() for name, tensor in before.model.state_dict().items()}

    def score() -> float:
        return float(learner.evaluate(task).mean())

    return RestoredTask(
        task=task.name,
        then=float(before.evaluate(task).mean()),
        now=score(),
        recovered=restore_layers(learner.model, old, score),
    )
