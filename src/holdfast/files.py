"""Write files so that a crash leaves the old content or the new one, and never half of either.

This is the one place that writes files: text always as UTF-8, always through a temporary file, and
with an `OSError` turned into one sentence that names the file. Only a file that is shared with
other programs is appended to in place.
"""

import glob
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.text import safe_name

LEFTOVER = 3600.0  # seconds after which a temporary folder must come from a process that was killed


def write_text(path: Path, text: str) -> None:
    """Write a text file as one step: whatever happens, the file has its old content or the new one.

    The text goes to a temporary file beside `path`, which is then renamed to `path`. If `path` is a
    symbolic link, the link is therefore replaced, and the file that it points to stays as it is.

    Args:
        path: The file. Missing parent folders are made.
        text: The whole content. Lone surrogates, which UTF-8 cannot hold, are written as `?`.

    Raises:
        HoldfastError: `path` names a folder, or the file could not be written (no permission, full
            disk).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_text(Path(folder) / "a" / "note.txt", "kept")
        ...     print((Path(folder) / "a" / "note.txt").read_text())
        kept
    """
    write_bytes(path, _encoded(text))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that is no text, such as a figure, as `write_text` writes text.

    Args:
        path: The file. Missing parent folders are made.
        content: The whole content.

    Raises:
        HoldfastError: `path` names a folder, or the file could not be written.
    """
    with replacement(path) as temporary:
        _write_new(temporary, content)


@contextmanager
def replacement(path: Path, keep_as: Path | None = None) -> Iterator[Path]:
    """Let a file be written by a function that needs a path, as one step like `write_text`.

    Args:
        path: The file. Missing parent folders are made.
        keep_as: Where the old file is kept, if there is one. By default it is lost.

    Yields:
        The path of a temporary file, which the block writes. If the block succeeds, the file has
        reached the disk and has the name `path`. If it fails, the old file is still there.

    Raises:
        HoldfastError: `path` names a folder, or the file could not be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     note = Path(folder) / "note.txt"
        ...     write_text(note, "old")
        ...     with replacement(note, keep_as=Path(folder) / "before.txt") as temporary:
        ...         _ = temporary.write_text("new")
        ...     print(sorted((file.name, file.read_text()) for file in Path(folder).iterdir()))
        [('before.txt', 'old'), ('note.txt', 'new')]
    """
    if not path.name:
        raise HoldfastError(f"{safe_name(str(path))!r} names a folder, but a file is needed")
    # The process id keeps two processes that write the same file out of each other's way.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            # Without this, a power cut after the renaming could leave a file without content.
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if keep_as is not None and path.exists():
                path.replace(keep_as)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and check that files can be written into it.

    Call this before long work whose results go there.

    Args:
        folder: The folder. It may exist already.

    Raises:
        HoldfastError: It cannot be made, or no file can be written into it.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # A file without a name leaves nothing behind, even if the process is killed.
        with tempfile.TemporaryFile(dir=folder):
            pass


def append_text(path: Path, text: str) -> None:
    """Add a text to the end of a file that several programs share, such as a log.

    Because the others write to the same file, it cannot be replaced as `write_text` does.

    Args:
        path: The file. It is made if it does not exist.
        text: What to add. Lone surrogates, which UTF-8 cannot hold, are written as `?`.

    Raises:
        HoldfastError: `path` is a symbolic link, or it could not be written.
    """
    if path.is_symlink():
        raise HoldfastError(
            f"{safe_name(str(path))} is a symbolic link, and Holdfast does not write through "
            "links; name the file itself"
        )
    with _writing(path), path.open("ab") as file:
        file.write(_encoded(text))


def write_page(path: Path, html: str) -> None:
    """Write an HTML page as `write_text` does, but never over a file that is no HTML page.

    This protects results, for example, from a report that is written over them by mistake.

    Args:
        path: The file. Missing parent folders are made.
        html: The whole page.

    Raises:
        HoldfastError: `path` is a file of another kind, or the page could not be written.
    """
    try:
        with path.open("rb") as file:
            start = file.read(200).lstrip().lower()
    except OSError:
        # There is no such file yet, or it cannot be read. Writing will tell which.
        start = b""
    if start and not start.startswith((b"<!doctype html", b"<html")):
        raise HoldfastError(
            f"{safe_name(str(path))} exists and is no HTML page; choose another name for the page"
        )
    write_text(path, html)


def write_folder(folder: Path, files: Mapping[str, str], instead_of: Sequence[str] = ()) -> None:
    """Write several files into a folder as one step.

    If `folder` holds nothing but earlier files of the same names or of `instead_of`, it is replaced
    as a whole by a folder with the new files: a crash leaves all old files, none, or all new ones.

    If `folder` holds other files as well, or is the working directory, it is kept. The earlier
    files are then removed from the last to the first, and the new ones are moved in from the first
    to the last. Therefore put last the file that a reader looks for first.

    Args:
        folder: The folder. It is made if it does not exist.
        files: The text of each file, by file name.
        instead_of: Names of earlier files that are removed, apart from those in `files`.

    Raises:
        HoldfastError: `folder` is a symbolic link or a file, or it could not be written.
    """
    _refuse_link(folder)
    folder = Path(os.path.abspath(folder))
    earlier = list(dict.fromkeys([*instead_of, *files]))
    with _writing(folder):
        replaceable = _is_replaceable(folder, earlier)
        # Renaming is only one step within a file system, so the temporary folder is next to the
        # folder that it replaces, or inside the folder that is kept.
        home = folder
        if replaceable:
            home = folder.parent
        home.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(home, folder.name)
        temporary = home / f".{folder.name}.{os.getpid()}.tmp"
        try:
            temporary.mkdir()
            for name, text in files.items():
                _write_new(temporary / name, _encoded(text))
            if replaceable:
                _take_place(temporary, folder)
            else:
                remove_files(folder, earlier[::-1])
                for name in files:
                    (temporary / name).replace(folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def clear_folder(folder: Path, names: Sequence[str]) -> None:
    """Remove earlier results from a folder, so that nobody takes them for new ones.

    A folder that holds nothing else is emptied in one step. From any other folder the files are
    removed one by one, from the last to the first.

    Args:
        folder: The folder. It need not exist.
        names: Names of the files to remove.

    Raises:
        HoldfastError: `folder` is a symbolic link or a file, or a file could not be removed.
    """
    _refuse_link(folder)
    folder = Path(os.path.abspath(folder))
    with _writing(folder):
        if folder.exists() and _is_replaceable(folder, names):
            mode = folder.stat().st_mode
            away = folder.with_name(f".{folder.name}.{os.getpid()}.old.tmp")
            folder.rename(away)
            # The new folder keeps the permissions, such as those of a group that shares it.
            folder.mkdir()
            folder.chmod(stat.S_IMODE(mode))
            shutil.rmtree(away, ignore_errors=True)
            return
    remove_files(folder, names[::-1])


def remove_files(folder: Path, names: Sequence[str]) -> None:
    """Remove files from a folder if they are there.

    Args:
        folder: The folder. It need not exist.
        names: Names of the files, in the order in which they are removed.

    Raises:
        HoldfastError: `folder` is a symbolic link or a file, or a file could not be removed.
    """
    _refuse_link(folder)
    with _writing(folder):
        for name in names:
            (folder / name).unlink(missing_ok=True)


def _is_replaceable(folder: Path, earlier: Sequence[str]) -> bool:
    """Check whether another folder can take the place of this one by renaming."""
    around = folder.parent
    while not around.exists():
        around = around.parent
    if not os.access(around, os.W_OK):
        return False
    # A process whose working directory is renamed would continue in the folder that is deleted.
    if folder == Path.cwd() or os.path.ismount(folder):
        return False
    if not folder.exists():
        return True
    for entry in folder.iterdir():
        is_file = entry.is_symlink() or entry.is_file()
        if entry.name not in earlier or not is_file:
            return False
    return os.access(folder, os.W_OK)


def _take_place(temporary: Path, folder: Path) -> None:
    """Put a folder in the place of another one, with the permissions of that one."""
    away = temporary.with_suffix(".old.tmp")
    # Between the two renames there is no folder of that name, which a reader takes for no result.
    if folder.exists():
        shutil.copymode(folder, temporary)
        folder.rename(away)
    temporary.rename(folder)
    shutil.rmtree(away, ignore_errors=True)


def _remove_leftovers(home: Path, name: str) -> None:
    """Remove the temporary folders that killed processes have left in `home`."""
    for leftover in home.glob(f".{glob.escape(name)}.*.tmp"):
        # A younger one may belong to a process that is still at work.
        if time.time() - leftover.stat().st_mtime > LEFTOVER:
            shutil.rmtree(leftover, ignore_errors=True)


def _refuse_link(folder: Path) -> None:
    """Raise an error if a folder is a symbolic link, since its target may be someone else's."""
    if folder.is_symlink():
        name = safe_name(str(folder))
        raise HoldfastError(
            f"{name} is a symbolic link, and Holdfast does not write through links; "
            "name the folder that it points to"
        )


def _encoded(text: str) -> bytes:
    """Encode a text as UTF-8, with `?` in place of what UTF-8 cannot hold."""
    return text.encode("utf-8", errors="replace")


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist yet, and return when it has reached the disk."""
    # Mode "x" refuses a file or link that somebody else has put there.
    with path.open("xb") as file:
        file.write(content)
        # Without this, a power cut after the renaming could leave a file without content.
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn an `OSError` inside the block into one sentence about the file or folder."""
    try:
        yield
    except OSError as error:
        name = safe_name(str(path))
        if isinstance(error, NotADirectoryError) and path.is_file():
            raise HoldfastError(
                f"{name} is a file, but a folder is needed; choose another name"
            ) from None
        reason = error.strerror or error
        raise HoldfastError(f"{name} could not be written: {reason}") from None
