"""What a checkpoint of a learner holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from holdfast.training.optimizer_state import SavedOptimizer
from holdfast.training.progress import Progress


@dataclass
class SavedState:
    """The state of a learner as tensors and plain values, one field for each piece of it.

    `TrainingState.saved` makes it and `TrainingState.restore` puts it back; both name every field, so
    a new piece of state cannot be forgotten in one of the two.

    Attributes:
        spec: The method, as it is written.
        scenario: The scenario of the learner.
        seed: The seed of the learner.
        model: The tensors of the network.
        head: The shape of the output layer.
        method: The tensors of the method.
        host: The plain values of each part of the method.
        random: The learner's stream of random numbers.
        augmentation: The generator that augmentation draws from.
        initial: The weights before the first task, if the method starts anew with each task.
        progress: How far training has come.
        active: Whether a task has begun and not ended.
        optimizers: The optimizers, by name.
        scheduler: The course of the learning rate, if it is not constant.
        scaler: What scales the loss, in float16.
    """

    spec: str
    scenario: str
    seed: int
    model: dict[str, Tensor]
    head: dict[str, Any]
    method: dict[str, Tensor]
    host: dict[str, Any]
    random: dict[str, Tensor]
    augmentation: Tensor
    initial: Tensor | None
    progress: Progress
    active: bool
    optimizers: dict[str, SavedOptimizer] = field(default_factory=dict)
    scheduler: dict[str, Any] | None = None
    scaler: dict[str, Any] | None = None

    def to_file(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All tensors by their names in the file, and all plain values."""
        tensors = {
            **_prefixed("model.", self.model),
            **_prefixed("method.", self.method),
            **_prefixed("random.", self.random),
            "augmentation": self.augmentation,
        }
        if self.initial is not None:
            tensors["initial"] = self.initial
        for name, optimizer in self.optimizers.items():
            tensors |= _prefixed(f"optimizer.{name}.", optimizer.tensors)
        plain = {
            "method": self.spec,
            "scenario": self.scenario,
            "seed": self.seed,
            "head": self.head,
            "host": self.host,
            **vars(self.progress),
            "active": self.active,
            "optimizers": {
                name: {"groups": one.groups, "state": one.plain}
                for name, one in self.optimizers.items()
            },
            "scheduler": self.scheduler,
            "scaler": self.scaler,
        }
        return tensors, plain

    @classmethod
    def from_file(cls, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> "SavedState":
        """The inverse of `to_file`, for values that `contents.check_about` has checked."""
        return cls(
            spec=plain["method"],
            scenario=plain["scenario"],
            seed=plain["seed"],
            model=_under("model.", tensors),
            head=plain["head"],
            method=_under("method.", tensors),
            host=plain["host"],
            random=_under("random.", tensors),
            augmentation=tensors["augmentation"],
            initial=tensors.get("initial"),
            progress=Progress(
                names=list(plain["names"]),
                seen_outputs=plain["seen_outputs"],
                task_steps=plain["task_steps"],
                # Files from before this was counted have the steps of the current task alone.
                steps=plain.get("steps", plain["task_steps"]),
                rows_given=plain["rows_given"],
                seconds=dict(plain["seconds"]),
            ),
            active=plain["active"],
            optimizers={
                name: SavedOptimizer(
                    groups=one["groups"],
                    plain=one["state"],
                    tensors=_under(f"optimizer.{name}.", tensors),
                )
                for name, one in plain["optimizers"].items()
            },
            scheduler=plain["scheduler"],
            scaler=plain["scaler"],
        )


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    chosen = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors[name] for name in chosen}
