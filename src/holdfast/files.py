"""Writing files so that a crash leaves the old content or the new one, never half of either."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from holdfast.errors import HoldfastError


def write_text(path: Path, text: str) -> None:
    """Write a text file as one step: the file has its old content or the new one, whatever happens.

    The text goes to a temporary file beside `path`, which then takes its name. A symbolic link at
    `path` is therefore replaced, and the file that it points to stays as it is.

    Args:
        path: The file. Missing parent folders are made.
        text: Its content. Lone surrogates, which UTF-8 cannot hold, are written as `?`.

    Raises:
        HoldfastError: The file could not be written (no permission, full disk, a folder of that name).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_text(Path(folder) / "a" / "note.txt", "kept")
        ...     print((Path(folder) / "a" / "note.txt").read_text())
        kept
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_new(temporary, text)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _not_written(path, error) from None


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Write several files into a folder as one step.

    All files are first written into a temporary folder beside `folder`. If `folder` holds nothing
    but files of the same names, these are removed and the temporary folder takes its place: a crash
    leaves all files or none. If `folder` holds other files as well, they are kept, and the new files
    are moved in one by one in the order of `files`, so put last what the reader looks for first.

    Args:
        folder: The folder. It is made if it does not exist; a symbolic link is refused.
        files: Name of each file → its text.

    Raises:
        HoldfastError: `folder` is a symbolic link or could not be written.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        _refuse_link(folder)
        temporary.mkdir(parents=True)
        try:
            for name, text in files.items():
                _write_new(temporary / name, text)
            remove_files(folder, files)
            try:
                if folder.exists() and os.name == "nt":
                    folder.rmdir()  # Windows renames over nothing only
                temporary.rename(folder)  # over an empty folder, or over nothing
            except OSError:  # other files are there, or it is the working directory
                folder.mkdir(exist_ok=True)
                for name in files:
                    (temporary / name).replace(folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise _not_written(folder, error) from None


def remove_files(folder: Path, names: Mapping[str, str] | tuple[str, ...]) -> None:
    """Remove files by name from a folder, if they are there.

    Raises:
        HoldfastError: `folder` is a symbolic link, or a file could not be removed.
    """
    if folder.is_symlink():
        raise HoldfastError(
            f"{folder} is a symbolic link, and Holdfast does not write through links; name the folder that it points to"
        )
    try:
        for name in names:
            (folder / name).unlink(missing_ok=True)
    except NotADirectoryError:
        raise HoldfastError(
            f"{folder} is a file, but a folder is needed; choose another name"
        ) from None
    except OSError as error:
        raise _not_written(folder, error) from None


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise HoldfastError(
            f"{folder} is a symbolic link, and Holdfast does not write through links; "
            "name the folder that it points to"
        )


def _write_new(path: Path, text: str) -> None:
    """Write a file that reaches the disk before this returns."""
    with path.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _not_written(path: Path, error: OSError) -> HoldfastError:
    return HoldfastError(f"{path} could not be written: {error.strerror or error}")
