"""The numbers that the figure of each diagnostic needs, checked when a figure is drawn.

A finding holds more numbers than its figure shows, and those of other diagnostics may have any
form. So each figure names its own.
"""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from holdfast.errors import HoldfastError
from holdfast.results.file_names import FINDINGS
from holdfast.results.finding import Finding
from holdfast.validation import explain


class Numbers(BaseModel):
    """Base of the classes below. NaN is allowed: a figure leaves a gap there."""

    # Not strict: a whole number where a float is expected is no damage.
    model_config = ConfigDict(extra="ignore", frozen=True)


Kind = TypeVar("Kind", bound=Numbers)


def numbers_of(finding: Finding, kind: type[Kind]) -> Kind:
    """Take the numbers that a figure needs from a finding.

    Args:
        finding: The finding.
        kind: The class of the numbers.

    Raises:
        HoldfastError: A number is missing or has another form.
    """
    try:
        return kind.model_validate(finding.numbers)
    except ValidationError as error:
        # Raised below the handler, so that the error of the validation does not hang on it.
        problem = explain(error, kind)
    raise HoldfastError(
        f"the finding {finding.what!r} of a {FINDINGS} cannot be drawn: {problem}; "
        "delete the file and run holdfast diagnose again"
    )


class InterferenceAtBoundary(Numbers):
    """What the first steps of a new task do to the old ones.

    Args:
        task: The new task.
        steps: The measured steps.
        cosine: Cosine of the new and the old gradient at each step.
        predicted: Change of the old loss to first order.
        measured: The change that was measured.
    """

    task: str
    steps: list[float]
    cosine: list[float]
    predicted: list[float]
    measured: list[float]


class Interference(Numbers):
    """Interference at each task boundary."""

    boundaries: list[InterferenceAtBoundary]


class Spectrum(Numbers):
    """The largest eigenvalues of the Fisher information.

    Args:
        eigenvalues: The eigenvalues, the largest first.
        examples: Number of examples.
        parameters: Number of weights.
        layers: Share of the mass of their eigenvectors, by layer.
    """

    eigenvalues: list[float]
    examples: int
    parameters: int
    layers: dict[str, float]


class RecoveredOfTask(Numbers):
    """How much of a task comes back with the old weights of each layer, as a score."""

    recovered: dict[str, float]


class Layers(Numbers):
    """What comes back with the old weights of one layer.

    Args:
        mean: Mean over tasks, by layer.
        tasks: The same for each task.
    """

    mean: dict[str, float]
    tasks: list[RecoveredOfTask]


class Saturation(Numbers):
    """How many parameters are held after each task.

    Args:
        by_threshold: Share of the parameters whose importance is above a threshold, after each
            task, by the threshold.
        strength: Mean importance after each task.
        learnt: Score of each task just after it was learnt.
    """

    by_threshold: dict[str, list[float]]
    strength: list[float]
    learnt: list[float]


class LossOnLine(Numbers):
    """The loss of each task at places between two solutions."""

    at: list[float]
    losses: list[list[float]]


class LossOnPlane(Numbers):
    """The loss of each task on a plane through three solutions.

    Args:
        x: Coordinates of the columns.
        y: Coordinates of the rows.
        losses: A grid per task.
        points: The three solutions, by name.
        path: The way that training took.
    """

    x: list[float]
    y: list[float]
    losses: list[list[list[float]]]
    points: dict[str, tuple[float, float]]
    path: list[tuple[float, float]]


class Landscape(Numbers):
    """The losses of two tasks around their solutions."""

    tasks: list[str]
    line: LossOnLine
    plane: LossOnPlane


class Plasticity(Numbers):
    """How well the network can still learn, before the first task and after each.

    Args:
        dormant: Share of units that hardly react.
        rank: Effective rank of the features.
        norm: Norm of the weights.
        random_loss: Loss on random labels after some steps.
    """

    dormant: list[float]
    rank: list[float]
    norm: list[float]
    random_loss: list[float]


class Entropy(Numbers):
    """The entropy of the outputs on each task, after each task; None before a task is learnt."""

    tasks: list[str]
    table: list[list[float | None]]


class GapAtBoundary(Numbers):
    """The mean score of the old tasks at steps after the boundary to a new one."""

    task: str
    steps: list[float]
    scores: list[float]


class StabilityGap(Numbers):
    """The stability gap at each task boundary."""

    boundaries: list[GapAtBoundary]
