"""What the tests of all readers share: logs that the tools themselves wrote, and changed copies."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.errors import HoldfastError
from holdfast.gate.formats import Log, Wanted, read_log
from holdfast.gate.formats.source import Source
from holdfast.gate.reading import read_side

DATA = Path(__file__).parents[1] / "data" / "formats"


def log_of(path: Path, **wanted: str) -> Log:
    """Read a log that a reader recognises."""
    log = read_log(Source(path), Wanted(**wanted), "champion")
    assert log is not None
    return log


def refusal(path: Path, **wanted: str) -> str:
    """The one line with which a log is refused, as the command line prints it."""
    with pytest.raises(HoldfastError) as caught:
        read_side(path, "champion", Wanted(**wanted))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("champion")
    return message


def copy_of(path: Path, folder: Path) -> Path:
    """Copy a log, so that it can be changed."""
    if path.is_dir():
        return shutil.copytree(path, folder / path.name)
    return shutil.copy(path, folder / path.name)


def change_lines(path: Path, change: Callable[[dict], object]) -> None:
    """Change every record of a file of JSON lines in place."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        change(record)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def change_json(path: Path, change: Callable[[dict], object]) -> None:
    """Change a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
