"""The version of a ledger's tables: which one is there, and the way to the newest."""

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS = ("0001", "0002", "0003")
NEWEST = VERSIONS[-1]
TABLE = "holdfast_version"


def version(connection: "Connection", shown: str) -> str | None:
    """The version of the tables of a ledger.

    Args:
        connection: An open connection.
        shown: The ledger's name for messages.

    Returns:
        One of `VERSIONS`; None if the database holds no ledger.

    Raises:
        HoldfastError: A newer version of Holdfast made it, or what it says of itself is damaged.
    """
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    if not inspector.has_table(TABLE):
        if inspector.has_table("holdfast_releases"):
            raise damaged(shown, f"its table {TABLE} is missing")
        return None
    rows = connection.execute(sa.text(f"SELECT version_num FROM {TABLE}")).scalars().all()
    found = rows[0] if len(rows) == 1 else None
    if found in VERSIONS:
        return str(found)
    if isinstance(found, str) and re.fullmatch(r"\d{4}", found) and found > NEWEST:
        raise HoldfastError(
            f"ledger {shown} was made by a newer version of Holdfast (its tables have version "
            f"{found}, this one knows {NEWEST}); upgrade Holdfast"
        )
    raise damaged(shown, f"the version of its tables is {rows!r}")


def is_newest(connection: "Connection") -> bool:
    """Whether tables that are there are of the newest version; quicker than `version`."""
    import sqlalchemy as sa

    rows = connection.execute(sa.text(f"SELECT version_num FROM {TABLE}")).scalars().all()
    return list(rows) == [NEWEST]


def upgrade(connection: "Connection") -> None:
    """Bring the tables to the newest version, or make them, within the transaction that is open."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    place = str(files("holdfast.ledger").joinpath("migrations"))
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("version_table", TABLE)
    config.attributes["connection"] = connection
    command.upgrade(config, NEWEST)


def damaged(shown: str, what: str) -> HoldfastError:
    """The error for content that no version of Holdfast has written."""
    return HoldfastError(f"ledger {shown} is damaged: {what}; restore it from a backup")
