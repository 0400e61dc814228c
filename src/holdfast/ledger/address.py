"""The URL of a ledger, and error messages that show none of its secrets."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from sqlalchemy import URL

# There is no at sign in these texts, because messages hide what precedes one as a password.
EXPECTED = "sqlite:///ledger.db or postgresql+psycopg://host/database"
ENCODE = "percent-encode special characters in user and password (the at sign is %40, / is %2F)"
HIDDEN = "***"
# The parameters of PostgreSQL. Messages may show all these names, and the values of the first two.
PLAIN = {"host", "dbname"}
PARAMETERS = PLAIN | {
    "hostaddr", "port", "user", "password", "passfile", "sslmode", "sslkey", "sslcert",
    "sslrootcert", "sslpassword", "connect_timeout", "application_name", "options", "service",
    "channel_binding", "target_session_attrs", "gssencmode", "krbsrvname",
}  # fmt: skip
NUMBERS = {"port", "connect_timeout"}  # a number is no secret in these
SHORT = 3  # a shorter secret is only replaced as a whole word, or it would mangle other words


@dataclass(frozen=True)
class Address:
    """Where a ledger is.

    Args:
        url: The parsed URL.
        shown: The ledger's name in messages: the path of a file, or the scheme of a server.
        file: The file of an SQLite ledger; None for a server.
    """

    url: "URL"
    shown: str
    file: Path | None

    def hide(self, text: str) -> str:
        """Replace the URL's user, password and parameters by ***.

        Drivers repeat parts of the URL in their errors, in several spellings.

        Args:
            text: Any message.

        Returns:
            The message without these values.
        """
        secrets = self._secret_parameters()
        if self.url.password:
            secrets.append(str(self.url.password))
        # The longest come first, so that no part of a long secret is left after a short one.
        for secret in sorted(_spellings(secrets), key=len, reverse=True):
            if len(secret) >= SHORT:
                text = text.replace(secret, HIDDEN)
            else:
                text = _hide_word(secret, text)
        # A user is often called like a common word, such as "postgres" in "postgresql".
        for user in sorted(_spellings([self.url.username or ""]), key=len, reverse=True):
            text = _hide_word(user, text)
        return text

    def _secret_parameters(self) -> list[str]:
        """List names of parameters that are not PostgreSQL's, and values that may be secret."""
        secrets = [name for name in self.url.query if name not in PARAMETERS]
        for name, given in self.url.query.items():
            if name in PLAIN:
                continue
            # A parameter that the URL has several times has a tuple of values.
            values = (given,) if isinstance(given, str) else given
            if name in NUMBERS:
                secrets += [value for value in values if not value.isdigit()]
            else:
                secrets += values
        return secrets


def parse(url: str) -> Address:
    """Read the URL of a ledger.

    Args:
        url: `sqlite:///ledger.db`, or `postgresql+psycopg://user@host/database`.

    Returns:
        The address.

    Raises:
        HoldfastError: The URL names no ledger. The message shows only its scheme.

    Example:
        >>> parse("sqlite:///folder/ledger.db").file.name
        'ledger.db'
        >>> parse("mysql://bob:hunter2@host/db")
        Traceback (most recent call last):
        holdfast.errors.HoldfastError: ledger mysql://*** cannot be opened: expected sqlite:///...
    """
    import sqlalchemy as sa

    scheme, separator, location = url.partition("://")
    if not separator:
        raise HoldfastError(
            f"a ledger is named by a URL, but this text has no ://; expected {EXPECTED}"
        )
    # What looks like no scheme may be a password that the user put in the wrong place.
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]{0,40}", scheme) is not None
    shown = f"{scheme}://{HIDDEN}" if is_plain else f"{HIDDEN}://{HIDDEN}"
    backend, _, driver = scheme.lower().partition("+")
    if backend == "postgres":
        raise _unusable(shown, f"write postgresql+psycopg:// instead of {scheme}://")
    if backend not in ("sqlite", "postgresql"):
        raise _unusable(shown, f"expected {EXPECTED}")
    try:
        parsed = sa.make_url(f"{scheme.lower()}://{location}")
    except Exception:  # SQLAlchemy's message may repeat the URL, so it is not shown
        parsed = None
    if backend == "sqlite":
        return _file_address(parsed, shown, driver)
    # An at sign in the host or the database means that the password holds one.
    if parsed is None or "@" in (parsed.host or "") + (parsed.database or ""):
        raise _unusable(shown, f"its host or port is not readable; {ENCODE}")
    return Address(parsed, shown, file=None)


def _file_address(parsed: "URL | None", shown: str, driver: str) -> Address:
    """Check the URL of an SQLite file."""
    if driver not in ("", "pysqlite"):
        raise _unusable(shown, "a ledger in a file takes no other driver; write sqlite:///")
    if parsed is None or parsed.host or parsed.username or parsed.password or parsed.port:
        raise _unusable(shown, "a file follows three slashes: sqlite:///ledger.db")
    if parsed.query:
        raise _unusable(shown, "a ledger in a file takes no parameters after ?")
    name = parsed.database or ""
    if not name or name == ":memory:" or "\0" in name:
        raise _unusable(shown, "it names no file; write sqlite:///ledger.db")
    return Address(parsed, shown=name, file=Path(name))


def _unusable(shown: str, reason: str) -> HoldfastError:
    """Build the error for a URL that names no ledger."""
    return HoldfastError(f"ledger {shown} cannot be opened: {reason}")


def _spellings(secrets: Iterable[str]) -> set[str]:
    """List every spelling in which a driver may repeat one of the secrets."""
    spellings = set[str]()
    for secret in secrets:
        quoted = secret.replace("\\", "\\\\").replace("'", "\\'")  # as libpq quotes values
        spellings |= {secret, quoted, repr(secret)[1:-1], unquote(secret)}
        spellings |= {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    return spellings - {""}


def _hide_word(word: str, text: str) -> str:
    """Replace a word, but not where it is a part of a longer one."""
    return re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", HIDDEN, text)
