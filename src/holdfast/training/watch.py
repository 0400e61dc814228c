"""What is watched while training: losses that become NaN, strengths that make descent unstable."""

import math
import warnings

import torch
from torch import Tensor
from torch.optim import Optimizer

from holdfast.errors import HoldfastError

CHECK_EVERY = 50  # steps between looks where looking makes the device wait


class LossWatch:
    """Stops a run whose loss is no longer a number; on a device it looks at many losses at once."""

    def __init__(self) -> None:
        self.kept: list[Tensor] = []

    def see(self, loss: Tensor, step: int, task: str) -> None:
        """Takes the loss of a step."""
        if loss.device.type == "cpu":
            self._judge(loss.item(), step, task)
            return
        self.kept.append(loss)
        if len(self.kept) >= CHECK_EVERY:
            self.look(step, task)

    def look(self, step: int, task: str) -> None:
        """Reads the losses kept so far; `step` is that of the last."""
        losses, self.kept = self.kept, []
        for k, value in enumerate(torch.stack(losses).tolist() if losses else []):
            self._judge(value, step - (len(losses) - 1 - k), task)

    def _judge(self, value: float, step: int, task: str) -> None:
        if not math.isfinite(value):
            raise HoldfastError(
                f"the loss became {value} at step {step} of task {task!r}; likely causes: a learning rate that is too large, a strength "
                "that makes descent unstable (see the warning, if any), NaN in the inputs; lower the rate or the strength, or set clip"
            )


def warn_if_unstable(optimizer: Optimizer | None, strength: float, largest: float) -> None:
    """Warns where strength × learning rate × largest curvature exceeds 2: plain gradient descent then diverges."""
    if not isinstance(optimizer, torch.optim.SGD) or largest <= 0:
        return
    lr = max(float(g["lr"]) for g in optimizer.param_groups)
    if strength * lr * largest > 2:
        warnings.warn(
            f"strength {strength:g} × learning rate {lr:g} × largest Fisher {largest:.3g} = {strength * lr * largest:.3g} exceeds 2, "
            f"so gradient descent is unstable; the largest safe strength is {2 / (lr * largest):.3g}",
            stacklevel=4,
        )
