"""Learners on disk: saved whole, and restored whole or not at all.

A run keeps its newest two checkpoints, because the newest may be damaged.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from holdfast.errors import HoldfastError, first_line, require
from holdfast.files import make_folder
from holdfast.results.file_names import CHECKPOINT, CHECKPOINT_BEFORE
from holdfast.streams.task import Task
from holdfast.training import checkpoint_file, contents
from holdfast.training.checkpoint_file import DamagedCheckpoint
from holdfast.training.recorder import Recorder
from holdfast.training.saved import SavedState
from holdfast.training.state import Between, Resuming, TrainingState
from holdfast.training.undo import Backup

NOT_OF_A_RUN = "it was not written by a run of holdfast"


class CheckpointWarning(UserWarning):
    """A warning about a checkpoint's file, which says nothing about the result of the run."""


@dataclass(frozen=True)
class More:
    """What a file holds besides the state of a learner.

    Args:
        tensors: Tensors by their names in the file.
        learner: What makes it a whole learner (`training.later.records`).
    """

    tensors: Mapping[str, Tensor]
    learner: Mapping[str, object]


def save(
    state: TrainingState,
    path: Path,
    beside: object = None,
    before: Path | None = None,
    more: More | None = None,
) -> None:
    """Write a checkpoint as one step, so that a crash leaves the file from before.

    Args:
        state: The state of the learner.
        path: The file. Missing parent folders are made.
        beside: Plain values (JSON) to keep with the learner.
        before: Where the file from before is kept. By default it is replaced.
        more: What the file is to hold besides. None: it can only be loaded into a learner that was
            built with the same arguments.

    Raises:
        HoldfastError: The file could not be written. The one from before is still there.
    """
    tensors, plain = state.saved().to_file()
    if more is not None:
        tensors = {**tensors, **more.tensors}
        plain = {**plain, "learner": more.learner}
    checkpoint_file.write(path, tensors, {**plain, "beside": beside}, before)


def make_ready(folder: Path) -> None:
    """Make a folder for checkpoints, so that a run does not fail at its first one.

    Args:
        folder: The folder.

    Raises:
        MissingExtra: The package that writes checkpoints is not installed.
        HoldfastError: The folder cannot be made, or no file can be written into it.
    """
    require("train", "safetensors")  # it is imported late, when a checkpoint is written
    make_folder(folder)


def load(state: TrainingState, path: Path, tasks: list[Task]) -> object:
    """Restore a learner from a checkpoint. One that does not fit leaves the learner as it was.

    Args:
        state: The state of a learner that was built with the same arguments as the saved one.
        path: The checkpoint.
        tasks: The tasks so far, or all of them, in order.

    Returns:
        What was kept beside the learner.

    Raises:
        DamagedCheckpoint: The file is cut off or was altered.
        HoldfastError: The file is no checkpoint, or does not fit this learner.
    """
    tensors, plain = checkpoint_file.read(path)
    return put(state, f"checkpoint {path}", tensors, plain, tasks).beside


def put(
    state: TrainingState,
    source: str,
    tensors: Mapping[str, Tensor],
    plain: Mapping[str, object],
    tasks: list[Task],
    check: Callable[[contents.About], None] | None = None,
) -> contents.About:
    """Restore a learner from the content of a checkpoint, as `load` does.

    Args:
        state: The state of the learner.
        source: What messages call the checkpoint.
        tensors: Its tensors by name.
        plain: Its plain values.
        tasks: The tasks so far, or all of them, in order.
        check: Checks what else the checkpoint holds, before the learner is touched.

    Returns:
        The plain values, checked.

    Raises:
        HoldfastError: It does not fit this learner, which then stays as it was.
    """
    with _unchanged_on_failure(state, source):
        about = contents.check_about(plain, tensors)
        if check is not None:
            check(about)
        saved = SavedState.from_file(tensors, about)
        _check_same_learner(state, saved)
        names = saved.progress.names
        contents.check_tasks(names, [task.name for task in tasks])
        # The network grows to its shape of then, so that the tensors fit. Its new outputs are drawn
        # at random first, from the learner's own stream, which is restored later.
        with state.random.active():
            state.head.restore(saved.head)
            _make_task_rows(state.model, len(names) - saved.active)
        state.tasks = tasks[: len(names)]
        state.bind(thorough=True)
        _renew_optimizer(state, begun=bool(names))
        state.restore(saved)
        # The checkpoint holds the learning rate that was found before its first task.
        if names and state.optimizers.unknown_rate is not None:
            state.optimizers.settle(state.optimizers.first_rate)
        if saved.active:
            state.phase = Resuming(saved, source)
        else:
            state.phase = Between()
    return about


def _renew_optimizer(state: TrainingState, begun: bool) -> None:
    """Make the optimizer as it was when the first task began, so that its saved state fits."""
    if not begun:
        state.optimizers.forget()  # it is made when the first task begins
        return
    state.optimizers.make(state.space.named, renew=True, takes_steps=state.takes_steps)


def restore_again(state: TrainingState, phase: Resuming) -> None:
    """Put a loaded state back once more, after its task was begun a second time.

    Args:
        state: The state of the learner.
        phase: What was loaded.

    Raises:
        HoldfastError: It does not fit. The learner is then as it was.
    """
    with _unchanged_on_failure(state, phase.source):
        state.restore(phase.saved)


def _check_same_learner(state: TrainingState, saved: SavedState) -> None:
    """Refuse a checkpoint of another method, another scenario or another seed."""
    method = repr(state.method)
    # Earlier versions wrote a class of the user's without its module, as notebooks still do.
    if saved.spec == " + ".join(part.written(part.name) for part in state.method.parts):
        method = saved.spec
    pairs = {
        "method": (saved.spec, method),
        "scenario": (saved.scenario, state.setup.scenario),
        "seed": (saved.seed, state.setup.seed),
    }
    for key, (theirs, ours) in pairs.items():
        # Another seed would continue with other batches, and the run would be neither's.
        if theirs != ours:
            raise HoldfastError(f"its {key} is {theirs!r}, this learner's is {ours!r}")


def _make_task_rows(model: nn.Module, ended: int) -> None:
    """Give every buffer that has one row per ended task as many rows."""
    for module in model.modules():
        for name in getattr(module, "per_task", ()):
            before = module.get_buffer(name)
            setattr(module, name, before.new_zeros(ended, *before.shape[1:]))


@contextmanager
def _unchanged_on_failure(state: TrainingState, source: str) -> Iterator[None]:
    """Undo everything that was put into a learner if not all of it fits."""
    backup = Backup(state)
    try:
        yield
    except BaseException as error:  # a keyboard interrupt must not leave half a state, either
        backup.undo()
        if not isinstance(error, Exception):
            raise
        raise HoldfastError(
            f"{source} does not fit this learner: {first_line(error)}; build the model, the method "
            "and the learner as they were when it was saved, or delete it to train from the start"
        ) from None


# ---- of a run


class Checkpoints:
    """The newest two checkpoints of a run in a folder, written regularly while it trains.

    Args:
        folder: Where they are.
        every: Seconds between two. Writing takes at most 1/50 of the time, so slow disks get fewer.
        notes: Returns texts to keep with each checkpoint, such as warnings.

    Attributes:
        newest: The file of the newest.
        before: The file of the one before.
        noted: The notes of the checkpoint from which the run was resumed, if there is one.
    """

    SHARE = 50  # saving takes at most 1/50 of the time

    def __init__(
        self,
        folder: str | Path,
        every: float = 30.0,
        notes: Callable[[], list[str]] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.every = every
        self.noted: list[str] | None = None
        self._notes = notes
        self.newest = self.folder / CHECKPOINT
        self.before = self.folder / CHECKPOINT_BEFORE
        self._next = time.monotonic() + every

    def due(self) -> bool:
        """Return whether it is time for the next."""
        return time.monotonic() >= self._next

    def write(self, state: TrainingState, recorder: Recorder) -> None:
        """Write one. The newest becomes the one before.

        Args:
            state: The state of the learner.
            recorder: The measurements of the run so far.

        Raises:
            HoldfastError: It could not be written.
        """
        start = time.monotonic()
        notes = None
        if self._notes is not None:
            notes = self._notes()
        beside = {"run": recorder.to_plain(), "notes": notes}
        save(state, self.newest, beside, self.before)
        now = time.monotonic()
        pause = self.every
        if self.every:  # 0 asks for one after every step, whatever it costs
            pause = max(self.every, self.SHARE * (now - start))
        self._next = now + pause

    def resume(self, state: TrainingState, tasks: list[Task]) -> Recorder | None:
        """Restore the newest whole checkpoint.

        Args:
            state: The state of a fresh learner.
            tasks: The tasks of the stream.

        Returns:
            The measurements of the run until then, or None if there is no whole checkpoint.

        Raises:
            HoldfastError: A whole checkpoint does not fit the learner.
        """
        for path in (self.newest, self.before):
            if not path.exists():
                continue
            try:
                beside = load(state, path, tasks)
            # Only damage leads to the one before. One that does not fit is an error of the user.
            except DamagedCheckpoint as error:
                advice = "the run resumes from the one before, or from the start"
                message = str(error).replace("use the one before", advice)
                warnings.warn(message, CheckpointWarning, stacklevel=2)
                continue
            if not isinstance(beside, dict) or beside.keys() != {"run", "notes"}:
                raise HoldfastError(NOT_OF_A_RUN)
            self.noted = _texts(beside["notes"])
            return Recorder.from_plain(beside["run"])
        return None

    def clear(self) -> None:
        """Delete them, and what a killed process left of one."""
        if self.folder.is_dir():
            for path in self.folder.glob("*checkpoint*.safetensors*"):
                path.unlink(missing_ok=True)


def _texts(notes: object) -> list[str] | None:
    """Return the notes of a checkpoint, if they are texts."""
    if notes is None:
        return None
    if not isinstance(notes, list):
        raise HoldfastError(NOT_OF_A_RUN)
    if not all(isinstance(note, str) for note in notes):
        raise HoldfastError(NOT_OF_A_RUN)
    return notes


def as_checkpoints(checkpoints: str | Path | Checkpoints | None) -> Checkpoints | None:
    """Return the checkpoints of a folder if it is given by its path."""
    if isinstance(checkpoints, str | Path):
        return Checkpoints(checkpoints)
    return checkpoints
