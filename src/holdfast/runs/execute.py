"""One run, from its settings to its result."""

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from holdfast.results import RunResult
from holdfast.runs.config import RunConfig
from holdfast.runs.recording import record_of

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
) -> RunResult:
    """Trains and evaluates one run in this process; returns its result. Goes on from the newest checkpoint in `folder`, where given.

    `keep`: leaves the learner there as it was after every task.
    """
    from holdfast.runs.build import build_learner, build_stream
    from holdfast.streams.drift import Detector
    from holdfast.training.boundary_free import fit_boundary_free
    from holdfast.training.checkpoint import Checkpoints

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
    return record_of(
        config,
        label,
        stream,
        learner,
        run,
        data_dir=data_dir,
        device=device,
        warnings=said,
    )


def _messages(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    return [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
