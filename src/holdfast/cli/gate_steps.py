"""What the commands of `holdfast gate` do: judge, plan, and write a policy."""

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.command_line import note, on_line
from holdfast.cli.gate_reading import EVERYTHING_AS_USUAL, Reading
from holdfast.cli.gate_request import Request
from holdfast.cli.gate_settings import Judging
from holdfast.cli.gate_sources import read_sides, refuse_input_as_comment, refuse_inputs_in
from holdfast.cli.gate_verdict import begin_anew, deliver, give_up_on, print_verdict, promote
from holdfast.errors import HoldfastError, first_line
from holdfast.files import write_text
from holdfast.text import safe_name, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.gate import Gate, Verdict

DEFAULT_POLICY = Path("gate.toml")


def judge_release(
    request: Request, context: typer.Context, strict: bool
) -> "tuple[Verdict, list[str]]":
    """Judge a candidate, and keep the verdict in all its places.

    Args:
        request: What is asked for.
        context: The command line, which tells options that were given from defaults.
        strict: Whether a candidate is also refused if another file has the champion's rows.

    Returns:
        The verdict, and lines that say where it is and by which policy it was reached.

    Raises:
        HoldfastError: An input cannot be read or judged, or the verdict cannot be kept.
    """
    from holdfast.gate.sameness import refuse_same

    judge = gate_of(request.judging, request.reading)
    # What the candidate's name stands for is looked up before its results are read.
    promotion = request.promotion()
    sides, releases = read_sides(request, judge)
    # Results that are equal most often come from a slip in a pipeline, such as a copied path.
    if not request.judging.allow_same:
        refuse_same(*sides, by_rows=strict)
    # Notes follow what may be refused, so that an error stays one line.
    _note_idle(request, context)
    verdict, found = judge.judge_and_compare(*sides, looks=request.at_looks)
    verdict = _with_options(verdict, request)
    delivered = deliver(verdict, request, sides, releases, found)
    # The alias moves last: whoever follows it finds the verdict that moved it.
    if promotion is not None and not request.keeping.dry_run:
        delivered.append(promote(promotion, verdict))
    return verdict, [*delivered, *_about_policy(request.judging.policy)]


def end_with(verdict: "Verdict", lines: Sequence[str], dry_run: bool) -> None:
    """Print a verdict, and end with its exit code.

    Call this outside of `no_old_verdict`, so that a reader of the output that is gone takes no
    verdict away.

    Args:
        verdict: The verdict.
        lines: Where it is kept, and by which policy it was reached.
        dry_run: Whether the exit code is 0 for any verdict.

    Raises:
        SystemExit: The candidate does not pass.
    """
    print_verdict(verdict, lines)
    if not verdict.passed and not dry_run:
        sys.exit(1)


def plan_release(request: Request, context: typer.Context, power: float) -> None:
    """Print how many examples each subject needs.

    Args:
        request: What is asked for.
        context: The command line, which tells options that were given from defaults.
        power: The chance of passing that the examples must give.

    Raises:
        HoldfastError: An input cannot be read or judged.
    """
    judge = gate_of(request.judging, request.reading)
    sides, _ = read_sides(request, judge)
    _note_idle(request, context)
    for line in judge.plan(judge.compare(*sides), power, request.at_looks):
        print(shown(line))


@contextmanager
def no_old_verdict(request: Request, paths: Sequence[str] = ()) -> "Iterator[None]":
    """Remove an older verdict first, and leave a failing junit.xml if no new one is reached.

    Args:
        request: What is asked for.
        paths: Further inputs.

    Raises:
        HoldfastError: An input lies among the files that are replaced, or they cannot be written.
    """
    out = request.folder
    # An older verdict is removed before inputs are read, so this must be checked first.
    sources = request.sources
    policy = str(request.judging.policy or "")
    refuse_inputs_in(out, [*paths, sources.champion, sources.candidate, policy])
    comment = request.comment
    if comment is not None:
        refuse_input_as_comment(comment, [*paths, sources.champion, sources.candidate, policy])
    # From here on, whoever reads the folder finds a verdict, or a failure with its reason.
    begin_anew(out, comment)
    try:
        yield
    except HoldfastError as error:
        give_up_on(out, comment, str(error))
        raise
    # A fault or an interruption must not look like a verdict that is still to come.
    except (Exception, KeyboardInterrupt) as error:
        reason = f"the gate stopped: {type(error).__name__}: {first_line(error)}"
        give_up_on(out, comment, reason)
        raise


def _note_idle(request: Request, context: typer.Context) -> None:
    """Name options that have no effect on this verdict."""
    keeping = request.keeping
    lines = []
    if on_line(context, "power") and not request.plan:
        lines.append("--power has no effect without --plan")
    if keeping.show_inputs and keeping.comment is None:
        lines.append("--show-inputs has no effect without --comment")
    if keeping.promote is not None and (request.plan or keeping.dry_run):
        lines.append("--promote moves no alias here, because only a verdict that is kept does")
    if not keeping.html and keeping.out is None and request.mlflow_run is None:
        lines.append("--no-html has no effect without --out")
    note(lines)


def gate_of(judging: Judging, reading: Reading = EVERYTHING_AS_USUAL) -> "Gate":
    """Make the gate that a command line asks for.

    Args:
        judging: The policy, by default that of the working directory, and what changes it.
        reading: What is read, and by what metric it is judged.

    Raises:
        HoldfastError: There is no such policy, or it is not valid.
    """
    from holdfast.gate import Gate
    from holdfast.gate.policy import STANDARD

    path = judging.policy
    # A policy of the working directory comes before the shipped one.
    if path is None:
        path = Path(STANDARD)
        if DEFAULT_POLICY.exists():
            path = DEFAULT_POLICY
    gate = Gate.from_policy(path)
    if judging.repair_ids:
        gate.policy = gate.policy.model_copy(update={"repair_ids": True})
    gate.policy = reading.applied(gate.policy)
    gate.wanted = reading.wanted
    return gate


def _with_options(verdict: "Verdict", request: Request) -> "Verdict":
    """Record the options in a verdict, so that it can be judged again in the same way."""
    # A verdict without its inputs cannot be judged again, so it needs no options.
    if verdict.provenance is None:
        return verdict
    told = {**request.sources.told, **request.judging.told, **request.reading.told}
    told |= request.keeping.told
    return replace(verdict, provenance=replace(verdict.provenance, options=told))


def _about_policy(policy: Path | None) -> list[str]:
    """Say where the policy comes from if the user has named none and has none of their own."""
    if policy is not None or DEFAULT_POLICY.exists():
        return []
    return [
        f"The shipped policy was used, because there is no {DEFAULT_POLICY}; --init writes one."
    ]


def write_policy(policy: Path) -> None:
    """Write a policy to start from, but never over an existing file.

    Args:
        policy: The file, or the name of a shipped policy.

    Raises:
        HoldfastError: The file exists already or cannot be written.
    """
    from holdfast.gate import template
    from holdfast.gate.policy import SHIPPED

    text = template()
    # `--init --policy simple` means a copy of the shipped policy, not a file named "simple".
    if str(policy) in SHIPPED:
        text = template(str(policy))
        policy = Path(f"{policy}.toml")
    name = safe_name(str(policy))
    # A policy is written by hand, so a slip must never overwrite it.
    if policy.exists():
        raise HoldfastError(f"{name} exists already; delete it, or name another file")
    write_text(policy, text)
    print(f"Wrote {name}. Next: holdfast gate run --policy {name} OLD NEW")


def refuse_beside_init(context: typer.Context) -> None:
    """Refuse options that --init ignores, so that nobody takes its exit code 0 for a pass.

    Args:
        context: The command line.

    Raises:
        HoldfastError: Such an option was given.
    """
    others = (name for name in context.params if name not in ("paths", "policy", "init"))
    ignored = on_line(context, *others)
    if ignored:
        raise HoldfastError(
            f"--init writes a policy and judges nothing, so {ignored[0]} has no effect; "
            "leave one of the two out"
        )
