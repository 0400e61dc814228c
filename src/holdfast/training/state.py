"""Everything that training changes: what a checkpoint holds, and what a checkpoint is put into."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.parameters import Layout, ParameterSpace, carry, trainable
from holdfast.engine.stateful import Stateful, host_state, load_host_state, seed_from
from holdfast.errors import HoldfastError
from holdfast.methods.method import Method
from holdfast.methods.view import MakeOptimizer
from holdfast.models.heads import Head
from holdfast.models.network import Network
from holdfast.streams.task import Task
from holdfast.training import contents
from holdfast.training.optimizer_set import OptimizerSet
from holdfast.training.optimizer_state import restore_optimizer
from holdfast.training.optimizers import swap_parameters
from holdfast.training.progress import Progress
from holdfast.training.randomness import Generator, Randomness
from holdfast.training.saved import SavedState
from holdfast.training.setup import Setup


class Between:
    """No task is being trained."""


@dataclass(frozen=True)
class InTask:
    """A task is being trained, on the examples of `training_task`."""

    training_task: Task


@dataclass(frozen=True)
class Resuming:
    """A checkpoint from the middle of a task was loaded. `begin` of that task goes on with it.

    Attributes:
        saved: What the checkpoint holds.
        source: What messages call the checkpoint.
    """

    saved: SavedState
    source: str


Phase = Between | InTask | Resuming


class InitialWeights:
    """The weights and statistics from before the first task, for methods that start anew."""

    def __init__(self, space: ParameterSpace, model: nn.Module) -> None:
        self.theta = space.theta.clone()
        self._statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def follow(self, old: Layout, new: Layout, theta: Tensor) -> None:
        """Follow a network that grew. What is new starts as it is now, in `theta`."""
        self.theta = carry(self.theta, old, new, fill=theta)

    @torch.no_grad()
    def put_back(self, space: ParameterSpace, model: nn.Module) -> None:
        """Make the network what it was."""
        space.theta.copy_(self.theta)
        for name, buffer in model.named_buffers():
            if name in self._statistics:
                buffer.copy_(self._statistics[name])


class TrainingState:
    """The state of a learner.

    Attributes:
        setup: What the learner was told.
        model: The network, as the method wrapped it.
        method: The method, whose buffers are a part of the state.
        space: The network's weights as one vector θ.
        optimizers: All that moves the weights.
        random: The learner's own stream of random numbers.
        augmentation: The generator that augmentation draws from.
        initial: The weights before the first task, if the method starts anew with each task.
        progress: The plain part of the state.
        tasks: The tasks begun so far, on the device. Checkpoints do not contain them.
        phase: Between two tasks, in one, or about to go on in the middle of one.
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
        # Whether code of the user may draw from NumPy's or Python's generators; known in `begin`.
        self.draws_widely = True

    @classmethod
    def assembled(
        cls,
        model: Network,
        method: Method,
        optimizer: MakeOptimizer | Optimizer | None,
        setup: Setup,
    ) -> "TrainingState":
        """The state of a new learner: the network on its device, wrapped by the method."""
        for part in method.parts:
            part.reseed(setup.seed, part.name)  # before attach: gates and masks are drawn there
        given = trainable(model)
        model = method.attach(model.to(setup.device))
        if setup.settings.outputs == "all" and setup.scenario == "class":
            model.head.opened = model.head.width
        scaler = None
        if setup.precision is torch.float16:
            scaler = torch.amp.GradScaler(setup.device.type)
        optimizers = OptimizerSet(optimizer, setup.settings.schedule, scaler)
        state = cls(model, method, optimizers, setup)
        if optimizers.main is not None:  # the user's own also trains what the method added
            swap_parameters(optimizers.main, given, model)
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
        """What is trained on for the current task; None between two tasks."""
        return self.phase.training_task if isinstance(self.phase, InTask) else None

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
        """Take the next task into the list; returns it on the device."""
        self.tasks.append(task.to(device))
        self.progress.seen_outputs = max(self.progress.seen_outputs, task.outputs[1])
        return self.tasks[-1]

    def bind(self, thorough: bool = False) -> None:
        """Follow the network if its parameters moved, grew or were replaced.

        Vectors shaped like θ and the optimizers go along, by the names of the parameters.

        Args:
            thorough: Walk through all of the network to find new parameters. Otherwise only
                parameters that were moved or replaced are noticed, which takes microseconds.
        """
        names = [slot.name for slot in self.space.layout.slots]
        before = dict(zip(names, self.space.parameters, strict=True))
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
        """The parameters of the network and of the method, by their names in checkpoints."""
        named = {f"model.{name}": p for name, p in self.model.named_parameters()}
        return named | {f"method.{name}": p for name, p in self.method.named_parameters()}

    def optimizer_for(self, name: str, module: nn.Module, make: MakeOptimizer) -> Optimizer:
        """The optimizer of a trainable part of a method, with its state from a checkpoint, if any."""
        optimizer = self.optimizers.of_part(name, module, make)
        saved = self.optimizers.waiting.pop(name, None)
        if saved is not None:
            restore_optimizer(optimizer, saved, self.parameters())
        return optimizer

    def generators(self) -> list[Generator]:
        """All generators that a forward pass in training may draw from."""
        shared: list[Generator] = [*self.random.generators()]
        if self.draws_widely:
            shared = self.random.all_generators()
        if self.setup.augment is not None:
            shared.append(self.augmentation)
        return shared

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Forward passes inside leave the network's buffers and all generators as they were."""
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
        """The state, to keep in a checkpoint. Its tensors are those of the learner, not copies."""
        optimizers = self.optimizers
        names = {id(parameter): name for name, parameter in self.parameters().items()}
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
            scheduler=optimizers.scheduler.state_dict() if optimizers.scheduler else None,
            scaler=optimizers.scaler.state_dict() if optimizers.scaler else None,
        )

    def restore(self, saved: SavedState) -> None:
        """Put a saved state into a learner whose head has its outputs.

        Raises:
            HoldfastError: The state does not fit. The learner may then hold a part of it.
        """
        contents.check_model(self.model, saved.model)
        contents.check_hosts(self.method, saved.host)
        self.model.load_state_dict(saved.model)
        load_host_state(self.method, saved.host)
        contents.check_kinds(self.method, saved.method)
        strange = self.method.load_state_dict(saved.method, strict=False).unexpected_keys
        if strange:
            raise HoldfastError(f"the tensor {strange[0][:100]!r} has no place in the method")
        self.method.to(self.setup.device)
        self.bind(thorough=True)
        contents.check_method(self.method, self.model, self.space)
        self._restore_initial(saved.initial)
        self.random.restore(saved.random)
        with self.random.active():
            pass  # the generators take their state now, or refuse it
        self.augmentation.set_state(saved.augmentation)
        self.progress = replace(
            saved.progress,
            names=list(saved.progress.names),
            seconds=dict(saved.progress.seconds),
        )
        self.optimizers.restore(saved.optimizers, self.parameters())
        self.optimizers.restore_schedule(saved.scheduler)
        self.optimizers.restore_scaler(saved.scaler)

    def _restore_initial(self, theta: Tensor | None) -> None:
        if (self.initial is None) != (theta is None):
            raise HoldfastError(
                "it has initial weights where this learner has none, or the reverse"
            )
        if self.initial is None or theta is None:
            return
        if theta.shape != self.space.theta.shape:
            raise HoldfastError("its initial weights have another number of parameters")
        self.initial.theta = theta.to(self.setup.device).clone()
