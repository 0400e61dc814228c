"""What the laws are made of: small streams and learners, and what training leaves behind."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor

from holdfast.checks.targets import small_objective, targets_stream
from holdfast.engine.stateful import Stateful
from holdfast.errors import one_of
from holdfast.methods import Method, parse_method
from holdfast.methods.declaration_checks import check_declaration
from holdfast.methods.naming import is_built_in, spec_name
from holdfast.models import mlp
from holdfast.models.heads import FITS
from holdfast.named_inputs import need_one_tensor
from holdfast.own_code import remember
from holdfast.streams import Stream, Task, digits, split
from holdfast.streams.task import SCENARIOS
from holdfast.training import Learner, optimizer

# Growth from the second task to the third shows whether a state is constant or linear.
TASKS = 3
# Enough for three batches per task, and few enough for a method that takes a step per row.
EXAMPLES = 1000
# Fewer for a method that takes a step per row, whose training takes ten times as long.
EXAMPLES_ROW_BY_ROW = 500


class LawBroken(AssertionError):
    """A method breaks a law. The message says which one, in which scenario, and what differed."""


@dataclass(frozen=True)
class Subject:
    """A method under test in one scenario.

    Attributes:
        tested: The method. It is never trained itself, but built again from its arguments.
        scenario: "task", "domain" or "class".
        objective: What is trained for: "classification", "multilabel", "regression" or "custom".
    """

    tested: Method
    scenario: str
    objective: str = "classification"

    def method(self) -> Method:
        """Build the method again, without any state."""
        fresh = [rebuilt(part) for part in self.tested.parts]
        return sum(fresh[1:], fresh[0])

    @cached_property
    def stream(self) -> Stream:
        """The stream of the laws that need no validation rows."""
        row_by_row = any(part.declare().passes.singles for part in self.tested.parts)
        examples = EXAMPLES_ROW_BY_ROW if row_by_row else EXAMPLES
        return small_stream(self.scenario, examples=examples, objective=self.objective)

    @cached_property
    def plain_state(self) -> dict[str, object]:
        """What plain training leaves behind. Several laws compare with it, so it is made once."""
        return state_of(trained(self.method(), self.stream))


Law = Callable[[Subject], None]  # raises LawBroken


@dataclass(frozen=True)
class Passed:
    """A law that a method keeps in one scenario.

    Attributes:
        scenario: "task", "domain" or "class".
        law: The name of the law.
        seconds: How long the check took.

    Example:
        >>> print(Passed("class", "bytes are as declared", 0.123))
        class     0.12 s  bytes are as declared
    """

    scenario: str
    law: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.scenario:6} {self.seconds:7.2f} s  {self.law}"


def subjects(method: Method | str, scenarios: Sequence[str] | None = None) -> list[Subject]:
    """List what is to be checked of a method: one subject per scenario.

    Args:
        method: The method, or its spec.
        scenarios: The scenarios. None: all that every part of the method declares.

    Raises:
        HoldfastError: The spec cannot be read, a declaration is wrong, or there is no such
            scenario.
    """
    tested = method
    if isinstance(tested, str):
        tested = parse_method(tested)
    for part in tested.parts:
        if not is_built_in(type(part)):
            check_declaration(type(part), spec_name(type(part)))
            remember(type(part).__module__)
    declared = set.intersection(*(set(part.declare().scenarios) for part in tested.parts))
    chosen = [one_of("scenario", name, SCENARIOS) for name in scenarios or sorted(declared)]
    return [Subject(tested, scenario) for scenario in chosen]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute with one thread, for the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def small_stream(
    scenario: str,
    validation: float = 0.0,
    examples: int = EXAMPLES,
    objective: str = "classification",
) -> Stream:
    """Make a stream of the first tasks of the embedded digits.

    Args:
        scenario: "task", "domain" or "class".
        validation: The share of the training rows that become validation rows.
        examples: The number of digits that the stream is made of, before they are split.
        objective: What its targets are for.

    Returns:
        A stream of three tasks.
    """
    if objective != "classification":
        return targets_stream(scenario, objective, validation, examples)
    whole = split(digits().limited(examples, seed=0), 5, scenario, validation=validation)
    return replace(whole, tasks=whole.tasks[:TASKS])


def small_learner(
    method: Method,
    stream: Stream,
    optimizer_name: str = "sgd",
    head: str | None = None,
    **options: Any,
) -> Learner:
    """Build a learner of a small network, in which training takes less than a second.

    Args:
        method: The method.
        stream: The stream that it will be trained on.
        optimizer_name: "sgd", with momentum, or "adamw", with weight decay.
        head: The kind of head. None: the one that fits the scenario.
        **options: Other settings of the learner.

    Returns:
        The learner. Its backbone is frozen if the method trains nothing.
    """
    kind = head or FITS[stream.scenario][0]
    model = mlp(stream.shape, kind, stream.outputs, hidden=(24, 16), seed=0)
    if not all(part.declare().trains for part in method.parts):
        model.freeze()
    # Momentum and weight decay move weights that get no gradient, so both optimizers have one.
    rates = {"lr": 1e-3, "weight_decay": 0.1}
    if optimizer_name == "sgd":
        rates = {"lr": 0.02, "momentum": 0.9}
    # Two epochs, because methods treat the first one in a special way.
    settings: dict[str, Any] = {
        "scenario": stream.scenario,
        "objective": small_objective(stream.objective),
        "batch_size": 64,
        "epochs": 2,
    }
    return Learner(model, method, optimizer(optimizer_name, **rates), **(settings | options))


def trained(method: Method, stream: Stream, tasks: int = TASKS, **options: Any) -> Learner:
    """Train a small learner.

    Args:
        method: The method.
        stream: A stream.
        tasks: How many of its tasks are trained, from the first on.
        **options: As for `small_learner`.

    Returns:
        The learner after these tasks.
    """
    return small_learner(method, stream, **options).train(*stream.tasks[:tasks])


def rebuilt(method: Method, **changed: object) -> Method:
    """Build a method again from its arguments.

    Args:
        method: The method, which is no sum.
        **changed: Arguments that get another value.

    Returns:
        A new method, without any state of the old one.

    Example:
        >>> from holdfast.methods import EWC
        >>> rebuilt(EWC(3, samples=10), strength=0)
        EWC(0, samples=10)
    """
    return type(method)(**{**method.arguments, **changed})


@lru_cache(maxsize=64)
def state_without_method(
    spec: str, scenario: str, tasks: int = TASKS, objective: str = "classification"
) -> dict[str, object]:
    """Train an exported method plainly. Other methods at strength 0 are compared with the result.

    Args:
        spec: The method.
        scenario: "task", "domain" or "class".
        tasks: How many tasks are trained.
        objective: What is trained for.

    Returns:
        Weights and states of random generators, by name.
    """
    stream = small_stream(scenario, objective=objective)
    return without_method(state_of(trained(parse_method(spec), stream, tasks)))


def without_method(state: Mapping[str, object]) -> dict[str, object]:
    """Take what the method itself keeps out of a state.

    Args:
        state: What `state_of` collected.

    Returns:
        Weights and states of random generators, by name.
    """
    return {
        name: value for name, value in state.items() if not name.startswith(("method.", "host."))
    }


def state_of(learner: Learner) -> dict[str, object]:
    """Collect everything that training leaves behind.

    Args:
        learner: The learner.

    Returns:
        Copies of weights, states of random generators, and tensors and plain values of the method,
        by name.
    """
    # Tensors are copied, because further training changes them in place.
    state: dict[str, object] = {}
    for name, value in learner.model.state_dict().items():
        state[f"model.{name}"] = value.clone()
    for name, value in learner.state.random.state().items():
        state[f"random.{name}"] = value
    state["augmentation"] = learner.state.augmentation.get_state()
    for name, value in learner.method.state_dict().items():
        state[f"method.{name}"] = value.clone()
    for name, module in learner.method.named_modules():
        if isinstance(module, Stateful):
            # As text: plain values may be nested, and NaN does not equal itself.
            state[f"host.{name}"] = repr(module.host)
    return state


def require_same(one: Mapping[str, object], other: Mapping[str, object], what: str) -> None:
    """Refuse two states that differ.

    Args:
        one: A state.
        other: Another one.
        what: What was compared, as the message begins.

    Raises:
        LawBroken: They differ in a name or in a bit.
    """
    if one.keys() != other.keys():
        raise LawBroken(f"{what}: {sorted(one.keys() ^ other.keys())[:3]} exist on one side only")
    for name, value in one.items():
        counterpart = other[name]
        if isinstance(value, Tensor) and isinstance(counterpart, Tensor):
            same = same_bits(value, counterpart)
        else:
            same = value == counterpart
        if not same:
            raise LawBroken(f"{what}: {name} differs")


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Compare two tensors exactly.

    Args:
        one: A tensor.
        other: Another one.

    Returns:
        Whether shape, type and all values are equal. NaN equals NaN: it stands for an output that
        did not exist.

    Example:
        >>> same_bits(torch.tensor([1.0, torch.nan]), torch.tensor([1.0, torch.nan]))
        True
    """
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    both_nan = (one != one) & (other != other)  # only NaN differs from itself
    return bool(((one == other) | both_nan).all())


def first_rows(task: Task, rows: int) -> Tensor:
    """Return the raw inputs of the first test examples of a task, (rows, ...)."""
    return need_one_tensor(task.test.fetch(torch.arange(rows))[0], "a law")
