"""The conformance suite: laws that every method must keep, ours and yours.

    from holdfast import check_method
    check_method(MyMethod(0.5))

Each law trains small learners on the embedded digits, which takes seconds in all, and raises
`LawBroken` if it does not hold. Where new code belongs:

- `laws`: laws of training, such as determinism and resuming.
- `state_laws`: laws of what a method keeps, such as growth and devices.
- `leaks`: laws of what a method must not know.
- `testing`: the laws as tests of pytest.
- `parts`: streams, learners and comparisons that several laws use.
"""

import sys
import time
from collections.abc import Iterator, Sequence

from holdfast.checks.laws import (
    deterministic,
    neutral_is_absent,
    repr_builds_it,
    resumes,
    sums_commute,
)
from holdfast.checks.leaks import (
    evaluation_changes_nothing,
    held_out_rows_change_nothing,
    task_id_hidden,
)
from holdfast.checks.parts import Law, LawBroken, Passed, Subject, one_thread, subjects
from holdfast.checks.state_laws import (
    bytes_as_declared,
    grows,
    moves_with_its_device,
    still_parts_stay,
)
from holdfast.errors import HoldfastError
from holdfast.methods import Method
from holdfast.own_code import explained

__all__ = ["LAWS", "LawBroken", "Passed", "check_law", "check_method", "laws_kept"]

# In the order in which they are checked. The names are part of the messages.
LAWS: dict[str, Law] = {
    "its repr builds it again": repr_builds_it,
    "the same seed gives the same bits": deterministic,
    "sums do not depend on their order": sums_commute,
    "saved in the middle, it resumes bit for bit": resumes,
    "growth keeps what was there": grows,
    "strength 0 equals absent": neutral_is_absent,
    "bytes are as declared": bytes_as_declared,
    "evaluation changes nothing": evaluation_changes_nothing,
    "the task id is not used where it is hidden": task_id_hidden,
    "held-out rows change nothing": held_out_rows_change_nothing,
    "what must not move does not move": still_parts_stay,
    "all state moves with the device": moves_with_its_device,
}


def check_method(
    method: Method | str, scenarios: Sequence[str] | None = None, verbose: bool | None = None
) -> list[str]:
    """Check that a method keeps every law. It takes seconds for a small method.

    Args:
        method: The method, or its spec. It is built again from its arguments for each run.
        scenarios: Where the laws are checked. None: in every scenario that the method declares.
        verbose: Whether each law is printed as it passes, with its scenario and seconds. None: in a
            terminal, a notebook or another interactive session.

    Returns:
        The names of the laws.

    Raises:
        LawBroken: A law does not hold, or the method fails while it is checked. The message names
            the law, the scenario and what differed.
        HoldfastError: The spec cannot be read, or there is no such scenario.

    Example:
        >>> check_method("FineTune", scenarios=("class",))[:2]
        ['its repr builds it again', 'the same seed gives the same bits']
    """
    if verbose is None:
        verbose = sys.stdout.isatty() or hasattr(sys, "ps1")
    for passed in laws_kept(method, scenarios):
        if verbose:
            print(passed, flush=True)
    return list(LAWS)


def laws_kept(method: Method | str, scenarios: Sequence[str] | None = None) -> Iterator[Passed]:
    """Check one law after another, for whoever shows progress in another way.

    Args:
        method: As for `check_method`.
        scenarios: As for `check_method`.

    Yields:
        Each law in each scenario, as soon as it is checked.

    Raises:
        LawBroken: As for `check_method`.
        HoldfastError: As for `check_method`.

    Example:
        >>> next(laws_kept("FineTune", ["class"])).law
        'its repr builds it again'
    """
    for subject in subjects(method, scenarios):
        for name in LAWS:
            start = time.perf_counter()
            check_law(subject, name)
            yield Passed(subject.scenario, name, time.perf_counter() - start)


def check_law(subject: Subject, name: str) -> None:
    """Check one law of a method in one scenario.

    Args:
        subject: The method under test in one scenario.
        name: A key of `LAWS`.

    Raises:
        LawBroken: As for `check_method`.
    """
    where = f"{subject.tested!r} breaks the law “{name}” in the {subject.scenario} scenario"
    try:
        # More threads would only wait for each other: such small networks are slower with them.
        with one_thread():
            LAWS[name](subject)
    except LawBroken as broken:
        raise LawBroken(f"{where}: {broken}") from None
    except HoldfastError:
        raise
    except Exception as error:
        # A method that fails keeps no law. The cause shows whoever works in Python where it failed.
        raise LawBroken(f"{where}: {explained(error)}") from error
