"""The laws of training: spec, determinism, sums, resuming, and strength 0."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from holdfast.checks.parts import (
    LawBroken,
    Subject,
    rebuilt,
    require_same,
    small_learner,
    state_of,
    state_without_method,
    trained,
    without_method,
)
from holdfast.errors import HoldfastError
from holdfast.methods import AGEM, ER, EWC, LwF, Method, parse_method
from holdfast.methods.naming import has_spec

# Where `resumes` saves: in the second task, when the method has a past, after some of its steps.
SAVED_IN_TASK = 1
SAVED_AT_STEP = 3
# Sums are trained with many others. In the second task each part has a past and all hooks act.
SUMMED_TASKS = 2


def repr_builds_it(subject: Subject) -> None:
    """Check that the repr of a method is its spec, so that config, spec and repr agree.

    A class of a notebook or inside a function has no spec, because nothing can import it. It must
    be the same when it is built again.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: The repr says something else.
    """
    method = subject.method()
    if all(has_spec(type(part)) for part in method.parts):
        try:
            parsed = parse_method(repr(method))
        except HoldfastError as error:
            raise LawBroken(f"its repr is no spec: {error}") from None
        if repr(parsed) != repr(method):
            raise LawBroken(f"{method!r} is parsed as {parsed!r}")
        return
    # Without a spec, only a repr that depends on more than the arguments can be wrong.
    again = subject.method()
    if repr(again) != repr(method):
        raise LawBroken(f"built again from its arguments it is {again!r}")


def deterministic(subject: Subject) -> None:
    """Check that two runs with one seed leave the same bits, and the global generator alone.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: The runs differ, or training moved the global generator.
    """
    first = subject.plain_state
    before = torch.get_rng_state()
    torch.rand(3)  # what others do with the global generator must not matter
    outside = torch.get_rng_state()
    second = state_of(trained(subject.method(), subject.stream))
    if not torch.equal(outside, torch.get_rng_state()):
        raise LawBroken("training moved the global generator")
    require_same(first, second, "two runs")
    # The check itself must leave no trace in the user's process either.
    torch.set_rng_state(before)


def sums_commute(subject: Subject) -> None:
    """Check that a + b trains like b + a, and that an isolating method refuses other parts.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: The order matters, or an isolating method accepts another part.
    """
    stream = subject.stream
    # A sum is sorted when it is made, and its parts are checked by themselves.
    if len(subject.method().parts) > 1:
        return
    if subject.method().declare().isolates:
        for refused in (ER(30), EWC(1.0)):
            with _expecting_error(f"it isolates tasks but accepts {refused!r} beside it"):
                subject.method() + refused
        return
    for other in _compatible(subject.method()):
        # All parts are new in both sums, because a part remembers what it was trained on.
        require_same(
            state_of(trained(subject.method() + other, stream, SUMMED_TASKS)),
            state_of(trained(rebuilt(other) + subject.method(), stream, SUMMED_TASKS)),
            f"its sum with {other!r} in both orders",
        )


def resumes(subject: Subject) -> None:
    """Check that a learner that is saved in the middle of a task resumes bit for bit elsewhere.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: The resumed run ends in another state than the uninterrupted one.
    """
    stream = subject.stream
    whole = small_learner(subject.method(), stream)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.safetensors"
        for number, task in enumerate(stream.tasks):
            whole.begin(task)
            for step, batch in enumerate(whole.view.batches()):
                if (number, step) == (SAVED_IN_TASK, SAVED_AT_STEP):
                    whole.save(path)
                whole.step(batch)
            whole.end()
        resumed = small_learner(subject.method(), stream)
        # Only the tasks that had begun, because a real run does not know later ones.
        resumed.load(path, tasks=stream.tasks[: SAVED_IN_TASK + 1])
    resumed.train(*stream.tasks[SAVED_IN_TASK:])
    require_same(state_of(whole), state_of(resumed), "saved in the middle and loaded")


def neutral_is_absent(subject: Subject) -> None:
    """Check that a method at strength 0 leaves weights and generators as FineTune does.

    The arguments that switch a method off are those that it declares as `neutral`. The check is
    made for the method alone and in a sum.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: The method has an effect although it is switched off.
    """
    scenario, stream = subject.scenario, subject.stream
    for part in subject.method().parts:
        for argument, value in part.declare().neutral:
            off = rebuilt(part, **{argument: value})
            # The state of the method is left out: a memory that is filled but unused is allowed.
            require_same(
                state_without_method("FineTune()", scenario, objective=subject.objective),
                without_method(state_of(trained(off, stream))),
                f"{argument}={value} against FineTune",
            )
            # One sum is enough: `sums_commute` tries the others.
            other = next(_compatible(off), None)
            if other is None:
                continue
            summed = trained(rebuilt(off) + other, stream, SUMMED_TASKS)
            require_same(
                state_without_method(repr(other), scenario, SUMMED_TASKS, subject.objective),
                without_method(state_of(summed)),
                f"{argument}={value} beside {other!r}",
            )


def _compatible(method: Method) -> Iterator[Method]:
    """Yield small methods of different families that can be added to a method."""
    # A penalty, a memory, a loss and a projection: together they use most hooks.
    for other in (EWC(1.0), ER(30), LwF(0.5), AGEM(30)):
        if other.name in {part.name for part in method.parts}:
            continue
        try:
            rebuilt(method) + other
        except HoldfastError:  # both define the same exclusive hook, for example
            continue
        yield other


@contextmanager
def _expecting_error(otherwise: str) -> Iterator[None]:
    """Break a law with this message unless the block raises a HoldfastError."""
    try:
        yield
    except HoldfastError:
        return
    raise LawBroken(otherwise)
