"""`holdfast gate noise`: how much two runs of one and the same model differ."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli import gate_options as options
from holdfast.cli.bundles import options_of, with_bundles
from holdfast.cli.gate_reading import Reading
from holdfast.cli.gate_settings import Judging
from holdfast.cli.gate_steps import gate_of
from holdfast.cli.printing import print_in_parts
from holdfast.errors import HoldfastError
from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.gate.judge import Gate
    from holdfast.gate.noise import NoiseFloor
    from holdfast.gate.policy import Policy
    from holdfast.gate.reading import Side

HEADINGS = ("task", "floor", "allowed", "largest difference", "changed examples", "examples")
MOST_WARNINGS = 10  # that are printed; each is a line of its own
TITLE = "How much two runs of the same model differ"


@with_bundles(reading=options_of(Reading))
def noise(
    runs: options.Runs = None,
    repeat: options.Repeat = None,
    policy: options.Policy = None,
    *,
    reading: Reading,
) -> None:
    """Measure how much two runs of the same model differ.

    Use this if your model samples its answers, or if you train it again with another seed. You see
    for each task and segment which difference 5 of 100 pairs of runs exceed, and a warning if your
    policy allows less than that.
    """
    from holdfast.gate.noise import below_floor, noise_floor

    gate = gate_of(Judging(policy), reading)
    sides = _sides(gate, [*(repeat or []), *(runs or [])])
    floors = noise_floor(sides, gate.compare)
    print_in_parts(HEADINGS, [_row(floor, gate.policy) for floor in floors], TITLE)
    warnings = [below_floor(gate.policy.rule(at.task, at.segment), at) for at in floors]
    _print_warnings([warning for warning in warnings if warning])


def _sides(gate: "Gate", sources: Sequence[str]) -> "list[Side]":
    """Read the runs. A single file may hold several, if it numbers the repeats of its examples."""
    from holdfast.gate.reading.repeats import split_repeats

    if not sources:
        raise HoldfastError(
            "two or more runs of the same model are compared, got none; give the results of each "
            "run as a file or folder, or one file with a column repeat"
        )
    if len(sources) > 1:
        return [gate.read(Path(source), f"run {k + 1}") for k, source in enumerate(sources)]
    side = gate.read(Path(sources[0]), "runs")
    return [replace(side, rows=rows) for rows in split_repeats(side.rows, side.name)]


def _row(at: "NoiseFloor", policy: "Policy") -> list[str]:
    """Write one task or segment as the cells of a table."""
    rule = policy.rule(at.task, at.segment)
    amounts = at.amounts(rule)
    return [
        at.name,
        amounts.size(at.in_unit_of(rule, at.floor)),
        amounts.limit_with_unit(rule.limit),
        amounts.size(at.in_unit_of(rule, at.largest)),
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
