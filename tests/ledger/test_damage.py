"""A damaged ledger is one clear error or gives the right answer, never a wrong one."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ledger_helpers import call, results

from holdfast.errors import HoldfastError
from holdfast.ledger import Ledger, history, sides

OLD = Path(__file__).parent / "data" / "schema-0002.db"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A ledger with segments, an amendment, a verdict and an override."""
    file = tmp_path_factory.mktemp("ledger") / "ledger.db"
    ledger = Ledger(f"sqlite:///{file}")
    segmented = results(a=0.9, b=0.8).assign(segment=["x", "y"] * 100)
    ledger.record("m", "1", segmented, ("a",))
    ledger.record("m", "1", segmented[:150], amend=True)
    ledger.keep_verdict("m", "2", {"decision": "fail", "passed": False}, "1", results(a=0.5))
    ledger.record("m", "2", results(a=0.5), override="wanted all the same")
    ledger.record("other", "1", results(a=0.5))
    return file.read_bytes()


def everything(ledger):
    """What the history and the gate read."""
    found, verdicts = history(ledger.releases("m")), ledger.verdicts("m")
    champion, candidate = sides(ledger, "m", results(a=0.9))
    return found, verdicts, champion.rows.to_csv(), candidate.standing


def answer(file):
    """The same; None for an error that says what is wrong."""
    try:
        return everything(Ledger(f"sqlite:///{file}", mode="read"))
    except HoldfastError:
        return None


def damaged(content, seed):
    """A copy with a damage: one byte, a run of bytes, or a piece that is cut out."""
    chance, out = random.Random(seed), bytearray(content)
    at = chance.randrange(len(out))
    kind = seed % 3
    if kind == 0:
        out[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        out[at : at + 40] = chance.randbytes(len(out[at : at + 40]))
    else:
        del out[at : at + chance.choice([1, 4096, len(out)])]
    return bytes(out)


def test_damage_at_two_hundred_places_is_an_error_or_does_not_matter(whole, tmp_path):
    file = tmp_path / "ledger.db"
    file.write_bytes(whole)
    right = answer(file)
    assert right is not None
    errors = 0
    for seed in range(200):
        file.write_bytes(damaged(whole, seed))
        found = answer(file)
        assert found is None or found == right, f"seed {seed}"
        errors += found is None
    assert 35 < errors < 200


def test_damage_to_an_older_ledger_is_never_a_traceback(tmp_path):
    file = tmp_path / "ledger.db"
    # Each is brought up to date several times before it is read, which takes a tenth of a second.
    for seed in range(30):
        file.write_bytes(damaged(OLD.read_bytes(), seed))
        answer(file)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE holdfast_scores SET score = 0.99", "is not what was recorded"),
        ("UPDATE holdfast_segments SET score = 0.99", "is not what was recorded"),
        ("UPDATE holdfast_releases SET trained_on = '[1'", "is not what was recorded"),
        ("UPDATE holdfast_releases SET override_reason = ''", "is not what was recorded"),
        ("UPDATE holdfast_releases SET results = x'00'", "not those that were recorded"),
        ("UPDATE holdfast_verdicts SET verdict = '{'", "is not what was recorded"),
        ("UPDATE holdfast_verdicts SET passed = 1", "is not what was recorded"),
        ("DELETE FROM holdfast_scores WHERE position = 0", "is not what was recorded"),
        ("DROP TABLE holdfast_scores", "could not be read: no such table"),
        ("DROP TABLE holdfast_version", "holdfast_version is missing"),
        (
            "UPDATE holdfast_version SET version_num = '0004'",
            "newer version of Holdfast.*upgrade Holdfast",
        ),
        ("UPDATE holdfast_version SET version_num = 'rubbish'", "is damaged"),
        ("UPDATE holdfast_version SET version_num = '0002'", "could not be read"),
        ("DELETE FROM holdfast_version", "is damaged"),
        ("UPDATE holdfast_releases SET trained_on = x'ff'", "is not what was recorded"),
        ("UPDATE holdfast_releases SET recorded = CAST(x'ff' AS TEXT)", "could not be read"),
    ],
)
def test_changes_by_hand_are_noticed(whole, tmp_path, capsys, statement, message):
    file = tmp_path / "ledger.db"
    file.write_bytes(whole)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()
    assert answer(file) is None
    at = ["--model", "m", "--ledger", f"sqlite:///{file}"]
    results(a=0.9).to_csv(tmp_path / "c.csv", index=False)
    code, _, err = call(
        capsys, "gate", *at, "--candidate", f"{tmp_path}/c.csv", "--policy", "simple"
    )
    # A verdict is not read by the gate.
    assert (code, err.count("\n")) == (2, 1) or "holdfast_verdicts" in statement
    with pytest.raises(HoldfastError, match=message):
        everything(Ledger(f"sqlite:///{file}"))


@pytest.mark.parametrize("content", ["'text'", "7", "NULL"])
def test_results_of_another_type_are_damage_of_the_ledger(tmp_path, content):
    file = tmp_path / "ledger.db"
    ledger = Ledger(f"sqlite:///{file}")
    ledger.record("m", "1", results(a=0.9))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'results BLOB NOT NULL', 'results BLOB')"
        )
        connection.commit()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"UPDATE holdfast_releases SET results = {content}")
        connection.commit()
    with pytest.raises(HoldfastError, match=r"ledger .*ledger\.db is damaged: stored results"):
        ledger.results("m")
    with pytest.raises(HoldfastError, match=r"ledger .*ledger\.db is damaged: stored results"):
        ledger.record("m", "2", results(a=0.9))


def test_a_missing_name_is_an_error(tmp_path):
    file = tmp_path / "ledger.db"
    shutil.copy(OLD, file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = "
            "replace(sql, 'model VARCHAR(200) NOT NULL', 'model VARCHAR(200)')"
        )
        connection.commit()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE holdfast_releases SET model = NULL")
        connection.commit()
    for read in (
        Ledger(f"sqlite:///{file}").models,
        lambda: Ledger(f"sqlite:///{file}").releases("m"),
    ):
        with pytest.raises(HoldfastError):
            read()


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0", b"\0" * 4096]
)
def test_a_file_that_is_no_ledger_is_neither_read_nor_overwritten(tmp_path, content):
    file = tmp_path / "ledger.db"
    file.write_bytes(content)
    assert answer(file) is None
    with pytest.raises(HoldfastError, match="could not be written"):
        Ledger(f"sqlite:///{file}").record("m", "1", results(a=0.9))
    assert file.read_bytes() == content
    with pytest.raises(HoldfastError, match="could not be"):
        Ledger(f"sqlite:///{tmp_path}").models()


def test_a_database_of_something_else_holds_no_ledger(tmp_path):
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
    with pytest.raises(HoldfastError, match=r"holds no ledger; `holdfast record` makes one"):
        Ledger(f"sqlite:///{tmp_path}/other.db").models()


def test_postgresql_notices_changes_by_hand_too(postgresql, url):
    if url.startswith("sqlite"):
        pytest.skip("see above")
    import psycopg

    Ledger(url).record("m", "1", results(a=0.9))
    for statement, message in (
        ("UPDATE holdfast_scores SET score = 0.99", "is not what was recorded"),
        ("UPDATE holdfast_version SET version_num = '0007'", "newer version of Holdfast"),
        (
            "DROP TABLE holdfast_scores; UPDATE holdfast_version SET version_num = '0003'",
            "could not be read",
        ),
    ):
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)
        with pytest.raises(HoldfastError, match=message):
            Ledger(url).releases("m")
