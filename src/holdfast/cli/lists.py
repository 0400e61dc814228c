"""Lists on the command line: values with commas between them, and ranges of seeds."""

import re

from holdfast.errors import HoldfastError

MOST_SEEDS = 100_000
LONGEST_SHOWN = 100  # characters of what the user wrote, in an error
LONGEST_NUMBER = 12  # digits; no setting takes a larger number
# A comma inside parentheses belongs to a name, as in "EWC(1, gamma=0.9)".
COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^()]*\))")


def is_whole(text: str) -> bool:
    """Check whether a text is a whole number of at least 0, of a length that a setting can have.

    Example:
        >>> is_whole("12"), is_whole("1e3"), is_whole("²")
        (True, False, False)
    """
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER


def split_names(text: str) -> list[str]:
    """Split a text at its commas, but not at those inside parentheses.

    Args:
        text: Names with commas between them. Empty ones are left out.

    Example:
        >>> split_names("ER(500), EWC(1, gamma=0.9)")
        ['ER(500)', 'EWC(1, gamma=0.9)']
    """
    names = [name.strip() for name in COMMA_OUTSIDE_PARENTHESES.split(text)]
    return [name for name in names if name]


def names_or_none(text: str | None) -> list[str] | None:
    """Split an option's names, or return None if the option was not given."""
    if text is None:
        return None
    return split_names(text)


def parse_seeds(text: str) -> list[int]:
    """Read seeds, each of them once.

    Args:
        text: Numbers and ranges with commas between them: `3`, `1,2,3` or `1-5`.

    Returns:
        The seeds in the order in which they were written.

    Raises:
        HoldfastError: The text is no list of seeds, or a range has more than 100,000 of them.

    Example:
        >>> parse_seeds("1-3,7")
        [1, 2, 3, 7]
    """
    shown = repr(text[:LONGEST_SHOWN])
    # A dictionary keeps the order and drops repetitions.
    seeds: dict[int, None] = {}
    for piece in text.split(","):
        first, dash, last = (part.strip() for part in piece.partition("-"))
        if not dash:
            last = first
        if not (is_whole(first) and is_whole(last)) or int(first) > int(last):
            raise HoldfastError(f"seeds {shown} cannot be read; expected 3, or 1,2,3, or 1-5")
        if int(last) - int(first) >= MOST_SEEDS:
            raise HoldfastError(f"seeds {shown} are more than {MOST_SEEDS}; give fewer")
        seeds |= dict.fromkeys(range(int(first), int(last) + 1))
    return list(seeds)
