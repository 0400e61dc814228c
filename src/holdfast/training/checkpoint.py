"""Learners on disk: tensors as safetensors, everything else as JSON in its header. No pickle; what is not known is refused.

A checksum over all of it is kept beside; a run keeps its newest two checkpoints, so that one may be damaged.
"""

import hashlib
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, MissingExtra, first_line, reading
from holdfast.results.file_names import CHECKPOINT, CHECKPOINT_BEFORE
from holdfast.streams.task import Task
from holdfast.training import contents
from holdfast.training.contents import FORMAT
from holdfast.training.recorder import Recorder
from holdfast.training.saved import SavedState
from holdfast.training.state import Between, Resuming, TrainingState
from holdfast.training.undo import Photograph


class DamagedCheckpoint(HoldfastError):
    """A checkpoint that is cut off or was altered."""


class CheckpointWarning(UserWarning):
    """A warning about a checkpoint's file. It says nothing about the result of the run."""


def save(state: TrainingState, path: Path, beside: Any = None, before: Path | None = None) -> None:
    """Writes beside the target and renames, so that a crash leaves the file before; that one is kept as `before` where given.

    `beside`: plain values (JSON) to keep with the learner.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import save_file
    except ImportError:
        raise MissingExtra("safetensors", "train") from None
    tensors, about = state.saved().to_file()
    about = {"format": FORMAT, **about}
    tensors = {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}
    text = json.dumps(about | {"beside": beside, "tensors": contents.forms(tensors)})
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, fresh, {"holdfast": text, "sha256": checksum(tensors, text)})
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        if before is not None and path.exists():
            path.replace(before)
        fresh.replace(path)
    except (OSError, SafetensorError) as error:
        fresh.unlink(missing_ok=True)
        raise HoldfastError(
            f"checkpoint {path} could not be written: {getattr(error, 'strerror', None) or error}; the one before is untouched"
        ) from None


def make_ready(folder: Path) -> None:
    """Make a folder for checkpoints, so that a run does not fail at its first one.

    Raises:
        HoldfastError: It cannot be made or written to, or the package that writes checkpoints is missing.
    """
    try:
        import safetensors  # noqa: F401
    except ImportError:
        raise MissingExtra("safetensors", "train") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise HoldfastError(
            f"checkpoints cannot be written to {folder}: {error.strerror or error}; name another folder"
        ) from None


def checksum(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """SHA-256 over names, shapes, kinds and bytes of CPU tensors, and a text."""
    digest = hashlib.sha256(text.encode())
    for name, t in sorted(tensors.items()):
        digest.update(f"{name} {t.dtype} {tuple(t.shape)}".encode())
        digest.update(memoryview(t.detach().contiguous().flatten().view(torch.uint8).numpy()))
    return digest.hexdigest()


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a whole checkpoint and check that it is one; no learner is touched.

    Args:
        path: The file.

    Returns:
        Its tensors by name, and its plain values.

    Raises:
        DamagedCheckpoint: The file is cut off, or does not match its checksum.
        HoldfastError: There is no such file, or it is no checkpoint of this version.
    """
    from safetensors import SafetensorError, safe_open

    with reading(f"checkpoint {path}", "safetensors"):
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        except FileNotFoundError:
            raise HoldfastError(f"there is no checkpoint at {path}") from None
        except (SafetensorError, OSError) as error:
            raise DamagedCheckpoint(
                f"{path} is not a whole checkpoint ({error}); use the one before"
            ) from None
        if "holdfast" not in metadata:
            raise HoldfastError(f"{path} is a safetensors file but not a checkpoint of a learner")
        about, known = _plain(metadata["holdfast"]), {"sha256", "holdfast"}
        if about.get("format") != FORMAT or not metadata.keys() <= known:
            version = str(about.get("format"))[:50]
            raise HoldfastError(
                f"{path} has checkpoint format {version}, this version reads {FORMAT}; continue it with the "
                "version of Holdfast that wrote it, or delete it to train from the start"
            )
        if metadata.get("sha256") != checksum(tensors, metadata["holdfast"]):
            raise DamagedCheckpoint(
                f"{path} does not match its checksum: it was altered or is damaged; use the one before"
            )
    return tensors, about


def _plain(text: str) -> dict[str, Any]:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def load(state: TrainingState, path: Path, tasks: list[Task]) -> Any:
    """Restore a learner from a checkpoint. A checkpoint that does not fit leaves it as it was.

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
    tensors, plain = read(path)
    source = f"checkpoint {path}"
    with _unchanged_on_failure(state, source):
        contents.check_about(plain, tensors)
        saved = SavedState.from_file(tensors, plain)
        _check_same_learner(state, saved)
        names = saved.progress.names
        contents.check_tasks(names, [task.name for task in tasks])
        with state.random.active():
            state.head.restore(saved.head)
            _open_rows(state.model, len(names) - saved.active)
        state.tasks = tasks[: len(names)]
        state.bind(thorough=True)
        if names:
            state.optimizers.make(state.space.parameters, renew=True, takes_steps=state.takes_steps)
        else:
            state.optimizers.forget()  # it is made when the first task begins
        state.restore(saved)
        state.phase = Resuming(saved, source) if saved.active else Between()
    return plain["beside"]


def restore_again(state: TrainingState, phase: Resuming) -> None:
    """Put a loaded state back once more, after its task was begun a second time.

    Raises:
        HoldfastError: It does not fit. The learner is then as it was.
    """
    with _unchanged_on_failure(state, phase.source):
        state.restore(phase.saved)


def _check_same_learner(state: TrainingState, saved: SavedState) -> None:
    """Refuse a checkpoint of another method, another scenario or another seed."""
    pairs = {
        "method": (saved.spec, repr(state.method)),
        "scenario": (saved.scenario, state.setup.scenario),
        "seed": (saved.seed, state.setup.seed),
    }
    for key, (theirs, ours) in pairs.items():
        if theirs != ours:
            raise HoldfastError(f"its {key} is {theirs!r}, this learner's is {ours!r}")


def _open_rows(model: nn.Module, ended: int) -> None:
    """Give every buffer that has a row per ended task so many rows."""
    for module in model.modules():
        for name in getattr(module, "per_task", ()):
            before = module.get_buffer(name)
            setattr(module, name, before.new_zeros(ended, *before.shape[1:]))


@contextmanager
def _unchanged_on_failure(state: TrainingState, what: str) -> Iterator[None]:
    """Undo everything that was put into a learner if not all of it fits, and say so in one sentence."""
    before = Photograph(state)
    try:
        yield
    except BaseException as error:
        before.undo()
        if not isinstance(error, Exception):
            raise
        raise HoldfastError(
            f"{what} does not fit this learner: {first_line(error)}; build the model, the method and the "
            "learner as they were when it was saved, or delete it to train from the start"
        ) from None


class Checkpoints:
    """The newest two checkpoints of a run in a folder, written every so often while it trains.

    Attributes:
        folder: Where they are.
        every: Seconds between two.
        newest: The file of the newest.
        before: The file of the one before.
        noted: What `notes` gave when the checkpoint was written from which the run goes on.
    """

    SHARE = 50  # saving takes at most 1/50 of the time

    def __init__(
        self,
        folder: str | Path,
        every: float = 30.0,
        notes: Callable[[], list[str]] | None = None,
    ) -> None:
        """`notes()` gives texts to keep with each checkpoint, such as warnings."""
        self.folder = Path(folder)
        self.every = every
        self.noted: list[str] | None = None
        self._notes = notes
        self.newest = self.folder / CHECKPOINT
        self.before = self.folder / CHECKPOINT_BEFORE
        self._next = time.monotonic() + every

    def due(self) -> bool:
        """Whether it is time for the next."""
        return time.monotonic() >= self._next

    def write(self, state: TrainingState, recorder: Recorder) -> None:
        """Write one; the newest becomes the one before."""
        start = time.monotonic()
        notes = None if self._notes is None else self._notes()
        beside = {"run": recorder.to_plain(), "notes": notes}
        save(state, self.newest, beside, self.before)
        now = time.monotonic()
        pause = self.SHARE * (now - start) if self.every else 0.0
        self._next = now + max(self.every, pause)

    def resume(self, state: TrainingState, tasks: list[Task]) -> Recorder | None:
        """Restore the newest whole checkpoint; returns what the run had found, or None."""
        for path in (self.newest, self.before):
            if not path.exists():
                continue
            try:
                beside = load(state, path, tasks)
            except DamagedCheckpoint as error:
                advice = "going on from the one before, or from the start"
                message = str(error).replace("use the one before", advice)
                warnings.warn(message, CheckpointWarning, stacklevel=2)
                continue
            if not isinstance(beside, dict) or beside.keys() != {"run", "notes"}:
                raise HoldfastError("it was not written by a run of holdfast")
            self.noted = _texts(beside["notes"])
            return Recorder.from_plain(beside["run"])
        return None

    def clear(self) -> None:
        """Delete them, and what a killed process left of one."""
        if self.folder.is_dir():
            for path in self.folder.glob("*checkpoint*.safetensors*"):
                path.unlink(missing_ok=True)


def _texts(notes: Any) -> list[str] | None:
    """The notes of a checkpoint, checked."""
    if notes is None:
        return None
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise HoldfastError("it was not written by a run of holdfast")
    return notes
