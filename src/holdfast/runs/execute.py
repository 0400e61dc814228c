"""One run, from its settings to its result."""

import os
import platform
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from holdfast import __version__
from holdfast.runs.config import STREAMS, RunConfig
from holdfast.runs.folders import FORMAT, contents

CHECKPOINT_EVERY = 30.0  # seconds
MOST_SEGMENTS = 50  # classes, counted in every task, up to which each gets scores of its own
Tell = Callable[
    [str, float, int], None
]  # label of the run in progress, tasks done (with a fraction), tasks in all


def execute(
    config: RunConfig,
    label: str,
    data_dir: str | None,
    device: str,
    tell: Tell | None = None,
    folder: Path | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    keep: bool = False,
) -> dict[str, Any]:
    """Trains and evaluates one run in this process; returns its result. Goes on from the newest checkpoint in `folder`, where given.

    `keep`: leaves the learner there as it was after every task.
    """
    import numpy
    import torch

    from holdfast.runs.build import build_learner, build_stream
    from holdfast.streams.drift import Detector
    from holdfast.training.boundary_free import fit_boundary_free
    from holdfast.training.checkpoint import Checkpoints, checksum

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        stream = build_stream(config, data_dir)
        learner = build_learner(config, stream, device)
        progress = (
            None
            if tell is None
            else (lambda task, step, steps: tell(label, task.index + step / steps, len(stream)))
        )
        saves = (
            Checkpoints(folder, checkpoint_every, notes=lambda: _messages(caught))
            if folder
            else None
        )
        if (boundaries := config.training.boundaries) == "known":
            run = learner.fit(
                stream,
                evaluate_every=config.training.evaluate_every,
                segments=sum(len(t.labels) for t in stream) <= MOST_SEGMENTS,
                progress=progress,
                checkpoints=saves,
                keep=folder if keep else None,
            )
        else:
            run = fit_boundary_free(
                learner,
                stream,
                None if boundaries == "never" else Detector(boundaries),
                progress=progress,
            )
    said = _messages(caught)
    for message in said:
        if "checkpoint" in message:
            print(f"holdfast: {message}", file=sys.stderr, flush=True)
    said = [
        m
        for m in dict.fromkeys([*(saves.noted or () if saves else ()), *said])
        if "checkpoint" not in m
    ]
    return {
        "format": FORMAT,
        "hash": config.hash,
        "streams": STREAMS if config.data.versioned else 1,
        "label": label,
        "config": config.plain(),
        "data": contents(config, data_dir),
        "declared": _declared(learner.method.parts),
        "arguments": {p.name: p.arguments for p in learner.method.parts},
        "seed": config.seed,
        "versions": {
            "holdfast": __version__,
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "device": device,
        },
        "chance": 1 / max(1, stream.tasks[0].outputs[1] - stream.tasks[0].outputs[0]),
        "outputs_exist": run.outputs_exist,
        "matrix": run.matrix.to_json(),
        "validation": run.validation.to_json() if run.validation else None,
        "curves": _curves(run),
        "cost": run.cost,
        "weights": checksum({k: v.cpu() for k, v in learner.model.state_dict().items()}),
        "weak": weaknesses(config),
        "detection": _detection(run),
        "warnings": sorted(said),
    }


def _curves(run: Any) -> dict[str, Any] | None:
    """Scores during training as JSON; None where there are none."""
    if run.curves is None:
        return None
    scores = [[None if v != v else v for v in row] for row in run.curves.scores]
    return {
        "steps": list(run.curves.steps),
        "scores": scores,
        "ends": list(run.curves.ends),
        "zero_shot": run.zero_shot,
    }


def _detection(run: Any) -> dict[str, Any] | None:
    """How boundaries were found; None where they were announced."""
    from holdfast.training.boundary_free import BoundaryFreeRun

    if not isinstance(run, BoundaryFreeRun):
        return None
    found = run.detection
    return {
        "declared": run.declared,
        "true": run.true,
        "delays": list(found.delays),
        "false_alarms": found.false_alarms,
        "online_accuracy": run.online,
    }


def _messages(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    return [str(w.message) for w in caught if issubclass(w.category, UserWarning)]


def _declared(parts: Sequence[Any]) -> dict[str, str]:
    """How the method says that its cost grows with the number of tasks: of its parts, the fastest growth."""
    order = ("none", "constant", "linear", "quadratic")
    return {
        k: max((getattr(p.declare(), k) for p in parts), key=order.index)
        for k in ("memory", "parameters", "time")
    }


def weaknesses(config: RunConfig) -> list[str]:
    """What speaks against a result: features that know later tasks, and what the method declares of this scenario."""
    from holdfast.methods import parse_method

    found = []
    if config.data.features == "tfidf-all-tasks":
        found.append(
            "the features of texts were fitted on all tasks, so they know words of tasks that had not come yet"
        )
    parts = parse_method(config.method).parts
    if len(parts) == 1 and config.scenario in (weak := dict(parts[0].declare().weak)):
        found.append(f"{parts[0].name}: {weak[config.scenario]}")
    return found
