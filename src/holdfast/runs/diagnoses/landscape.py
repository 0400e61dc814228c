"""Landscape: the losses of two tasks between the solutions of the first, the second, and both."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from holdfast.diagnostics import Plane, losses_on_line, losses_on_plane
from holdfast.errors import HoldfastError
from holdfast.results import Finding
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig
from holdfast.runs.diagnoses.training_again import train_again
from holdfast.runs.kept import KeptRun
from holdfast.training import Learner
from holdfast.validation import validated

PATH_POINTS = 40  # about how many points of the path of training are kept
RIDGE = 0.05  # share of the last loss from which a higher loss in between is called a ridge
LEAST_LOSS = 0.1  # a smaller last loss counts as this much, so that noise makes no ridge


def landscape(run: KeptRun) -> Finding:
    """Compute the losses of the first two tasks on a line and on a plane.

    The line goes from θ_A, the solution of the first task, to θ_B, that after the second. The plane
    goes through both and through θ_joint, the solution of both tasks together. The path of training
    is projected onto it.

    Args:
        run: A run with at least two kept tasks.

    Raises:
        HoldfastError: The run kept one task only, or its method adds parameters to the network.
    """
    run.need_a_boundary("landscape")
    learner, path = _second_task(run)
    space = learner.view.space
    theta_a = path[0]
    theta_b = space.theta.clone()
    joint = _joint_solution(run)
    tasks = [run.rows(learner, task) for task in run.stream.tasks[:2]]
    at, line = losses_on_line(space, theta_a, theta_b, tasks)
    plane = losses_on_plane(space, theta_a, theta_b, joint, tasks, [*path, theta_b])
    # How far the loss rises above the higher end of the line.
    barrier = float(line[0].max() - max(line[0, 0], line[0, -1]))
    ridge = " without a ridge in between"
    if barrier > RIDGE * max(line[0, -1], LEAST_LOSS):
        ridge = f" over a ridge of {barrier:.2f}"
    first, second = run.task_names[:2]
    sentence = (
        f"From the solution of {first} to that after {second} the first task's loss goes from "
        f"{line[0, 0]:.2f} to {line[0, -1]:.2f}{ridge}; the joint solution has "
        f"{_loss_at_joint(plane, 0):.2f} on it and {_loss_at_joint(plane, 1):.2f} on the second. "
        f"{100 * plane.outside:.0f} % of the path's squared length leaves the plane."
    )
    numbers = {
        "tasks": [first, second],
        "line": {"at": at.tolist(), "losses": line.tolist()},
        "plane": {
            "x": plane.x.tolist(),
            "y": plane.y.tolist(),
            "losses": plane.losses.tolist(),
            "points": plane.points,
            "path": plane.path.tolist(),
        },
        "outside": plane.outside,
        "barrier": barrier,
    }
    return Finding.of("landscape", sentence, numbers)


def _second_task(run: KeptRun) -> tuple[Learner, Sequence[Tensor]]:
    """Train the second task again. Returns the learner after it, and θ along the way."""
    again = train_again(run, 1)
    space = again.learner.view.space
    path = []
    for number in range(again.steps):
        # The first point is θ_A itself, before any step.
        if number % max(1, again.steps // PATH_POINTS) == 0:
            path.append(space.theta.clone())
        again.step()
    again.learner.end()
    return again.learner, path


def _loss_at_joint(plane: Plane, task: int) -> float:
    """The loss of a task at the grid point nearest to the joint solution."""
    x, y = plane.points["joint"]
    row = np.abs(plane.y - y).argmin()
    column = np.abs(plane.x - x).argmin()
    return float(plane.losses[task][row, column])


def _joint_solution(run: KeptRun) -> Tensor:
    """Train a network on both first tasks together, from the same start, and return its θ.

    Raises:
        HoldfastError: θ has another layout than the run's own after two tasks.
    """
    order = run.config.data.task_order or list(range(len(run.stream)))
    data = run.config.data.model_dump(exclude_unset=True) | {"task_order": order[:2]}
    # The seed stays, so that the network starts from the same weights as the run.
    changes = {"data": data, "method": "Joint()"}
    config = validated(RunConfig, **run.config.model_dump(exclude_unset=True) | changes)
    stream = build_stream(config, run.data_dir)
    learner = build_learner(config, stream, run.device)
    learner.train(*stream)
    # Points of θ can be compared only if each entry is the same parameter.
    if _parameter_names(learner) != _parameter_names(run.learner(2)):
        raise HoldfastError(
            "the landscape needs a network that Joint can train too; this run's method adds "
            "parameters of its own to it"
        )
    return learner.view.space.theta.clone()


def _parameter_names(learner: Learner) -> list[str]:
    """The names of the parameters in the order in which θ has them."""
    return [slot.name for slot in learner.view.space.layout.slots]
