"""`holdfast gate verify`: is a verdict still what its inputs say?"""

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.cli import gate_options as options
from holdfast.cli.command_line import note
from holdfast.cli.gate_reading import reading_as_told
from holdfast.cli.gate_request import Request
from holdfast.cli.gate_settings import Sources, judging_as_told
from holdfast.cli.gate_sources import read_sides
from holdfast.cli.gate_steps import gate_of
from holdfast.errors import reading
from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.gate.provenance import Provenance
    from holdfast.gate.verifying import Recorded

MOST_LINES = 50  # differences that are printed


def verify(
    verdict: options.VerdictFile = Path("gate"),
    champion: options.Champion = None,
    candidate: options.Candidate = None,
    ledger: options.Ledger = None,
    policy: options.Policy = None,
) -> None:
    """Check that a verdict is what its inputs say.

    Use this before you rely on a verdict that somebody else hands you, or to audit an old one. The
    gate recomputes the digest of the verdict, those of its inputs and its policy, and judges
    again. By default it takes the inputs that the verdict names. The exit code is 0 if everything
    is equal, 1 if something differs, and 2 if an input is missing or broken.
    """
    from holdfast.gate.verifying import changed_versions, read_verdict

    recorded = read_verdict(verdict)
    values = recorded.values
    sources = _sources(recorded.provenance, Sources(champion, candidate, ledger))
    judge_by = policy or Path(str(values.get("policy") or "standard"))
    differences = []
    if not recorded.digest_fits:
        # The inputs are judged again all the same, which shows what was changed.
        differences.append("digest: the verdict was changed after it was written")
    judging = judging_as_told(judge_by, recorded.provenance.options)
    reading_options = reading_as_told(recorded.provenance.options)
    request = Request(sources, judging=judging, reading=reading_options)
    differences += _judged_again(recorded, request)
    _print(values, differences)
    # Another version is no difference by itself, but it may explain one.
    others = changed_versions(recorded.provenance)
    if others:
        note([f"the verdict was reached with other versions: {', '.join(others)}"])
    if differences:
        sys.exit(1)


def _sources(recorded: "Provenance", named: Sources) -> Sources:
    """Take the inputs that the user names, and otherwise those of the verdict."""
    told = recorded.options
    candidate = named.candidate or recorded.candidate.name
    if named.champion is None and "ledger" in told:
        return Sources(
            candidate=candidate,
            ledger=named.ledger or told["ledger"],
            model=told.get("model"),
            trained_on=told.get("trained_on"),
        )
    return Sources(champion=named.champion or recorded.champion.name, candidate=candidate)


def _judged_again(recorded: "Recorded", request: Request) -> list[str]:
    """Judge the inputs at hand, and say what differs from the verdict."""
    from holdfast.gate.verifying import differences_of_decisions, differences_of_inputs

    values = recorded.values
    with reading("the verdict's day", "a date"):
        today = date.fromisoformat(str(values.get("judged")))
    until = str(values.get("champion_release") or "")
    judge = gate_of(request.judging, request.reading)
    sides, _ = read_sides(request, judge, until)
    # Waivers expire, so the day of the verdict decides and not the current one.
    again = judge.judge(*sides, today=today, looks=request.at_looks)
    differences: list[str] = []
    if again.provenance is not None:
        differences += differences_of_inputs(recorded.provenance, again.provenance)
    differences += differences_of_decisions(values, again)
    return differences


def _print(values: Mapping[str, Any], differences: Sequence[str]) -> None:
    """Print what differs, or that nothing does."""
    if not differences:
        rows = values["tasks"]
        print(f"verified: {values['decision']}, with {len(rows)} rows")
        print("The digest, both inputs, the policy and every row are those of the verdict.")
        return
    print(f"not verified: {len(differences)} differences")
    for line in differences[:MOST_LINES]:
        print(f"  {shown(line)}")
    if len(differences) > MOST_LINES:
        print(f"  and {len(differences) - MOST_LINES} more")
