"""The lines of examples at the end of a command's help."""


def examples(*lines: str) -> str:
    """Make the end of a command's help from commands that a user may copy.

    Args:
        *lines: Whole commands, such as "holdfast metrics scores.csv".

    Returns:
        A text for the `epilog` of a command.

    Example:
        >>> print(examples("holdfast metrics scores.csv").replace("\\b", "|"))
        |
        Examples:
          holdfast metrics scores.csv
    """
    # A line with a backspace alone keeps Typer from joining and wrapping the lines that follow it.
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
