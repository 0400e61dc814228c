"""What the user wrote on the command line, as opposed to defaults."""

import sys
from collections.abc import Iterable

import typer


def on_line(context: typer.Context, *names: str) -> list[str]:
    """List which of some parameters the user gave, as options such as `--keep-checkpoints`.

    Args:
        context: The context of the command.
        *names: Parameters of the command's function, such as "keep_checkpoints".

    Returns:
        The first option of each parameter that was given, in the order of `names`.
    """
    options = {option.name: option.opts[0] for option in context.command.params if option.opts}
    return [options[name] for name in names if _is_given(context, name)]


def _is_given(context: typer.Context, name: str) -> bool:
    """Check whether a parameter has a value that is not its default."""
    source = context.get_parameter_source(name)
    # By name, because the type is click's own or, in newer versions, Typer's copy of it.
    return source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")


def note(lines: Iterable[str]) -> None:
    """Print lines that say what has no effect. They are no results, so they go to stderr."""
    for line in lines:
        print(f"holdfast: note: {line}", file=sys.stderr)
