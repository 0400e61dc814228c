"""The names of a ledger's tables and columns, for statements of SQLAlchemy Core.

The migrations define the tables, with types and constraints. Statements only need names: without
types, a value reaches Python as the driver returns it, so that checksums notice a wrong type.
"""

import sqlalchemy as sa

from holdfast.ledger.digests import SEALED_RELEASE, SEALED_VERDICT


def _table(name: str, *columns: str) -> sa.TableClause:
    """Name a table and its columns."""
    return sa.table(name, *(sa.column(column) for column in columns))


RELEASES = _table("holdfast_releases", "id", *SEALED_RELEASE, "checksum", "results")
SCORES = _table("holdfast_scores", "release_id", "position", "task", "score", "examples")
SEGMENTS = _table(
    "holdfast_segments", "release_id", "position", "task", "segment", "score", "examples"
)
VERDICTS = _table("holdfast_verdicts", "id", *SEALED_VERDICT, "checksum")
VERSION = _table("holdfast_version", "version_num")
