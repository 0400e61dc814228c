"""`Learner.load(path)` makes a learner of a file, and `learner.load(path)` restores a learner.

Both are the same question, "give me the learner in this file", asked with and without a learner at
hand. A method of a class cannot tell the two apart, so `load` is a descriptor, which can: Python
tells it whether it was reached through the class or through an object.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypedDict, TypeVar, Unpack, overload

import torch
from torch import nn
from torch.optim import Optimizer

from holdfast.engine.objectives import OwnLoss
from holdfast.errors import HoldfastError, unknown
from holdfast.methods import Method
from holdfast.methods.view import MakeOptimizer
from holdfast.streams.task import Augment, Task
from holdfast.training import checkpoint, checkpoint_file, contents
from holdfast.training.checkpoint_file import DamagedCheckpoint
from holdfast.training.later.origin import network_of, optimizer_of
from holdfast.training.later.records import WholeLearner
from holdfast.training.later.trained_for import objective_of
from holdfast.training.later.whole_file import Past, Saves, past_of
from holdfast.training.scoring import Scorer
from holdfast.training.setup import Log

Kind = TypeVar("Kind", bound=Saves)
KindOfLearner = TypeVar("KindOfLearner", bound=Saves, covariant=True)


class Handed(TypedDict, total=False):
    """What a file cannot hold, or what may differ on this machine."""

    model: nn.Module
    method: Method | str
    optimizer: MakeOptimizer | Optimizer
    scorer: Scorer
    loss: OwnLoss
    augment: Augment | None
    device: torch.device | str
    log: Log | None
    log_every: int


class LoadsNew(Protocol[KindOfLearner]):
    """What `Learner.load` is: a function of a file."""

    def __call__(self, path: str | Path, **handed: Unpack[Handed]) -> KindOfLearner:
        """Make a learner of a file; see `load_new`."""


class LoadsInto(Protocol):
    """What `learner.load` is: a function of a file and of the tasks so far."""

    def __call__(self, path: str | Path, tasks: Sequence[Task] = ()) -> Any:
        """Restore what `save` wrote; see `load_into`."""


class Load:
    """Load a learner from the file that `learner.save(path)` wrote.

    `Learner.load(path)` makes a new learner of the file alone (see `load_new`), for predictions or
    to `learn` further tasks. `learner.load(path, tasks)` restores the state into a learner that
    was built with the same arguments (see `load_into`).
    """

    @overload
    def __get__(self, learner: None, kind: type[Kind]) -> LoadsNew[Kind]: ...

    @overload
    def __get__(self, learner: Saves, kind: type[Saves]) -> LoadsInto: ...

    def __get__(self, learner: Saves | None, kind: type[Saves]) -> LoadsNew[Saves] | LoadsInto:
        if learner is None:
            return partial(load_new, kind)
        return partial(load_into, learner)


def load_into(learner: Saves, path: str | Path, tasks: Sequence[Task] = ()) -> Any:
    """Restore what `save` wrote into a learner that was built with the same arguments.

    Args:
        learner: The learner.
        path: The file.
        tasks: The tasks so far, or all of them, for methods that read old data (`Joint`).

    Returns:
        What was kept beside the learner.

    Raises:
        HoldfastError: The file is damaged or does not fit. The learner then stays as it was.
    """
    source = f"checkpoint {path}"
    tensors, plain = checkpoint_file.read(Path(path))
    on_device = [task.to(learner.setup.device) for task in tasks]
    # Filled by `check`, which runs before the learner is touched.
    pasts: list[Past] = []

    def check(about: contents.About) -> None:
        pasts.append(past_of(about, tensors))

    about = checkpoint.put(learner.state, source, tensors, plain, on_device, check)
    pasts[0].put(learner.history)
    return about.beside


def load_new(kind: type[Kind], path: str | Path, **handed: Unpack[Handed]) -> Kind:
    """Make a learner of a file alone: network, method, optimizer, settings, seed and past.

    No old training data are needed. If the network or the optimizer was made by code of your own
    that has no name, hand it over.

    Args:
        kind: The class of the learner.
        path: The file that `save` wrote.
        **handed: `model`, a network of the same architecture, `method`, `optimizer`, `loss`,
            `scorer` and `augment`, if they were code of your own; `device`, `log` and `log_every`,
            which no file holds.

    Returns:
        The learner, as it was when it was saved.

    Raises:
        HoldfastError: The file is damaged, or something that it does not hold was not handed over.
    """
    for name in handed:
        if name not in Handed.__annotations__:
            raise unknown("argument of Learner.load", name, Handed.__annotations__)
    try:
        tensors, plain = checkpoint_file.read(Path(path))
    except DamagedCheckpoint as error:
        advice = "restore it from a copy, or learn its months again"
        raise DamagedCheckpoint(str(error).replace("use the one before", advice)) from None
    try:
        about = contents.check_about(plain, tensors)
        past = past_of(about, tensors)
        whole = past.whole
        if whole is None:
            raise HoldfastError(
                "it holds weights, but not how the learner was made, as checkpoints of fit do; "
                "build the learner as it was, and call learner.load(path)"
            )
        learner = kind(**_arguments(about, whole, handed))
    except HoldfastError as error:
        raise HoldfastError(f"{path} cannot be loaded: {error}") from None
    try:
        checkpoint.put(learner.state, str(path), tensors, plain, [])
    except HoldfastError as error:
        # Here the learner was made of the file, so only what was handed over can be wrong.
        reason = str(error).partition("; build the model")[0]
        raise HoldfastError(
            f"{reason}; hand over a model and a method like those with which it was saved, or none"
        ) from None
    past.put(learner.history)
    learner.history.fill_tasks()
    return learner


def _arguments(about: contents.About, whole: WholeLearner, handed: Handed) -> dict[str, Any]:
    """The arguments of a learner, from its file and from what the user hands over."""
    values: dict[str, Any] = {
        **whole.checked_settings(),
        "scenario": about.scenario,
        "seed": about.seed,
        "method": about.method,
        # Last, so that it takes the place of what the file says.
        **handed,
    }
    if "model" not in handed:
        values["model"] = network_of(whole.network)
    if "optimizer" not in handed:
        values["optimizer"] = optimizer_of(whole.optimizer)
    # A loss of the user's own reaches the learner as a part of its objective.
    values["objective"] = objective_of(whole.objective, values.pop("loss", None))
    # Another scorer would fill the same matrix with scores that can't be compared.
    if whole.scorer == "own" and "scorer" not in handed:
        raise HoldfastError(
            "it was scored by a function of your own. Pass the same: "
            "Learner.load(path, scorer=function)"
        )
    # Without a question, further months would be trained in another way than the first ones.
    if whole.augments and "augment" not in handed:
        raise HoldfastError(
            "it changes batches in training by a function, which no file can hold. Pass the same: "
            "Learner.load(path, augment=function), or augment=None to train without from now on"
        )
    return values
