"""Where results came from, with a digest of their content."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from holdfast.errors import HoldfastError, first_line

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("task", "segment", "example_id", "repeat")  # by which rows are sorted
BLOCK = 1 << 20  # bytes that are read at once


@dataclass(frozen=True)
class Origin:
    """Where the results of one model came from.

    Attributes:
        kind: "file" or "folder" if `sha256` is that of a file's bytes, or of the names and contents
            of a folder's files. "rows" if it is that of the checked rows, because the results came
            from a data frame, a matrix, a ledger or a pipe.
        name: The path or URI, safe to show. "" for objects.
        sha256: The digest, in 64 hexadecimal digits.
    """

    kind: Literal["file", "folder", "rows"]
    name: str
    sha256: str


def origin_of(path: Path, name: str) -> Origin | None:
    """Digest a file or a folder.

    Args:
        path: The file or folder.
        name: What it is called in reports.

    Returns:
        The origin. None for a pipe, which can be read only once, and for what does not exist.

    Raises:
        HoldfastError: A file cannot be read.
    """
    try:
        if path.is_file():
            return Origin("file", name, _digest_of_file(path))
        if path.is_dir():
            return Origin("folder", name, _digest_of_folder(path))
    except OSError as error:
        raise HoldfastError(f"{name} could not be read: {first_line(error)}") from None
    return None


def _digest_of_file(path: Path) -> str:
    """Digest the bytes of a file, without holding all of them."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _digest_of_folder(folder: Path) -> str:
    """Digest the names and the contents of all files below a folder."""
    digest = hashlib.sha256()
    # In order of their names, because file systems list them in any order.
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        # As a list in JSON, a name cannot run into the digest that follows it.
        entry = [file.relative_to(folder).as_posix(), _digest_of_file(file)]
        digest.update(json.dumps(entry).encode())
    return digest.hexdigest()


def digest_of_rows(rows: "pd.DataFrame") -> str:
    """Digest a table of results, by the names and values of its columns.

    The order of the rows does not count, because it does not change a decision.

    Args:
        rows: The table, as `read_side` checks it.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"task": ["a"], "score": [0.5]})
        >>> digest_of_rows(table)[:12]
        'fe619081d64b'
        >>> digest_of_rows(table) == digest_of_rows(table.assign(score=0.25))
        False
    """
    digest = hashlib.sha256()
    ordered = rows.sort_values([name for name in KEYS if name in rows], kind="stable")
    for name in ordered.columns:
        values = ordered[name].tolist()
        # JSON writes every float so that it is read back as the same float.
        digest.update(json.dumps([name, values], default=str).encode())
    return digest.hexdigest()
