"""From a finished run to its record, which is what stays of it."""

import math
import os
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast import __version__
from holdfast.results.cost import DeclaredGrowth, RunCost
from holdfast.results.curves import BoundaryDetection, TrainingCurves
from holdfast.results.parts import Plain, as_json
from holdfast.results.record import LIKELY_CAUSE, RunResult
from holdfast.results.run_settings import RunSettings
from holdfast.runs.config import RunConfig
from holdfast.runs.data_config import STREAMS
from holdfast.runs.folders import contents

if TYPE_CHECKING:
    from holdfast.methods.method import Method
    from holdfast.streams.task import Stream
    from holdfast.training import Learner, Run

GROWTH = ("none", "constant", "linear", "quadratic")  # from the slowest to the fastest


def record_of(
    config: RunConfig,
    label: str,
    stream: "Stream",
    learner: "Learner",
    run: "Run",
    *,
    data_dir: str | None,
    device: str,
    warnings: Sequence[str],
) -> RunResult:
    """Collect everything that stays of a run.

    Args:
        config: The settings of the run.
        label: The method as tables call it.
        stream: What the learner was trained on.
        learner: The learner after its last task.
        run: What training has measured.
        data_dir: The folder of data sets.
        device: Where the learner was trained.
        warnings: The messages of all warnings during the run.

    Returns:
        The record, in which every value is checked.
    """
    values: dict[str, object] = {
        "hash": config.hash,
        "streams": STREAMS if config.data.versioned else 1,
        "label": label,
        "config": RunSettings.model_validate(config.plain()),
        "data": contents(config, data_dir),
        "declared": declared_growth(learner.method.parts),
        "arguments": as_json({part.name: part.arguments for part in learner.method.parts}),
        "seed": config.seed,
        "versions": _versions(),
        "machine": _machine(device),
        "chance": _chance(stream),
        **_of_training(run),
        "weights": _weights_digest(learner),
        "weak": weaknesses(config),
        # Causes keep their order, in which the likeliest comes first.
        "warnings": sorted(warnings, key=_without_cause),
    }
    if config.training.lr == "auto":
        values["found_lr"] = learner.state.optimizers.first_rate
    return RunResult.model_validate(values)


def _of_training(run: "Run") -> dict[str, object]:
    """Collect what training has measured, by the names of the record."""
    return {
        "outputs_exist": run.outputs_exist,
        "matrix": run.matrix,
        "validation": run.validation,
        "curves": _curves(run),
        "cost": RunCost.model_validate(run.cost),
        "detection": _detection(run),
    }


def _without_cause(warning: str) -> str:
    """Return what a warning is sorted by: all likely causes are alike."""
    if warning.startswith(LIKELY_CAUSE):
        return LIKELY_CAUSE
    return warning


def _weights_digest(learner: "Learner") -> str:
    """Compute a digest of all weights, by which two runs can be compared bit for bit."""
    from holdfast.training.checkpoint_file import checksum

    state = learner.model.state_dict()
    # A digest is of bytes, which are read on the CPU wherever the learner was trained.
    return checksum({name: tensor.cpu() for name, tensor in state.items()})


def _chance(stream: "Stream") -> float:
    """Compute the score of guessing on the first task."""
    first, last = stream.tasks[0].outputs
    return 1 / max(1, last - first)


def declared_growth(parts: Sequence["Method"]) -> DeclaredGrowth:
    """Say how the cost of a method grows with the number of tasks.

    Args:
        parts: The parts of the method.

    Returns:
        The fastest growth that any part declares, for each kind of cost.
    """
    declarations = [part.declare() for part in parts]
    return DeclaredGrowth(
        memory=max((declared.memory for declared in declarations), key=GROWTH.index),
        parameters=max((declared.parameters for declared in declarations), key=GROWTH.index),
        time=max((declared.time for declared in declarations), key=GROWTH.index),
    )


def weaknesses(config: RunConfig) -> list[str]:
    """Say what speaks against a result.

    Args:
        config: The settings of the run.

    Returns:
        Remarks about features that know later tasks, and about a method that does not suit the
        scenario by its own declaration.
    """
    from holdfast.methods import parse_method

    remarks = []
    if config.data.features == "tfidf-all-tasks":
        remarks.append(
            "the features of texts were fitted on all tasks, so they know words of tasks that "
            "had not come yet"
        )
    parts = parse_method(config.method).parts
    # A sum may repair the weakness of one of its parts, so only a single method is judged.
    if len(parts) == 1:
        weak = dict(parts[0].declare().weak)
        if config.scenario in weak:
            remarks.append(f"{parts[0].name}: {weak[config.scenario]}")
    return remarks


def _versions() -> dict[str, Plain]:
    """List the versions of everything that may change a result."""
    import numpy
    import torch

    return {
        "holdfast": __version__,
        "torch": str(torch.__version__),
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }


def _machine(device: str) -> dict[str, Plain]:
    """List the facts about the machine that times depend on."""
    import torch

    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
    }


def _curves(run: "Run") -> TrainingCurves | None:
    """Take the scores during training, if they were measured."""
    if run.curves is None:
        return None
    return TrainingCurves(
        steps=[int(step) for step in run.curves.steps],
        scores=[[_measured(score) for score in row] for row in run.curves.scores],
        ends=[int(end) for end in run.curves.ends],
        zero_shot=list(run.zero_shot),
    )


def _measured(score: float) -> float | None:
    """Replace NaN, which marks a task that was not evaluated, by what JSON has for it."""
    return None if math.isnan(score) else score


def _detection(run: "Run") -> BoundaryDetection | None:
    """Take how task boundaries were found, if none was announced."""
    from holdfast.training.boundary_free import BoundaryFreeRun

    if not isinstance(run, BoundaryFreeRun):
        return None
    detection = run.detection
    return BoundaryDetection(
        declared=run.declared,
        true=run.true,
        delays=list(detection.delays),
        false_alarms=detection.false_alarms,
        online_accuracy=run.online,
    )
