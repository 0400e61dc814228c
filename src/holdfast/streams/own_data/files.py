"""Which files are a user's own data."""

import os
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.streams.decoding import NAMED
from holdfast.text import safe_name

TABLES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".json")
COMPRESSED = (".gz", ".bz2", ".xz")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
# How a path begins that can't be the name of a data set on the hub.
PATH_STARTS = (".", "/", "~")


def is_own(name: str) -> bool:
    """Tell whether a name is a path of the user's own data, rather than a name on the hub.

    Args:
        name: What the user gave as data.

    Returns:
        True for a path that begins like one, for the name of a table file, and for any file or
        folder that is there, if it is not a known name or a copy of a data set in the hub's layout.

    Example:
        >>> is_own("ylecun/mnist"), is_own("sales.csv"), is_own("./digits")
        (False, True, True)
    """
    if name == "digits" or name in NAMED or not name:
        return False
    path = Path(name).expanduser()
    if name.startswith(PATH_STARTS) or name.endswith("/") or suffix_of(path) in TABLES:
        return True
    if path.is_dir():
        return not any(path.glob("*/train*.parquet"))
    return path.is_file()


def suffix_of(path: Path) -> str:
    """The ending that tells the form of a file, without that of a compression.

    >>> suffix_of(Path("sales.CSV.gz"))
    '.csv'
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    if not suffixes:
        return ""
    return suffixes[-1]


def existing(name: str | Path) -> Path:
    """The path of data, after checking that something is there.

    Raises:
        HoldfastError: There is no such file or folder.
    """
    path = Path(name).expanduser()
    if not path.exists():
        raise HoldfastError(
            f"there is no file or folder {safe_name(str(name))}; give a folder of images, a table "
            f"file ({', '.join(TABLES)}), or a name of the hub such as ylecun/mnist"
        )
    return path


def files_in(folder: Path) -> list[Path]:
    """All files below a folder in the order of their names, hidden ones aside."""
    found = []
    # Class folders are often links to folders elsewhere.
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        found += [Path(place) / name for name in names if not _hidden(name)]
    return sorted(found)


def _hidden(name: str) -> bool:
    """Whether a file or folder is one that systems leave behind, and not a part of the data."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")
