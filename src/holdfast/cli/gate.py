"""`holdfast gate`: may a retrained model replace the one in production?

Exit code 0 means that it may, 1 that it may not, 2 that the input or the command line is wrong, and
3 that the program has a fault. A broken input therefore never passes.

The commands are `run`, `plan`, `init`, `verify` and `noise`. The spelling without a command
(`holdfast gate --champion OLD --candidate NEW`) is that of the first versions and stays.
"""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from holdfast.cli import gate_options as options
from holdfast.cli.bundles import InSections, options_of, with_bundles
from holdfast.cli.examples import examples
from holdfast.cli.gate_noise import noise
from holdfast.cli.gate_reading import Reading
from holdfast.cli.gate_request import Request
from holdfast.cli.gate_settings import Judging, Keeping, Sources
from holdfast.cli.gate_steps import (
    DEFAULT_POLICY,
    end_with,
    judge_release,
    no_old_verdict,
    plan_release,
    refuse_beside_init,
    write_policy,
)
from holdfast.cli.gate_verdict import give_up_on, is_comment
from holdfast.cli.gate_verify import verify
from holdfast.errors import HoldfastError
from holdfast.text import safe_name

UNNAMED = "(unnamed)"  # the command behind the spelling without one


class WithAndWithoutCommand(TyperGroup):
    """Commands, of which one is called if none is named.

    The types of the arguments below are those of click, or of the copy of it in newer Typers.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # It has no name of its own, so no list of commands shows it.
        self.unnamed = self.commands.pop(UNNAMED)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read a command line. One that names no command is for the unnamed one."""
        names_a_command = bool(args) and args[0] in self.commands
        # The help of the group shows the options of the unnamed command too, so it has none itself.
        if not names_a_command and "--help" in args:
            args = ["--help"]
        elif not names_a_command:
            args = [UNNAMED, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, its name and its arguments."""
        if args[0] == UNNAMED:
            return "", self.unnamed, args[1:]
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, and below them the options of the spelling without one."""
        super().format_options(ctx, formatter)
        self.unnamed.format_options(ctx, formatter)


app = typer.Typer(
    cls=WithAndWithoutCommand,
    help="Decide whether a retrained model may replace the old one.\n\n"
    "Use this after every retraining, for example in CI. The gate compares the results of two "
    "models on the same test examples. It passes the new model if no task or segment has lost more "
    "than your policy allows. The exit code is 0 for a pass, 1 for anything else, and 2 if an "
    "input or an option is wrong.\n\n"
    "Without a command, the options below judge like run. With --init and --plan, they do what "
    "init and plan do.",
    epilog=examples(
        "holdfast gate run champion.parquet candidate.parquet --out gate",
        "holdfast gate --champion champion.parquet --candidate candidate.parquet --out gate",
    ),
)


@app.command(UNNAMED, cls=InSections, add_help_option=False)
@with_bundles(
    sources=options_of(Sources),
    reading=options_of(Reading),
    judging=options_of(Judging),
    keeping=options_of(Keeping),
)
def without_command(
    context: typer.Context,
    paths: options.PolicyToWrite = None,
    *,
    sources: Sources,
    reading: Reading,
    judging: Judging,
    keeping: Keeping,
    plan: options.Plan = False,
    power: options.Power = 0.8,
    init: options.Init = False,
) -> None:
    """Judge, plan or write a policy, as the first versions were told to."""
    arguments = paths or []
    if init:
        refuse_beside_init(context)
        _refuse_surplus(arguments[1:])
        write_policy(next(map(Path, arguments), judging.policy or DEFAULT_POLICY))
        return
    request = Request(sources, keeping, judging, reading, plan)
    with no_old_verdict(request):
        # This is inside, so that a mistake on the command line leaves no older pass.
        _refuse_surplus(arguments)
        if plan:
            plan_release(request, context, power)
            return
        verdict, lines = judge_release(request, context, strict=False)
    end_with(verdict, lines, keeping.dry_run)


def _refuse_surplus(arguments: Sequence[str]) -> None:
    """Refuse an argument that is no policy to write, such as a file of results."""
    if not arguments:
        return
    surplus = arguments[0]
    close = difflib.get_close_matches(surplus, COMMANDS, n=1)
    # Without a file of this name, this is a command that is misspelt.
    if close and not Path(surplus).exists():
        raise HoldfastError(
            f"unexpected argument {surplus!r}; did you mean `holdfast gate {close[0]}`?"
        )
    raise HoldfastError(
        f"unexpected argument {safe_name(surplus)!r}; name the results of the two models with "
        "--champion and --candidate, or as two paths after `holdfast gate run`"
    )


@app.command(
    cls=InSections,
    epilog=examples(
        "holdfast gate run champion.parquet candidate.parquet",
        "holdfast gate run champion.parquet candidate.parquet --policy standard --out gate",
    ),
)
@with_bundles(
    sources=options_of(Sources),
    reading=options_of(Reading),
    judging=options_of(Judging),
    keeping=options_of(Keeping),
)
def run(
    context: typer.Context,
    paths: options.Paths = None,
    *,
    sources: Sources,
    reading: Reading,
    judging: Judging,
    keeping: Keeping,
) -> None:
    """Judge a candidate, and exit with 0 if it may be released.

    Use this after every retraining, for example in CI. Name the results of both models as two
    files or folders, the champion's first. The exit code is 0 for a pass, 1 for anything else, and
    2 if an input or an option is wrong.
    """
    arguments = paths or []
    request = Request(sources, keeping, judging, reading)
    with no_old_verdict(request, arguments):
        request = replace(request, sources=sources.with_paths(arguments))
        verdict, lines = judge_release(request, context, strict=True)
    end_with(verdict, lines, keeping.dry_run)


@app.command(
    cls=InSections,
    epilog=examples("holdfast gate plan champion.parquet candidate.parquet --power 0.9"),
)
@with_bundles(sources=options_of(Sources), reading=options_of(Reading), judging=options_of(Judging))
def plan(
    context: typer.Context,
    paths: options.Paths = None,
    *,
    sources: Sources,
    reading: Reading,
    judging: Judging,
    power: options.PowerOfPlan = 0.8,
) -> None:
    """Print how many examples each task and segment needs.

    Use this before you collect a test set, or after an inconclusive verdict. The results of two
    models tell how much models differ on your data. From that, the gate computes how many examples
    or clusters a model needs that has lost nothing, so that it passes with the chance --power.
    """
    request = Request(sources.with_paths(paths or []), judging=judging, reading=reading, plan=True)
    plan_release(request, context, power)


@app.command(epilog=examples("holdfast gate init", "holdfast gate init simple"))
def init(path: options.PolicyFile = DEFAULT_POLICY) -> None:
    """Write a policy in which comments explain every field.

    Use this when you want to say what may be lost. Edit the file, and pass it as --policy. The
    gate also takes gate.toml from the working directory by itself.
    """
    write_policy(path)


app.command(
    cls=InSections,
    epilog=examples("holdfast gate noise --repeat a.parquet b.parquet"),
)(noise)


app.command(
    cls=InSections,
    epilog=examples(
        "holdfast gate verify gate",
        "holdfast gate verify gate/verdict.json --candidate candidate.parquet",
    ),
)(verify)


# Their lines on the command line write no verdict, so an older one stays valid.
WITHOUT_VERDICT = ("plan", "init", "verify", "noise")
COMMANDS = ("run", *WITHOUT_VERDICT)


def leave_no_old_verdict(arguments: Sequence[str], reason: str) -> None:
    """If a command line of the gate does not parse, replace an older verdict by a failing one.

    Args:
        arguments: The command line, without the program's name.
        reason: What is wrong with it.
    """
    # Slices, because a command line may have no arguments at all.
    if "gate" not in arguments[:1] or arguments[1:2] in [[name] for name in WITHOUT_VERDICT]:
        return
    # With these options no verdict is written, so an older one stays.
    printing = {"--dry-run"}
    if "run" not in arguments[1:2]:
        printing |= {"--plan", "--init"}
    if printing & set(arguments):
        return
    for folder in _values_of("--out", arguments):
        give_up_on(folder, None, reason)
    # The value may be a slip, so only what is a comment already is replaced.
    for comment in _values_of("--comment", arguments):
        if is_comment(comment):
            give_up_on(None, comment, reason)


def _values_of(option: str, arguments: Sequence[str]) -> list[Path]:
    """Find the values of an option in a command line that Typer could not parse."""
    paths = []
    # Both spellings of Typer are looked for, such as --out FOLDER and --out=FOLDER.
    for argument, following in zip(arguments, [*arguments[1:], None], strict=True):
        name, equals, value = argument.partition("=")
        if name == option and equals:
            paths.append(Path(value))
        elif name == option and following is not None:
            paths.append(Path(following))
    return paths
