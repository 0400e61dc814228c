"""Scores of segments, the judged results of verdicts, reasons for overriding them, checksums."""

import hashlib

import pandas as pd
import sqlalchemy as sa
from alembic import op

from holdfast.errors import HoldfastError
from holdfast.gate.reading import scores_of
from holdfast.ledger.content import TaskScore, results_from, segment_scores, trained_on_from
from holdfast.ledger.digests import SEALED_RELEASE, SEALED_VERDICT, checksum, content_digest

revision = "0003"
down_revision = "0002"

ROUNDING = 1e-9  # a stored score may differ from a recomputed one by this much

# The tables as this version leaves them, for the statements below.
RELEASES = sa.table(
    "holdfast_releases",
    *(sa.column(name) for name in ("id", *SEALED_RELEASE, "checksum", "results")),
)
SCORES = sa.table(
    "holdfast_scores",
    *(sa.column(name) for name in ("release_id", "position", "task", "score", "examples")),
)
VERDICTS = sa.table(
    "holdfast_verdicts",
    *(sa.column(name) for name in ("id", *SEALED_VERDICT, "checksum")),
)


def upgrade() -> None:
    """Add the table and the columns, and fill them for existing releases and verdicts."""
    segments = op.create_table(
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
    connection = op.get_bind()
    ids = connection.execute(sa.select(RELEASES.c.id).order_by(RELEASES.c.id)).scalars().all()
    for release_id in ids:  # one at a time, because results may be large
        _fill_release(connection, release_id, segments)
    _fill_verdicts(connection)


def _fill_release(connection: sa.Connection, release_id: int, table: sa.Table) -> None:
    """Fill the new columns of a release, and add the scores of its segments."""
    columns = [RELEASES.c[name] for name in (*SEALED_RELEASE, "results")]
    select = sa.select(*columns).where(RELEASES.c.id == release_id)
    row = connection.execute(select).one()._asdict()
    source = f"release {row['release']!r} of {row['model']!r} in the ledger"
    results = results_from(row["results"], source)
    tasks = _verified_scores(connection, release_id, results, source)
    segments = segment_scores(results)
    if segments:
        rows = [
            {"release_id": release_id, "position": position, **segment._asdict()}
            for position, segment in enumerate(segments)
        ]
        connection.execute(sa.insert(table), rows)
    trained_on = trained_on_from(row["trained_on"], source)
    row["content"] = content_digest(results, trained_on)
    row["fingerprint"] = hashlib.sha256(row["results"]).hexdigest()
    update = sa.update(RELEASES).where(RELEASES.c.id == release_id)
    connection.execute(
        update.values(
            content=row["content"],
            fingerprint=row["fingerprint"],
            checksum=checksum(SEALED_RELEASE, row, tasks, segments),
        )
    )


def _verified_scores(
    connection: sa.Connection,
    release_id: int,
    results: pd.DataFrame,
    source: str,
) -> list[TaskScore]:
    """Read the stored scores of a release, and check that they are those of its results."""
    select = (
        sa.select(SCORES.c.task, SCORES.c.score, SCORES.c.examples)
        .where(SCORES.c.release_id == release_id)
        .order_by(SCORES.c.position)
    )
    stored = [TaskScore(*row) for row in connection.execute(select)]
    expected, _ = scores_of(results)
    is_intact = {part.task for part in stored} == set(expected) and all(
        abs(part.score - expected[part.task]) <= ROUNDING for part in stored
    )
    if not is_intact:
        raise HoldfastError(
            f"{source} is damaged: its scores are not those of its results; "
            "restore the ledger from a backup"
        )
    return stored


def _fill_verdicts(connection: sa.Connection) -> None:
    """Compute the checksums of existing verdicts."""
    columns = [VERDICTS.c[name] for name in ("id", *SEALED_VERDICT)]
    for stored in connection.execute(sa.select(*columns)).all():
        # SQLite has no boolean type: it returns 0 or 1.
        row = {**stored._asdict(), "passed": bool(stored.passed)}
        update = sa.update(VERDICTS).where(VERDICTS.c.id == stored.id)
        connection.execute(update.values(checksum=checksum(SEALED_VERDICT, row)))


def downgrade() -> None:
    """Refuse: a ledger is append-only."""
    raise NotImplementedError("the ledger is append-only")
