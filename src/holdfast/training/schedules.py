"""Schedules of the learning rate by name."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

from holdfast.errors import unknown

SCHEDULES = ("constant", "cosine", "step")


def schedule(name: str, steps: int, opt: Optimizer) -> LRScheduler | None:
    """Make a schedule of the learning rate over the steps of one task.

    Args:
        name: "constant", "cosine" (to 0), or "step" (divided by 10 after 1/2 and after 3/4).
        steps: The steps of the task.
        opt: The optimizer whose rate is set.

    Returns:
        The schedule, or None for a constant rate.

    Raises:
        HoldfastError: There is no such schedule.
    """
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    if name == "cosine":
        # A task may have no steps, and PyTorch divides by their number.
        return CosineAnnealingLR(opt, max(steps, 1))
    if name == "step":
        return MultiStepLR(opt, [steps // 2, steps * 3 // 4])
    return None
