"""Text from the outside, made harmless for a terminal, a log and a page."""

import re

# Control characters, line separators, changes of direction, invisible characters, and code points
# that are no characters at all (XML parsers drop a whole document for one of those).
_UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\uffff\ud800-\udfff\ufdd0-\ufdef\U000e0000-\U000e0fff"
    + "".join(f"{chr(0x10000 * plane + 0xFFFE)}{chr(0x10000 * plane + 0xFFFF)}" for plane in range(1, 17))
)
# Joiners are part of the spelling of some scripts and emoji, but hide between ASCII letters.
_JOINERS = r"(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
CONTROL = re.compile(f"[{_UNSEEN}]|{_JOINERS}")

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:/{1,3})(?P<rest>[^\s'\"<>]*)")
_PAIR = re.compile(r"(?P<key>[A-Za-z0-9_.\-%]+)=(?P<value>[^&;\s'\"]*)")
# What a query may show; every other value is hidden, since each service has its own word for a key.
_HARMLESS = {
    "host", "port", "dbname", "database", "sslmode", "mode", "cache", "timeout", "connect_timeout", "uri",
    "application_name", "charset",
}  # fmt: skip
_NAMED = re.compile(
    r"(?i)\b(?P<key>[\w\-]*(?:password|passwd|pwd|passphrase|secret|token|api[_\-]?key|credential)[\w\-]*)"
    r"(?P<sep>\s*=\s*)(?P<value>'[^']*'|\"[^\"]*\"|[^\s,;&'\"]+)"
)
HIDDEN = "***"


def shown(text: str) -> str:
    """Text with control and invisible characters (escapes, newlines, changes of direction) as ?.

    >>> shown("a\\x1b[31mb\\n")
    'a?[31mb?'
    """
    return CONTROL.sub("?", text)


def without_secrets(text: str) -> str:
    """Text in which no URL shows a password, a token or a user name.

    In every URL, all that stands before the last `@` is hidden, whatever the scheme (passwords may
    hold `/`, `:` and `@`), and so is the value of every query parameter that is not known to be
    harmless. Outside of URLs, values of names such as `password=` and `token=` are hidden.

    Args:
        text: Any message.

    Returns:
        The message with `***` in place of what was hidden.

    Example:
        >>> without_secrets("postgres://bob:p@ss/w@db/x?sslmode=require&password=s cannot be opened")
        'postgres://***@db/x?sslmode=require&password=*** cannot be opened'
    """
    return _NAMED.sub(_hide_named, _URL.sub(_hide_in_url, text))


def _hide_in_url(found: re.Match[str]) -> str:
    rest = found["rest"]
    user, at, place = rest.rpartition("@")
    return found["scheme"] + (HIDDEN + at if user else at) + _PAIR.sub(_hide_pair, place)


def _hide_pair(found: re.Match[str]) -> str:
    if found["key"].lower() in _HARMLESS:
        return found[0]
    return f"{found['key']}={HIDDEN}"


def _hide_named(found: re.Match[str]) -> str:
    return found["key"] + found["sep"] + HIDDEN


def points(change: float | None, decimals: int = 2) -> str:
    """A change of a share in points, with its sign; a dash if there is none.

    >>> points(-0.0213), points(0.004), points(-0.00001), points(None)
    ('−2.13', '+0.40', '0.00', '–')
    """
    if change is None:
        return "–"
    text = f"{100 * change:+.{decimals}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def percent(share: float | None, decimals: int = 2) -> str:
    """A share in per cent, without the sign; a dash if there is none.

    >>> percent(0.98765), percent(None)
    ('98.77', '–')
    """
    return "–" if share is None else f"{100 * share:.{decimals}f}"
