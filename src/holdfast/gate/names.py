"""Names of the two sides that mean the same (1 and 1.0) or look the same ('a' and 'a ')."""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

from holdfast.errors import HoldfastError
from holdfast.text import CONTROL

LONGEST = 80  # characters of a name that are shown
LISTED = 5  # names of each side that a message lists
# What a table makes of a whole number that it keeps as a float: 7.0, 12.00, 1e+16, 7.000000e+00
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
_POWER = re.compile(r"-?[0-9](?:\.([0-9]+))?[eE](\+?)([0-9]{1,3})")


def canonical(text: str) -> str:
    """A whole number without the form of a float; any other text as it is.

    >>> canonical("7.0"), canonical("1e+16"), canonical("7.5"), canonical("v7.0")
    ('7', '10000000000000000', '7.5', 'v7.0')
    >>> canonical("7.000000e+00"), canonical("7.500000e+00"), canonical("1.0E7")
    ('7', '7.500000e+00', '10000000')
    """
    found = _WHOLE.fullmatch(text)
    whole = found[1] if found else _whole_of_power(text)
    return "0" if whole == "-0" else whole


def _whole_of_power(text: str) -> str:
    """The digits of a whole number that is written with a power of ten; any other text as it is.

    A number whose last digits may have been cut off (12345678 as 1.234568e+07) stays as it is.
    """
    found = _POWER.fullmatch(text)
    if found is None:
        return text
    decimals, power = found[1] or "", int(found[3])
    if repr(float(text)) == text:  # the shortest text that tells the float from all others
        return str(int(float(text)))
    complete = len(decimals) >= power or not found[2]  # without a sign: Java, which cuts nothing
    number = Decimal(text)
    if not complete or number != number.to_integral_value():
        return text
    return str(int(number))


def folded(text: str) -> str:
    """A name without what is easily overlooked: case, white space, Unicode form.

    >>> folded("Cafe\\u0301 1") == folded("caf\\xe9\\xa01")
    True
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return "".join(CONTROL.sub("", text).split()).casefold()


def renaming(champion: Iterable[str], candidate: Iterable[str]) -> dict[str, str]:
    """Names of the candidate that are the champion's in another form of the same number.

    Args:
        champion: The names of one side.
        candidate: The names of the other side.

    Returns:
        The champion's name for each of the candidate's names that only differs in the form of the
        number. It is empty if two names of one side would become equal.

    Example:
        >>> renaming(["1", "2", "b"], ["1.0", "2.0", "c"])
        {'1.0': '1', '2.0': '2'}
        >>> renaming(["1", "1.0"], ["1"])
        {}
    """
    mine, theirs = list(dict.fromkeys(champion)), list(dict.fromkeys(candidate))
    known = {canonical(name): name for name in mine}
    if len(known) < len(mine) or len({canonical(name) for name in theirs}) < len(theirs):
        return {}
    there = {name: known[canonical(name)] for name in theirs if canonical(name) in known}
    return {name: other for name, other in there.items() if name != other}


def refuse_lookalikes(what: str, champion: Iterable[str], candidate: Iterable[str]) -> None:
    """Stop if a name of one side differs from one of the other side only in what nobody sees.

    Args:
        what: What is named, such as "task", for the message.
        champion: Names that only the champion has.
        candidate: Names that only the candidate has.

    Raises:
        HoldfastError: Two names differ only by case, white space, Unicode form or invisible
            characters. The message shows both so that one can tell them apart.

    Example:
        >>> refuse_lookalikes("task", ["north"], ["North"])
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: task 'north' of the champion and 'North' of the candidate \
differ only by case, so they were not compared; give both sides the same spelling
    """
    mine = {folded(name): name for name in champion}
    for name in candidate if mine else ():
        other = mine.get(folded(name))
        if other is not None and other != name:
            both = f"{apart(other)} of the champion and {apart(name)} of the candidate"
            why = f"differ only by {_cause(other, name)}, so they were not compared"
            raise HoldfastError(f"{what} {both} {why}; give both sides the same spelling")


def apart(name: str) -> str:
    """A name as a message shows it, with its code points if they may be mistaken.

    >>> print(apart("caf\\xe9"))
    'café' ('caf\\xe9', 4 characters)
    """
    text = name if len(name) <= LONGEST else name[:LONGEST] + "…"
    return repr(text) if name.isascii() else f"{text!r} ({text!a}, {len(name)} characters)"


def listed(names: Iterable[str]) -> str:
    """The first names of a side as a message shows them, and how many there are besides.

    >>> listed("abcdefg")
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    every = list(names)
    more = f" and {len(every) - LISTED:,} more" if len(every) > LISTED else ""
    return ", ".join(apart(name) for name in every[:LISTED]) + more


def _cause(a: str, b: str) -> str:
    """In what two names of one folded form differ."""
    if "".join(a.split()) == "".join(b.split()):
        return "white space"
    if a.casefold() == b.casefold():
        return "case"
    if unicodedata.normalize("NFC", a) == unicodedata.normalize("NFC", b):
        return "Unicode normalisation (NFC or NFD)"
    if unicodedata.normalize("NFKC", a) == unicodedata.normalize("NFKC", b):
        return "Unicode compatibility form"
    if CONTROL.sub("", a) == CONTROL.sub("", b):
        return "invisible characters"
    return "case, white space and Unicode form together"
