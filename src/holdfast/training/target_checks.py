"""Checks of targets that are rows of numbers, before the first step."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from holdfast.engine.objectives import Custom, Objective, Regression
from holdfast.errors import HoldfastError
from holdfast.streams.parts import ArrayPart, Part
from holdfast.streams.types import Label

FAR = 10.0  # deviations between the targets and what a network gives at first


class ScaleWarning(UserWarning):
    """Targets are far from the values that a network learns well."""


def check_values(objective: Objective, y: Tensor, where: str, names: Sequence[Label]) -> None:
    """Refuse targets that the objective cannot have.

    Args:
        objective: What the network is trained for.
        y: Output indices, which are not looked at, or targets (N, K).
        where: What messages call the rows.
        names: The name of each output. It may be empty.

    Raises:
        HoldfastError: A target is infinite, or neither 0 nor 1 for several labels. The message
            names the row, the output and the value.
    """
    if not y.is_floating_point():
        return
    broken = y.isinf()
    expected = "finite numbers, or NaN where nothing is known"
    if objective.name == "multilabel":
        broken = ~(y.isnan() | (y == 0) | (y == 1))
        expected = "1 where the label is there, 0 where it is not, and NaN where nothing is known"
    if bool(broken.any()):
        row, column = broken.nonzero()[0].tolist()
        name = names[column] if column < len(names) else column
        raise HoldfastError(
            f"the targets of {where} are {expected}, got {float(y[row, column]):g} in row {row} "
            f"for {name}"
        )


def warn_of_scale(objective: Objective, first: Part) -> None:
    """Warn if targets of regression are far from mean 0 and deviation 1.

    Args:
        objective: What the network is trained for.
        first: The training examples of the first task.
    """
    custom = isinstance(objective, Custom) and isinstance(objective.meaning, Regression)
    unit = objective.meaning if isinstance(objective, Custom) else objective
    if not isinstance(unit, Regression):
        return
    if not isinstance(first, ArrayPart) or not first.y.is_floating_point():
        return  # other parts read files
    own = Regression.of(first.y)
    scale = torch.tensor(unit.deviation)
    shift = (torch.tensor(own.mean) - torch.tensor(unit.mean)).abs() / scale
    spread = torch.tensor(own.deviation) / scale
    if float(shift.max()) > FAR or not 1 / FAR <= float(spread.min()) <= float(spread.max()) <= FAR:
        advice = (
            f"pass objective={own!r}, which changes the unit of the outputs but not that of "
            "predictions"
        )
        if custom:
            advice = "divide them by a constant, or let your loss do so"
        warnings.warn(
            f"the targets have mean {own.mean[0]:.3g} and deviation {own.deviation[0]:.3g}, where "
            f"networks learn best from 0 and 1; {advice}",
            ScaleWarning,
            stacklevel=2,
        )
