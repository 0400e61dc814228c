"""Text from the outside, made harmless for a terminal, a log and a page."""

import re

# Control characters, line separators, changes of direction, invisible characters, and code points
# that are no characters at all (XML parsers drop a whole document for one of those).
_UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\uffff\ud800-\udfff\ufdd0-\ufdef\U000e0000-\U000e0fff"
    + "".join(
        f"{chr(0x10000 * plane + 0xFFFE)}{chr(0x10000 * plane + 0xFFFF)}" for plane in range(1, 17)
    )
)
# Joiners are part of the spelling of some scripts and emoji, but hide between ASCII letters.
_JOINERS = r"(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
CONTROL = re.compile(f"[{_UNSEEN}]|{_JOINERS}")

# All that stands before the last @ of a word is hidden, since passwords may hold / and : and @. A password
# with a space is hidden up to the @ if a user and a colon come before it; `safe_name` hides any other.
_USER = re.compile(
    r"(?P<scheme>\b(?!runs:)[A-Za-z][A-Za-z0-9+.\-]*:/{1,3})"
    r"(?P<user>[^\s/?#:]*:[^\n/?#]*?[^\S\n][^\n]*?(?=@[\w.\-\[]+[/:?\s])|[^\s]*)@"
)
_BARE_USER = re.compile(r"(?P<before>^|[\s'\"(,])(?P<user>[^\s'\"(,/:@]+:(?!/)[^\s@]+)@(?=[\w\[])")
_PAIR = re.compile(
    r"(?P<start>[?&;#])(?P<key>[^=&;#\s]+?)(?P<sep>=|%3[dD])(?P<value>[^&;#\n]*?)(?=[&;#\n]|['\")]|: |; |, |$| )"
)
# What a query may show; every other value is hidden, since each service has its own word for a key.
_HARMLESS = {"host", "port", "dbname", "sslmode", "timeout", "connect_timeout"}
_SECRET_WORDS = (
    r"[\w\-]*(?:password|passwd|pwd|passphrase|secret|token|signature|credential)[\w\-]*"
    r"|[\w\-]*(?:api|access|account|private|shared)[_\-]?key|\bkey|\bsig"
)
_NAMED = re.compile(
    rf"(?i)(?P<key>{_SECRET_WORDS})(?P<sep>\s*(?:=|%3d)\s*)"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s,;&'\"]+)"
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

    After the scheme of a URL, all that stands before the last `@` of the line is hidden: passwords may
    hold `/`, `:`, `@`, spaces and quotes. So is the value of every query parameter that is not known
    to be harmless, and what follows names such as `password=`, `token=` and `AccountKey=` anywhere.

    Args:
        text: Any message.

    Returns:
        The message with `***` in place of what was hidden.

    Example:
        >>> without_secrets("postgres://bob:p@ss/w@db/x?sslmode=require&password=s cannot be opened")
        'postgres://***@db/x?sslmode=require&password=*** cannot be opened'
    """
    text = _USER.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _BARE_USER.sub(rf"\g<before>{HIDDEN}@", text)
    return _NAMED.sub(_hide_named, _PAIR.sub(_hide_pair, text))


def safe_name(name: str) -> str:
    """The name of a file, a folder or a source as messages may show it, if it is a URL too.

    Args:
        name: One name, and nothing else: all of it is looked at, whatever characters it holds.

    Example:
        >>> safe_name("s3://key:my SECRET@bucket/x.csv"), safe_name("x.csv?sig=A B&v=1")
        ('s3://***@bucket/x.csv', 'x.csv?sig=***&v=***')
        >>> safe_name("runs/2026-11/results.parquet")
        'runs/2026-11/results.parquet'
    """
    user, at, place = name.rpartition("@")
    if at and ":" in user:
        scheme = re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:/{1,3}", user)
        name = f"{scheme[0] if scheme else ''}{HIDDEN}@{place}"
    path, mark, query = name.partition("?")
    if mark:
        parts = re.split(r"([&;#])", query)
        name = path + mark + "".join(_without_value(part) for part in parts)
    return shown(without_secrets(name))


def _without_value(part: str) -> str:
    found = re.match(r"([^=%]+)(=|%3[dD])", part)
    if found is None or found[1].lower() in _HARMLESS:
        return part
    return f"{found[1]}{found[2]}{HIDDEN}"


def _hide_pair(found: re.Match[str]) -> str:
    if found["key"].lower() in _HARMLESS:
        return found[0]
    return f"{found['start']}{found['key']}{found['sep']}{HIDDEN}"


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
