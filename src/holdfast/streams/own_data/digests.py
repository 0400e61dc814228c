"""A digest of a user's own data, by which changed data are recognised."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from holdfast.errors import reading
from holdfast.streams.own_data.files import IMAGES, TABLES, files_in, suffix_of
from holdfast.streams.own_data.table_files import beginning, read_table
from holdfast.streams.own_data.values import image_names
from holdfast.text import safe_name

# What a file looked like when it was read: its path, its size, and the time of its last change.
Signature = tuple[tuple[str, int, int], ...]

SHORT = 16  # hexadecimal digits of the digest of a single file
_digests: dict[Signature, str] = {}
_images: dict[Signature, list[Path]] = {}


def digest_of(path: Path, endings: Sequence[str] = (*TABLES, *IMAGES)) -> str:
    """Compute a digest of the names and the contents of the files of data.

    Args:
        path: A table file, to which the images belong that its rows name, or a folder.
        endings: The endings of the files in a folder that count. Empty: all files count.

    Returns:
        The digest. It depends neither on where the data are nor on when they were written. The
        files are read once per process as long as their sizes and times stay the same.

    Raises:
        HoldfastError: A file can't be read.
    """
    with reading(f"data {safe_name(str(path))}", "files"):
        files = _files_of(path, endings)
        signature = _signature(files)
        if signature not in _digests:
            _digests[signature] = _content(path, files)
        return _digests[signature]


def digests_of(path: Path) -> dict[str, str]:
    """Compute a digest of each file of data, so that a changed one can be named later.

    Args:
        path: As in `digest_of`.

    Returns:
        Name as seen from the folder of the data → the first hexadecimal digits of its digest.

    Raises:
        HoldfastError: A file can't be read.
    """
    base = path if path.is_dir() else path.parent
    digests = {}
    with reading(f"data {safe_name(str(path))}", "files"):
        for file in _files_of(path, (*TABLES, *IMAGES)):
            with file.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
            digests[Path(os.path.relpath(file, base)).as_posix()] = digest[:SHORT]
    return digests


def _files_of(path: Path, endings: Sequence[str]) -> list[Path]:
    """The files of data."""
    if path.is_dir():
        return [file for file in files_in(path) if not endings or suffix_of(file) in endings]
    return [path, *images_named_in(path)]


def images_named_in(table: Path) -> list[Path]:
    """Find the images beside a table file that its rows name.

    Args:
        table: The table file.

    Returns:
        The images that exist, in the order of their rows; none if no column has names of images.

    Raises:
        HoldfastError: The file is no table.
    """
    signature = _signature([table])
    if signature not in _images:
        _images[signature] = _named(table)
    return _images[signature]


def _named(table: Path) -> list[Path]:
    """The images that a table file names, as its rows say."""
    if suffix_of(table) not in TABLES:
        return []
    # Most tables name no image, and reading a large one takes long.
    start = beginning(table).lower()
    if not any(ending in start for ending in IMAGES):
        return []
    frame = read_table(table).frame
    found: dict[Path, None] = {}
    for column in frame.columns:
        names = image_names(frame[column])
        found |= dict.fromkeys(table.parent / name for name in names)
    return [file for file in found if file.is_file()]


def _signature(files: Sequence[Path]) -> Signature:
    """What tells whether files changed since they were read."""
    marks = []
    for file in files:
        status = file.stat()
        marks.append((str(file.absolute()), status.st_size, status.st_mtime_ns))
    return tuple(marks)


def _content(path: Path, files: Sequence[Path]) -> str:
    """The digest of files, each with its name as seen from the folder of the data."""
    base = path if path.is_dir() else path.parent
    digest = hashlib.sha256()
    for file in files:
        name = Path(os.path.relpath(file, base)).as_posix()
        digest.update(f"{name}\0".encode("utf-8", "surrogateescape"))
        with file.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()
