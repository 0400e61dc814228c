"""Everything that training changes: what a checkpoint holds, and what a checkpoint is put into."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.parameters import ParameterSpace, trainable
from holdfast.engine.stateful import Stateful, host_state, load_host_state, seed_from
from holdfast.errors import HoldfastError
from holdfast.methods.method import Method
from holdfast.methods.view import MakeOptimizer
from holdfast.models.heads import Head
from holdfast.models.network import Network
from holdfast.streams.task import Task
from holdfast.training.alternatives import naming_alternatives
from holdfast.training.contents import check_model
from holdfast.training.initial_weights import InitialWeights
from holdfast.training.method_checks import check_hosts, check_kinds, check_method
from holdfast.training.optimizer_set import OptimizerSet
from holdfast.training.optimizer_state import restore_optimizer
from holdfast.training.optimizers import swap_parameters
from holdfast.training.progress import Progress
from holdfast.training.randomness import Generator, Randomness
from holdfast.training.saved import SavedState
from holdfast.training.setup import Setup

# A learner is always in one of three phases. Classes of their own say what each needs to know.


class Between:
    """No task is being trained."""


@dataclass(frozen=True)
class InTask:
    """A task is being trained.

    Args:
        training_task: The task with the examples that its method chose.
    """

    training_task: Task


@dataclass(frozen=True)
class Resuming:
    """A checkpoint from the middle of a task was loaded, and `begin` of that task resumes it.

    Args:
        saved: What the checkpoint holds.
        source: What messages call the checkpoint.
    """

    saved: SavedState
    source: str


Phase = Between | InTask | Resuming


class TrainingState:
    """The state of a learner.

    Attributes:
        setup: The arguments of the learner.
        model: The network, as the method wrapped it.
        method: The method, whose buffers are a part of the state.
        space: The network's weights as one vector θ.
        optimizers: All that moves the weights.
        random: The learner's own stream of random numbers.
        augmentation: The generator that augmentation draws from.
        initial: The weights before the first task, if the method starts anew with each task.
        progress: How far training has come.
        tasks: The tasks begun so far, on the device. Checkpoints do not contain them.
        phase: Between two tasks, in one, or about to resume in the middle of one.
        draws_widely: Whether code of the user may draw from NumPy's or Python's generators in a
            forward pass. `begin` finds it out.
    """

    def __init__(
        self, model: Network, method: Method, optimizers: OptimizerSet, setup: Setup
    ) -> None:
        self.setup = setup
        self.model = model
        self.method = method
        self.optimizers = optimizers
        self.space = ParameterSpace(model, may_be_empty=True)
        self.random = Randomness(setup.seed, setup.device)
        self.augmentation = torch.Generator().manual_seed(seed_from(setup.seed, "augment"))
        self.initial: InitialWeights | None = None
        if self.restarts:
            self.initial = InitialWeights(self.space, model)
        self.progress = Progress()
        self.tasks: list[Task] = []
        self.phase: Phase = Between()
        self.draws_widely = True

    @classmethod
    def assembled(
        cls,
        model: Network,
        method: Method,
        optimizer: MakeOptimizer | Optimizer | None,
        setup: Setup,
    ) -> "TrainingState":
        """Make the state of a new learner.

        Args:
            model: The network, which is moved to its device and wrapped by the method.
            method: The method, whose parts get seeds that follow from the learner's.
            optimizer: A function that makes the optimizer, an optimizer, or None.
            setup: The arguments of the learner.
        """
        # The seeds come first, because gates and masks are drawn in `attach`.
        for part in method.parts:
            part.reseed(setup.seed, part.name)
        users_parameters = trainable(model)
        with naming_alternatives(method, setup.scenario):
            model = method.attach(model.to(setup.device))
        # All outputs compete from the start, so they are open from the start.
        if setup.settings.outputs == "all" and setup.scenario == "class":
            model.head.opened = model.head.width
        scaler = None
        if setup.precision is torch.float16:  # bfloat16 has the range of float32
            scaler = torch.amp.GradScaler(setup.device.type)
        optimizers = OptimizerSet(optimizer, setup.settings.schedule, scaler)
        state = cls(model, method, optimizers, setup)
        if optimizers.main is not None:
            # An optimizer of the user was made before the method wrapped the network. It also
            # trains what the method added.
            swap_parameters(optimizers.main, users_parameters, model)
        return state

    @property
    def head(self) -> Head:
        """The network's output layer."""
        return self.model.head

    @property
    def active(self) -> bool:
        """Whether a task has begun and not ended, in this process or in the checkpoint."""
        return not isinstance(self.phase, Between)

    @property
    def training_task(self) -> Task | None:
        """The current task with the examples that its method chose, or None between two tasks."""
        if isinstance(self.phase, InTask):
            return self.phase.training_task
        return None

    @property
    def task_number(self) -> int:
        """How many tasks came before the current one: 0 during the first task."""
        return len(self.progress.names) - 1

    @property
    def takes_steps(self) -> bool:
        """Whether weights are trained. Some methods only read features of a frozen network."""
        return all(part.declare().trains for part in self.method.parts)

    @property
    def restarts(self) -> bool:
        """Whether the method starts anew with each task."""
        return any(part.declare().restarts for part in self.method.parts)

    def register(self, task: Task, device: torch.device) -> Task:
        """Take the next task into the list of tasks.

        Args:
            task: The task.
            device: Where its examples are moved.

        Returns:
            The task on the device.
        """
        self.tasks.append(task.to(device))
        # In the domain scenario tasks share their outputs, so the number may stay the same.
        self.progress.seen_outputs = max(self.progress.seen_outputs, task.outputs[1])
        return self.tasks[-1]

    def bind(self, thorough: bool = False) -> None:
        """Follow the network if its parameters moved, grew or were replaced.

        Vectors shaped like θ and the optimizers are carried over, by the names of the parameters.

        Args:
            thorough: Walk through all of the network to find new parameters. Otherwise only
                parameters that were moved or replaced are noticed, which takes microseconds, so
                that every step can afford it.
        """
        before = self.space.named
        old = self.space.bind(thorough)
        if old is None:
            return
        new = self.space.layout
        for module in self.method.modules():
            if isinstance(module, Stateful):
                module.carry_vectors(old, new, self.space.theta.device)
        if self.initial is not None:
            self.initial.follow(old, new, self.space.theta)
        self.optimizers.follow(before, self.model)

    def parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters of network and method, by their names in checkpoints."""
        named = {}
        for root, module in (("model", self.model), ("method", self.method)):
            for name, parameter in module.named_parameters():
                named[f"{root}.{name}"] = parameter
        return named

    def optimizer_for(self, name: str, module: nn.Module, make: MakeOptimizer) -> Optimizer:
        """Return the optimizer of a trainable part of a method, with its state from a checkpoint.

        Args:
            name: The name of the part.
            module: The part.
            make: Makes the optimizer from parameters, the first time it is asked for.
        """
        optimizer = self.optimizers.of_part(name, module, make)
        # A checkpoint is loaded before its method has made such an optimizer, so the state waited.
        saved = self.optimizers.waiting.pop(name, None)
        if saved is not None:
            restore_optimizer(optimizer, saved, self.parameters())
        return optimizer

    def generators(self) -> list[Generator]:
        """Return all generators that a forward pass in training may draw from."""
        shared: list[Generator] = [*self.random.generators()]
        if self.draws_widely:
            shared = self.random.all_generators()
        if self.setup.augment is not None:
            shared.append(self.augmentation)
        return shared

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let forward passes inside leave the network's buffers and all generators as they were.

        Methods ask for gradients on other rows between two steps. Without this, BatchNorm's
        statistics and dropout would depend on how often they ask.
        """
        buffers = [(buffer, buffer.clone()) for buffer in self.model.buffers()]
        drawn = [(generator, generator.get_state()) for generator in self.generators()]
        try:
            yield
        finally:
            for generator, state in drawn:
                generator.set_state(state)
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)

    def saved(self) -> SavedState:
        """Return the state, to keep in a checkpoint. Its tensors are the learner's, not copies."""
        optimizers = self.optimizers
        names = {id(parameter): name for name, parameter in self.parameters().items()}
        scheduler = None
        if optimizers.scheduler is not None:
            scheduler = optimizers.scheduler.state_dict()
        scaler = None
        if optimizers.scaler is not None:
            scaler = optimizers.scaler.state_dict()
        return SavedState(
            spec=repr(self.method),
            scenario=self.setup.scenario,
            seed=self.setup.seed,
            model=self.model.state_dict(),
            head=self.head.state(),
            method=self.method.state_dict(),
            host=host_state(self.method),
            random=self.random.state(),
            augmentation=self.augmentation.get_state(),
            initial=None if self.initial is None else self.initial.theta,
            progress=self.progress,
            active=self.active,
            optimizers=optimizers.saved(names),
            scheduler=scheduler,
            scaler=scaler,
        )

    def restore(self, saved: SavedState) -> None:
        """Put a saved state into a learner whose head has its outputs.

        Args:
            saved: The state. It is copied, because it may be put back a second time.

        Raises:
            HoldfastError: The state does not fit. The learner may then hold a part of it.
        """
        # PyTorch would load what fits and complain afterwards, so everything is checked before.
        check_model(self.model, saved.model)
        check_hosts(self.method, saved.host)
        self.model.load_state_dict(saved.model)
        load_host_state(self.method, saved.host)
        # A part may have frozen weights by now, and then the vectors that come are shorter.
        self.bind(thorough=True)
        check_kinds(self.method, saved.method)
        # Not strict, because states that are None are not in the file.
        unexpected = self.method.load_state_dict(saved.method, strict=False).unexpected_keys
        if unexpected:
            raise HoldfastError(f"the tensor {unexpected[0][:100]!r} has no place in the method")
        self.method.to(self.setup.device)
        # θ must contain what the method has built, before vectors are compared with it.
        self.bind(thorough=True)
        check_method(self.method, self.model, self.space)
        self._restore_initial(saved.initial)
        self.random.restore(saved.random)
        # The generators take their state now, so that a state that they refuse is noticed.
        with self.random.active():
            pass
        self.augmentation.set_state(saved.augmentation)
        self.progress = replace(
            saved.progress,
            names=list(saved.progress.names),
            seconds=dict(saved.progress.seconds),
        )
        # Last, because optimizers are compared with the parameters that exist now.
        self.optimizers.restore(saved.optimizers, self.parameters())
        self.optimizers.restore_schedule(saved.scheduler)
        self.optimizers.restore_scaler(saved.scaler)

    def _restore_initial(self, theta: Tensor | None) -> None:
        """Put back the weights from before the first task."""
        if (self.initial is None) != (theta is None):
            raise HoldfastError(
                "it has initial weights where this learner has none, or the reverse"
            )
        if self.initial is None or theta is None:
            return
        if theta.shape != self.space.theta.shape:
            raise HoldfastError("its initial weights have another number of parameters")
        # A copy, because the tensor of the file may be put back a second time.
        self.initial.theta = theta.to(self.setup.device).clone()
