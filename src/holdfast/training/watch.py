"""Two signs of a training that fails: a loss that is NaN, and a penalty that is too strong."""

import math
import warnings

import torch
from torch import Tensor
from torch.optim import Optimizer

from holdfast.errors import HoldfastError

# Steps between two looks at the losses on an accelerator, where each look makes the host wait.
CHECK_EVERY = 50


class DivergedTraining(HoldfastError):
    """A loss that is no finite number."""


class LossWatch:
    """Stops a run whose loss is NaN or infinite.

    Without it, a run would train to its end, and its scores would be those of a broken network. On
    the CPU each loss is read at once. On an accelerator, reading makes the host wait for the
    device, so losses are kept and read together.
    """

    def __init__(self) -> None:
        self._unread: list[Tensor] = []

    def see(self, loss: Tensor, step: int, task: str) -> None:
        """Take the loss of a step.

        Args:
            loss: The loss, a tensor without dimensions.
            step: The number of the step in its task.
            task: The name of the task.

        Raises:
            HoldfastError: This loss, or one that was kept, is no finite number.
        """
        if loss.device.type == "cpu":
            self._check(loss.item(), step, task)
            return
        self._unread.append(loss)
        if len(self._unread) >= CHECK_EVERY:
            self.look(step, task)

    def look(self, step: int, task: str) -> None:
        """Read the losses that were kept so far.

        Args:
            step: The number of the step of the last of them.
            task: The name of the task.

        Raises:
            HoldfastError: One of them is no finite number.
        """
        if not self._unread:
            return
        losses = self._unread
        self._unread = []
        first_step = step - len(losses) + 1
        # One transfer from the device for all of them.
        for number, value in enumerate(torch.stack(losses).tolist(), first_step):
            self._check(value, number, task)

    def _check(self, value: float, step: int, task: str) -> None:
        """Refuse a loss that is no finite number."""
        if math.isfinite(value):
            return
        raise DivergedTraining(
            f"the loss became {value} at step {step} of task {task!r}; likely causes are a "
            "learning rate that is too large, a strength that makes descent unstable (see the "
            "warning, if any), or NaN in the inputs. Lower the rate or the strength, or set clip"
        )


def warn_if_unstable(optimizer: Optimizer | None, strength: float, largest: float) -> None:
    """Warn if a quadratic penalty makes plain gradient descent diverge.

    Descent with rate η on a penalty of curvature λF is stable while η λF ≤ 2. Momentum and adaptive
    rates change this limit, so other optimizers than SGD are not judged.

    Args:
        optimizer: The learner's optimizer, or None if there is none.
        strength: The factor λ of the penalty.
        largest: The largest entry of the penalty's curvature F, without its factor.
    """
    if not isinstance(optimizer, torch.optim.SGD) or largest <= 0:
        return
    rate = max(float(group["lr"]) for group in optimizer.param_groups)
    product = strength * rate * largest
    if product > 2:
        warnings.warn(
            f"strength {strength:g} × learning rate {rate:g} × largest Fisher {largest:.3g} = "
            f"{product:.3g} exceeds 2, so gradient descent is unstable; the largest safe strength "
            f"is {2 / (rate * largest):.3g}",
            stacklevel=4,
        )
