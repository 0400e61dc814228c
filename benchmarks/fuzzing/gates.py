"""Fuzz results that go through the gate, and ledgers.

A file that was altered must never pass for the valid one.
"""

import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fuzzing.mutations import altered_bytes, altered_value, as_json
from fuzzing.targets import Case, Outcome, WrongPass, outcome
from holdfast.errors import HoldfastError

ALL = ("task", "example_id", "score", "cluster", "segment", "label")
# Columns, and the number of examples of each of two tasks. The numbers are so small that a
# candidate with one lost example does not pass.
TABLES = ((ALL[:3], 150), ((*ALL[:3], "segment"), 300), (ALL, 300))
FORMS = ("csv", "jsonl", "json", "parquet")


def _table(columns: tuple[str, ...], n: int) -> pd.DataFrame:
    numbers = np.arange(2 * n)
    whole = {
        "task": np.repeat(["a", "b"], n),
        "example_id": numbers,
        "score": 1,
        "cluster": numbers // 2,
    }
    return pd.DataFrame(
        whole | {"segment": np.tile(["x", "y"], n), "label": np.tile(["u", "v"], n)}
    )[list(columns)]


def _written(frame: pd.DataFrame, path: Path) -> bytes:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=path.suffix == ".jsonl")
    return path.read_bytes()


def content(rows: pd.DataFrame) -> set[tuple[str, str, float]]:
    """What is judged of the champion's tasks: which example of which task has which score."""
    old = rows[rows["task"].isin(["a", "b"])]
    return set(zip(old["task"], old["example_id"], old["score"], strict=True))


def results(folder: Path) -> Case:
    """Single examples; the valid candidate passes, and would not with one example lost."""
    from holdfast.gate import Gate, Policy, read_side

    gate, valid = Gate(Policy()), []
    for columns, n in TABLES:
        frame = _table(columns, n)
        worse = frame.assign(score=[0] + [1] * (2 * n - 1))
        assert gate.judge(frame, frame).passed, "the valid sample passes"
        assert not gate.judge(frame, worse).passed, "with one example lost it does not"
        samples = {form: _written(frame, folder / f"valid.{form}") for form in FORMS}
        valid.append(
            (
                read_side(frame, "champion"),
                samples,
                json.loads(samples["json"]),
                content(read_side(frame).rows),
            )
        )

    def case(rng: random.Random) -> Outcome:
        champion, samples, records, right = valid[rng.choice((0, 0, 0, 0, 1, 1, 2))]
        path = folder / f"candidate.{rng.choice(FORMS)}"
        if path.suffix == ".json" and rng.random() < 0.6:
            path.write_bytes(as_json(altered_value(records, rng)))
        else:
            path.write_bytes(altered_bytes(samples[path.suffix[1:]], rng, list(samples.values())))

        def read() -> bool:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = read_side(path, "candidate")
                passed = gate.judge(champion, found).passed
            same = "example_id" in found.rows and content(found.rows) == right
            if passed and not same:
                raise WrongPass(f"{path.name} passed with other content")
            return same

        return outcome(read, True)

    return case


def ledgers(folder: Path) -> Case:
    """SQLite files with altered bytes: history is read or refused, and never written to."""
    from sqlalchemy import create_engine, text

    from holdfast.ledger import Ledger, history

    path = folder / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    frame = _table(ALL[:3], 20)
    for release in ("1", "2", "3"):
        ledger.record(
            "m", release, frame.assign(score=np.arange(40) % 7 != int(release)), trained_on=["a"]
        )
    raw = path.read_bytes()
    valid = _read(ledger, history)
    columns = _columns(path)

    def damage(rng: random.Random) -> None:
        """Another value in some cell, whatever its type; rows and tables taken away."""
        engine = create_engine(f"sqlite:///{path}")
        wrong = [
            None,
            -1,
            10**12,
            1.5,
            "",
            "x",
            "[",
            "\x00",
            b"\xff",
            b"",
            "2026-13-45",
            '{"a": ' * 500,
            float("inf"),
        ]
        with engine.begin() as connection:
            table, column = rng.choice(columns)
            name, column = f'"{table}"', f'"{column}"'
            try:
                kind = rng.random()
                if kind < 0.8:
                    change = text(f"UPDATE {name} SET {column} = :v WHERE rowid % 2 = :k")
                    connection.execute(change, {"v": rng.choice(wrong), "k": rng.randrange(2)})
                elif kind < 0.9:
                    connection.execute(text(f"DELETE FROM {name} WHERE rowid % 2 = 0"))
                else:
                    connection.execute(text(f"ALTER TABLE {name} RENAME COLUMN {column} TO xyz"))
            except Exception:  # a constraint stands against it, or a trigger: then some bytes
                pass
        engine.dispose()

    def case(rng: random.Random) -> Outcome:
        path.write_bytes(raw)
        if rng.random() < 0.5:
            damage(rng)
        if path.read_bytes() == raw:
            path.write_bytes(altered_bytes(raw, rng))
        before = path.read_bytes()
        try:
            return outcome(lambda: _read(Ledger(f"sqlite:///{path}", mode="read"), history), valid)
        finally:
            assert path.read_bytes() == before, "reading wrote to the ledger"
            for more in folder.glob("ledger.db-*"):
                more.unlink()

    return case


def _columns(path: Path) -> list[tuple[str, str]]:
    import sqlite3

    with sqlite3.connect(path) as opened:
        tables = [
            t
            for (t,) in opened.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        ]
        return [(t, row[1]) for t in tables for row in opened.execute(f'PRAGMA table_info("{t}")')]


def _read(ledger: Any, history: Any) -> str:
    releases = ledger.releases("m")
    if not releases:
        raise HoldfastError("there is no release")
    found = history(releases)
    return f"{found.releases} {found.scores} {ledger.results('m').to_csv()} {ledger.verdicts('m')}"
