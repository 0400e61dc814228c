"""What the user wrote on the command line, as opposed to defaults."""

import sys
from collections.abc import Iterable

import typer


def on_line(context: typer.Context, *names: str) -> list[str]:
    """Those of some parameters that the user gave, as options: `--keep-checkpoints`.

    Args:
        context: The context of the command.
        *names: Parameters of the command's function, such as "keep_checkpoints".

    Returns:
        The first option of each parameter that was given, in the order of `names`.
    """
    options = {p.name: p.opts[0] for p in context.command.params if p.opts}
    return [options[n] for n in names if _source(context, n) in ("COMMANDLINE", "ENVIRONMENT")]


def _source(context: typer.Context, name: str) -> str:
    source = context.get_parameter_source(name)
    return "" if source is None else source.name  # the type is click's or Typer's own copy of it


def note(lines: Iterable[str]) -> None:
    """Print lines that say what has no effect. They are no results, so they go to stderr."""
    for line in lines:
        print(f"holdfast: note: {line}", file=sys.stderr)
