"""One run, from its settings to its result."""

import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, UnlearntWarning
from holdfast.results import RunResult
from holdfast.results.record import LIKELY_CAUSE
from holdfast.runs.config import RunConfig
from holdfast.runs.examples import write_examples
from holdfast.runs.own_method import checked_code
from holdfast.runs.recording import record_of

if TYPE_CHECKING:
    from holdfast.streams.task import Stream
    from holdfast.training import Learner, Run
    from holdfast.training.checkpoint import Checkpoints
    from holdfast.training.display import Moment, Watch

AUTO = "auto"  # the learning rate that is found on the first task
CHECKPOINT_EVERY = 30.0  # seconds
# Classes, counted in every task, up to which each gets scores of its own. With more of them, a
# result would consist of little else.
MOST_SEGMENTS = 50
# Called from time to time in a run, with the moment that it has reached.
Tell = Callable[["Moment"], None]


def execute(
    config: RunConfig,
    label: str,
    data_dir: str | None = None,
    device: str = "cpu",
    tell: Tell | None = None,
    folder: Path | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    keep: bool = False,
    examples: bool = False,
) -> RunResult:
    """Train and evaluate one run in this process.

    Args:
        config: The settings of the run.
        label: The method as tables call it.
        data_dir: The folder of data sets. None: that of the environment.
        device: The device to train on.
        tell: Called from time to time with how far the run has come.
        folder: The folder for checkpoints, from which a run that was killed continues. None: none.
        checkpoint_every: The time between checkpoints, in seconds.
        keep: Whether the learner stays in the folder as it was after every task.
        examples: Whether the final score of each test example is written into the folder.

    Returns:
        The result.

    Raises:
        HoldfastError: The settings do not go together, a file could not be written, or the source
            of an own method was edited since the settings were made.
    """
    # A worker process imports an own method by itself, perhaps after an edit.
    checked_code(config.method, config.code, [config.training.loss, config.training.scorer])
    with warnings.catch_warnings(record=True) as caught:
        # Every warning belongs to the result, also one that this process has shown before.
        warnings.simplefilter("always", UserWarning)
        stream, learner = _built(config, data_dir, device)
        checkpoints = _checkpoints(folder, checkpoint_every, caught)
        watch = _watch(tell, learner, stream)
        run = _train(config, stream, learner, watch, checkpoints, folder if keep else None)
        causes = _causes(config, stream, run, device)
    _tell_of_checkpoints(caught)
    messages = [*_messages_so_far(checkpoints, caught), *causes]
    result = record_of(
        config, label, stream, learner, run, data_dir=data_dir, device=device, warnings=messages
    )
    # This comes last, so that the seconds in the result are those of the run alone.
    if examples and folder is not None:
        write_examples(folder, learner, stream)
    return result


def _built(config: RunConfig, data_dir: str | None, device: str) -> "tuple[Stream, Learner]":
    """Build the stream of a run, and the learner for it."""
    # Only training needs PyTorch, which takes seconds to load.
    from holdfast.runs.build import build_learner, build_stream

    stream = build_stream(config, data_dir)
    return stream, build_learner(config, stream, device)


def _tell_of_checkpoints(caught: Sequence[warnings.WarningMessage]) -> None:
    """Print what was wrong with checkpoints."""
    # The user should know that a checkpoint was damaged, but the result is none the worse for it.
    for message in _about_checkpoints(caught):
        print(f"holdfast: {message}", file=sys.stderr, flush=True)


def _checkpoints(
    folder: Path | None, every: float, caught: Sequence[warnings.WarningMessage]
) -> "Checkpoints | None":
    """The checkpoints of a run, which keep its warnings: a run that continues repeats none."""
    from holdfast.training.checkpoint import Checkpoints

    if folder is None:
        return None
    checkpoints = Checkpoints(folder, every, lambda: _messages_so_far(checkpoints, caught))
    return checkpoints


def _messages_so_far(
    checkpoints: "Checkpoints | None", caught: Sequence[warnings.WarningMessage]
) -> list[str]:
    """The messages of all parts of a run, which may have been interrupted several times."""
    messages = _about_the_run(caught)
    if checkpoints is not None and checkpoints.noted is not None:
        messages = [*checkpoints.noted, *messages]
    # Each is named once, in the order in which they came.
    return list(dict.fromkeys(messages))


def _train(
    config: RunConfig,
    stream: "Stream",
    learner: "Learner",
    watch: "Watch | bool",
    checkpoints: "Checkpoints | None",
    kept_in: Path | None,
) -> "Run":
    """Train on every task, with or without announced task boundaries."""
    from holdfast.streams.drift import Detector
    from holdfast.training.boundary_free import fit_boundary_free

    boundaries = config.training.boundaries
    # Without a detector no boundary is ever declared.
    if boundaries != "known":
        detector = None
        if boundaries != "never":
            detector = Detector(boundaries)
        return fit_boundary_free(learner, stream, detector, progress=watch)
    # A segment is a class of a task.
    classes = sum(len(task.labels) for task in stream)
    return learner.fit(
        stream,
        evaluate_every=config.training.evaluate_every,
        segments=classes <= MOST_SEGMENTS,
        progress=watch,
        checkpoints=checkpoints,
        keep=kept_in,
    )


def _causes(config: RunConfig, stream: "Stream", run: "Run", device: str) -> list[str]:
    """Say why tasks were probably not learnt, as warnings of the result."""
    from holdfast.runs.build import build_learner
    from holdfast.training.causes import likely_causes

    known = run.learning
    if known is None or not known.trains:
        return []
    # What a search would have found costs little beside the run, and often is the answer.
    if config.training.lr != AUTO:
        training = config.training.model_copy(update={"lr": AUTO})
        searcher = build_learner(config.model_copy(update={"training": training}), stream, device)
        searcher.setup.augment = stream.augment
        with suppress(HoldfastError):
            known = replace(known, suggested=searcher.rate.find(stream[0]).lr)
    return [f"{LIKELY_CAUSE}{cause}" for cause in likely_causes(known)]


def _watch(tell: Tell | None, learner: "Learner", stream: "Stream") -> "Watch | bool":
    """Make what is told of each step, or False if nobody wants to know."""
    from holdfast.training.display import Pulse

    if tell is None:
        return False
    return Pulse(tell, {task.index: learner.view.order(task).steps for task in stream})


def _about_the_run(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """The messages that belong to the result, because another run would have them as well."""
    from holdfast.training.checkpoint import CheckpointWarning

    messages = []
    for warning in caught:
        is_ours = issubclass(warning.category, UserWarning)
        # What was not learnt is found again in the scores, and its causes are warnings already.
        if is_ours and not issubclass(warning.category, CheckpointWarning | UnlearntWarning):
            messages.append(str(warning.message))
    return messages


def _about_checkpoints(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """The messages about this machine's files, which say nothing about the result."""
    from holdfast.training.checkpoint import CheckpointWarning

    return [str(w.message) for w in caught if issubclass(w.category, CheckpointWarning)]
