"""Rows of a ledger's tables, to and from values. Whatever is read is held to its checksum."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from holdfast.errors import reading
from holdfast.gate.reading import scores_of
from holdfast.ledger.records import (
    SEALED,
    SEALED_VERDICT,
    Release,
    checksum,
    segment_scores,
    to_parquet,
    trained_on_of,
)
from holdfast.ledger.schema import damaged

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection, RowMapping

SCORES = ("release_id", "position", "task", "score", "examples")
SEGMENTS = ("release_id", "position", "task", "segment", "score", "examples")


def revisions(
    connection: "Connection",
    model: str,
    shown: str,
    release: str | None = None,
) -> list[Release]:
    """Every revision of every release of a model, in the order in which they were recorded.

    Args:
        connection: An open connection.
        model: Name of the model.
        shown: The ledger's name for messages.
        release: Name of a release, to read its revisions alone.

    Raises:
        HoldfastError: One of them is not what was recorded.
    """
    columns = ", ".join(("id", *SEALED, "checksum"))
    asked = {"model": model} | ({} if release is None else {"release": release})
    where = " AND ".join(f"{c} = :{c}" for c in asked)
    every = f"SELECT {columns} FROM holdfast_releases WHERE {where} ORDER BY id"
    scores = _by_release(connection, "holdfast_scores", SCORES, asked)
    segments = _by_release(connection, "holdfast_segments", SEGMENTS, asked)
    out = []
    for row in select(connection, every, **asked):
        tasks, parts = scores.get(row["id"], []), segments.get(row["id"], [])
        what = f"release {row['release']!r} of {model!r}"
        verify(shown, SEALED, dict(row), what, tasks, parts)
        out.append(
            Release(
                model=model,
                release=row["release"],
                revision=row["revision"],
                recorded=row["recorded"],
                trained_on=trained_on_of(row["trained_on"], what),
                scores={task: score for task, score, _ in tasks},
                examples={task: examples for task, _, examples in tasks},
                override=row["override_reason"],
                segments={(task, segment): score for task, segment, score, _ in parts},
                number=row["id"],
            )
        )
    return out


def verdict_rows(connection: "Connection", shown: str, model: str) -> list[dict[str, Any]]:
    """Every verdict on candidates of a model, oldest first.

    Raises:
        HoldfastError: One of them is not what was recorded.
    """
    columns = ", ".join((*SEALED_VERDICT, "checksum"))
    every = f"SELECT {columns} FROM holdfast_verdicts WHERE model = :model ORDER BY id"
    out = [{**r, "passed": bool(r["passed"])} for r in select(connection, every, model=model)]
    for row in out:
        verify(shown, SEALED_VERDICT, row, f"the verdict on {row['candidate']!r} of {model!r}")
    return out


def joined(every: list[Release]) -> list[Release]:
    """Releases in the order in which they were first recorded, from all their revisions.

    Each is the newest revision, knows the earlier ones, and has the reasons given for any of them.
    """
    found: dict[str, list[Release]] = {}
    for r in every:
        found.setdefault(r.release, []).append(r)
    out = []
    for *earlier, newest in found.values():
        reasons = dict.fromkeys(r.override for r in (*earlier, newest) if r.override)
        out.append(replace(newest, earlier=tuple(earlier), override="; ".join(reasons)))
    return out


def verify(
    shown: str,
    columns: tuple[str, ...],
    row: Mapping[str, Any],
    what: str,
    *tables: list[tuple[Any, ...]],
) -> None:
    """Compare a row, and what belongs to it, with its checksum.

    Raises:
        HoldfastError: They differ.
    """
    try:
        whole = checksum(columns, row, *tables) == row["checksum"]
    except (TypeError, ValueError):  # bytes where text was, half of a character
        whole = False
    if not whole:
        raise damaged(shown, f"{what} is not what was recorded")


@dataclass(frozen=True)
class Kept:
    """What is kept of results; made before the ledger is locked, so that writers wait less."""

    content: bytes  # the results, as Parquet
    tasks: list[tuple[str, float, int]]  # task, score, examples
    segments: list[tuple[str, str, float, int]]  # task, segment, score, examples


def kept(results: "pd.DataFrame") -> Kept:
    """What is kept of results.

    Raises:
        HoldfastError: They hold what Parquet cannot.
    """
    with reading("the results", "values that Parquet can hold"):
        content = to_parquet(results)
    scores, examples = scores_of(results)
    return Kept(
        content,
        [(t, float(s), int(examples[t])) for t, s in scores.items()],
        [(t, s, v, n) for (t, s), (v, n) in segment_scores(results).items()],
    )


def insert_release(connection: "Connection", row: dict[str, Any], what: Kept) -> None:
    """Insert a release, its scores and those of its segments."""
    row |= {"results": what.content, "fingerprint": hashlib.sha256(what.content).hexdigest()}
    row["checksum"] = checksum(SEALED, row, what.tasks, what.segments)
    key = insert(connection, "holdfast_releases", [row])
    tables: tuple[tuple[str, tuple[str, ...], Sequence[tuple[Any, ...]]], ...] = (
        ("holdfast_scores", SCORES, what.tasks),
        ("holdfast_segments", SEGMENTS, what.segments),
    )
    for table, columns, rows in tables:
        numbered = [(key, k, *r) for k, r in enumerate(rows)]
        insert(connection, table, [dict(zip(columns, r, strict=True)) for r in numbered])


def insert(connection: "Connection", table: str, rows: list[dict[str, Any]]) -> int:
    """Insert rows; returns the id of the row if it is one, of a table that has ids."""
    import sqlalchemy as sa

    if not rows:
        return 0
    columns = ", ".join(rows[0])
    statement = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{c}' for c in rows[0])})"
    if "checksum" in rows[0]:
        return int(connection.execute(sa.text(f"{statement} RETURNING id"), rows[0]).scalar_one())
    connection.execute(sa.text(statement), rows)
    return 0


def select(connection: "Connection", statement: str, **values: Any) -> "list[RowMapping]":
    """All rows of a SELECT."""
    import sqlalchemy as sa

    return list(connection.execute(sa.text(statement), values).mappings())


def _by_release(
    connection: "Connection",
    table: str,
    columns: tuple[str, ...],
    asked: Mapping[str, str],
) -> dict[int, list[tuple[Any, ...]]]:
    """Rows of a table by release, without the release and their position."""
    every = (
        f"SELECT {', '.join(f's.{c}' for c in columns)} FROM {table} s JOIN holdfast_releases r "
        f"ON s.release_id = r.id WHERE {' AND '.join(f'r.{c} = :{c}' for c in asked)} "
        "ORDER BY s.release_id, s.position"
    )
    out: dict[int, list[tuple[Any, ...]]] = {}
    for row in select(connection, every, **asked):
        out.setdefault(row["release_id"], []).append(tuple(row[c] for c in columns[2:]))
    return out


def models(connection: "Connection", shown: str) -> list[str]:
    """Names of the models that have releases.

    Raises:
        HoldfastError: A release has no model.
    """
    rows = select(connection, "SELECT DISTINCT model FROM holdfast_releases ORDER BY model")
    names = [r["model"] for r in rows]
    if not all(isinstance(name, str) for name in names):
        raise damaged(shown, "a release has no model")
    return names
