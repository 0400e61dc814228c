"""An SQLite ledger's file: read without changing anything beside it, and written safely."""

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

WAIT = 60.0  # seconds that a writer or a reader waits for another
CONVERSION = 1.0  # seconds that a writer waits for others so as to leave the write-ahead log
BESIDE = ("-wal", "-journal")  # files that hold a part of the content until it is merged
ATTEMPTS = 20


def for_reading(path: Path) -> sqlite3.Connection:
    """Open a database so that nothing is written: neither the file nor one beside it.

    A database in order is opened read-only. Two kinds cannot be: one with a write-ahead log, as the
    first version of Holdfast wrote, and one whose last writer was killed in the middle. Both are
    read from a copy, in which SQLite puts them in order.

    Args:
        path: The file, which exists.

    Returns:
        A connection outside of a transaction.
    """
    if _has_log(path):
        return _copy(path) if _size(path, "-wal") else _open(path, "?mode=ro&immutable=1")
    try:
        return _open(path, "?mode=ro")
    except sqlite3.OperationalError as error:
        unfinished = any(_size(path, suffix) for suffix in BESIDE)
        if unfinished and _kind(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return _copy(path)
        raise


def for_writing(path: Path, create: bool) -> sqlite3.Connection:
    """Open a database for a writer.

    A write-ahead log is given up: it cannot be read on a read-only mount, and it leaves two files
    beside the ledger, which are forgotten when the ledger is copied. While another process has the
    database open this is not possible; the next writer does it then.

    Args:
        path: The file.
        create: Make the file if it does not exist.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=WAIT,
        isolation_level=None,
    )
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        if _has_log(path):
            connection.execute(f"PRAGMA busy_timeout={round(1000 * CONVERSION)}")
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute(f"PRAGMA busy_timeout={round(1000 * WAIT)}")
    except BaseException:
        connection.close()
        raise
    return connection


def in_memory(source: sqlite3.Connection) -> sqlite3.Connection:
    """A copy that can be changed without changing the file."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    source.backup(memory)
    return memory


def _open(path: Path, how: str) -> sqlite3.Connection:
    address = path.absolute().as_uri() + how
    connection = sqlite3.connect(address, uri=True, timeout=WAIT, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _copy(path: Path) -> sqlite3.Connection:
    """The content of a file and of those beside it, in memory."""
    for _ in range(ATTEMPTS):
        before = _state(path)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "ledger.db"
            for suffix in ("", *BESIDE):
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            if _state(path) == before:  # nobody wrote meanwhile
                with closing(sqlite3.connect(copy)) as opened:
                    return in_memory(opened)
        time.sleep(0.05)
    raise sqlite3.OperationalError("it is written to all the time, so that it cannot be copied")


def _state(path: Path) -> list[tuple[int, int]]:
    out = []
    for suffix in ("", *BESIDE):
        try:
            stat = Path(f"{path}{suffix}").stat()
            out.append((stat.st_size, stat.st_mtime_ns))
        except FileNotFoundError:
            out.append((-1, -1))
    return out


def _has_log(path: Path) -> bool:
    """Whether the header says that the database has a write-ahead log."""
    try:
        with path.open("rb") as file:
            return file.read(20)[18:20] == b"\x02\x02"
    except FileNotFoundError:
        return False


def _size(path: Path, suffix: str) -> int:
    try:
        return Path(f"{path}{suffix}").stat().st_size
    except FileNotFoundError:
        return 0


def _kind(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
