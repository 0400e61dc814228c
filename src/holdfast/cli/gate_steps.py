"""What the commands of `holdfast gate` do: judge, plan, and write a policy."""

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.command_line import note, on_line
from holdfast.cli.gate_request import Request
from holdfast.cli.gate_sources import read_sides, refuse_inputs_in
from holdfast.cli.gate_verdict import deliver, print_verdict
from holdfast.errors import HoldfastError, first_line
from holdfast.files import write_text
from holdfast.text import safe_name, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.gate import Gate, Verdict

DEFAULT_POLICY = Path("gate.toml")


def judge_release(request: Request, context: typer.Context) -> "tuple[Verdict, list[str]]":
    """Judge a candidate, and keep the verdict in all its places.

    Args:
        request: What is asked for.
        context: The command line, which tells options that were given from defaults.

    Returns:
        The verdict, and lines that say where it is and by which policy it was reached.

    Raises:
        HoldfastError: An input cannot be read or judged, or the verdict cannot be kept.
    """
    sides, releases = read_sides(request, context)
    judge = gate_of(request.policy)
    # Notes follow what may be refused, so that an error stays one line.
    _note_idle(request, context)
    verdict = judge.judge(*sides)
    delivered = deliver(verdict, request, sides, releases)
    return verdict, [*delivered, *_about_policy(request.policy)]


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
    from holdfast.gate.joining import compare

    sides, _ = read_sides(request, context)
    judge = gate_of(request.policy)
    _note_idle(request, context)
    for line in judge.plan(compare(*sides), power):
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
    policy = str(request.policy or "")
    refuse_inputs_in(out, [*paths, sources.champion, sources.candidate, policy])
    if out is None:
        yield
        return
    from holdfast.gate.outputs import begin, give_up

    # From here on, whoever reads the folder finds a verdict, or a failure with its reason.
    begin(out)
    try:
        yield
    except HoldfastError as error:
        give_up(out, str(error))
        raise
    except (Exception, KeyboardInterrupt) as error:
        give_up(out, f"the gate stopped: {type(error).__name__}: {first_line(error)}")
        raise


def _note_idle(request: Request, context: typer.Context) -> None:
    """Name options that have no effect on this verdict."""
    keeping = request.keeping
    lines = []
    if on_line(context, "power") and not request.plan:
        lines.append("--power has no effect without --plan")
    if not keeping.html and keeping.out is None and request.mlflow_run is None:
        lines.append("--no-html has no effect without --out")
    note(lines)


def gate_of(policy: Path | None) -> "Gate":
    """Make the gate of a policy, by default that of the working directory."""
    from holdfast.gate import Gate
    from holdfast.gate.policy import STANDARD

    if policy is not None:
        return Gate.from_policy(policy)
    if DEFAULT_POLICY.exists():
        return Gate.from_policy(DEFAULT_POLICY)
    return Gate.from_policy(Path(STANDARD))


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
