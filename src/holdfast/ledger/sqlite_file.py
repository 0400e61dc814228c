"""The file of an SQLite ledger: read without changing anything beside it, and written safely."""

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

WAIT = 60.0  # seconds that a writer or a reader waits for another one
CONVERSION = 1.0  # seconds that a writer waits for others in order to leave the write-ahead log
BESIDE = ("-wal", "-journal")  # files that hold a part of the content until it is merged
ATTEMPTS = 20  # to copy a file while nobody writes to it
PAUSE = 0.05  # seconds between two attempts


def for_reading(path: Path) -> sqlite3.Connection:
    """Open a database so that nothing is written: neither the file nor one beside it.

    A database in order is opened read-only. Two kinds cannot be opened so: one with a write-ahead
    log, as the first version of Holdfast wrote, and one whose last writer was killed in the middle.
    Both are read from a copy, in which SQLite puts them in order.

    Args:
        path: The file, which exists.

    Returns:
        A connection outside of a transaction.
    """
    if _has_log(path):
        if _size(path, "-wal"):
            return _copy(path)
        # Everything is merged. SQLite would still create files beside it unless told not to.
        return _open(path, "?mode=ro&immutable=1")
    try:
        return _open(path, "?mode=ro")
    except sqlite3.OperationalError as error:
        # To undo what a killed writer left, SQLite would have to write to the file.
        is_unfinished = any(_size(path, suffix) for suffix in BESIDE)
        if is_unfinished and _kind(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return _copy(path)
        raise


def for_writing(path: Path, create: bool) -> sqlite3.Connection:
    """Open a database for a writer.

    A write-ahead log is given up: it cannot be read on a read-only mount, and it leaves two files
    beside the ledger, which are forgotten when the ledger is copied. This is not possible while
    another process has the database open; then a later writer does it.

    Args:
        path: The file.
        create: Whether the file is made if it does not exist.

    Returns:
        A connection outside of a transaction.
    """
    if create:
        mode = "rwc"
    else:
        mode = "rw"
    connection = _connect(path, f"?mode={mode}")
    try:
        # SQLite checks foreign keys only if it is told to, for each connection.
        connection.execute("PRAGMA foreign_keys=ON")
        if _has_log(path):
            _set_timeout(connection, CONVERSION)
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode=DELETE")
            _set_timeout(connection, WAIT)
    except BaseException:
        connection.close()
        raise
    return connection


def in_memory(source: sqlite3.Connection) -> sqlite3.Connection:
    """Copy a database into memory, where it can be changed without changing the file.

    Args:
        source: A connection to the database.

    Returns:
        A connection to the copy, outside of a transaction.
    """
    memory = sqlite3.connect(":memory:", isolation_level=None)
    source.backup(memory)
    return memory


def _connect(path: Path, parameters: str) -> sqlite3.Connection:
    """Connect to a file, without letting Python begin transactions."""
    url = path.absolute().as_uri() + parameters
    return sqlite3.connect(url, uri=True, timeout=WAIT, isolation_level=None)


def _set_timeout(connection: sqlite3.Connection, seconds: float) -> None:
    """Set how long a statement waits for other processes. A PRAGMA takes no parameters."""
    connection.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")


def _open(path: Path, parameters: str) -> sqlite3.Connection:
    """Connect to a file and read from it, because connecting alone reads nothing."""
    connection = _connect(path, parameters)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _copy(path: Path) -> sqlite3.Connection:
    """Copy the content of a file, and of those beside it, into memory."""
    for _ in range(ATTEMPTS):
        before = _state(path)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "ledger.db"
            for suffix in ("", *BESIDE):
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            # If a writer changed a file meanwhile, the copies do not belong together.
            if _state(path) == before:
                with closing(sqlite3.connect(copy)) as opened:
                    return in_memory(opened)
        time.sleep(PAUSE)
    raise sqlite3.OperationalError(
        "other processes wrote to it during every attempt to copy it; try again"
    )


def _state(path: Path) -> list[tuple[int, int] | None]:
    """Read size and time of a file and of those beside it; None for one that does not exist."""
    states: list[tuple[int, int] | None] = []
    for suffix in ("", *BESIDE):
        try:
            status = Path(f"{path}{suffix}").stat()
        except FileNotFoundError:
            states.append(None)
        else:
            states.append((status.st_size, status.st_mtime_ns))
    return states


def _has_log(path: Path) -> bool:
    """Tell from the header whether a database has a write-ahead log."""
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except FileNotFoundError:
        return False
    # Bytes 18 and 19 are the versions for writing and reading: 1 is a journal, 2 is a log.
    return header[18:20] == b"\x02\x02"


def _size(path: Path, suffix: str) -> int:
    """Return the size of a file beside the database in bytes; 0 if there is none."""
    try:
        return Path(f"{path}{suffix}").stat().st_size
    except FileNotFoundError:
        return 0


def _kind(error: sqlite3.Error) -> int:
    """Return the primary code of an error of SQLite, without the details of its higher bits."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
