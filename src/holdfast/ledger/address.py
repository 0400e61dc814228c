"""The address of a ledger, and messages about it that show none of its secrets."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from sqlalchemy import URL

# Without an at sign: what stands before one, after a URL, is hidden from messages as a password.
EXPECTED = "sqlite:///ledger.db or postgresql+psycopg://host/database"
HIDDEN = "***"
ENCODE = "percent-encode special characters in user and password (the at sign is %40, / is %2F)"
# Parameters of PostgreSQL. Messages may show the names of all, and the values of the first two.
PLAIN = {"host", "dbname"}
PARAMETERS = PLAIN | {
    "hostaddr", "port", "user", "password", "passfile", "sslmode", "sslkey", "sslcert",
    "sslrootcert", "sslpassword", "connect_timeout", "application_name", "options", "service",
    "channel_binding",
    "target_session_attrs", "gssencmode", "krbsrvname",
}  # fmt: skip
NUMBERS = {"port", "connect_timeout"}  # numbers that are no secrets
SHORT = 3  # shorter secrets, and user names, are replaced as whole words only


@dataclass(frozen=True)
class Address:
    """Where a ledger is.

    Args:
        url: The parsed URL.
        shown: The ledger as messages name it: a file's path, or the scheme without what follows.
        file: The file of an SQLite ledger; None for a server.
    """

    url: "URL"
    shown: str
    file: Path | None

    def hide(self, text: str) -> str:
        """The text with the URL's user, password and parameters replaced by ***.

        Drivers repeat parts of the URL in their errors, so the values themselves are looked for.
        """
        values: list[str] = [key for key in self.url.query if key not in PARAMETERS]
        for key, value in self.url.query.items():
            given = [value] if isinstance(value, str) else value
            if key not in PLAIN:
                values += [v for v in given if key not in NUMBERS or not v.isdigit()]
        words = [self.url.username or ""]
        if password := self.url.password:
            values.append(str(password))
        for secret in sorted(_spellings(values), key=len, reverse=True):
            text = text.replace(secret, HIDDEN) if len(secret) >= SHORT else _word(secret, text)
        for word in sorted(_spellings(words), key=len, reverse=True):
            text = _word(word, text)
        return text


def parse(url: str) -> Address:
    """Read the URL of a ledger.

    Args:
        url: `sqlite:///ledger.db`, or `postgresql+psycopg://user@host/database`.

    Raises:
        HoldfastError: It is no URL of a ledger. The message shows the scheme and nothing else.

    Example:
        >>> parse("sqlite:///folder/ledger.db").file.name
        'ledger.db'
        >>> try:
        ...     parse("mysql://bob:hunter2@host/db")
        ... except HoldfastError as error:
        ...     print(str(error).partition(";")[0][:40])
        ledger mysql://*** cannot be opened: exp
    """
    import sqlalchemy as sa

    scheme, separator, rest = url.partition("://")
    if not separator:
        raise HoldfastError(
            f"a ledger is named by a URL, got a text without ://; expected {EXPECTED}"
        )
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]{0,40}", scheme)
    shown = f"{scheme if plain else HIDDEN}://{HIDDEN}"
    backend, _, driver = scheme.lower().partition("+")
    if backend == "postgres":
        raise _unusable(shown, f"write postgresql+psycopg:// in place of {scheme}://")
    if backend not in ("sqlite", "postgresql"):
        raise _unusable(shown, f"expected {EXPECTED}")
    try:
        parsed = sa.make_url(f"{scheme.lower()}://{rest}")
    except Exception:  # its message may repeat the URL
        parsed = None
    if backend == "sqlite":
        return _file(parsed, shown, driver)
    if parsed is None or "@" in (parsed.host or "") + (parsed.database or ""):
        raise _unusable(shown, f"its host or port is not readable; {ENCODE}")
    return Address(parsed, shown, None)


def _file(parsed: "URL | None", shown: str, driver: str) -> Address:
    if driver not in ("", "pysqlite"):
        raise _unusable(shown, f"a ledger in a file is opened by sqlite:///, not by {driver}")
    if parsed is None or parsed.host or parsed.username or parsed.password or parsed.port:
        raise _unusable(shown, "a file follows three slashes: sqlite:///ledger.db")
    if parsed.query:
        raise _unusable(shown, "a ledger in a file takes no parameters after ?")
    name = parsed.database or ""
    if not name or name == ":memory:" or "\0" in name:
        raise _unusable(shown, "it names no file; write sqlite:///ledger.db")
    return Address(parsed, name, Path(name))


def _unusable(shown: str, why: str) -> HoldfastError:
    return HoldfastError(f"ledger {shown} cannot be opened: {why}")


def _spellings(secrets: list[str]) -> set[str]:
    """The forms in which a driver may repeat a secret."""
    forms = (
        str,
        quote,
        quote_plus,
        unquote,
        lambda s: quote(s, safe=""),
        lambda s: s.replace("\\", "\\\\").replace("'", "\\'"),
        lambda s: repr(s)[1:-1],
    )
    return {form(secret) for secret in secrets if secret for form in forms} - {""}


def _word(word: str, text: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", HIDDEN, text)
