"""`holdfast gate noise`: how much two runs of one and the same model differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli import gate_options as options
from holdfast.cli.gate_steps import gate_of
from holdfast.cli.printing import print_in_parts
from holdfast.errors import HoldfastError
from holdfast.gate.names import apart
from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.gate.noise import NoiseFloor
    from holdfast.gate.policy import Policy
    from holdfast.gate.rules import TaskRule

HEADINGS = ("task", "floor", "allowed", "largest difference", "changed examples", "examples")
MOST_WARNINGS = 10  # that are printed; each is a line of its own
TITLE = "Points by which two runs of the same model differ"


def noise(
    runs: options.Runs = None,
    repeat: options.Repeat = None,
    policy: options.Policy = None,
) -> None:
    """Measure how much two runs of the same model differ.

    Use this if your model samples its answers, or if you train it again with another seed. You see
    for each task and segment which difference 5 of 100 pairs of runs exceed, and a warning if your
    policy allows less than that.
    """
    from holdfast.gate.noise import below_floor, noise_floor

    sources = [*(repeat or []), *(runs or [])]
    if len(sources) < len(("one run", "another")):
        raise HoldfastError(
            f"two or more runs of the same model are compared, got {len(sources)}; give the "
            "results of each run as a file or folder"
        )
    gate = gate_of(policy)
    sides = [gate.read(Path(source), f"run {k + 1}") for k, source in enumerate(sources)]
    floors = noise_floor(sides)
    for floor in floors:
        _refuse_other_units(gate.policy.rule(floor.task, floor.segment), floor.name)
    print_in_parts(HEADINGS, [_row(floor, gate.policy) for floor in floors], TITLE)
    warnings = [below_floor(gate.policy.rule(at.task, at.segment), at) for at in floors]
    _print_warnings([warning for warning in warnings if warning])


def _refuse_other_units(rule: "TaskRule", name: str) -> None:
    """Refuse a limit that cannot be compared with a difference of mean scores."""
    if rule.metric != "score":
        raise HoldfastError(
            f"the noise floor is that of mean scores, but the policy judges {apart(name)} by "
            f"{rule.metric!r}; give a policy without a metric for it"
        )
    if rule.is_relative:
        raise HoldfastError(
            f"the noise floor is compared with limits in points, but delta of {apart(name)} is "
            f"{rule.delta!r}; give a policy with a number"
        )


def _row(at: "NoiseFloor", policy: "Policy") -> list[str]:
    """Write one task or segment as the cells of a table."""
    rule = policy.rule(at.task, at.segment)
    return [
        at.name,
        f"{100 * at.floor:.2f}",
        f"{100 * rule.limit:g}",
        f"{100 * at.largest:.2f}",
        f"{100 * at.changed:.1f} %",
        f"{at.examples:,}",
    ]


def _print_warnings(warnings: Sequence[str]) -> None:
    """Print which limits lie below the noise."""
    for warning in warnings[:MOST_WARNINGS]:
        print(f"warning: {shown(warning)}")
    if len(warnings) > MOST_WARNINGS:
        print(f"and {len(warnings) - MOST_WARNINGS} more limits lie below the floor in the table")
    if not warnings:
        print("The policy allows more than the noise on every task and segment.")
