"""Verdicts of the gate on candidates."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of verdicts."""
    op.create_table(
        "holdfast_verdicts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("candidate", sa.String(200), nullable=False),
        sa.Column("champion", sa.String(200), nullable=False),
        sa.Column("decision", sa.String(20), nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("recorded", sa.String(40), nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.UniqueConstraint(
            "model", "candidate", "champion", "content", name="holdfast_one_verdict"
        ),
    )


def downgrade() -> None:
    """Refuse: a ledger is append-only."""
    raise NotImplementedError("the ledger is append-only")
