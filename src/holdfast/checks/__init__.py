"""The conformance suite: laws that every method must keep, ours and yours.

    from holdfast import check_method
    check_method(MyMethod(0.5))

Each law trains small learners on the embedded digits, which takes seconds in all, and raises
`LawBroken` if it does not hold. Where new code belongs:

- `laws`: laws of training, such as determinism and resuming.
- `state_laws`: laws of what a method keeps, such as growth and devices.
- `leaks`: laws of what a method must not know.
- `parts`: streams, learners and comparisons that several laws use.
"""

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
from holdfast.checks.parts import Law, LawBroken, Subject
from holdfast.checks.state_laws import (
    bytes_as_declared,
    grows,
    moves_with_its_device,
    still_parts_stay,
)
from holdfast.methods import Method, parse_method

__all__ = ["LAWS", "LawBroken", "check_method"]

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


def check_method(method: Method | str, scenarios: tuple[str, ...] | None = None) -> list[str]:
    """Check that a method keeps every law.

    Args:
        method: The method, or its spec. It is built again from its arguments for each run.
        scenarios: Where the laws are checked. None: in every scenario that the method declares.

    Returns:
        The names of the laws.

    Raises:
        LawBroken: A law does not hold. The message names the law, the scenario and what differed.

    Example:
        >>> check_method("FineTune", scenarios=("class",))[:2]
        ['its repr builds it again', 'the same seed gives the same bits']
    """
    tested = parse_method(method) if isinstance(method, str) else method

    for scenario in scenarios or _declared_by_all(tested):
        subject = Subject(tested, scenario)
        for name, law in LAWS.items():
            try:
                law(subject)
            except LawBroken as broken:
                where = f"the law “{name}” in the {scenario} scenario"
                raise LawBroken(f"{tested!r} breaks {where}: {broken}") from None
    return list(LAWS)


def _declared_by_all(method: Method) -> list[str]:
    """List the scenarios that every part of a method declares."""
    declared = [set(part.declare().scenarios) for part in method.parts]
    return sorted(set.intersection(*declared))
