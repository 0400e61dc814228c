"""What a method is: eleven places where it may act, what it declares, and how it is written down."""

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from holdfast.advice import reason
from holdfast.engine.batch import Batch, Step
from holdfast.engine.stateful import Stateful
from holdfast.errors import HoldfastError, unknown
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network
from holdfast.streams.task import SCENARIOS, Stream, Task

PLACES = (
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
PENALTY_IN_CLASS = reason("penalty-in-class")
EXCLUSIVE = ("criterion", "gradient", "predict")


@dataclass(frozen=True)
class Declaration:
    """Where a method's assumptions hold. From this come the compatibility table, the refusals and the advice."""

    family: str
    paper: str
    summary: str
    scenarios: tuple[str, ...] = SCENARIOS
    refused: tuple[tuple[str, str], ...] = ()  # (scenario, why, and what to use instead)
    weak: tuple[tuple[str, str], ...] = ()  # (scenario, why): runs, with a warning in reports
    task_id: bool = False  # needs the task id at test time
    boundaries: bool = True  # needs to know where one task ends
    labels: bool = True
    stores_examples: bool = False
    restarts: bool = False  # trains anew for every task
    trains: bool = True
    isolates: bool = (
        False  # gives tasks weights of their own: refuses replay and penalties beside it
    )
    edits_weights: bool = (
        False  # in consolidate: done before the other parts of a sum look at the weights
    )
    raw_gradient: bool = False  # reads step.raw_gradient
    delta: bool = False  # reads step.delta
    memory: str = "constant"  # growth of its state with the number of tasks: none, constant, linear, quadratic
    parameters: str = "none"  # growth of what it adds to the network
    time: str = "constant"  # growth of the time that a task takes
    neutral: tuple[tuple[str, Any], ...] = ()  # (argument, value) with which it equals FineTune
    ignores: tuple[
        str, ...
    ] = ()  # settings of a run that it replaces: "training.lr", "training.outputs=current"
    # Places that the class fills, but in which an instance with its arguments does nothing.
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phase:
    """More training inside `consolidate`, run by the engine: on `task`, for a number of epochs or steps."""

    task: Task
    epochs: int | None = 1
    steps: int | None = None


class Method(Stateful):
    """Base of all methods. Constructor arguments with their defaults are the repr, the config and the spec.

    A method returns what it wants and never reaches into the optimizer, the loop or another method. Its buffers are its memory.
    """

    declaration: ClassVar[Declaration]
    summed: ClassVar[
        Callable[[list["Method"]], "Method"]
    ]  # set by `compose`: a sum is a method too
    arguments: dict[str, Any]

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if "__init__" in cls.__dict__:
            cls.__init__ = _remembering(cls.__init__)  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        """The class name: the part's source in a batch and its seed."""
        return type(self).__name__

    @property
    def parts(self) -> list["Method"]:
        """The methods it is made of: itself alone, unless composed."""
        return [self]

    @classmethod
    def signature(cls) -> dict[str, inspect.Parameter]:
        """Constructor arguments by name."""
        parameters = inspect.signature(cls.__init__).parameters
        return {
            n: p
            for n, p in parameters.items()
            if n != "self" and p.kind is not p.VAR_KEYWORD and p.kind is not p.VAR_POSITIONAL
        }

    def __repr__(self) -> str:
        shown = []
        given = getattr(self, "arguments", {})
        for k, (name, p) in enumerate(self.signature().items()):
            value = given.get(name, p.default)
            if p.default is p.empty:
                shown.append(repr(value))
            elif k == 0 or value != p.default:
                shown.append(f"{name}={value!r}")
        return f"{self.name}({', '.join(shown)})"

    def __add__(self, other: "Method") -> "Method":
        return Method.summed([*self.parts, *other.parts])

    def __radd__(self, other: Any) -> "Method":
        return self if other == 0 else NotImplemented  # so that sum() works

    def declare(self) -> Declaration:
        """What this instance assumes and does: the declaration of its class, as its arguments change it."""
        return self.declaration

    def uses(self, place: str) -> bool:
        """Whether this method acts in a place."""
        fills = getattr(type(self), place) is not getattr(Method, place)
        return fills and place not in self.declare().unused

    # ---- the network
    def attach(self, model: Network) -> Network:
        """Wraps the network (gates, masks, columns, adapters)."""
        return model

    def predict(self, learner: LearnerView, x: Tensor, task: int | None) -> Tensor:
        """Logits (N, C) when the prediction is not the head's."""
        raise NotImplementedError

    # ---- the data
    def begin(self, learner: LearnerView, task: Task) -> Task:
        """What is trained on for this task."""
        return task

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        """Which examples make the step."""
        return batch

    # ---- the objective
    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        """The loss of the batch, when it is not weighted cross-entropy."""
        raise NotImplementedError

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        """A differentiable term added to the criterion."""
        return 0.0

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        """Adds a closed-form gradient to g in place."""

    # ---- the step
    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        """A projection of the whole gradient."""
        return g

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        """Edits the actual change of θ."""
        return delta

    def after(self, learner: LearnerView, step: Step) -> None:
        """Observes the step."""

    # ---- the boundary
    def consolidate(self, learner: LearnerView, task: Task) -> Iterable[Phase] | None:
        """After a task; may yield phases of more training."""
        return None

    def check(self, learner: LearnerView, stream: Stream) -> None:
        """Error, before the first step, where the stream as a whole is more than the method can take."""

    def refuse(self, scenario: str) -> None:
        """Error where the method's assumptions do not hold in a scenario."""
        for part in self.parts:
            d = part.declare()
            if scenario not in d.scenarios:
                why = dict(d.refused).get(scenario, f"it is defined for {', '.join(d.scenarios)}")
                raise HoldfastError(f"{part.name} does not apply to the {scenario} scenario: {why}")


def _remembering(init: Any) -> Any:
    """Wraps a constructor so that its arguments, defaults included, are kept for repr and config."""
    signature = inspect.signature(init)
    known = [n for n in signature.parameters if n != "self"]

    @functools.wraps(init)
    def wrapped(self: Method, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        for key in kwargs:
            if key not in known:
                raise unknown(f"argument of {name}", key, known)
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise HoldfastError(
                f"{name}: {error}; its arguments are {', '.join(known) or 'none'}"
            ) from None
        bound.apply_defaults()
        init(self, *args, **kwargs)
        if type(self).__init__ is wrapped:
            self.arguments = {k: v for k, v in bound.arguments.items() if k != "self"}

    return wrapped


def only_with_task(rule: str) -> dict[str, Any]:
    """Fields of a declaration of a method that works with the task id alone; the rule of the advice says why."""
    return {
        "scenarios": ("task",),
        "refused": (("domain", reason(rule)), ("class", reason(rule))),
        "task_id": True,
    }


def at_least(name: str, value: float, lowest: float) -> float:
    """`value` where it is a number of at least `lowest`, else the error that says so."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= lowest:
        raise HoldfastError(f"{name} must be a number of at least {lowest}, got {value!r}")
    return value
