"""What `holdfast bench` does with suites besides running them: list, begin and show them."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.command_line import on_line
from holdfast.errors import HoldfastError
from holdfast.text import safe_name

if TYPE_CHECKING:
    from holdfast.bench.suites import Suite

PANEL = "Suites"
ListSuites = Annotated[
    bool,
    typer.Option("--list", rich_help_panel=PANEL, help="List the shipped suites, and end."),
]
NewSuite = Annotated[
    Path | None,
    typer.Option(
        "--new",
        metavar="FILE",
        rich_help_panel=PANEL,
        help="Write a short suite with comments to this TOML file, and end.",
    ),
]
ShowSuite = Annotated[
    bool,
    typer.Option(
        "--show",
        rich_help_panel=PANEL,
        help="Print the suite with every setting, inherited ones and defaults too, and end.",
    ),
]
PrintSchema = Annotated[
    bool,
    typer.Option(
        "--schema",
        rich_help_panel=PANEL,
        help="Print the JSON Schema of suite files, for your editor, and end.",
    ),
]


def refuse_beside(context: typer.Context, option: str, allowed: Sequence[str] = ()) -> None:
    """Refuse options that have no effect beside one that ends the command.

    Args:
        context: The context of the command.
        option: The option that ends it, such as "--new".
        allowed: The names of the parameters that it takes into account.

    Raises:
        HoldfastError: The user gave another option.
    """
    own = option.removeprefix("--")
    names = [name for name in context.params if name not in (own, f"{own}_", *allowed)]
    others = on_line(context, *names)
    if others:
        raise HoldfastError(f"{others[0]} has no effect beside {option}; leave one of them out")


def list_suites(context: typer.Context) -> None:
    """Print the shipped suites.

    Raises:
        HoldfastError: The user also gave an option, which the list has no use for.
    """
    from holdfast.bench.suites import load_suite, shipped

    without_effect = [name for name in context.params if name not in ("suite", "list_")]
    others = on_line(context, *without_effect)
    if others:
        raise HoldfastError(
            f"{others[0]} has no effect on the list of suites; to run one, give its name, "
            f"such as holdfast bench demo {others[0]} …, without --list"
        )
    names = shipped()
    width = max(len(name) for name in names)
    for name in names:
        print(f"{name:{width}}  {load_suite(name).description}")


def begin_suite(path: Path) -> None:
    """Write a new suite, and print the command that runs it.

    Args:
        path: The file. It must not exist yet.
    """
    from holdfast.bench.suite_text import write_new

    write_new(path)
    print(f"Wrote {safe_name(str(path))}. It runs in about a minute as it is. Next:")
    print(f"    holdfast bench {shlex.quote(str(path))}")


def print_schema() -> None:
    """Print the JSON Schema of suite files."""
    from holdfast.bench.schema import suite_schema

    print(json.dumps(suite_schema(), indent=2, ensure_ascii=False))


def show_suite(suite: "Suite") -> None:
    """Print a suite with all of its settings, and what it comes to.

    Args:
        suite: The suite, with what other options changed.
    """
    from holdfast.bench.suite_text import effective

    print(effective(suite), end="")
    labels = {label for label, _ in suite.runs()}
    runs = sum(1 for _ in suite.runs())
    seeds = len(suite.seeds)
    print(
        f"\n# {runs} runs: {len(labels)} methods, {len(suite.scenarios)} scenarios, {seeds} seeds"
    )
