"""`holdfast gate`: may a retrained model replace the one in production?

Exit code 0 means that it may, 1 that it may not, 2 that the input or the command line is wrong, and
3 that the program has a fault. A broken input therefore never passes.
"""

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli import gate_options as options
from holdfast.cli.command_line import note, on_line
from holdfast.cli.gate_request import MLFLOW, Request
from holdfast.cli.gate_verdict import deliver, print_verdict
from holdfast.cli.lists import split_names
from holdfast.errors import HoldfastError, first_line
from holdfast.files import write_text
from holdfast.text import safe_name, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.gate import Gate, Side
    from holdfast.ledger import Release

DEFAULT_POLICY = Path("gate.toml")
NEEDS_LEDGER = ("model", "release", "trained_on")


def gate(
    context: typer.Context,
    path: options.PolicyToWrite = None,
    champion: options.Champion = None,
    candidate: options.Candidate = None,
    ledger: options.Ledger = None,
    model: options.Model = None,
    release: options.Release = None,
    trained_on: options.TrainedOn = None,
    policy: options.Policy = None,
    out: options.Out = None,
    html: options.Html = True,
    dry_run: options.DryRun = False,
    plan: options.Plan = False,
    power: options.Power = 0.8,
    init: options.Init = False,
) -> None:
    """Decide whether a retrained model may replace the old one.

    Use this after every retraining, for example in CI. The gate compares the results of two
    models on the same test examples. It passes the new model if no task or segment has lost more
    than your policy allows. The exit code is 0 for a pass, 1 for anything else, and 2 if an input
    or an option is wrong.
    """
    if init:
        _refuse_beside_init(context)
        _write_policy(path or policy or DEFAULT_POLICY)
        return
    request = _request(context)
    # An older verdict is removed before inputs are read, so this must be checked first.
    _refuse_inputs_in(request.folder, [champion, candidate, str(policy or "")])
    with _no_old_verdict(request.folder):
        _refuse_surplus(path)
        sides, releases = _sides(request, context)
        judge = _gate(policy)
        _note_idle(request, context)
        if plan:
            _print_plan(judge, sides, power)
            return
        verdict = judge.judge(*sides)
        delivered = deliver(verdict, request, sides, releases)
    # Printing comes last, so that a reader of the output that is gone takes no verdict away.
    print_verdict(verdict, [*delivered, *_about_policy(policy)])
    if not verdict.passed and not dry_run:
        sys.exit(1)


def _request(context: typer.Context) -> Request:
    """Gather the options that several steps need."""
    # The parameters of the command have the names of the fields, so none is listed twice.
    values = {field.name: context.params[field.name] for field in fields(Request)}
    values["trained_on"] = tuple(split_names(values["trained_on"] or ""))
    return Request(**values)


def leave_no_old_verdict(arguments: Sequence[str], reason: str) -> None:
    """If a command line of the gate does not parse, replace an older verdict by a failing one.

    Args:
        arguments: The command line, without the program's name.
        reason: What is wrong with it.
    """
    # These three write no verdict, so an older one stays valid.
    if "gate" not in arguments[:1] or {"--dry-run", "--plan", "--init"} & set(arguments):
        return
    from holdfast.gate.outputs import give_up

    for folder in _folders_in(arguments):
        give_up(Path(folder), reason)


def _folders_in(arguments: Sequence[str]) -> list[str]:
    """Find the values of --out in a command line that Typer could not parse."""
    folders = []
    # Both spellings of Typer are looked for: --out FOLDER and --out=FOLDER.
    for argument, following in zip(arguments, [*arguments[1:], None], strict=True):
        name, equals, value = argument.partition("=")
        if name == "--out" and equals:
            folders.append(value)
        elif name == "--out" and following is not None:
            folders.append(following)
    return folders


def _refuse_beside_init(context: typer.Context) -> None:
    """Refuse options that --init ignores, so that nobody takes its exit code 0 for a pass."""
    others = (name for name in context.params if name not in ("path", "policy", "init"))
    ignored = on_line(context, *others)
    if ignored:
        raise HoldfastError(
            f"--init writes a policy and judges nothing, so {ignored[0]} has no effect; "
            "leave one of the two out"
        )


def _refuse_surplus(path: Path | None) -> None:
    """Refuse an argument that is no policy to write, such as a file of results."""
    if path is not None:
        raise HoldfastError(
            f"unexpected argument {str(path)!r}; "
            "name the results of the two models with --champion and --candidate"
        )


def _refuse_inputs_in(out: Path | None, sources: list[str | None]) -> None:
    """Refuse an input that has the name of a file of --out, which is removed before it is read."""
    from holdfast.gate.outputs import FILES

    for source in sources:
        path = Path(source or "")
        if out is not None and path.name in FILES and path.resolve().parent == out.resolve():
            raise HoldfastError(
                f"{safe_name(str(path))} is an input, but --out replaces the file of that name; "
                "name another folder"
            )


def _note_idle(request: Request, context: typer.Context) -> None:
    """Name options that have no effect on this verdict."""
    lines = []
    if on_line(context, "power") and not request.plan:
        lines.append("--power has no effect without --plan")
    if not request.html and request.out is None and request.mlflow_run is None:
        lines.append("--no-html has no effect without --out")
    note(lines)


@contextmanager
def _no_old_verdict(out: Path | None) -> "Iterator[None]":
    """Remove an older verdict first, and leave a failing junit.xml if no new one is reached."""
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


def _sides(
    request: Request, context: typer.Context
) -> "tuple[tuple[Side, Side], Sequence[Release]]":
    """Read champion and candidate, and the releases of the ledger that the champion is from.

    The ledger is asked for its releases once, so that a release that is recorded meanwhile changes
    neither the champion nor the report.
    """
    _check_sources(request, context)
    # Without a candidate there is no need to ask a ledger, so it is read first.
    candidate = _side(request.candidate or "", "candidate")
    # Without a ledger there are no earlier releases to show.
    if request.ledger is None:
        return (_side(request.champion or "", "champion"), candidate), ()
    from holdfast.ledger import Ledger, sides
    from holdfast.ledger.records import checked_name

    # Names are checked before the ledger is opened, which may be a database far away.
    model = checked_name("model", request.model or "")
    name = request.release or ""
    checked_name("candidate", name or "candidate")
    ledger = Ledger(request.ledger, mode="read")
    releases = ledger.releases(model)
    both = sides(ledger, model, candidate, request.trained_on, name, releases)
    return both, releases


def _check_sources(request: Request, context: typer.Context) -> None:
    """Refuse a command line that leaves open where a side comes from."""
    if request.ledger is None:
        alone = on_line(context, *NEEDS_LEDGER)
        if alone:
            raise HoldfastError(
                f"{alone[0]} says something about a model in a ledger; "
                "give --ledger and --model too, or leave it out"
            )
    elif request.champion is not None or request.model is None:
        raise HoldfastError(
            "the champion comes either from --champion, or from --ledger together with --model"
        )
    if request.candidate is None or (request.champion is None and request.ledger is None):
        raise HoldfastError(
            "two models are compared, but one is missing; give --candidate, and --champion or "
            "--ledger with --model"
        )


def _side(source: str, side: str) -> "Side":
    """Read the results of one model from a file or from a run of MLflow."""
    from holdfast.gate import read_side

    # The package of MLflow is imported only by those who use it.
    if not source.startswith(MLFLOW):
        return read_side(Path(source), side)
    from holdfast.integrations.mlflow import read_run

    return read_run(source, side)


def _gate(policy: Path | None) -> "Gate":
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


def _write_policy(policy: Path) -> None:
    """Write a policy to start from, but never over an existing file."""
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
        raise HoldfastError(f"{name} exists already; delete it, or name another file after --init")
    write_text(policy, text)
    print(f"Wrote {name}. Next: holdfast gate --policy {name} --champion OLD --candidate NEW")


def _print_plan(judge: "Gate", sides: "tuple[Side, Side]", power: float) -> None:
    """Print how many examples each subject needs."""
    from holdfast.gate.joining import compare

    for line in judge.plan(compare(*sides), power):
        print(shown(line))
