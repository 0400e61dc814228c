"""What a run costs: seconds, parameters, bytes."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from holdfast.training.state import TrainingState


def cost_after_task(state: TrainingState, steps: int) -> dict[str, float]:
    """The cost so far, at the end of a task that took so many steps."""
    seconds = {clock: round(value, 5) for clock, value in state.progress.seconds.items()}
    return seconds | {
        "steps": steps,
        "parameters": count_parameters(state),
        "method_bytes": state.method.state_bytes(),
        "peak_bytes": peak(state.setup.device),
    }


def cost_of_run(
    state: TrainingState, peak_bytes: int, by_task: list[dict[str, float]]
) -> dict[str, Any]:
    """The cost of a whole run, and what it was after each task."""
    return {
        "seconds": {clock: round(value, 4) for clock, value in state.progress.seconds.items()},
        "parameters": count_parameters(state),
        "method_bytes": state.method.state_bytes(),
        "optimizer_bytes": optimizer_bytes(state),
        "peak_bytes": peak_bytes,
        "by_task": by_task,
    }


def count_parameters(state: TrainingState) -> int:
    """The number of the network's weights, frozen ones included."""
    return sum(parameter.numel() for parameter in state.model.parameters())


def optimizer_bytes(state: TrainingState) -> int:
    """The bytes of what the optimizers remember of the weights."""
    total = 0
    for optimizer in state.optimizers.all().values():
        for remembered in optimizer.state.values():
            for value in remembered.values():
                if isinstance(value, Tensor):
                    total += value.numel() * value.element_size()
    return total


def reset_peak(device: torch.device) -> None:
    """Start the measurement of peak memory anew, so that a process may train many runs.

    This works on Linux and for CUDA. Elsewhere the peak is that of the whole process.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        with contextlib.suppress(OSError):  # if it is not allowed, the whole process counts
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak(device: torch.device) -> int:
    """Peak memory in bytes: that of a GPU, otherwise the resident memory of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return _peak_of_process()


def _peak_of_process() -> int:
    """The largest resident memory of this process so far; 0 on systems that do not tell."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    in_bytes = sys.platform == "darwin"  # elsewhere in kilobytes
    return int(largest if in_bytes else largest * 1024)
