"""What a run costs: seconds, parameters, bytes."""

import contextlib
import sys
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor

from holdfast.training.state import TrainingState


class CostOfRun(TypedDict):
    """The cost of a run, as plain values.

    Attributes:
        seconds: The seconds by what they were spent on (`progress.CLOCKS`).
        parameters: The network's weights at the end.
        method_bytes: The bytes that the method keeps.
        optimizer_bytes: The bytes that the optimizers keep.
        peak_bytes: The peak memory.
        by_task: The cost after each task (see `cost_after_task`).
    """

    seconds: dict[str, float]
    parameters: int
    method_bytes: int
    optimizer_bytes: int
    peak_bytes: int
    by_task: list[dict[str, float]]


def cost_after_task(state: TrainingState, steps: int) -> dict[str, float]:
    """Return the cost from the start of a run to the end of a task.

    Args:
        state: The state of the learner at the end of the task.
        steps: The steps of this task alone.

    Returns:
        The seconds by clock, and "steps", "parameters", "method_bytes" and "peak_bytes".
    """
    # Rounded, because further digits of a clock are noise.
    seconds = {clock: round(value, 5) for clock, value in state.progress.seconds.items()}
    return seconds | {
        "steps": steps,
        "parameters": count_parameters(state),
        "method_bytes": state.method.state_bytes(),
        "peak_bytes": peak(state.setup.device),
    }


def cost_of_run(
    state: TrainingState, peak_bytes: int, by_task: list[dict[str, float]]
) -> CostOfRun:
    """Return the cost of a whole run.

    Args:
        state: The state of the learner at its end.
        peak_bytes: The peak memory, also of the processes in which the run was begun.
        by_task: The cost after each task.

    Returns:
        The cost.
    """
    return {
        "seconds": {clock: round(value, 4) for clock, value in state.progress.seconds.items()},
        "parameters": count_parameters(state),
        "method_bytes": state.method.state_bytes(),
        "optimizer_bytes": optimizer_bytes(state),
        "peak_bytes": peak_bytes,
        "by_task": by_task,
    }


def count_parameters(state: TrainingState) -> int:
    """Return the number of the network's weights, frozen ones included."""
    return sum(parameter.numel() for parameter in state.model.parameters())


def optimizer_bytes(state: TrainingState) -> int:
    """Return the bytes of the tensors that the optimizers keep per weight, such as momentum."""
    total = 0
    for optimizer in state.optimizers.all().values():
        for of_weight in optimizer.state.values():
            for value in of_weight.values():
                if isinstance(value, Tensor):
                    total += value.numel() * value.element_size()
    return total


def reset_peak(device: torch.device) -> None:
    """Start to measure peak memory anew, because a process may train many runs.

    This works on Linux and for CUDA. Elsewhere the peak is that of the whole process.

    Args:
        device: Where the run trains.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        # Writing 5 to this file resets VmHWM (proc(5)). Containers may forbid it.
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak(device: torch.device) -> int:
    """Return the peak memory in bytes since `reset_peak`.

    Args:
        device: Where the run trains.

    Returns:
        Allocated memory of a GPU, otherwise resident memory of this process. 0 on systems that do
        not say.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                kilobytes = int(line.split()[1])
                return kilobytes * 1024
    return _peak_of_process()


def _peak_of_process() -> int:
    """Return the largest resident memory of this process so far, or 0 if it is unknown."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sys.platform == "darwin":  # macOS counts bytes, other systems kilobytes
        return int(largest)
    return int(largest * 1024)
