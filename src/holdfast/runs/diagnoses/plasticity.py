"""Plasticity: can the network still learn after all its tasks as well as when it was fresh?"""

import math

import torch
from torch import Tensor, nn

from holdfast.diagnostics import (
    Sample,
    dormant_units,
    effective_rank,
    random_label_loss,
    weight_norm,
)
from holdfast.named_inputs import Inputs
from holdfast.results import Finding
from holdfast.runs.kept import KeptRun

WORSE = 0.05  # of the loss of guessing, from which random labels are learned worse than at first


def plasticity(run: KeptRun) -> Finding:
    """Measure after each task what a network that loses plasticity loses.

    Dormant units, the effective rank of the features, the norm of the weights, and the loss that
    training on fresh random labels reaches.

    Args:
        run: A run that kept its learners.
    """
    table: dict[str, list[float]] = {"dormant": [], "rank": [], "norm": [], "random_loss": []}
    for tasks in range(run.tasks + 1):
        for measure, value in _measures(run, tasks).items():
            table[measure].append(value)
    losses = table["random_loss"]
    units = table["dormant"]
    ranks = table["rank"]
    change = losses[-1] - losses[0]
    compared = "worse than"
    # The loss of guessing among C outputs is log C.
    if change < WORSE * math.log(_outputs(run)):
        compared = "as well as"
    sentence = (
        f"After {run.tasks} tasks the network still learns random labels {compared} when it was "
        f"fresh (loss {losses[0]:.2f} then, {losses[-1]:.2f} now); dormant units went from "
        f"{100 * units[0]:.0f} to {100 * units[-1]:.0f} %, the effective rank of the features from "
        f"{ranks[0]:.0f} to {ranks[-1]:.0f}."
    )
    return Finding.of("plasticity", sentence, {"after": ["fresh", *run.task_names], **table})


def _outputs(run: KeptRun) -> int:
    """The number of outputs of the first task."""
    first, last = run.stream[0].outputs
    return last - first


def _measures(run: KeptRun, tasks: int) -> dict[str, float]:
    """Measure the learner after so many tasks. With 0 it is untrained."""
    learner = run.learner(tasks)
    if tasks == 0:
        # An untrained learner has no outputs yet.
        learner.begin(run.stream[0])
    task = run.stream[max(tasks - 1, 0)]
    rows = run.rows(learner, task)
    task_number = task.index if learner.view.scenario == "task" else None
    # The rank of the features needs their values only.
    with torch.no_grad():
        features = learner.model.features(rows.x, task_number)
    # Random labels are learned on the same inputs with as many outputs each time.
    first = run.rows(learner, run.stream[0])
    outputs = _outputs(run)

    def narrow(module: nn.Module, x: Inputs) -> Tensor:
        return first.forward(module, x)[:, :outputs]

    return {
        "dormant": dormant_units(learner.model, rows),
        "rank": effective_rank(features),
        "norm": weight_norm(learner.model),
        "random_loss": random_label_loss(learner.model, Sample(first.x, first.y, narrow)),
    }
