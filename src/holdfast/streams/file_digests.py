"""Digests of files, by which changed ones are recognised."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from holdfast.errors import reading
from holdfast.text import safe_name

# What a file looked like when it was read: its path, its size, and the time of its last change.
Signature = tuple[tuple[str, int, int], ...]
# The files of a folder of transformers that say what its network computes.
OF_NETWORKS = (".json", ".txt", ".model", ".safetensors", ".bin", ".pt")
# Those beside a GGUF file, which say how texts become its tokens.
BESIDE_GGUF = (".json", ".txt", ".model")
GGUF = ".gguf"

_digests: dict[Signature, str] = {}


def network_digest(path: Path) -> str:
    """Compute a digest of a file of weights, whatever its name, or of a folder of transformers.

    Args:
        path: The file or folder. The tokenizer beside a GGUF file belongs to it.

    Returns:
        The digest. It depends neither on where the files are nor on when they were written. They
        are read once per process as long as their sizes and times stay the same.

    Raises:
        HoldfastError: A file can't be read.
    """
    with reading(f"backbone {safe_name(str(path))}", "files"):
        files = [path]
        if path.suffix == GGUF:
            beside = sorted(path.parent.iterdir())
            files += [file for file in beside if file.suffix.lower() in BESIDE_GGUF]
        if path.is_dir():
            found = sorted(path.rglob("*"))
            files = [file for file in found if file.suffix.lower() in OF_NETWORKS]
        return files_digest(files, path)


def files_digest(files: Sequence[Path], base: Path) -> str:
    """Compute a digest of files, which are read once per process while they stay the same.

    Args:
        files: The files, in an order that does not depend on the machine.
        base: As in `content_digest`.
    """
    signature = signature_of(files)
    if signature not in _digests:
        _digests[signature] = content_digest(files, base)
    return _digests[signature]


def signature_of(files: Sequence[Path]) -> Signature:
    """What tells whether files changed since they were read, without reading them.

    Args:
        files: Files that exist.

    Returns:
        Path, size and time of the last change of each.
    """
    marks = []
    for file in files:
        status = file.stat()
        marks.append((str(file.absolute()), status.st_size, status.st_mtime_ns))
    return tuple(marks)


def content_digest(files: Sequence[Path], base: Path) -> str:
    """Compute a digest of what files hold, each with its name as seen from a place.

    Args:
        files: The files, in an order that does not depend on the machine.
        base: The place. A file that is the place itself has no name.

    Returns:
        The digest, in hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in files:
        name = Path(os.path.relpath(file, base)).as_posix()
        digest.update(f"{name}\0".encode("utf-8", "surrogateescape"))
        with file.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()
