"""The version of a ledger's tables: which one it has, and how it is upgraded to the newest."""

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS = ("0001", "0002", "0003")
NEWEST = VERSIONS[-1]


def version(connection: "Connection", ledger: str) -> str | None:
    """Read the version of the tables of a ledger.

    Args:
        connection: An open connection.
        ledger: The ledger's name for messages.

    Returns:
        One of `VERSIONS`; None if the database holds no ledger.

    Raises:
        HoldfastError: A newer version of Holdfast made the tables, or their version is damaged.
    """
    import sqlalchemy as sa

    from holdfast.ledger.tables import RELEASES, VERSION

    inspector = sa.inspect(connection)
    if not inspector.has_table(VERSION.name):
        # Both tables are made in one transaction, so one alone was not left by Holdfast.
        if inspector.has_table(RELEASES.name):
            raise damaged(ledger, f"its table {VERSION.name} is missing")
        return None
    # Alembic keeps one row, and replaces it with each upgrade.
    versions = _versions(connection)
    if len(versions) != 1:
        raise damaged(ledger, f"its tables have {len(versions)} versions instead of one")
    stored = versions[0]
    if stored in VERSIONS:
        return str(stored)
    # Versions count upwards, so a larger one belongs to a newer Holdfast and is no damage.
    if isinstance(stored, str) and re.fullmatch(r"\d{4}", stored) and stored > NEWEST:
        raise HoldfastError(
            f"ledger {ledger} was made by a newer version of Holdfast (its tables have version "
            f"{stored}, but this version of Holdfast knows only {NEWEST}); upgrade Holdfast"
        )
    raise damaged(ledger, f"its tables have the unknown version {stored!r}")


def is_newest(connection: "Connection") -> bool:
    """Tell whether existing tables are of the newest version; faster than `version`."""
    return _versions(connection) == [NEWEST]


def upgrade(connection: "Connection") -> None:
    """Create the tables, or upgrade them to the newest version, within the open transaction."""
    from alembic import command
    from alembic.config import Config

    from holdfast.ledger.tables import VERSION

    config = Config()
    folder = str(files("holdfast.ledger").joinpath("migrations"))
    # A percent sign in the path would be taken for a reference to another option.
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("version_table", VERSION.name)
    config.attributes["connection"] = connection
    command.upgrade(config, NEWEST)


def damaged(ledger: str, problem: str) -> HoldfastError:
    """Build the error for content that no version of Holdfast writes.

    Args:
        ledger: The ledger's name for messages.
        problem: A clause that says what is wrong.
    """
    return HoldfastError(f"ledger {ledger} is damaged: {problem}; restore it from a backup")


def _versions(connection: "Connection") -> list[object]:
    """Read the rows of the table of versions, of which there is one in a sound ledger."""
    import sqlalchemy as sa

    from holdfast.ledger.tables import VERSION

    return list(connection.execute(sa.select(VERSION.c.version_num)).scalars())
