"""Small streams whose targets are rows of numbers, for the laws of other objectives."""

import numpy as np
import torch
from torch import Tensor

from holdfast.engine.objectives import Custom, Objective, make_objective
from holdfast.engine.rows import Rows
from holdfast.named_inputs import need_one_tensor
from holdfast.streams import Stream, digits, from_arrays

TASKS = 3
# The labels of each digit. In the class scenario, each task brings some that are new.
LABELS = {
    0: ("even", "round"),
    1: ("odd", "straight"),
    2: ("even", "prime"),
    3: ("odd", "prime"),
    4: ("even", "square"),
    5: ("odd", "prime", "half"),
}


def targets_stream(scenario: str, objective: str, validation: float, examples: int) -> Stream:
    """Make a stream of the embedded digits with targets that are rows of numbers.

    Args:
        scenario: "task", "domain" or "class".
        objective: "multilabel", "regression" or "custom".
        validation: The share of the training rows that become validation rows.
        examples: The number of digits that the stream is made of, before they are chosen.

    Returns:
        A stream of three tasks of two digits each. Labels are properties of the digit, and
        measurements are the digit and the ink of its upper half, scaled.
    """
    source = digits().limited(examples, seed=0)
    digit = np.asarray(source.train_y).astype(int)
    used = digit < 2 * TASKS
    digit = digit[used]
    images = need_one_tensor(source.train_x, "the stream of digits")
    x = images[torch.from_numpy(np.flatnonzero(used))].flatten(1)
    # Halves of the digits come one after the other, so tasks do too.
    order = np.argsort(digit // 2, kind="stable")
    digit = digit[order]
    x = x[torch.from_numpy(order)]
    y: object = [list(LABELS[number]) for number in digit.tolist()]
    if objective != "multilabel":
        ink = x[:, :32].float().mean(1).numpy()
        y = np.stack([digit / 2 - 1, (ink - ink.mean()) / ink.std()], axis=1)
    return from_arrays(
        x,
        y,  # type: ignore[arg-type]
        digit // 2,
        scenario,
        validation=validation,
        objective=objective,
    )


def small_objective(name: str) -> Objective:
    """Make an objective by its name. The loss of "custom" is the mean absolute error."""
    if name == "custom":
        return Custom(absolute_error)
    return make_objective(name)


def absolute_error(outputs: Tensor, targets: Tensor, rows: Rows) -> Tensor:
    """The mean absolute error of the known targets of each row, (B,)."""
    known = ~targets.isnan() & outputs.isfinite()
    error = (torch.where(known, outputs, 0.0) - torch.where(known, targets, 0.0)).abs()
    mean: Tensor = (error * known).sum(1) / known.sum(1).clamp_min(1)
    return mean
