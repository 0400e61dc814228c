"""Fields of records: by a path with dots, and the text of an example."""

from collections.abc import Iterator, Mapping

from holdfast.errors import HoldfastError
from holdfast.gate.formats.log import Wanted
from holdfast.text import shown

MOST_LISTED = 12  # fields that a message lists
LONGEST_INPUT = 2_000  # characters of an example's text that are kept
MISSING = object()


def field_of(record: Mapping[str, object], path: str) -> object:
    """Return the value of a field, which may lie inside other objects.

    Args:
        record: The record.
        path: The names of the keys with dots between them, such as "doc.subject". Keys may have
            dots themselves.

    Returns:
        The value, or `MISSING` if there is no such field.

    Example:
        >>> field_of({"doc": {"subject": "law"}}, "doc.subject")
        'law'
        >>> field_of({"doc": {}}, "doc.subject") is MISSING
        True
    """
    # A key may have dots itself, so the whole path is tried first, and then each part of it.
    if path in record:
        return record[path]
    for end, letter in enumerate(path):
        inner = record.get(path[:end])
        if letter == "." and isinstance(inner, dict):
            value = field_of(inner, path[end + 1 :])
            if value is not MISSING:
                return value
    return MISSING


def groups_of(record: Mapping[str, object], wanted: Wanted, name: str) -> dict[str, object]:
    """Return the segment and the cluster of a record, if the user asks for them.

    Args:
        record: The record.
        wanted: What the user asks for.
        name: What the record is called in messages, such as "samples.jsonl, line 3".

    Returns:
        The columns `segment` and `cluster`, as far as the user asks for them.

    Raises:
        HoldfastError: The record has no such field, or its value names no group. The message
            lists the fields that there are.
    """
    groups: dict[str, object] = {}
    for column, path in (("segment", wanted.segment), ("cluster", wanted.cluster)):
        if path:
            groups[column] = _group(record, column, path, name)
    return groups


def _group(record: Mapping[str, object], column: str, path: str, name: str) -> object:
    """Return the value of a field that names a group."""
    value = field_of(record, path)
    if value is MISSING:
        fields = list(_paths(record))
        listed = ", ".join(shown(field) for field in fields[:MOST_LISTED])
        # Records of agents have hundreds of fields.
        if len(fields) > MOST_LISTED:
            listed += ", …"
        raise HoldfastError(
            f"{name} has no field {path!r} for the {column}; the fields there are: {listed}"
        )
    if value is None or isinstance(value, dict | list):
        raise HoldfastError(
            f"the field {path!r} of {name} is empty or holds several values, so it names no "
            f"{column}; choose a field with one text or number"
        )
    return value


def _paths(record: Mapping[str, object], start: str = "") -> Iterator[str]:
    """List the fields of a record with one text or number, those inside of objects included."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{start}{key}.")
        elif not isinstance(value, list):
            yield f"{start}{key}"


def plain_text(value: object) -> str:
    """Return the text of an example's input: a text itself, or that of a chat's first message.

    Args:
        value: A text, a message with `content`, or a list of messages or parts of a message.

    Returns:
        The text, cut after 2,000 characters. It is empty if there is none.

    Example:
        >>> plain_text([{"role": "system", "content": "Be kind."},
        ...             {"role": "user", "content": [{"type": "text", "text": "Why?"}]}])
        'Why?'
    """
    if isinstance(value, str):
        # The text is only shown to people, and a document may be a whole book.
        return value[:LONGEST_INPUT]
    if isinstance(value, dict):
        return plain_text(value.get("content", value.get("text")))
    if not isinstance(value, list):
        return ""
    # The first message of the user says more about an example than that of the system.
    users = [part for part in value if isinstance(part, dict) and part.get("role") == "user"]
    for part in (*users, *value):
        text = plain_text(part)
        if text:
            return text
    return ""
