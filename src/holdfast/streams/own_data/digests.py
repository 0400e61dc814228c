"""A digest of a user's own data, by which changed data are recognised."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from holdfast.errors import reading
from holdfast.streams.file_digests import Signature, content_digest, signature_of
from holdfast.streams.own_data.files import IMAGES, TABLES, files_in, suffix_of
from holdfast.streams.own_data.table_files import beginning, read_table
from holdfast.streams.own_data.values import image_names
from holdfast.text import safe_name

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
        signature = signature_of(files)
        if signature not in _digests:
            base = path if path.is_dir() else path.parent
            _digests[signature] = content_digest(files, base)
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
    signature = signature_of([table])
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
