"""Reading a ledger writes nothing, waits for nobody, and takes whatever state a writer left."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from ledger_helpers import results

from holdfast.errors import HoldfastError
from holdfast.ledger import Ledger, history, schema, sides

OLD = Path(__file__).parent / "data" / "schema-0002.db"  # written by the version before


def seen(url):
    """All that is read for the history and for the gate."""
    ledger = Ledger(url, mode="read")
    found = ledger.releases("m")
    champion, candidate = sides(ledger, "m", results(a=0.9))
    return history(found), ledger.verdicts("m"), champion.rows.to_csv(), candidate.standing


def state(folder):
    """Names, contents and times of a folder's files, and the folder's own time."""
    files = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}
    return files, folder.stat().st_mtime_ns


@pytest.fixture
def ledger(tmp_path):
    """A ledger of this version, or of the one before."""
    folder = tmp_path / "held"
    folder.mkdir()
    url = f"sqlite:///{folder}/ledger.db"
    ledger = Ledger(url)
    ledger.record("m", "1", results(a=0.9, b=0.8), ("a", "b"))
    ledger.record("m", "2", results(a=0.8))
    return folder, url


@pytest.fixture
def old(tmp_path):
    folder = tmp_path / "held"
    folder.mkdir()
    shutil.copy(OLD, folder / "ledger.db")
    return folder, f"sqlite:///{folder}/ledger.db"


@pytest.fixture(params=["ledger", "old"])
def any_ledger(request):
    return request.getfixturevalue(request.param)


def read_only(folder):
    """Mount a folder on itself, read-only."""
    for command in (
        ["mount", "--bind", folder, folder],
        ["mount", "-o", "remount,ro,bind", folder],
    ):
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")


@pytest.fixture
def unmounted(tmp_path):
    yield
    subprocess.run(["umount", tmp_path / "held"], capture_output=True)


def test_reading_leaves_files_and_folder_as_they_are(any_ledger):
    folder, url = any_ledger
    before = state(folder)
    assert len(seen(url)[0].releases) == 2
    assert state(folder) == before


def test_a_ledger_on_a_read_only_mount_is_read(any_ledger, unmounted):
    folder, url = any_ledger
    expected = seen(url)
    read_only(folder)
    with pytest.raises(OSError, match="Read-only"):
        (folder / "x").touch()
    assert seen(url) == expected
    with pytest.raises(HoldfastError, match="could not be written"):
        Ledger(url).record("m", "3", results(a=0.5))


def test_reading_does_not_wait_for_a_writer(ledger):
    folder, url = ledger
    expected = seen(url)
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM holdfast_scores")
        assert seen(url) == expected
        writer.execute("ROLLBACK")


KILLED = """
import os, signal, sqlite3, sys
opened = sqlite3.connect(sys.argv[1], isolation_level=None)
opened.execute("PRAGMA cache_size = 2")
opened.execute("BEGIN IMMEDIATE")
opened.execute("UPDATE holdfast_releases SET model = 'z', results = zeroblob(300000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_half_done_is_not_seen(ledger, unmounted):
    folder, url = ledger
    expected = seen(url)
    whole = (folder / "ledger.db").read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, folder / "ledger.db"])
    assert done.returncode == -signal.SIGKILL
    assert (folder / "ledger.db-journal").stat().st_size
    assert (folder / "ledger.db").read_bytes() != whole, "the file alone is not what was recorded"
    before = state(folder)
    assert seen(url) == expected
    assert state(folder) == before
    read_only(folder)
    assert seen(url) == expected
    subprocess.run(["umount", folder], check=True)
    assert Ledger(url).record("m", "3", results(a=0.5)) == "recorded"
    assert len(Ledger(url).releases("m")) == 3


def test_a_log_that_was_never_merged_is_read(old):
    folder, _ = old
    with closing(sqlite3.connect(folder / "ledger.db")) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE holdfast_verdicts SET decision = 'inconclusive'")
        writer.commit()
        for suffix in ("", "-wal"):
            shutil.copy(folder / f"ledger.db{suffix}", folder / f"copy.db{suffix}")
    assert (folder / "copy.db-wal").stat().st_size
    before = state(folder)
    assert seen(f"sqlite:///{folder}/copy.db")[1][0].decision == "inconclusive"
    assert state(folder) == before


def test_an_older_ledger_is_upgraded_by_the_first_that_writes(old):
    folder, url = old
    expected = seen(url)
    assert expected[0].columns[1].segment == "cash", "segments come from the results that were kept"
    same = Ledger(url).results("m", "2")
    assert Ledger(url).record("m", "2", same) == "unchanged"
    assert seen(url) == expected
    assert (folder / "ledger.db").read_bytes()[18:20] == b"\x01\x01", "no write-ahead log any more"
    assert [p.name for p in folder.iterdir()] == ["ledger.db"]
    with pytest.raises(HoldfastError, match=r"did not pass.*candidate '3' against '2'"):
        Ledger(url).record("m", "3", same)


def test_postgresql_with_older_tables_says_what_upgrades_it(postgresql, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite is upgraded in memory")
    import psycopg

    Ledger(url).record("m", "1", results(a=0.9))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("UPDATE holdfast_version SET version_num = '0002'")
    with pytest.raises(
        HoldfastError, match=r"older version of Holdfast.*`holdfast record` upgrades it"
    ):
        Ledger(url, mode="read").releases("m")


def test_there_is_one_newest_version_of_the_tables():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.NEWEST]


def test_a_ledger_that_is_not_there_is_not_made(tmp_path, url):
    for missing in (f"sqlite:///{tmp_path}/no.db", f"sqlite:///{tmp_path}/no/no.db"):
        for read in (Ledger(missing).models, lambda missing=missing: Ledger(missing, mode="read")):
            with pytest.raises(HoldfastError, match="there is no ledger"):
                read()
        with pytest.raises(HoldfastError, match="there is no ledger"):
            Ledger(missing).keep_verdict(
                "m", "2", {"decision": "pass", "passed": True}, "1", results(a=1)
            )
    with pytest.raises(
        HoldfastError, match="there is no ledger" if url.startswith("sqlite") else "holds no ledger"
    ):
        Ledger(url).models()
    assert not list(tmp_path.glob("*.db"))


def test_a_ledger_opened_for_reading_refuses_to_write(ledger):
    held = Ledger(ledger[1], mode="read")
    with pytest.raises(HoldfastError, match="opened for reading"):
        held.record("m", "3", results(a=0.5))
    with pytest.raises(HoldfastError, match="opened for reading"):
        held.keep_verdict("m", "3", {"decision": "pass", "passed": True}, "1", results(a=0.5))
    with pytest.raises(HoldfastError, match="'read' or 'write'"):
        Ledger(ledger[1], mode="x")


def test_the_same_results_in_any_order_are_unchanged(url):
    rows = pd.DataFrame(
        {
            "task": ["a", "a", "a", "b"],
            "segment": ["", "x", "y", ""],
            "score": [0.9, 0.8, 0.95, 0.7],
            "examples": [100, 40, 60, 10],
        }
    )
    ledger = Ledger(url)
    ledger.record("m", "1", rows, ("a", "b"))
    for seed in range(5):
        turned = rows.sample(frac=1, random_state=seed)[rows.columns[::-1]]
        assert ledger.record("m", "1", turned, ("b", "a")) == "unchanged"
    with pytest.raises(HoldfastError, match="other results"):
        ledger.record("m", "1", rows.assign(score=[0.9, 0.95, 0.8, 0.7]), ("a", "b"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is empty"),
        (" \t", "is empty"),
        ("x" * 201, "201 characters"),
        ("a\0b", "UTF-8"),
        ("\udcff", "UTF-8"),
    ],
)
def test_names_that_one_of_the_databases_refuses_are_refused_by_both(url, name, message):
    ledger, verdict = Ledger(url), {"decision": "pass", "passed": True}
    rows = results(a=0.9)
    for wrong in (
        lambda: ledger.record(name, "1", rows),
        lambda: ledger.record("m", name, rows),
        lambda: ledger.keep_verdict("m", name, verdict, "1", rows),
        lambda: ledger.releases(name),
        lambda: ledger.verdicts(name),
    ):
        with pytest.raises(HoldfastError, match=message):
            wrong()
    assert ledger.record("é" * 200, " as given ", rows) == "recorded"
    assert ledger.releases("é" * 200)[0].release == " as given "


def test_labels_that_no_database_holds_are_refused(url):
    for column, value in (("task", "a\0"), ("example_id", "\ud800"), ("segment", "\0")):
        labels = pd.Series([f"{value}{k}" for k in range(100)], dtype=object)
        with pytest.raises(HoldfastError):
            Ledger(url).record("m", "1", results(a=0.9).assign(**{column: labels}))


def test_paths_are_taken_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("with space.db", "50%.db", "a#b.db", "ü.db"):
        url = f"sqlite:///{name.replace('%', '%25')}"
        Ledger(url).record("m", "1", results(a=0.9))
        assert Ledger(url, mode="read").models() == ["m"]
        assert name in os.listdir()
