"""Names of the two sides that mean the same (1 and 1.0) or look the same ('a' and 'a ')."""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

from holdfast.errors import HoldfastError
from holdfast.text import CONTROL

LONGEST = 80  # characters of a name that are shown
LISTED = 5  # names of each side that a message lists

# The forms that tables give to a whole number which they keep as a float: 7.0 and 12.00, and with
# a power of ten 1e+16 and 7.000000e+00.
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
_POWER = re.compile(r"-?[0-9](?:\.([0-9]+))?[eE](\+?)([0-9]{1,3})")


def canonical(text: str) -> str:
    """Write a whole number without the form of a float. Any other text stays as it is.

    >>> canonical("7.0"), canonical("1e+16"), canonical("7.5"), canonical("v7.0")
    ('7', '10000000000000000', '7.5', 'v7.0')
    >>> canonical("7.000000e+00"), canonical("7.500000e+00"), canonical("1.0E7")
    ('7', '7.500000e+00', '10000000')
    """
    match = _WHOLE.fullmatch(text)
    if match is not None:
        number = match[1]
    else:
        number = _whole_of_power(text)
    if number == "-0":
        return "0"
    return number


def _whole_of_power(text: str) -> str:
    """Write out a whole number that is given with a power of ten. Any other text stays as it is.

    A number whose last digits may have been cut off (12345678 as 1.234568e+07) stays as it is.
    """
    match = _POWER.fullmatch(text)
    if match is None:
        return text
    decimals = match[1] or ""
    power = int(match[3])

    # If the text is the shortest one that tells this float from all others, nothing was cut off.
    if repr(float(text)) == text:
        return str(int(float(text)))

    # Otherwise, all digits of the whole number must be there. Java writes the power without a
    # sign, and it cuts nothing off.
    written_by_java = not match[2]
    complete = len(decimals) >= power or written_by_java
    number = Decimal(text)
    if not complete or number != number.to_integral_value():
        return text
    return str(int(number))


def folded(text: str) -> str:
    """Remove what is easily overlooked from a name: case, white space, Unicode form.

    >>> folded("Cafe\\u0301 1") == folded("caf\\xe9\\xa01")
    True
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return "".join(CONTROL.sub("", text).split()).casefold()


def renaming(champion: Iterable[str], candidate: Iterable[str]) -> dict[str, str]:
    """Find the candidate's names that are the champion's in another form of the same number.

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
    champion_names = list(dict.fromkeys(champion))
    candidate_names = list(dict.fromkeys(candidate))
    by_number = {canonical(name): name for name in champion_names}
    candidate_numbers = {canonical(name) for name in candidate_names}
    # If one side tells 1 from 1.0, both are names of their own, and none may be changed.
    if len(by_number) < len(champion_names) or len(candidate_numbers) < len(candidate_names):
        return {}

    new_names: dict[str, str] = {}
    for name in candidate_names:
        champion_name = by_number.get(canonical(name), name)
        if champion_name != name:
            new_names[name] = champion_name
    return new_names


def refuse_lookalikes(
    what: str,
    champion: Iterable[str],
    candidate: Iterable[str],
    can_be_repaired: bool = False,
) -> None:
    """Stop if a name of one side differs from one of the other side only in what nobody sees.

    Args:
        what: What is named, such as "task", for the message.
        champion: Names that only the champion has.
        candidate: Names that only the candidate has.
        can_be_repaired: Whether `repair_ids` of the policy would match them.

    Raises:
        HoldfastError: Two names differ only by case, white space, Unicode form or invisible
            characters. The message shows both so that you can tell them apart.

    Example:
        >>> refuse_lookalikes("task", ["north"], ["North"])
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: task 'north' of the champion and 'North' of the candidate \
differ only by case, so they were not compared; give both sides the same spelling
    """
    advice = ""
    if can_be_repaired:
        advice = ", or pass --repair-ids to match them (repair_ids = true in the policy)"
    by_folded_name = {folded(name): name for name in champion}
    if not by_folded_name:
        return  # the candidate may have very many names, which need not be folded then
    for name in candidate:
        lookalike = by_folded_name.get(folded(name))
        if lookalike is not None and lookalike != name:
            raise HoldfastError(
                f"{what} {apart(lookalike)} of the champion and {apart(name)} of the candidate "
                f"differ only by {_cause(lookalike, name)}, so they were not compared; "
                f"give both sides the same spelling{advice}"
            )


def apart(name: str) -> str:
    """Show a name in a message so that it can be told apart from those that look like it.

    >>> print(apart("caf\\xe9"))
    'café' ('caf\\xe9', 4 characters)
    """
    text = name
    if len(name) > LONGEST:
        text = name[:LONGEST] + "…"
    if name.isascii():
        return repr(text)
    return f"{text!r} ({text!a}, {len(name)} characters)"


def listed(names: Iterable[str]) -> str:
    """Show the first names of a side in a message, and how many more there are.

    >>> listed("abcdefg")
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    all_names = list(names)
    text = ", ".join(apart(name) for name in all_names[:LISTED])
    if len(all_names) > LISTED:
        text += f" and {len(all_names) - LISTED:,} more"
    return text


def _cause(a: str, b: str) -> str:
    """Say in what two names of one folded form differ. The first cause that explains it counts."""
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
