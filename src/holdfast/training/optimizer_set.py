"""The optimizers of a learner: its own, those of parts of its methods, and the rate's schedule."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from holdfast.errors import HoldfastError
from holdfast.methods.view import MakeOptimizer
from holdfast.training.optimizer_state import SavedOptimizer, restore_optimizer, saved_optimizer
from holdfast.training.optimizers import check_moves, schedule, swap_parameters

MAIN = "main"  # in checkpoints; those of parts are called "own.<name>"


class OptimizerSet:
    """All that moves weights.

    Attributes:
        main: The learner's optimizer; None until the first task begins, or if the user steps one.
        by_part: Optimizers of trainable parts of methods, by name.
        waiting: Saved states of such optimizers that their methods have not made yet.
        scheduler: Sets the learning rate over the current task; None if it is constant.
        scaler: Scales the loss if the forward pass is computed in float16.
    """

    def __init__(
        self,
        given: MakeOptimizer | Optimizer | None,
        schedule_name: str,
        scaler: torch.amp.GradScaler | None,
    ) -> None:
        """`given`: a function that makes the optimizer from parameters, an optimizer, or None."""
        self.main: Optimizer | None = None
        self._make: MakeOptimizer | None = None
        if isinstance(given, Optimizer):
            self.main = given
        else:
            self._make = given
        self.by_part: dict[str, Optimizer] = {}
        self.waiting: dict[str, SavedOptimizer] = {}
        self.schedule_name = schedule_name
        self.scheduler: LRScheduler | None = None
        self.scaler = scaler

    @property
    def required(self) -> Optimizer:
        """The learner's optimizer.

        Raises:
            HoldfastError: There is none yet, or the learner was given none.
        """
        if self.main is None:
            raise HoldfastError(
                "no optimizer yet: it is made in begin(task), once the head has its "
                "outputs, unless you passed optimizer=None"
            )
        return self.main

    @property
    def learning_rate(self) -> float:
        """The present learning rate of the first group."""
        return float(self.required.param_groups[0]["lr"])

    def all(self) -> dict[str, Optimizer]:
        """Every optimizer that exists, by its name in checkpoints."""
        found = {} if self.main is None else {MAIN: self.main}
        return found | {f"own.{name}": one for name, one in self.by_part.items()}

    def forget(self) -> None:
        """Drop the optimizer, so that the next task makes a new one (not if the user gave it)."""
        if self._make is not None:
            self.main = None

    def make(
        self, parameters: list[nn.Parameter], renew: bool = False, takes_steps: bool = True
    ) -> None:
        """Make the learner's optimizer unless there is one.

        Args:
            parameters: The parameters that it is to move.
            renew: Make a new one although there is one. An optimizer that the user gave stays.
            takes_steps: Whether weights are trained, so that an optimizer of nothing is a mistake.

        Raises:
            HoldfastError: The optimizer would move none of the parameters.
        """
        if self._make is not None and (self.main is None or renew):
            self.main = self._make(parameters)
        if self.main is not None and takes_steps:
            check_moves(self.main, parameters)

    def start_schedule(self, steps: int) -> None:
        """Begin a schedule over the steps of a task, from the optimizer's first learning rate."""
        if self.main is None or self.schedule_name == "constant":
            return
        for group in self.main.param_groups:
            group["lr"] = group.get("initial_lr", group["lr"])
        self.scheduler = schedule(self.schedule_name, steps, self.main)

    def follow(self, before: Mapping[str, nn.Parameter], model: nn.Module) -> None:
        """Let every optimizer follow a network whose parameters grew, were replaced, or are new."""
        for optimizer in self.all().values():
            swap_parameters(optimizer, before, model)

    def of_part(self, name: str, module: nn.Module, make: MakeOptimizer) -> Optimizer:
        """The optimizer of a trainable part of a method, made the first time it is asked for."""
        if name not in self.by_part:
            self.by_part[name] = make(module.parameters())
        return self.by_part[name]

    def step(self) -> None:
        """Move the weights by their gradients."""
        if self.scaler is None:
            self.required.step()
            return
        self.scaler.step(self.required)
        self.scaler.update()

    def unscale(self) -> None:
        """Divide the gradients by the factor that the loss was multiplied by."""
        if self.scaler is not None and self.main is not None:
            self.scaler.unscale_(self.main)

    def saved(self, names: Mapping[int, str]) -> dict[str, SavedOptimizer]:
        """The states of all optimizers, by their names in checkpoints."""
        states = {name: saved_optimizer(one, names) for name, one in self.all().items()}
        return {f"own.{name}": state for name, state in self.waiting.items()} | states

    def restore(
        self, saved: Mapping[str, SavedOptimizer], parameters: Mapping[str, nn.Parameter]
    ) -> None:
        """Put saved states into the optimizers. States of optimizers to come wait for them."""
        if self.main is not None and MAIN not in saved:
            raise HoldfastError("it has no state of the optimizer")
        for name, optimizer in self.all().items():
            if name in saved:
                restore_optimizer(optimizer, saved[name], parameters)
        self.waiting = {
            name.removeprefix("own."): state
            for name, state in saved.items()
            if name != MAIN and name.removeprefix("own.") not in self.by_part
        }

    def restore_schedule(self, saved: dict[str, Any] | None) -> None:
        """Put a saved course of the learning rate into the schedule, if a task has begun one."""
        if saved is None:
            return
        if self.schedule_name == "constant":
            raise HoldfastError("it has a schedule of the learning rate, this learner has none")
        if self.scheduler is None:
            return
        if saved.keys() != self.scheduler.state_dict().keys():
            raise HoldfastError("it has another schedule of the learning rate")
        self.scheduler.load_state_dict(saved)

    def restore_scaler(self, saved: dict[str, Any] | None) -> None:
        """Put a saved factor of the loss into the scaler."""
        if (self.scaler is None) != (saved is None):
            raise HoldfastError("it was trained with another precision")
        if self.scaler is not None and saved is not None:
            self.scaler.load_state_dict(saved)
