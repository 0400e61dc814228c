"""Tables of Weights & Biases: `*.table.json`, from the files of a run or from an artifact.

The two forms hold the same `columns` and `data`. The one of an artifact also has `_type`, and keeps
more rows: W&B cuts tables without a word, after 10,000 rows in the files of a run and after 200,000
in an artifact (`wandb/sdk/data_types/table.py` of version 0.31).
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.gate.formats.json_content import json_object
from holdfast.gate.formats.json_tables import is_split_table, listed, split_table
from holdfast.gate.formats.log import Log, Wanted
from holdfast.gate.formats.source import Source
from holdfast.gate.formats.table_logs import Layout, log_of

ENDING = ".table.json"
MOST_ROWS = {"the file of a run": 10_000, "an artifact": 200_000}


def recognises(source: Source) -> bool:
    """Whether a file is a table of W&B, or a folder such as a downloaded artifact holds one."""
    if source.path.is_dir():
        return bool(_tables_of(source))
    is_named_so = source.path.name.endswith(ENDING)
    # The file of a run has no type, and an artifact may be stored under any name.
    has_type = source.object.get("_type") == "table" and "ncols" in source.object
    return is_split_table(source.object) and (is_named_so or has_type)


def _tables_of(source: Source) -> list[Path]:
    """List the tables in a folder."""
    return [file for file in source.files if file.name.endswith(ENDING)]


def read(source: Source, wanted: Wanted, where: str) -> Log:
    """Read a table.

    Args:
        source: The file, or a folder with one table.
        wanted: What the user asks for. `metric` and `identifier` name columns.
        where: What the source is called in messages.

    Returns:
        The log. A note says if the table has exactly as many rows as W&B keeps.

    Raises:
        HoldfastError: A folder has several tables, the table is only a part of one, or its columns
            do not say what is the score or the example.
        ValueError: The file does not hold a table.
    """
    file = _file(source, where)
    content = json_object(file)
    _refuse_parts(content, where)
    table = split_table(content, file.name)
    log = log_of(table, Layout(), wanted, where)
    return replace(log, notes=(*log.notes, *_cut(table.count, content, file.name)))


def _file(source: Source, where: str) -> Path:
    """Return the file of the table."""
    if not source.path.is_dir():
        return source.path
    tables = _tables_of(source)
    # Which of several tables is meant, only the user knows.
    if not tables:
        raise HoldfastError(f"{where} holds no file that ends in {ENDING}")
    if len(tables) > 1:
        names = [str(file.relative_to(source.path)) for file in tables]
        raise HoldfastError(
            f"{where} holds {len(tables)} tables; give the path of one of them: {listed(names)}"
        )
    return tables[0]


def _refuse_parts(content: Mapping[str, object], where: str) -> None:
    """Refuse a file that holds only a part of a table, or refers to others."""
    # The file of a run is called "table-file" where a run refers to it.
    kind = content.get("_type", "table")
    if kind not in ("table", "table-file"):
        raise HoldfastError(
            f"{where} is of the type {kind!r}, which refers to other tables; log one wandb.Table "
            "with all rows"
        )
    if content.get("log_mode") == "INCREMENTAL":
        raise HoldfastError(
            f"{where} holds only the rows that the run has added last (log_mode INCREMENTAL); log "
            'the whole table with log_mode="IMMUTABLE"'
        )


def _cut(rows: int, content: Mapping[str, object], name: str) -> list[str]:
    """Note that a table has as many rows as W&B keeps, so that some are probably missing."""
    form = "the file of a run"
    # Only the tables of an artifact say what they are.
    if "_type" in content:
        form = "an artifact"
    most = MOST_ROWS[form]
    # The number of rows in the file is the only trace that W&B leaves of those that it cut.
    if rows != most:
        return []
    remedy = "Log it in several tables."
    if form == "the file of a run":
        remedy = "Use the table from the run's artifact, which keeps 200,000 rows."
    return [
        f"{name} has exactly {most:,} rows, the most that W&B keeps in {form}, so the rest of the "
        f"table is probably missing. {remedy}"
    ]
