"""What a checkpoint of a learner holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from holdfast.training.contents import About
from holdfast.training.optimizer_state import SavedOptimizer
from holdfast.training.progress import Progress


@dataclass
class SavedState:
    """The state of a learner as tensors and plain values, with one field for each piece of it.

    `TrainingState.saved` makes it and `TrainingState.restore` puts it back. Both name every field,
    so a new piece of state cannot be forgotten in one of the two.

    Attributes:
        spec: The method, as it is written.
        scenario: The scenario of the learner.
        seed: The seed of the learner.
        model: The tensors of the network.
        head: The shape of the output layer.
        method: The tensors of the method.
        host: The plain values of each part of the method, by its path.
        random: The learner's stream of random numbers.
        augmentation: The generator that augmentation draws from.
        initial: The weights before the first task, if the method starts anew with each task.
        progress: How far training has come.
        active: Whether a task has begun and not ended.
        optimizers: The optimizers, by name.
        scheduler: The course of the learning rate, if it is not constant.
        scaler: The factor that scales the loss, in float16.
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
    scheduler: dict[str, object] | None = None
    scaler: dict[str, object] | None = None

    def to_file(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Return all tensors by their names in the file, and all plain values."""
        # These names are the format of the file. Another name needs a new format.
        tensors = {
            **_prefixed("model.", self.model),
            **_prefixed("method.", self.method),
            **_prefixed("random.", self.random),
            "augmentation": self.augmentation,
        }
        if self.initial is not None:
            tensors["initial"] = self.initial
        optimizers: dict[str, object] = {}
        for name, optimizer in self.optimizers.items():
            tensors |= _prefixed(f"optimizer.{name}.", optimizer.tensors)
            optimizers[name] = {"groups": optimizer.groups, "state": optimizer.plain}
        plain: dict[str, object] = {
            "method": self.spec,
            "scenario": self.scenario,
            "seed": self.seed,
            "head": self.head,
            "host": self.host,
            **vars(self.progress),
            "active": self.active,
            "optimizers": optimizers,
            "scheduler": self.scheduler,
            "scaler": self.scaler,
        }
        return tensors, plain

    @classmethod
    def from_file(cls, tensors: Mapping[str, Tensor], about: About) -> "SavedState":
        """Make a state from the contents of a file.

        Args:
            tensors: All tensors by their names in the file.
            about: All plain values, which `contents.check_about` has checked.
        """
        steps = about.steps
        if steps is None:
            # Files of early versions have the steps of the current task alone.
            steps = about.task_steps
        optimizers: dict[str, SavedOptimizer] = {}
        for name, one in about.optimizers.items():
            optimizers[name] = SavedOptimizer(
                groups=[{"params": group.params, "options": group.options} for group in one.groups],
                plain=one.state,
                tensors=_under(f"optimizer.{name}.", tensors),
            )
        return cls(
            spec=about.method,
            scenario=about.scenario,
            seed=about.seed,
            model=_under("model.", tensors),
            head=about.head.model_dump(),
            method=_under("method.", tensors),
            host={path: part.model_dump() for path, part in about.host.items()},
            random=_under("random.", tensors),
            augmentation=tensors["augmentation"],
            initial=tensors.get("initial"),
            progress=Progress(
                names=list(about.names),
                seen_outputs=about.seen_outputs,
                task_steps=about.task_steps,
                steps=steps,
                rows_given=about.rows_given,
                seconds=about.seconds.model_dump(),
            ),
            active=about.active,
            optimizers=optimizers,
            scheduler=about.scheduler,
            scaler=about.scaler,
        )


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a prefix before the name of each tensor."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without the prefix."""
    chosen = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors[name] for name in chosen}
