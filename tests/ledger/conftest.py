"""Databases for the tests of the ledger: SQLite, and a PostgreSQL server of the session's own."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from ledger_helpers import results

from holdfast.ledger import Ledger

BINARIES = (
    sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if Path("/usr/lib/postgresql").is_dir()
    else []
)


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server of the session's own, on a socket; skipped if it is not installed."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    user = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        if os.getuid() == 0
        else []
    )
    run = {"check": True, "capture_output": True}
    # Not in pytest's own folder, which other users may not enter.
    with tempfile.TemporaryDirectory(prefix="holdfast-pg-") as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        subprocess.run(
            [*user, BINARIES[-1] / "initdb", "-D", data, "-A", "trust", "-U", "postgres"], **run
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        control = [*user, BINARIES[-1] / "pg_ctl", "-D", data, "-w"]
        subprocess.run([*control, "-o", options, "-l", folder / "log", "start"], **run)
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        subprocess.run([*control, "-m", "immediate", "stop"], **run)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    server = request.getfixturevalue("postgresql")
    import psycopg

    name = f"test_{abs(hash(tmp_path)) % 10**9}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def ledger(url):
    """A ledger with the first release of a model."""
    out = Ledger(url)
    out.record("m", "1", results(a=0.9))
    return out
