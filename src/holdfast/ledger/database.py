"""Transactions on the database of a ledger. Whatever goes wrong is one error without secrets."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError, first_line, how_to_install, require
from holdfast.ledger import schema, sqlite_file
from holdfast.ledger.address import Address, parse

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LOCK = 0x486F6C64  # the advisory lock under which PostgreSQL migrates and writes


class Database:
    """The database of a ledger, in a file (SQLite) or on a server (PostgreSQL).

    Args:
        url: Its address.

    Raises:
        HoldfastError: The address is no ledger's, or a package that it needs is not installed.
    """

    def __init__(self, url: str) -> None:
        require("ledger", "sqlalchemy", "alembic", "pyarrow")
        self.address = parse(url)
        self._newest = False  # whether the tables were once found to be of the newest version
        self._sound = False  # whether the file was found to be whole
        self._server = None if self.address.file else _engine(self.address)

    @property
    def shown(self) -> str:
        """The ledger as messages name it."""
        return self.address.shown

    def require(self) -> None:
        """Refuse a file that does not exist, or that is empty.

        Raises:
            HoldfastError: There is no ledger.
        """
        file = self.address.file
        with self._errors("read"):
            if file and (not file.exists() or (file.is_file() and not file.stat().st_size)):
                raise HoldfastError(f"there is no ledger {file}; `holdfast record` makes one")

    @contextmanager
    def reading(self) -> Iterator["Connection"]:
        """One state of the database, with tables of the newest version. Nothing is written.

        A file with older tables is upgraded in a copy in memory.

        Raises:
            HoldfastError: There is no ledger, or it cannot be read.
        """
        self.require()
        with self._errors("read"):
            if self.address.file:
                with closing(sqlite_file.for_reading(self.address.file)) as opened:
                    yield from self._read_file(opened)
            else:
                yield from self._read_server()

    def _read_file(self, opened: sqlite3.Connection) -> Iterator["Connection"]:
        self._check(opened)
        with _over(opened) as connection:
            if (found := schema.version(connection, self.shown)) == schema.NEWEST:
                yield connection
                return
        if found is None:
            raise HoldfastError(f"{self.shown} holds no ledger; `holdfast record` makes one")
        with closing(sqlite_file.in_memory(opened)) as copy, _over(copy) as connection:
            schema.upgrade(connection)
            yield connection

    def _read_server(self) -> Iterator["Connection"]:
        assert self._server
        options: dict[str, Any] = {
            "isolation_level": "REPEATABLE READ",
            "postgresql_readonly": True,
        }
        with self._server.connect().execution_options(**options) as connection:
            found = schema.version(connection, self.shown)
            if found is None:
                raise HoldfastError(f"{self.shown} holds no ledger; `holdfast record` makes one")
            if found != schema.NEWEST:
                raise HoldfastError(
                    f"ledger {self.shown} was made by an older version of Holdfast (its tables "
                    f"have version {found}, expected {schema.NEWEST}); the next `holdfast record` "
                    "upgrades it"
                )
            yield connection

    @contextmanager
    def writing(self, create: bool = False) -> Iterator["Connection"]:
        """A transaction that no other writer runs beside: all of it lands, or nothing.

        Args:
            create: Make the ledger if there is none, and upgrade its tables if they are older.

        Raises:
            HoldfastError: There is no ledger, or it cannot be written.
        """
        import sqlalchemy as sa

        if not create:
            self.require()
        with self._errors("written"):
            if not self.address.file:
                assert self._server
                with self._server.begin() as connection:
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                    self._upgrade(connection)
                    yield connection
                return
            folder = self.address.file.absolute().parent
            if not folder.is_dir():
                raise HoldfastError(f"there is no folder {folder} for a ledger; make it first")
            # The write lock is taken first, so that what is read before writing still holds.
            with (
                closing(sqlite_file.for_writing(self.address.file, create)) as opened,
                _over(opened, "BEGIN IMMEDIATE") as connection,
            ):
                self._check(opened)
                self._upgrade(connection)
                yield connection
                opened.execute("COMMIT")

    def _upgrade(self, connection: "Connection") -> None:
        if self._newest and schema.is_newest(connection):
            return
        if schema.version(connection, self.shown) != schema.NEWEST:
            schema.upgrade(connection)
        self._newest = True

    def _check(self, opened: sqlite3.Connection) -> None:
        """SQLite keeps no checksums: a damaged index would hide releases without a word."""
        if self._sound:
            return
        found = str(opened.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if found != "ok":
            raise schema.damaged(self.shown, " ".join(found.split()))
        self._sound = True

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except HoldfastError:
            raise
        except Exception as error:
            cause = getattr(error, "orig", None) or error
            text = first_line(RuntimeError(self.address.hide(str(cause))))
            raise HoldfastError(f"ledger {self.shown} could not be {done}: {text}") from None


@contextmanager
def _over(opened: sqlite3.Connection, begin: str = "BEGIN") -> Iterator["Connection"]:
    """A connection of SQLAlchemy over one that is open, within a transaction."""
    import sqlalchemy as sa

    engine = sa.create_engine("sqlite://", creator=lambda: opened, poolclass=sa.StaticPool)
    with engine.connect() as connection:  # which rolls back what was begun before
        opened.execute(begin)
        yield connection


def _engine(address: Address) -> "Engine":
    import sqlalchemy as sa

    try:
        engine = sa.create_engine(address.url, poolclass=sa.NullPool)  # a connection per call
    except ModuleNotFoundError as error:
        what = f"ledger {address.shown} cannot be opened: the package {error.name} is not installed"
        advice = f"write postgresql+psycopg:// and {how_to_install('postgresql')}"
        raise HoldfastError(f"{what}; {advice}") from None
    except Exception as error:
        text = first_line(RuntimeError(address.hide(str(error))))
        raise HoldfastError(f"ledger {address.shown} cannot be opened: {text}") from None
    if engine.dialect.is_async:
        raise HoldfastError(
            f"ledger {address.shown} cannot be opened: its driver is asynchronous; write postgresql+psycopg://"
        )
    return engine
