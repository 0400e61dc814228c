"""JSON of evaluation tools: whole files, and files with one object per line."""

import json
from collections.abc import Iterator
from pathlib import Path

Record = dict[str, object]


def json_value(text: str | bytes, name: str) -> object:
    """Read a JSON text.

    Args:
        text: The text, which may hold NaN and Infinity, as Python writes them.
        name: What the text is called in messages, such as the name of its file.

    Returns:
        The value.

    Raises:
        ValueError: The text is not JSON, or an object in it has a key twice.

    Example:
        >>> json_value('{"score": NaN}', "a.json")
        {'score': nan}
        >>> json_value('{"score": 1', "a.json")
        Traceback (most recent call last):
        ValueError: a.json: Expecting ',' delimiter (column 12)
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}: {error.msg} ({_place(error)})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8") from None
    # A few kilobytes of brackets are enough for this, and they must not end in a traceback.
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return value


def _place(error: json.JSONDecodeError) -> str:
    """Say where a text stops being JSON. A text of one line has no need for its number."""
    if error.lineno == 1:
        return f"column {error.colno}"
    return f"line {error.lineno}, column {error.colno}"


def _object(pairs: list[tuple[str, object]]) -> Record:
    """Build a JSON object, and stop at a key that occurs twice, whose first value would be lost."""
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return result


# The decoder of the standard library keeps the last of two equal keys without a word. It is made
# once, because a new one per line would take as long as decoding does.
_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def json_file(path: Path) -> object:
    """Read a JSON file.

    Args:
        path: The file.

    Returns:
        Its value.

    Raises:
        ValueError: The file does not hold JSON.
    """
    # Some programs put a byte order mark in front, which JSON does not allow.
    return json_value(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), path.name)


def json_object(path: Path) -> Record:
    """Read a JSON file that holds one object.

    Args:
        path: The file.

    Returns:
        The object.

    Raises:
        ValueError: The file does not hold a JSON object.
    """
    return as_object(json_file(path), path.name)


def json_lines(path: Path) -> Iterator[tuple[int, Record]]:
    """Read a file with one JSON object per line, one after another. Empty lines are skipped.

    Args:
        path: The file.

    Yields:
        The number of each line, counted from 1, and its object.

    Raises:
        ValueError: A line is not a JSON object, for example the last one of a file that was cut.
    """
    file = path.name
    # A file may be larger than the memory, so only one line of it is held at a time.
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.isspace():
                continue
            name = f"{file}, line {number}"
            yield number, as_object(json_value(line, name), name)


def as_object(value: object, name: str) -> Record:
    """Return a value if it is a JSON object.

    Args:
        value: The value.
        name: What it is called in messages.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{name}: expected an object, got {kind_of(value)}")
    return value


def as_list(value: object, name: str) -> list[object]:
    """Return a value if it is a JSON list.

    Args:
        value: The value.
        name: What it is called in messages.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, list):
        raise ValueError(f"{name}: expected a list, got {kind_of(value)}")
    return value


def part(record: Record, key: str) -> Record:
    """Return the object under a key, or an empty one if there is none.

    >>> part({"results": {"a": 1}}, "results"), part({"results": None}, "results")
    ({'a': 1}, {})
    """
    value = record.get(key)
    if isinstance(value, dict):
        return value
    return {}


def needed(record: Record, key: str, name: str) -> object:
    """Return the value under a key that every record of a tool has.

    Args:
        record: The record.
        key: The key.
        name: What the record is called in messages.

    Raises:
        ValueError: The record has no such key.
    """
    if key not in record:
        raise ValueError(f"{name} has no {key}, which the tool always writes")
    return record[key]


def kind_of(value: object) -> str:
    """Name the kind of a JSON value for messages.

    >>> kind_of(None), kind_of([1]), kind_of("x")
    ('nothing', 'a list', 'text')
    """
    if value is None:
        return "nothing"
    # In Python, true and false are whole numbers as well, so they come first.
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    names: dict[type, str] = {dict: "an object", list: "a list", str: "text"}
    return names.get(type(value), f"a {type(value).__name__}")
