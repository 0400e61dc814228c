"""Releases of models, and their scores on every task."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "holdfast_releases",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("release", sa.String(200), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("recorded", sa.String(40), nullable=False),
        sa.Column("trained_on", sa.Text, nullable=False),
        sa.Column("results", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("model", "release", "revision", name="holdfast_one_revision"),
    )
    op.create_table(
        "holdfast_scores",
        sa.Column(
            "release_id", sa.Integer, sa.ForeignKey("holdfast_releases.id"), primary_key=True
        ),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("examples", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Refuse: a ledger is append-only."""
    raise NotImplementedError("the ledger is append-only")
