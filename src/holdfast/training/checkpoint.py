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
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from holdfast.engine.stateful import host_state, load_host_state
from holdfast.errors import HoldfastError, MissingExtra, first_line, reading
from holdfast.streams.task import Task
from holdfast.training import contents
from holdfast.training.contents import FORMAT
from holdfast.training.optimizer_state import collect_optimizer, optimizers_of, restore_optimizers
from holdfast.training.undo import Photograph

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


class DamagedCheckpoint(HoldfastError):
    """A checkpoint that is cut off or was altered."""


def save(learner: "Learner", path: Path, beside: Any = None, before: Path | None = None) -> None:
    """Writes beside the target and renames, so that a crash leaves the file before; that one is kept as `before` where given.

    `beside`: plain values (JSON) to keep with the learner.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import save_file
    except ImportError:
        raise MissingExtra("safetensors", "train") from None
    tensors, about = collect(learner)
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


def collect(learner: "Learner") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors by path, all plain values."""
    tensors = {f"model.{k}": v for k, v in learner.model.state_dict().items()}
    tensors |= {f"method.{k}": v for k, v in learner.method.state_dict().items()}
    tensors |= {f"random.{k}": v for k, v in learner.random.state().items()}
    tensors["augmentation"] = learner.augmentation.get_state()
    if learner._initial is not None:
        tensors["initial"] = learner._initial
    about: dict[str, Any] = {
        "format": FORMAT,
        "method": repr(learner.method),
        "scenario": learner.scenario,
        "seed": learner.seed,
        "head": learner.head.state(),
        "host": host_state(learner.method),
        "names": learner.names,
        "seen_outputs": learner.seen_outputs,
        "task_steps": learner.task_steps,
        "steps": learner.steps_done,
        "rows_given": learner.rows_given,
        "active": learner.active,
        "seconds": learner.seconds,
        "optimizers": {},
        "scheduler": learner.scheduler.state_dict() if learner.scheduler else None,
        "scaler": learner.scaler.state_dict() if learner.scaler else None,
    }
    for key, opt in optimizers_of(learner).items():
        about["optimizers"][key] = collect_optimizer(learner, key, opt, tensors)
    return tensors, about


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


def load(learner: "Learner", path: Path, tasks: list[Task]) -> tuple[dict[str, Any] | None, Any]:
    """Restore a learner from a checkpoint. A checkpoint that does not fit leaves the learner as it was.

    Args:
        learner: A learner that was built with the same arguments as the saved one.
        path: The checkpoint.
        tasks: The tasks that were begun, or all of them, in order.

    Returns:
        The state to continue from, if the checkpoint is in the middle of a task (else None), and what
        was kept beside the learner.

    Raises:
        DamagedCheckpoint: The file is cut off or was altered.
        HoldfastError: The file is no checkpoint, or does not fit this learner.
    """
    tensors, about = read(path)
    what = f"checkpoint {path}"
    with _unchanged_on_failure(learner, what):
        contents.check_about(about, tensors)
        for key, mine in {
            "method": repr(learner.method),
            "scenario": learner.scenario,
            "seed": learner.seed,
        }.items():
            if about[key] != mine:
                raise HoldfastError(f"its {key} is {about[key]!r}, this learner's is {mine!r}")
        contents.check_tasks(about["names"], [t.name for t in tasks])
        with learner.randomness():
            learner.head.restore(about["head"])
            _open_rows(learner.model, len(about["names"]) - about["active"])
        learner.tasks, learner.names = tasks[: len(about["names"])], about["names"]
        learner._bind(thorough=True)
        if about["names"]:
            learner._make_optimizer(renew=True)
        elif learner._factory is not None:
            learner._optimizer = None  # it is made when the first task begins
        state = {"tensors": tensors, "about": about, "what": what}
        restore(learner, state)
    return (state if about["active"] else None), about["beside"]


def _open_rows(model: nn.Module, ended: int) -> None:
    """Give every buffer that has a row per ended task so many rows."""
    for module in model.modules():
        for name in getattr(module, "per_task", ()):
            before = module.get_buffer(name)
            module._buffers[name] = before.new_zeros(ended, *before.shape[1:])


@contextmanager
def _unchanged_on_failure(learner: "Learner", what: str) -> Iterator[None]:
    """Undo everything that was put into a learner if not all of it fits, and say so in one sentence."""
    before = Photograph(learner)
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
    """The newest two checkpoints of a run in a folder, written every so often while it trains."""

    SHARE = 50  # saving takes at most 1/50 of the time

    def __init__(
        self, folder: str | Path, every: float = 30.0, notes: Callable[[], Any] | None = None
    ) -> None:
        """`every`: seconds between two. `notes()`: plain values to keep with each; `noted` holds those of the one resumed from."""
        self.folder, self.every, self.notes = Path(folder), every, notes
        self.noted: Any = None
        self.newest, self.before = (
            self.folder / "checkpoint.safetensors",
            self.folder / "checkpoint.before.safetensors",
        )
        self._next = time.monotonic() + every

    def due(self) -> bool:
        """Whether it is time for the next."""
        return time.monotonic() >= self._next

    def write(self, learner: "Learner", beside: Any) -> None:
        """Writes one; the newest becomes the one before."""
        start = time.monotonic()
        save(
            learner,
            self.newest,
            {"run": beside, "notes": self.notes() if self.notes else None},
            self.before,
        )
        now = time.monotonic()
        self._next = now + max(self.every, self.SHARE * (now - start) if self.every else 0.0)

    def resume(self, learner: "Learner", tasks: list[Task]) -> Any:
        """Restores the newest whole checkpoint and returns what was kept beside it; None where there is none."""
        for path in (self.newest, self.before):
            if not path.exists():
                continue
            try:
                beside, self.noted = contents.log_of(learner.load(path, tasks))
                return beside
            except DamagedCheckpoint as error:
                warnings.warn(
                    str(error).replace(
                        "use the one before", "going on from the one before, or from the start"
                    ),
                    stacklevel=2,
                )
        return None

    def clear(self) -> None:
        """Deletes them and what a killed process left of one."""
        for path in self.folder.glob("*checkpoint*.safetensors*") if self.folder.is_dir() else ():
            path.unlink(missing_ok=True)


def restore(learner: "Learner", state: dict[str, Any]) -> None:
    """Put tensors and plain values where they were; if they do not fit, the learner stays as it was.

    Args:
        learner: The learner, whose head has its outputs.
        state: Tensors and plain values, as `read` gives them.

    Raises:
        HoldfastError: They do not fit this learner.
    """
    with _unchanged_on_failure(learner, state["what"]):
        _restore(learner, state)


def _restore(learner: "Learner", state: dict[str, Any]) -> None:
    tensors, about = state["tensors"], state["about"]
    contents.check_model(learner.model, _under(tensors, "model."))
    contents.check_hosts(learner.method, about["host"])
    learner.model.load_state_dict(_under(tensors, "model."))
    load_host_state(learner.method, about["host"])
    contents.check_kinds(learner.method, _under(tensors, "method."))
    strange = learner.method.load_state_dict(
        _under(tensors, "method."), strict=False
    ).unexpected_keys
    if strange:
        raise HoldfastError(f"the tensor {strange[0][:100]!r} has no place in the method")
    learner.method.to(learner.device)
    learner._bind(thorough=True)
    contents.check_method(learner)
    _restore_counters(learner, tensors, about)
    restore_optimizers(learner, state)
    learner._late = state if any(key.startswith("own.") for key in about["optimizers"]) else None
    if (learner.scaler is None) != (about["scaler"] is None):
        raise HoldfastError("it was trained with another precision")
    if about["scheduler"] is not None and learner.schedule_name == "constant":
        raise HoldfastError("it has a schedule of the learning rate, this learner has none")
    if learner.scheduler is not None and about["scheduler"] is not None:
        if about["scheduler"].keys() != learner.scheduler.state_dict().keys():
            raise HoldfastError("it has another schedule of the learning rate")
        learner.scheduler.load_state_dict(about["scheduler"])
    if learner.scaler is not None and about["scaler"] is not None:
        learner.scaler.load_state_dict(about["scaler"])


def _restore_counters(
    learner: "Learner", tensors: dict[str, Tensor], about: dict[str, Any]
) -> None:
    if (learner._initial is None) == ("initial" in tensors):
        raise HoldfastError("it has initial weights where this learner has none, or the reverse")
    if learner._initial is not None:
        if tensors["initial"].shape != learner.space.theta.shape:
            raise HoldfastError("its initial weights have another number of parameters")
        learner._initial = tensors["initial"].to(learner.device).clone()
    learner.random.restore(_under(tensors, "random."))
    with learner.randomness():
        pass  # the state is taken by the generators, or refused
    learner.augmentation.set_state(tensors["augmentation"])
    learner.seen_outputs, learner.task_steps = about["seen_outputs"], about["task_steps"]
    learner.steps_done = about.get("steps", learner.task_steps)
    learner.rows_given = about["rows_given"]
    learner.active, learner.seconds = about["active"], dict(about["seconds"])


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
