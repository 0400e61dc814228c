"""Make text from outside harmless for a terminal, a log and a page, and format changes and shares.

Names of files, tasks and releases come from users and from their data. They may hold escape codes
that rewrite a terminal, or passwords that belong in no log. `shown` removes the first,
`without_secrets` the second, and `safe_name` does both for a single name.
"""

import re
from collections.abc import Sequence
from html import escape

_PLANES = range(0x10000, 0x110000, 0x10000)  # where the supplementary planes of Unicode start
# These are control characters, line separators, changes of direction, invisible characters, and
# code points that are no characters at all (XML parsers reject a whole document for one of those).
_UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\uffff\ud800-\udfff\ufdd0-\ufdef\U000e0000-\U000e0fff"
    + "".join(f"{chr(start + 0xFFFE)}{chr(start + 0xFFFF)}" for start in _PLANES)
)
# Joiners are part of the spelling of some scripts and emoji, but hide between ASCII letters.
_JOINERS = r"(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
CONTROL = re.compile(f"[{_UNSEEN}]|{_JOINERS}")

# An alias in MLflow's registry has the form of a user name, but holds no secret.
_ALIAS = r"models:/[^\s/:@]+@[\w.\-<>]+"
# Everything before the last @ of a word is hidden, because a password may hold /, : and @. A
# password with a space is hidden up to the @ if a user name and a colon come before it. Any other
# password with a space is hidden by `safe_name` alone, which knows where the name ends.
_USER = re.compile(
    rf"(?P<scheme>\b(?!runs:|{_ALIAS}(?![\w.\-/@]|:\S))[A-Za-z][A-Za-z0-9+.\-]*:/{{1,3}})"
    r"(?P<user>[^\s/?#:]*:[^\n/?#]*?[^\S\n][^\n]*?(?=@[\w.\-\[]+[/:?\s])|[^\s]*)@"
)
_BARE_USER = re.compile(r"(?P<before>^|[\s'\"(,])(?P<user>[^\s'\"(,/:@]+:(?!/)[^\s@]+)@(?=[\w\[])")
_PAIR = re.compile(
    r"(?P<start>[?&;#])(?P<key>[^=&;#\s]+?)(?P<sep>=|%3[dD])"
    r"(?P<value>[^&;#\n]*?)(?=[&;#\n]|['\")]|: |; |, |$| )"
)
# The values of these parameters of a query may be shown. Every other value is hidden, because each
# service has its own word for a key.
_HARMLESS = {"host", "port", "dbname", "sslmode", "timeout", "connect_timeout"}
# A value after one of these words and = is hidden anywhere in a text, not only in a URL.
_SECRET_WORDS = (
    r"[\w\-]*(?:password|passwd|pwd|passphrase|secret|token|signature|credential)[\w\-]*"
    r"|[\w\-]*(?:api|access|account|private|shared)[_\-]?key|\bkey|\bsig"
)
_NAMED = re.compile(
    rf"(?i)(?P<key>{_SECRET_WORDS})(?P<sep>\s*(?:=|%3d)\s*)"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s,;&'\"]+)"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:/{1,3}")
HIDDEN = "***"
TABLE_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"
CELL_STYLE = "text-align:right;padding:0 0.6em"


def shown(text: str) -> str:
    """Replace what a terminal or a page would act on instead of showing it.

    Args:
        text: Text from outside, such as a task's name.

    Returns:
        The text with `?` in place of each control or invisible character: escape codes, newlines,
        changes of the writing direction.

    Example:
        >>> shown("a\\x1b[31mb\\n")
        'a?[31mb?'
    """
    return CONTROL.sub("?", text)


def without_secrets(text: str) -> str:
    """Hide passwords, tokens and user names in a message.

    Three things are hidden: everything between the scheme of a URL and the last `@` of the line,
    because a password may hold `/`, `:`, `@`, spaces and quotes; the value of every query parameter
    that is not known to be harmless; and the value after names such as `password=`, `token=` and
    `AccountKey=`, in a URL or not.

    Args:
        text: Any message.

    Returns:
        The message with `***` in place of each hidden part.

    Example:
        >>> without_secrets("postgres://bob:p@ss/w@db/x?sslmode=require&password=s is not there")
        'postgres://***@db/x?sslmode=require&password=*** is not there'
    """
    # User names come first: a password may hold ? and =, which would look like a query.
    text = _USER.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _BARE_USER.sub(rf"\g<before>{HIDDEN}@", text)
    text = _PAIR.sub(_hide_pair, text)
    return _NAMED.sub(_hide_named, text)


def safe_name(name: str) -> str:
    """Make the name of a file, a folder or a source safe to show, even if it is a URL.

    Use this for a single name and `without_secrets` for a sentence. Because a name has no text
    around it, all of it is examined, so a password with spaces is hidden too.

    Args:
        name: One name and nothing else.

    Returns:
        The name with `***` in place of secrets and `?` in place of control characters.

    Example:
        >>> safe_name("s3://key:my SECRET@bucket/x.csv"), safe_name("x.csv?sig=A B&v=1")
        ('s3://***@bucket/x.csv', 'x.csv?sig=***&v=***')
        >>> safe_name("runs/2026-11/results.parquet"), safe_name("models:/fraud@champion")
        ('runs/2026-11/results.parquet', 'models:/fraud@champion')
    """
    user, at_sign, place = name.rpartition("@")
    if at_sign and ":" in user and not re.fullmatch(_ALIAS, name):
        # A name without a scheme may hold a password too, as in user:password@host.
        scheme = _SCHEME.match(user)
        name = f"{HIDDEN}@{place}"
        if scheme is not None:
            name = scheme[0] + name
    path, question_mark, query = name.partition("?")
    if question_mark:
        # The separators are in a group, so that `split` keeps them among the parts.
        parts = re.split(r"([&;#])", query)
        name = path + question_mark + "".join(_without_value(part) for part in parts)
    return shown(without_secrets(name))


def _without_value(part: str) -> str:
    """Hide the value of one part of a query, such as `key=value`, unless it is harmless."""
    pair = re.match(r"([^=%]+)(=|%3[dD])", part)
    if pair is None or pair[1].lower() in _HARMLESS:
        return part
    return f"{pair[1]}{pair[2]}{HIDDEN}"


def _hide_pair(pair: re.Match[str]) -> str:
    """Replace a pair that `_PAIR` matched, unless its value is harmless."""
    if pair["key"].lower() in _HARMLESS:
        return pair[0]
    return f"{pair['start']}{pair['key']}{pair['sep']}{HIDDEN}"


def _hide_named(pair: re.Match[str]) -> str:
    """Replace a secret that `_NAMED` matched."""
    return pair["key"] + pair["sep"] + HIDDEN


def points(change: float | None, decimals: int = 2) -> str:
    """Format a change of a score in points, with its sign.

    Args:
        change: The change as a share, such as -0.02 for two points less. None if it is not known.
        decimals: Number of decimals.

    Returns:
        The points with a real minus sign, without a sign if they round to zero, or a dash for None.

    Example:
        >>> points(-0.0213), points(0.004), points(-0.00001), points(None)
        ('−2.13', '+0.40', '0.00', '–')
    """
    if change is None:
        return "–"
    return signed(100 * change, decimals)


def signed(value: float, decimals: int) -> str:
    """Format a change with its sign: a real minus, and no sign if it rounds to zero.

    Example:
        >>> signed(-0.0213, 3), signed(0.004, 3), signed(-0.00001, 3)
        ('−0.021', '+0.004', '0.000')
    """
    text = f"{value:+.{decimals}f}"
    # "−0.00" would read as a small loss.
    if not float(text):
        return text[1:]
    return text.replace("-", "−")


def percent(share: float | None, decimals: int = 2) -> str:
    """Format a share as a percentage, without the percent sign.

    Args:
        share: The share, such as 0.5 for 50 %. None if it is not known.
        decimals: Number of decimals.

    Returns:
        The number as text, or a dash for None.

    Example:
        >>> percent(0.98765), percent(None)
        ('98.77', '–')
    """
    if share is None:
        return "–"
    return f"{100 * share:.{decimals}f}"


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Write a small table as HTML, for notebooks.

    It has no script and no colours of its own, so it fits light and dark pages.

    Args:
        headings: The headings of the columns. None: there are none.
        rows: The cells of each row, of which the first names the row.
        caption: A line above the table.

    Returns:
        A `table` element in which every text is escaped.

    Example:
        >>> html_table([], [["a<b", "1"]])  # doctest: +ELLIPSIS
        '<table ...><tbody><tr><th ...>a&lt;b</th><td ...>1</td></tr></tbody></table>'
    """
    parts = [f'<table style="{TABLE_STYLE}">']
    if caption:
        parts.append(f'<caption style="text-align:left">{escape(shown(caption))}</caption>')
    if headings:
        cells = "".join(f'<th scope="col">{escape(shown(cell))}</th>' for cell in headings)
        parts.append(f"<thead><tr>{cells}</tr></thead>")
    parts.append("<tbody>")
    for name, *values in rows:
        first = f'<th scope="row" style="text-align:left">{escape(shown(name))}</th>'
        cells = "".join(f'<td style="{CELL_STYLE}">{escape(shown(cell))}</td>' for cell in values)
        parts.append(f"<tr>{first}{cells}</tr>")
    return "".join([*parts, "</tbody></table>"])


def hours(seconds: float) -> str:
    """Write a time as hours, minutes and seconds.

    Example:
        >>> hours(3725.4)
        '1:02:05'
    """
    whole = max(round(seconds), 0)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
