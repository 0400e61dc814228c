"""What a method is: eleven hooks in which it may act, what it declares, and how it is written down.

The shapes in this file: B rows in a batch, C outputs, D features, P weights (θ has shape (P,)).
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.engine.stateful import Stateful
from holdfast.errors import HoldfastError
from holdfast.methods.arguments import at_least, remembering
from holdfast.methods.declaration import PENALTY_IN_CLASS, Declaration, only_with_task
from holdfast.methods.naming import spec_name
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network
from holdfast.named_inputs import Inputs
from holdfast.streams.task import Stream, Task

__all__ = [
    "EXCLUSIVE",
    "HOOKS",
    "PENALTY_IN_CLASS",
    "Declaration",
    "Method",
    "Phase",
    "at_least",
    "only_with_task",
]

HOOKS = (
    "attach",
    "predict",
    "begin",
    "draw",
    "criterion",
    "loss",
    "penalty",
    "gradient",
    "update",
    "after",
    "consolidate",
)
# At most one part of a sum may fill these, because each of them decides alone.
EXCLUSIVE = ("criterion", "gradient", "predict")


@dataclass(frozen=True)
class Phase:
    """More training, which `consolidate` asks for and the learner does.

    Attributes:
        task: What is trained on.
        epochs: Passes over the task; None if `steps` says how long.
        steps: Optimizer steps; None if `epochs` says how long.
    """

    task: Task
    epochs: int | None = 1
    steps: int | None = None


class Method(Stateful):
    """Base of all methods. Override the hooks in which yours acts.

    A method returns what it wants, and never reaches into the optimizer, the loop or another
    method. What it remembers is declared in the constructor (see `Stateful`). The arguments of the
    constructor with their defaults give the repr, the spec and the axes of sweeps.

    Attributes:
        declaration: What the class assumes, needs and costs.
        arguments: The constructor's arguments of this instance by name, defaults included.

    Example:
        >>> class Shrink(Method):
        ...     declaration = Declaration("regularisation", "–", "pulls towards zero")
        ...
        ...     def __init__(self, strength: float, samples: int = 100) -> None:
        ...         super().__init__()
        ...         self.strength = strength
        ...
        ...     def penalty(self, learner, g):
        ...         g.add_(learner.space.theta, alpha=self.strength)
        >>> Shrink(0.5), Shrink(0.5).uses("penalty"), Shrink(0.5).uses("draw")
        (Shrink(0.5), True, False)
    """

    declaration: ClassVar[Declaration]
    # How methods are added. `compose` sets it, because a sum is a method too.
    summed: ClassVar[Callable[[list["Method"]], "Method"]]
    arguments: dict[str, Any]

    def __init__(self) -> None:
        """Set up what all methods have. A class without arguments needs no constructor."""
        super().__init__()
        self.arguments = {}

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if "__init__" in cls.__dict__:
            # Type checkers forbid to assign `cls.__init__`, since a subclass may need other
            # arguments. The wrapper takes the same arguments, so that is no danger here.
            type.__setattr__(cls, "__init__", remembering(cls.__init__))

    @property
    def name(self) -> str:
        """The name of the class. It is also the source of its rows in a batch, and its seed."""
        return type(self).__name__

    @property
    def parts(self) -> list["Method"]:
        """The methods it is made of: itself alone, unless it is a sum."""
        return [self]

    @classmethod
    def signature(cls) -> dict[str, inspect.Parameter]:
        """The parameters of the constructor by name, without `*args` and `**kwargs`."""
        named = {}
        for name, parameter in inspect.signature(cls.__init__).parameters.items():
            collects = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if name != "self" and not collects:
                named[name] = parameter
        return named

    @classmethod
    def small_specs(cls) -> tuple[str, ...]:
        """Specs that reach the method's branches on small problems."""
        return cls.declaration.small or (f"{cls.__name__}()",)

    @classmethod
    def typical_spec(cls) -> str:
        """The spec whose cost and time are measured."""
        return cls.declaration.typical or f"{cls.__name__}()"

    def __repr__(self) -> str:
        return self.written(spec_name(type(self)))

    def written(self, name: str) -> str:
        """Write a call of `name` with the arguments of this instance, as in a spec."""
        shown = []
        for position, (argument, parameter) in enumerate(self.signature().items()):
            value = self.arguments.get(argument, parameter.default)
            if parameter.default is parameter.empty and parameter.kind != parameter.KEYWORD_ONLY:
                shown.append(repr(value))
            elif position == 0 or value != parameter.default:
                # A first argument is shown even at its default, since it is what people compare.
                shown.append(f"{argument}={value!r}")
        return f"{name}({', '.join(shown)})"

    def __add__(self, other: "Method") -> "Method":
        return Method.summed([*self.parts, *other.parts])

    def __radd__(self, other: object) -> "Method":
        # `sum(methods)` starts with 0.
        return self if other == 0 else NotImplemented

    def declare(self) -> Declaration:
        """What this instance assumes, needs and costs.

        Returns:
            The declaration of the class. Override this if the arguments change it, and return
            `replace(super().declare(), ...)`.
        """
        return self.declaration

    def data_digests(self) -> dict[str, str]:
        """Give what the user's own files that a method reads are known by, by their names."""
        return {}

    def uses(self, hook: str) -> bool:
        """Say whether this method acts in a hook.

        Args:
            hook: One of `HOOKS`.

        Returns:
            True if the class overrides the hook and `declare().unused` does not name it. The
            learner leaves out what no part uses.
        """
        overrides = getattr(type(self), hook) is not getattr(Method, hook)
        return overrides and hook not in self.declare().unused

    # ---- the network

    def attach(self, model: Network) -> Network:
        """Wrap the network, for example in gates, masks, columns or adapters. Called once.

        Args:
            model: The network, already on its device.

        Returns:
            The network that is trained from now on.
        """
        return model

    def predict(self, learner: LearnerView, x: Inputs, task: int | None) -> Tensor:
        """Predict in another way than by the head. Exclusive: one part of a sum may do this.

        Args:
            learner: The learner, with its network in evaluation mode.
            x: Inputs of the network, (B, ...).
            task: The number of the task; None if the scenario hides it.

        Returns:
            Logits (B, C), -inf at outputs that are not in play.
        """
        raise NotImplementedError

    # ---- the data

    def begin(self, learner: LearnerView, task: Task) -> Task:
        """Act before a task is trained.

        Args:
            learner: The learner, whose head has opened the task's outputs.
            task: The task that comes.

        Returns:
            The task to train on, for example with stored examples added.
        """
        return task

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        """Choose the rows of a step, before the forward pass.

        Args:
            learner: The learner.
            batch: The new rows, and the rows that other parts added. Inputs are raw.

        Returns:
            The batch that is trained on, for example with rows from a memory (`batch.add`).
        """
        return batch

    # ---- the objective

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        """Compute the loss of the batch, if it is not weighted cross-entropy. Exclusive.

        Args:
            learner: The learner.
            step: The rows, with features (B, D) and logits (B, C).

        Returns:
            The loss, a scalar with a graph. `step.batch.weights()` are the weights of the rows.
        """
        raise NotImplementedError

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        """Compute a differentiable term that is added to the criterion.

        Args:
            learner: The learner.
            step: As for `criterion`.

        Returns:
            The term, a scalar; 0.0 if there is nothing to add.
        """
        return 0.0

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        """Add the gradient of a term whose gradient is known in closed form.

        Args:
            learner: The learner.
            g: The gradient of the loss, (P,), which is changed in place.
        """

    # ---- the step

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        """Project the whole gradient, after all penalties. Exclusive.

        Args:
            learner: The learner.
            step: The step, with its loss.
            g: The gradient, (P,), which may be changed in place.

        Returns:
            The gradient that the optimizer shall see, (P,).
        """
        return g

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        """Edit the change of θ that the optimizer made, weight decay and momentum included.

        Args:
            learner: The learner, whose θ has moved already.
            step: The step.
            delta: θ after the optimizer minus θ before it, (P,), which may be changed in place.

        Returns:
            The change that is made instead, (P,).
        """
        return delta

    def after(self, learner: LearnerView, step: Step) -> None:
        """Observe a finished step, for example to store its rows. No gradients are recorded.

        Args:
            learner: The learner.
            step: The step, with `delta` and `raw_gradient` if the method declares them.
        """

    # ---- the boundary

    def consolidate(self, learner: LearnerView, task: Task) -> Iterable[Phase] | None:
        """Act after a task was trained.

        Args:
            learner: The learner, which still counts `task` as the current one.
            task: The task that ended, as the stream has it.

        Returns:
            Phases of more training, one after the other; None for none.
        """
        return None

    # ---- refusals

    def check(self, learner: LearnerView, stream: Stream) -> None:
        """Refuse a stream that is more than the method can take, before the first step.

        Args:
            learner: The learner.
            stream: All tasks that will come.

        Raises:
            HoldfastError: The stream does not fit, for example more classes than the memory holds.
        """

    def refuse(self, scenario: str) -> None:
        """Refuse a scenario in which the assumptions of a part do not hold.

        Args:
            scenario: "task", "domain" or "class".

        Raises:
            HoldfastError: A part does not apply; the message says why.
        """
        for part in self.parts:
            declared = part.declare()
            if scenario not in declared.scenarios:
                fallback = f"it is defined for {', '.join(declared.scenarios)}"
                why = dict(declared.refused).get(scenario, fallback)
                raise HoldfastError(f"{part.name} does not apply to the {scenario} scenario: {why}")
