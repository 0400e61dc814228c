"""The laws of training: spec, determinism, sums, resuming, and strength 0."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from holdfast.checks.parts import (
    LawBroken,
    Make,
    rebuilt,
    require_same,
    small_learner,
    small_stream,
    state_of,
    trained,
)
from holdfast.errors import HoldfastError
from holdfast.methods import AGEM, ER, EWC, METHODS, FineTune, LwF, Method, parse_method

# Where `resumes` saves: in the second task, when the method has a past, after some of its steps.
SAVED_IN_TASK = 1
SAVED_AT_STEP = 3


def repr_builds_it(make: Make, scenario: str) -> None:
    """Check that the repr of an exported method is its spec, so that config, spec and repr agree.

    A method of a user's has no spec. It must be the same when it is built again.

    Args:
        make: Builds the method.
        scenario: Has no effect.

    Raises:
        LawBroken: The repr says something else.
    """
    method = make()
    if all(part.name in METHODS for part in method.parts):
        parsed = parse_method(repr(method))
        if repr(parsed) != repr(method):
            raise LawBroken(f"{method!r} is parsed as {parsed!r}")
        return
    # Without a spec, only a repr that depends on more than the arguments can be wrong.
    again = make()
    if repr(again) != repr(method):
        raise LawBroken(f"built again from its arguments it is {again!r}")


def deterministic(make: Make, scenario: str) -> None:
    """Check that two runs with one seed leave the same bits, and the global generator alone.

    Args:
        make: Builds the method.
        scenario: The scenario.

    Raises:
        LawBroken: The runs differ, or training moved the global generator.
    """
    stream = small_stream(scenario)
    outside = torch.get_rng_state()
    first = state_of(trained(make(), stream))
    if not torch.equal(outside, torch.get_rng_state()):
        raise LawBroken("training moved the global generator")
    torch.rand(3)  # what others do with the global generator must not matter
    require_same(first, state_of(trained(make(), stream)), "two runs")
    # The check itself must leave no trace in the user's process either.
    torch.set_rng_state(outside)


def sums_commute(make: Make, scenario: str) -> None:
    """Check that a + b trains like b + a, and that an isolating method refuses other parts.

    Args:
        make: Builds the method.
        scenario: The scenario.

    Raises:
        LawBroken: The order matters, or an isolating method accepts another part.
    """
    stream = small_stream(scenario)
    # A sum is sorted when it is made, and its parts are checked by themselves.
    if len(make().parts) > 1:
        return
    if make().declare().isolates:
        for refused in (ER(30), EWC(1.0)):
            with _expecting_error(f"it isolates tasks but accepts {refused!r} beside it"):
                make() + refused
        return
    for other in _compatible(make()):
        # All parts are new in both sums, because a part remembers what it was trained on.
        require_same(
            state_of(trained(make() + other, stream)),
            state_of(trained(rebuilt(other) + make(), stream)),
            f"its sum with {other!r} in both orders",
        )


def resumes(make: Make, scenario: str) -> None:
    """Check that a learner that is saved in the middle of a task resumes bit for bit elsewhere.

    Args:
        make: Builds the method.
        scenario: The scenario.

    Raises:
        LawBroken: The resumed run ends in another state than the uninterrupted one.
    """
    stream = small_stream(scenario)
    whole = small_learner(make(), stream)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.safetensors"
        for number, task in enumerate(stream.tasks):
            whole.begin(task)
            for step, batch in enumerate(whole.view.batches()):
                if (number, step) == (SAVED_IN_TASK, SAVED_AT_STEP):
                    whole.save(path)
                whole.step(batch)
            whole.end()
        resumed = small_learner(make(), stream)
        # Only the tasks that had begun, because a real run does not know later ones.
        resumed.load(path, tasks=stream.tasks[: SAVED_IN_TASK + 1])
    resumed.train(*stream.tasks[SAVED_IN_TASK:])
    require_same(state_of(whole), state_of(resumed), "saved in the middle and loaded")


def neutral_is_absent(make: Make, scenario: str) -> None:
    """Check that a method at strength 0 leaves weights and generators as FineTune does.

    The arguments that switch a method off are those that it declares as `neutral`. The check is
    made for the method alone and in a sum.

    Args:
        make: Builds the method.
        scenario: The scenario.

    Raises:
        LawBroken: The method has an effect although it is switched off.
    """
    stream = small_stream(scenario)
    for part in make().parts:
        for argument, value in part.declare().neutral:
            off = rebuilt(part, **{argument: value})
            plain = trained(FineTune(), stream)
            # The state of the method is left out: a memory that is filled but unused is allowed.
            require_same(
                state_of(plain, with_method=False),
                state_of(trained(off, stream), with_method=False),
                f"{argument}={value} against FineTune",
            )
            # One sum is enough: `sums_commute` tries the others.
            other = next(_compatible(off), None)
            if other is None:
                continue
            alone = trained(rebuilt(other), stream)
            summed = trained(rebuilt(off) + other, stream)
            require_same(
                state_of(alone, with_method=False),
                state_of(summed, with_method=False),
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
