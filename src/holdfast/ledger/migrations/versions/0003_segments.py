"""Scores of segments, the judged results of verdicts, reasons for overriding them, checksums."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa
from alembic import op

from holdfast.errors import HoldfastError
from holdfast.gate.reading import scores_of
from holdfast.ledger.records import (
    SEALED,
    SEALED_VERDICT,
    checksum,
    content_digest,
    from_parquet,
    segment_scores,
    trained_on_of,
)

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns and fill them for what is there."""
    op.create_table(
        "holdfast_segments",
        sa.Column(
            "release_id", sa.Integer, sa.ForeignKey("holdfast_releases.id"), primary_key=True
        ),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("examples", sa.Integer, nullable=False),
    )
    for name, kind in (
        ("override_reason", sa.Text()),
        ("fingerprint", sa.String(64)),
        ("checksum", sa.String(64)),
    ):
        column = sa.Column(name, kind, nullable=False, server_default="")
        op.add_column("holdfast_releases", column)
    for name in ("judged", "checksum"):
        column = sa.Column(name, sa.String(64), nullable=False, server_default="")
        op.add_column("holdfast_verdicts", column)
    _fill_releases(op.get_bind())
    _fill_verdicts(op.get_bind())


def _fill_releases(connection: sa.Connection) -> None:
    for key in (
        connection.execute(sa.text("SELECT id FROM holdfast_releases ORDER BY id")).scalars().all()
    ):
        select = f"SELECT {', '.join(SEALED[:-1])}, results FROM holdfast_releases WHERE id = :id"
        row = dict(connection.execute(sa.text(select), {"id": key}).mappings().one())
        what = f"release {row['release']!r} of {row['model']!r} in the ledger"
        results = from_parquet(row["results"], what)
        scores = _scores(connection, key, results, what)
        segments = [
            {"release_id": key, "position": k, "task": t, "segment": s, "score": v, "examples": n}
            for k, ((t, s), (v, n)) in enumerate(segment_scores(results).items())
        ]
        if segments:
            insert = (
                "INSERT INTO holdfast_segments (release_id, position, task, segment, score, examples) "
                "VALUES (:release_id, :position, :task, :segment, :score, :examples)"
            )
            connection.execute(sa.text(insert), segments)
        row |= {
            "id": key,
            "content": content_digest(results, trained_on_of(row["trained_on"], what)),
            "fingerprint": hashlib.sha256(row["results"]).hexdigest(),
        }
        kept = [(s["task"], s["segment"], s["score"], s["examples"]) for s in segments]
        row["checksum"] = checksum(SEALED, row, scores, kept)
        update = "UPDATE holdfast_releases SET content = :content, fingerprint = :fingerprint, checksum = :checksum WHERE id = :id"
        connection.execute(sa.text(update), row)


def _scores(
    connection: sa.Connection, key: int, results: pd.DataFrame, what: str
) -> Sequence[sa.Row[Any]]:
    """The scores that are kept, after a check that they are those of the results."""
    select = (
        "SELECT task, score, examples FROM holdfast_scores WHERE release_id = :id ORDER BY position"
    )
    rows = connection.execute(sa.text(select), {"id": key}).all()
    expected, _ = scores_of(results)
    if {r.task for r in rows} != set(expected) or any(
        abs(r.score - expected[r.task]) > 1e-9 for r in rows
    ):
        raise HoldfastError(f"{what} is damaged: its scores are not those of its results")
    return rows


def _fill_verdicts(connection: sa.Connection) -> None:
    columns = ", ".join(("id", *SEALED_VERDICT))
    for old in (
        connection.execute(sa.text(f"SELECT {columns} FROM holdfast_verdicts")).mappings().all()
    ):
        row = {**old, "passed": bool(old["passed"])}
        connection.execute(
            sa.text("UPDATE holdfast_verdicts SET checksum = :checksum WHERE id = :id"),
            {"checksum": checksum(SEALED_VERDICT, row), "id": row["id"]},
        )


def downgrade() -> None:
    """Nothing is ever taken back: the ledger is append-only."""
    raise NotImplementedError("the ledger is append-only")
