"""Writing files so that a crash leaves the old content or the new one, never half of either."""

import glob
import os
import shutil
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.text import safe_name

LEFTOVER = 3600.0  # seconds after which a temporary folder is taken for one that a kill has left


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
    if not path.name:
        raise HoldfastError(f"{safe_name(str(path))!r} names a folder, but a file is needed")
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


def write_page(path: Path, html: str) -> None:
    """Write an HTML page as `write_text` does, but never over a file that is no page.

    Raises:
        HoldfastError: There is a file of another kind at `path`, or it could not be written.
    """
    try:
        with path.open("rb") as file:
            start = file.read(200).lstrip().lower()
    except OSError:
        start = b""
    if start and not start.startswith((b"<!doctype html", b"<html")):
        raise HoldfastError(
            f"{safe_name(str(path))} is there already and is no HTML page; name another file"
        )
    write_text(path, html)


def write_folder(folder: Path, files: Mapping[str, str], instead_of: Sequence[str] = ()) -> None:
    """Write several files into a folder as one step.

    All files are first written into a temporary folder. If `folder` holds nothing but files of the
    same names or of `instead_of`, it is renamed away and the temporary folder takes its name: a crash
    leaves all old files, none, or all new ones. If `folder` holds other files as well, or is the working
    directory, those are kept; the older files are removed from the last to the first, and the new ones
    are moved in from the first to the last, so put last what the reader looks for first.

    Args:
        folder: The folder. It is made if it does not exist; a symbolic link is refused.
        files: Name of each file → its text.
        instead_of: Names of older files, which are removed.

    Raises:
        HoldfastError: `folder` is a symbolic link or could not be written.
    """
    _refuse_link(folder)
    folder = Path(os.path.abspath(folder))
    older = list(dict.fromkeys([*instead_of, *files]))
    try:
        whole = _replaceable(folder, older)
        home = folder.parent if whole else folder
        home.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(home, folder.name)
        temporary = home / f".{folder.name}.{os.getpid()}.tmp"
        try:
            temporary.mkdir()
            for name, text in files.items():
                _write_new(temporary / name, text)
            if whole:
                _take_place(temporary, folder)
            else:
                remove_files(folder, older[::-1])
                for name in files:
                    (temporary / name).replace(folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except NotADirectoryError:
        raise _no_folder(folder) from None
    except OSError as error:
        raise _not_written(folder, error) from None


def _replaceable(folder: Path, older: Sequence[str]) -> bool:
    """Whether another folder can take the place of this one: it holds nothing but older files, it is not a
    working directory or the root of a file system, and the folder around it can be written."""
    around = folder.parent
    while not around.exists():
        around = around.parent
    if not os.access(around, os.W_OK) or folder == Path.cwd() or os.path.ismount(folder):
        return False
    if not folder.exists():
        return True
    ours = (
        entry.name in older and (entry.is_symlink() or entry.is_file())
        for entry in folder.iterdir()
    )
    return os.access(folder, os.W_OK) and all(ours)


def _take_place(temporary: Path, folder: Path) -> None:
    """Put a folder in the place of another one."""
    away = temporary.with_suffix(".old.tmp")
    if folder.exists():
        shutil.copymode(folder, temporary)
        folder.rename(away)
    temporary.rename(folder)
    shutil.rmtree(away, ignore_errors=True)


def _remove_leftovers(home: Path, name: str) -> None:
    """Temporary folders that a kill has left behind."""
    for left in home.glob(f".{glob.escape(name)}.*.tmp"):
        if time.time() - left.stat().st_mtime > LEFTOVER:
            shutil.rmtree(left, ignore_errors=True)


def clear_folder(folder: Path, names: Sequence[str]) -> None:
    """Take older files away, before anything else is done.

    A folder that holds nothing else is renamed away, in one step, and then removed. From another one the
    files are removed from the last to the first.

    Args:
        folder: The folder; it may not exist.
        names: Names of the files.

    Raises:
        HoldfastError: `folder` is a symbolic link, or a file could not be removed.
    """
    _refuse_link(folder)
    folder = Path(os.path.abspath(folder))
    try:
        if folder.exists() and _replaceable(folder, names):
            mode = folder.stat().st_mode
            away = folder.with_name(f".{folder.name}.{os.getpid()}.old.tmp")
            folder.rename(away)
            folder.mkdir()
            folder.chmod(stat.S_IMODE(mode))
            shutil.rmtree(away, ignore_errors=True)
            return
    except NotADirectoryError:
        raise _no_folder(folder) from None
    except OSError as error:
        raise _not_written(folder, error) from None
    remove_files(folder, names[::-1])


def remove_files(folder: Path, names: Sequence[str]) -> None:
    """Remove files by name from a folder, if they are there.

    Raises:
        HoldfastError: `folder` is a symbolic link, or a file could not be removed.
    """
    if folder.is_symlink():
        raise HoldfastError(
            f"{safe_name(str(folder))} is a symbolic link, and Holdfast does not write through links; name the folder that it points to"
        )
    try:
        for name in names:
            (folder / name).unlink(missing_ok=True)
    except NotADirectoryError:
        raise _no_folder(folder) from None
    except OSError as error:
        raise _not_written(folder, error) from None


def _no_folder(folder: Path) -> HoldfastError:
    return HoldfastError(
        f"{safe_name(str(folder))} is a file, but a folder is needed; choose another name"
    )


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise HoldfastError(
            f"{safe_name(str(folder))} is a symbolic link, and Holdfast does not write through links; name the folder that it points to"
        )


def _write_new(path: Path, text: str) -> None:
    """Write a file that reaches the disk before this returns."""
    with path.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _not_written(path: Path, error: OSError) -> HoldfastError:
    return HoldfastError(f"{safe_name(str(path))} could not be written: {error.strerror or error}")
