"""Why tasks were not learnt: likely causes, from what a run has measured."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.methods.method import Method
from holdfast.streams.task import Task
from holdfast.training.view import View

FEW_STEPS = 100  # steps per task below which more epochs are worth a try
RISEN = 1.5  # ratio of a last loss to a first one above which training diverged
FALLEN = 0.5  # ratio below which the training examples were learnt in part
LEARNT_LOSS = 0.2  # a loss below which most training examples are answered rightly
APART = 3  # factor between two learning rates that matters
# A root mean square of inputs outside these bounds is far from that of normalised ones, about 1.
SMALL_INPUTS = 0.05
LARGE_INPUTS = 10.0
LAST_STEPS = 10  # whose losses are averaged
ROWS = 256  # of the training examples whose scale is looked at
MOST_CAUSES = 3


class Losses:
    """The losses at both ends of the training of a task.

    Args:
        kept: What `kept` returned in the process that began the task. Empty: it begins here.

    Example:
        >>> losses = Losses()
        >>> for value in (3.0, 2.0, 1.0):
        ...     losses.see(torch.tensor(value))
        >>> losses.ends(), losses.kept()
        ((3.0, 2.0), [3.0, 3.0, 2.0, 1.0])
    """

    def __init__(self, kept: Sequence[float] = ()) -> None:
        self._first: Tensor | float | None = None
        self._last: deque[Tensor | float] = deque(kept[1:], maxlen=LAST_STEPS)
        if kept:
            self._first = kept[0]

    def see(self, loss: Tensor) -> None:
        """Take the loss of a step. It is not read, because that would wait for the device."""
        if self._first is None:
            self._first = loss
        self._last.append(loss)

    def kept(self) -> list[float]:
        """Return the first loss and the last ones as plain numbers, for a checkpoint."""
        if self._first is None:
            return []
        return [float(self._first), *map(float, self._last)]

    def ends(self) -> tuple[float | None, float]:
        """Return the loss of the first step, or None without steps, and the mean of the last."""
        if self._first is None:
            return None, 0.0
        last = [float(loss) for loss in self._last]
        return float(self._first), sum(last) / len(last)


@dataclass(frozen=True)
class Learning:
    """What a run knows of the training of a task that was not learnt.

    Attributes:
        task: The name of the task.
        holding: The parts of the method that hold weights or outputs to those of old tasks, such
            as "EWC(1.0)", or "" if none does.
        trains: Whether the method trains weights.
        lr: The learning rate, or None if there is no optimizer that has one.
        steps: The steps of the task.
        first_loss: The loss of its first step, or NaN if it is not known.
        last_loss: The mean loss of its last steps, or NaN.
        inputs: The root mean square of its inputs, as the network gets them.
        suggested: A learning rate that was found on the first task, or None.

    Example:
        >>> learning = Learning("a", "", True, 9.0, 200, 0.7, 40.0, 1.0)
        >>> likely_causes(learning)[0]
        'training of task a diverged: its loss rose from 0.7 to 40; lower the learning rate of 9'
    """

    task: str
    holding: str
    trains: bool
    lr: float | None
    steps: int
    first_loss: float
    last_loss: float
    inputs: float
    suggested: float | None = None

    @property
    def change(self) -> float:
        """The last loss as a multiple of the first; NaN if they are not known."""
        if not self.first_loss > 0:
            return math.nan
        return self.last_loss / self.first_loss


def learning_of(view: View, task: Task, losses: Sequence[float | None]) -> Learning:
    """Collect what is known of the training of a task, after the run.

    Args:
        view: The learner.
        task: The task.
        losses: The loss of its first step and the mean loss of its last ones, as a recorder has
            them, or nothing.
    """
    optimizers = view.state.optimizers
    first, last = (math.nan if loss is None else loss for loss in losses or (None, None))
    return Learning(
        task=task.name,
        holding=" + ".join(repr(part) for part in view.state.method.parts if _holds(part)),
        trains=view.state.takes_steps,
        lr=None if optimizers.main is None else optimizers.first_rate,
        steps=view.order(task).steps,
        first_loss=first,
        last_loss=last,
        inputs=_scale(view, task),
    )


def _holds(part: Method) -> bool:
    """Tell whether a method acts on the loss, the gradient or the change of the weights."""
    return any(part.uses(hook) for hook in ("loss", "penalty", "gradient", "update"))


def _scale(view: View, task: Task) -> float:
    """Compute the root mean square of some inputs, as the network gets them."""
    # Data sets of the user may draw random numbers while they are read.
    with view.state.random.aside("scale"):
        x, _, _ = task.train.fetch(torch.arange(min(ROWS, len(task.train))))
        inputs = view.prepare(x.to(view.device), augment=False)
    # Tokens are numbers of words, which have no scale. Several inputs have one each.
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        return math.nan
    return float(inputs.double().square().mean().sqrt())


def likely_causes(learning: Learning) -> list[str]:
    """Say why a task was probably not learnt, and what to change.

    Args:
        learning: What is known of its training.

    Returns:
        At most three sentences without a full stop, the likeliest first. None of them if nothing
        that is known explains it.
    """
    if not learning.trains:
        return []
    causes = [cause for judge in _JUDGES for cause in judge(learning)]
    # Nothing measured shows that a method holds too firmly: it is what is left.
    return causes[:MOST_CAUSES] or _method(learning)


def _diverged(known: Learning) -> list[str]:
    """Judge whether the loss has risen."""
    if not known.change > RISEN:
        return []
    rates = ""
    if known.lr is not None:
        rates = f" of {known.lr:g}"
    return [
        f"training of task {known.task} diverged: its loss rose from {known.first_loss:.3g} to "
        f"{known.last_loss:.3g}; lower the learning rate{rates}"
    ]


def _rate(known: Learning) -> list[str]:
    """Compare the learning rate with one that was found."""
    if known.lr is None or known.suggested is None:
        return []
    ratio = known.suggested / known.lr
    if 1 / APART < ratio < APART:
        return []
    side = "below" if ratio > 1 else "above"
    return [
        f"the learning rate {known.lr:g} is far {side} {known.suggested:g}, which is found on "
        'training examples of the first task; give --lr auto (in Python and in suites, lr="auto")'
    ]


def _steps(known: Learning) -> list[str]:
    """Judge whether there were few steps, and the loss was still high."""
    if known.steps >= FEW_STEPS or known.change < FALLEN:
        return []
    return [
        f"task {known.task} was trained for {known.steps} steps only; give more --epochs (epochs), "
        "or a smaller --batch-size (batch_size)"
    ]


def _inputs(known: Learning) -> list[str]:
    """Judge the scale of the inputs."""
    if known.inputs > LARGE_INPUTS:
        return [
            f"the inputs are not normalised: their root mean square is {known.inputs:.3g}; scale "
            "each column to mean 0 and deviation 1, or pixels to 0 to 1"
        ]
    if known.inputs < SMALL_INPUTS:
        return [
            f"the inputs are small: their root mean square is {known.inputs:.2g}, as that of rows "
            "of length 1; give --optimizer adam, a larger --lr, or scale them"
        ]
    return []


def _learnt_by_heart(known: Learning) -> list[str]:
    """Judge whether the training examples were learnt, unlike the test examples."""
    if not (known.change < FALLEN and known.last_loss < LEARNT_LOSS):
        return []
    return [
        f"the training examples of task {known.task} were learnt (its loss fell from "
        f"{known.first_loss:.3g} to {known.last_loss:.3g}), but not what its test examples ask; "
        "check that both have the same labels and the same kind of inputs"
    ]


def _method(known: Learning) -> list[str]:
    """Name what holds weights, unless the task was trained in part."""
    if not known.holding or known.change < FALLEN:
        return []
    return [
        f"{known.holding} may hold the weights too firmly; try a smaller strength, and compare "
        "with FineTune"
    ]


_JUDGES: tuple[Callable[[Learning], list[str]], ...] = (
    _diverged,
    _rate,
    _inputs,
    _steps,
    _learnt_by_heart,
)
