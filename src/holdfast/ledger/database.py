"""Transactions on the database of a ledger. Whatever goes wrong is one error without secrets."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, first_line, how_to_install, require
from holdfast.ledger import schema, sqlite_file
from holdfast.ledger.address import Address, parse

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from holdfast.ledger.transaction import Transaction
    from holdfast.ledger.writing import WritingTransaction

LOCK = 0x486F6C64  # the key of the advisory lock under which PostgreSQL migrates and writes
HOW_TO_MAKE_ONE = "`holdfast record` makes one"


def open_database(url: str) -> "Database":
    """Prepare the database of a ledger; nothing is read yet.

    Args:
        url: `sqlite:///ledger.db`, or `postgresql+psycopg://user@host/database`.

    Returns:
        The database.

    Raises:
        HoldfastError: The URL is not a ledger's, or a package that it needs is not installed.
    """
    require("ledger", "sqlalchemy", "alembic", "pyarrow")
    address = parse(url)
    if address.file is None:
        return ServerDatabase(address)
    return FileDatabase(address, address.file)


class Database(ABC):
    """The database of a ledger.

    Args:
        address: Where it is.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._is_newest = False  # whether the tables were once found to be of the newest version

    @property
    def shown(self) -> str:
        """The ledger's name in messages."""
        return self._address.shown

    @abstractmethod
    def require(self) -> None:
        """Refuse a ledger that is known not to exist.

        Raises:
            HoldfastError: There is no ledger.
        """

    @contextmanager
    def reading(self) -> Iterator["Transaction"]:
        """Open a transaction that reads one state of the ledger and writes nothing.

        Raises:
            HoldfastError: There is no ledger, or it cannot be read.
        """
        from holdfast.ledger.transaction import Transaction

        self.require()
        with self._clear_error("read"), self._reading() as connection:
            yield Transaction(connection, self.shown)

    @contextmanager
    def writing(self, create: bool = False) -> Iterator["WritingTransaction"]:
        """Open a transaction that no other writer runs beside: it is written whole or not at all.

        Tables of an older version are upgraded.

        Args:
            create: Whether the ledger is made if it does not exist.

        Raises:
            HoldfastError: There is no ledger, or it cannot be written.
        """
        from holdfast.ledger.writing import WritingTransaction

        if not create:
            self.require()
        with self._clear_error("written"), self._writing(create) as connection:
            yield WritingTransaction(connection, self.shown)

    @abstractmethod
    def _reading(self) -> AbstractContextManager["Connection"]:
        """Connect for reading."""

    @abstractmethod
    def _writing(self, create: bool) -> AbstractContextManager["Connection"]:
        """Connect for writing, with the lock taken and the tables upgraded."""

    def _upgrade(self, connection: "Connection") -> None:
        """Upgrade the tables if they are older, and make them if there are none."""
        # Another process may have replaced the file since, so the version is read even then.
        if self._is_newest and schema.is_newest(connection):
            return
        if schema.version(connection, self.shown) != schema.NEWEST:
            schema.upgrade(connection)
        self._is_newest = True

    @contextmanager
    def _clear_error(self, done: str) -> Iterator[None]:
        """Turn whatever goes wrong into one error that shows no secret of the URL.

        Args:
            done: What was not done, for the message: "read" or "written".
        """
        try:
            yield
        except HoldfastError:  # a clear error already
            raise
        except Exception as error:
            # SQLAlchemy's own message has several lines; the driver's says what is wrong.
            cause = getattr(error, "orig", None) or error
            text = first_line(RuntimeError(self._address.hide(str(cause))))
            raise HoldfastError(f"ledger {self.shown} could not be {done}: {text}") from None


class FileDatabase(Database):
    """A ledger in an SQLite file. One with older tables is read from an upgraded copy in memory.

    Args:
        address: Its address.
        file: The file.
    """

    def __init__(self, address: Address, file: Path) -> None:
        super().__init__(address)
        self._file = file
        self._is_sound = False  # whether the file was found to be whole

    def require(self) -> None:
        """Refuse a file that does not exist, or that is empty.

        Raises:
            HoldfastError: There is no ledger.
        """
        with self._clear_error("read"):
            is_empty = self._file.is_file() and not self._file.stat().st_size
            if is_empty or not self._file.exists():
                raise HoldfastError(f"there is no ledger {self._file}; {HOW_TO_MAKE_ONE}")

    @contextmanager
    def _reading(self) -> Iterator["Connection"]:
        """Connect to the file, or to an upgraded copy in memory if its tables are older."""
        with closing(sqlite_file.for_reading(self._file)) as opened:
            self._check(opened)
            with _connected(opened) as connection:
                version = schema.version(connection, self.shown)
                if version == schema.NEWEST:
                    yield connection
                    return
            # Whoever only reads must not change the file, and may not be allowed to.
            if version is None:
                raise HoldfastError(f"{self.shown} holds no ledger; {HOW_TO_MAKE_ONE}")
            with closing(sqlite_file.in_memory(opened)) as copy, _connected(copy) as connection:
                schema.upgrade(connection)
                yield connection

    @contextmanager
    def _writing(self, create: bool) -> Iterator["Connection"]:
        """Connect to the file with its write lock."""
        folder = self._file.absolute().parent
        if not folder.is_dir():
            raise HoldfastError(f"there is no folder {folder} for a ledger; make it first")
        # The lock is taken first, so that what is read before writing still holds afterwards.
        with (
            closing(sqlite_file.for_writing(self._file, create)) as opened,
            _connected(opened, "BEGIN IMMEDIATE") as connection,
        ):
            self._check(opened)
            self._upgrade(connection)
            yield connection
            opened.execute("COMMIT")

    def _check(self, opened: sqlite3.Connection) -> None:
        """Refuse a damaged file: SQLite would silently skip rows that a damaged index hides."""
        # The check reads the whole file, so it is made once. Checksums find what is damaged later.
        if self._is_sound:
            return
        report = str(opened.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if report != "ok":
            raise schema.damaged(self.shown, " ".join(report.split()))
        self._is_sound = True


class ServerDatabase(Database):
    """A ledger on a PostgreSQL server.

    Args:
        address: Its address.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._engine = _engine(address)

    def require(self) -> None:
        """Refuse nothing: only a connection tells whether a server holds a ledger."""

    @contextmanager
    def _reading(self) -> Iterator["Connection"]:
        """Connect to one read-only state of the database."""
        # Otherwise each statement would see what other writers have added since the one before.
        with self._engine.connect().execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        ) as connection:
            version = schema.version(connection, self.shown)
            if version is None:
                raise HoldfastError(f"{self.shown} holds no ledger; {HOW_TO_MAKE_ONE}")
            # Unlike a file, a server's database is too large to upgrade in a copy.
            if version != schema.NEWEST:
                raise HoldfastError(
                    f"ledger {self.shown} was made by an older version of Holdfast (its tables "
                    f"have version {version}, but {schema.NEWEST} is expected); the next "
                    "`holdfast record` upgrades it"
                )
            yield connection

    @contextmanager
    def _writing(self, create: bool) -> Iterator["Connection"]:
        """Connect with the advisory lock. The tables are made if there are none, in any case."""
        import sqlalchemy as sa

        with self._engine.begin() as connection:
            # PostgreSQL would let two writers read the same newest release before both write.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            self._upgrade(connection)
            yield connection


@contextmanager
def _connected(opened: sqlite3.Connection, begin: str = "BEGIN") -> Iterator["Connection"]:
    """Begin a transaction on an open SQLite connection, and hand it to SQLAlchemy.

    Args:
        opened: The connection.
        begin: The statement that begins the transaction.
    """
    import sqlalchemy as sa

    engine = sa.create_engine("sqlite://", creator=lambda: opened, poolclass=sa.StaticPool)
    # SQLAlchemy rolls back when it connects, so the transaction begins after that.
    with engine.connect() as connection:
        opened.execute(begin)
        yield connection


def _engine(address: Address) -> "Engine":
    """Prepare the connections to a server."""
    import sqlalchemy as sa

    try:
        # Every call has a connection of its own, so that none is left open between calls.
        engine = sa.create_engine(address.url, poolclass=sa.NullPool)
    except ModuleNotFoundError as error:
        raise HoldfastError(
            f"ledger {address.shown} cannot be opened: the package {error.name} is not installed; "
            f"write postgresql+psycopg:// and {how_to_install('postgresql')}"
        ) from None
    except Exception as error:
        text = first_line(RuntimeError(address.hide(str(error))))
        raise HoldfastError(f"ledger {address.shown} cannot be opened: {text}") from None
    # An asynchronous driver would fail at its first use, with a message about greenlets.
    if engine.dialect.is_async:
        raise HoldfastError(
            f"ledger {address.shown} cannot be opened: its driver is asynchronous; "
            "write postgresql+psycopg://"
        )
    return engine
