"""The optimizers of a learner: its own, those of parts of its methods, and the rate's schedule."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from holdfast.errors import HoldfastError
from holdfast.methods.view import MakeOptimizer
from holdfast.training.optimizer_state import SavedOptimizer, restore_optimizer, saved_optimizer
from holdfast.training.optimizers import (
    AutoRate,
    TwoRates,
    check_moves,
    swap_parameters,
)
from holdfast.training.schedules import schedule

# The names of optimizers in checkpoints: that of the learner, and those of parts of methods.
MAIN = "main"
OF_PART = "own."


class OptimizerSet:
    """All that moves weights.

    Args:
        optimizer: A function that makes the learner's optimizer from parameters, an optimizer, or
            None if the user steps one.
        schedule_name: How the learning rate changes over each task (`schedules.SCHEDULES`).
        scaler: Scales the loss if the forward pass is computed in float16, otherwise None.

    Attributes:
        main: The learner's optimizer. None until the first task begins, or if the user steps one.
        by_part: Optimizers of trainable parts of methods, by name.
        waiting: Saved states of such optimizers that their methods have not made yet.
        scheduler: Sets the learning rate over the current task. None if it is constant.
    """

    def __init__(
        self,
        optimizer: MakeOptimizer | Optimizer | None,
        schedule_name: str,
        scaler: torch.amp.GradScaler | None,
    ) -> None:
        self.main: Optimizer | None = None
        self._make: MakeOptimizer | None = None
        if isinstance(optimizer, Optimizer):
            self.main = optimizer
        else:
            self._make = optimizer
        self.by_part: dict[str, Optimizer] = {}
        self.waiting: dict[str, SavedOptimizer] = {}
        self.schedule_name = schedule_name
        self.scheduler: LRScheduler | None = None
        self.scaler = scaler

    @property
    def required(self) -> Optimizer:
        """The learner's optimizer.

        Raises:
            HoldfastError: There is none yet, or the learner got none.
        """
        if self.main is None:
            raise HoldfastError(
                "no optimizer yet: it is made in begin(task), once the head has its "
                "outputs, unless you passed optimizer=None"
            )
        return self.main

    @property
    def unknown_rate(self) -> AutoRate | None:
        """The optimizer whose learning rate must be found before the first task, or None."""
        if isinstance(self._make, AutoRate):
            return self._make
        return None

    @property
    def first_rate(self) -> float:
        """The learning rate of the first group before a schedule lowers it."""
        group = self.required.param_groups[0]
        return float(group.get("initial_lr", group["lr"]))

    def settle(self, rate: float) -> None:
        """Use a learning rate that was found, if it was unknown.

        Args:
            rate: The learning rate.
        """
        if self.unknown_rate is not None:
            self._make = self.unknown_rate.at(rate)

    @property
    def learning_rate(self) -> float:
        """The present learning rate of the first group."""
        return float(self.required.param_groups[0]["lr"])

    def all(self) -> dict[str, Optimizer]:
        """Return every optimizer that exists, by its name in checkpoints."""
        optimizers = {}
        if self.main is not None:
            optimizers[MAIN] = self.main
        for name, optimizer in self.by_part.items():
            optimizers[OF_PART + name] = optimizer
        return optimizers

    # ---- a task

    def make(
        self,
        named: Mapping[str, nn.Parameter],
        renew: bool = False,
        takes_steps: bool = True,
    ) -> None:
        """Make the learner's optimizer unless there is one.

        Args:
            named: The parameters that it is to move, by their names in the network.
            renew: Make a new one although there is one. An optimizer of the user stays.
            takes_steps: Whether weights are trained, so that an optimizer of nothing is a mistake.

        Raises:
            HoldfastError: The optimizer would move none of the parameters.
        """
        # An optimizer of the user has no function that could make another one.
        if self._make is not None and (self.main is None or renew):
            if isinstance(self._make, TwoRates):
                self.main = self._make.of_network(named)
            else:
                self.main = self._make(list(named.values()))
        if self.main is not None and takes_steps:
            check_moves(self.main, named.values())

    def forget(self) -> None:
        """Drop the optimizer, so that the next task makes a new one, unless it is the user's."""
        if self._make is not None:
            self.main = None

    def start_schedule(self, steps: int) -> None:
        """Begin a schedule over the steps of a task, from the optimizer's first learning rate.

        Args:
            steps: The steps of the task.
        """
        if self.main is None or self.schedule_name == "constant":
            return
        # The schedule of the task before has lowered the rate.
        for group in self.main.param_groups:
            group["lr"] = group.get("initial_lr", group["lr"])
        self.scheduler = schedule(self.schedule_name, steps, self.main)

    def follow(self, before: Mapping[str, nn.Parameter], model: nn.Module) -> None:
        """Let every optimizer follow a network whose parameters grew, were replaced, or are new.

        Args:
            before: The trainable parameters of the network until now, by name.
            model: The network as it is now.
        """
        for optimizer in self.all().values():
            swap_parameters(optimizer, before, model)

    def of_part(self, name: str, module: nn.Module, make: MakeOptimizer) -> Optimizer:
        """Return the optimizer of a trainable part of a method, made when it is first asked for.

        Args:
            name: The name of the part.
            module: The part.
            make: Makes the optimizer from parameters.
        """
        if name not in self.by_part:
            self.by_part[name] = make(module.parameters())
        return self.by_part[name]

    # ---- a step

    def unscale(self) -> None:
        """Divide the gradients by the factor that the loss was multiplied by."""
        if self.scaler is not None and self.main is not None:
            self.scaler.unscale_(self.main)

    def step(self) -> None:
        """Move the weights by their gradients."""
        if self.scaler is None:
            self.required.step()
            return
        # The scaler leaves out a step whose gradients are not finite, and lowers its factor.
        self.scaler.step(self.required)
        self.scaler.update()

    # ---- checkpoints

    def saved(self, names: Mapping[int, str]) -> dict[str, SavedOptimizer]:
        """Return the states of all optimizers, by their names in checkpoints.

        Args:
            names: The name of each parameter by the `id` of the parameter.
        """
        # A state that still waits would be lost if the learner is saved again now.
        states = {OF_PART + name: state for name, state in self.waiting.items()}
        for name, optimizer in self.all().items():
            states[name] = saved_optimizer(optimizer, names)
        return states

    def restore(
        self, saved: Mapping[str, SavedOptimizer], parameters: Mapping[str, nn.Parameter]
    ) -> None:
        """Put saved states into the optimizers. States of optimizers that do not exist yet wait.

        Args:
            saved: The states by their names in checkpoints.
            parameters: The parameters that exist, by name.

        Raises:
            HoldfastError: A state does not fit.
        """
        if self.main is not None and MAIN not in saved:
            raise HoldfastError("it has no state of the optimizer")
        for name, optimizer in self.all().items():
            if name in saved:
                restore_optimizer(optimizer, saved[name], parameters)
        self.waiting = {}
        for name, state in saved.items():
            part = name.removeprefix(OF_PART)
            if name != MAIN and part not in self.by_part:
                self.waiting[part] = state

    def restore_schedule(self, saved: dict[str, object] | None) -> None:
        """Put a saved course of the learning rate into the schedule, if a task has begun one.

        Args:
            saved: The course, or None for a constant rate.

        Raises:
            HoldfastError: The learner has another schedule.
        """
        if saved is None:
            return
        if self.schedule_name == "constant":
            raise HoldfastError("it has a schedule of the learning rate, this learner has none")
        # Between two tasks there is no schedule, and the next task starts a new one.
        if self.scheduler is None:
            return
        if saved.keys() != self.scheduler.state_dict().keys():
            raise HoldfastError("it has another schedule of the learning rate")
        self.scheduler.load_state_dict(saved)

    def restore_scaler(self, saved: dict[str, object] | None) -> None:
        """Put a saved factor of the loss into the scaler.

        Args:
            saved: The state of the scaler, or None if there was none.

        Raises:
            HoldfastError: The learner has another precision.
        """
        if (self.scaler is None) != (saved is None):
            raise HoldfastError("it was trained with another precision")
        if self.scaler is not None and saved is not None:
            self.scaler.load_state_dict(saved)
