"""A file or folder of which it is not known yet which tool wrote it."""

import json
from functools import cached_property
from itertools import islice
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.text import safe_name

MOST_FILES = 10_000  # of a folder that are looked at
HEAD = 65_536  # bytes of a file that are looked at first


class Source:
    """A file or folder, with what readers look at to recognise it. Nothing is read twice.

    Args:
        path: The file or folder. It must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """All files below a folder in order of their names, or the file itself."""
        if self.path.is_file():
            return (self.path,)
        # A home folder that is named by mistake is not walked through to its end.
        found = (file for file in self.path.rglob("*") if file.is_file())
        files = list(islice(found, MOST_FILES + 1))
        # Which of more files come first depends on the machine, so none of them is left out.
        if len(files) > MOST_FILES:
            raise HoldfastError(
                f"{safe_name(str(self.path))} holds more than {MOST_FILES:,} files; name the "
                "folder of a single evaluation"
            )
        return tuple(sorted(files))

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file. A folder has none."""
        if not self.path.is_file():
            return b""
        with self.path.open("rb") as stream:
            return stream.read(HEAD)

    @cached_property
    def first_record(self) -> dict[str, object]:
        """The first object of a file with one JSON object per line, or an empty one."""
        line = self.head.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", 1)[0]
        # A first line that is longer than the head is read whole.
        if len(line) >= HEAD:
            with self.path.open("rb") as stream:
                line = stream.readline()
        return _as_object(line)

    @cached_property
    def json(self) -> object:
        """The content of a JSON file, or None if it is not JSON."""
        if not self.head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
            return None
        # Not being JSON is no mistake here, because another reader may know the file.
        try:
            content: object = json.loads(self.path.read_bytes())
        except (ValueError, RecursionError):
            return None
        return content

    @cached_property
    def object(self) -> dict[str, object]:
        """The content of a JSON file that holds one object, or an empty object."""
        if isinstance(self.json, dict):
            return self.json
        return {}


def _as_object(text: bytes) -> dict[str, object]:
    """Read a JSON object, or return an empty one if the text is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, dict):
        return value
    return {}
