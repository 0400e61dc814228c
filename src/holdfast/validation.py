"""Settings as classes of validated fields, and their mistakes as one sentence."""

import re
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from holdfast.errors import HoldfastError, reading, unknown

LONGEST_SHOWN = 200  # characters of a wrong value in a message
KINDS = {  # what pydantic expects → the same in plain words
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "a valid string": "a text",
    "a valid list": "a list",
    "a valid dictionary": "a table of names and values",
    "a finite number": "a finite number",
    "a valid date": "a date such as 2026-11-30",
}
COMPARISONS = {"greater than or equal to": "at least", "less than or equal to": "at most"}
Kind = TypeVar("Kind", bound=BaseModel)


class Strict(BaseModel):
    """Base of all settings: no other fields than the declared ones, no NaN, and no change later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def validated(kind: type[Kind], **values: Any) -> Kind:
    """Build a config, and say its first mistake in one sentence.

    Args:
        kind: The class, such as `RunConfig`.
        **values: Its fields, from anywhere.

    Returns:
        The config.

    Raises:
        HoldfastError: A value is missing, unknown, of the wrong kind or out of range.
    """
    with reading("the settings", "plain values of TOML or JSON"):
        try:
            return kind(**values)
        except ValidationError as error:
            raise HoldfastError(explain(error, kind)) from None


def explain(error: ValidationError, kind: type[BaseModel]) -> str:
    """The first mistake of a config: where it is, what was expected, and what came."""
    errors = _typing_errors_first(error.errors())
    field = _names_in(errors[0]["loc"])[:2]
    same_field = [e for e in errors if _names_in(e["loc"])[: len(field)] == field]
    # If a field allows several types, each is reported. The one that fitted furthest says most.
    first = max(same_field, key=lambda e: len(e["loc"]))
    where = ".".join(_names_in(first["loc"])) or kind.__name__
    if first["type"] == "extra_forbidden":
        # Compared by its last name, it is close to the one that was meant.
        name = str(first["loc"][-1])
        text = str(unknown("setting", name, _fields_beside(kind, first["loc"])))
        return text.replace(repr(name), repr(where), 1)
    if first["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return str(unknown(where, first["input"], allowed))
    return describe(first, where)


def _typing_errors_first(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Put an unknown name before a missing one: that it is mistyped is why the other is missing."""
    if errors[0]["type"] != "missing":
        return errors
    beside = errors[0]["loc"][:-1]
    unknown_names = [
        one for one in errors if one["type"] == "extra_forbidden" and one["loc"][:-1] == beside
    ]
    return unknown_names + errors


def describe(mistake: ErrorDetails, place: str) -> str:
    """Say one mistake that pydantic found in plain words.

    Args:
        mistake: The mistake, an entry of `ValidationError.errors()`.
        place: What the value is called in the message, such as "training.lr" or "--store".

    Returns:
        A sentence with the place, what was expected there, and the value that was given.

    Example:
        >>> from pydantic import TypeAdapter
        >>> try:
        ...     TypeAdapter(int).validate_python("many")
        ... except ValidationError as error:
        ...     print(describe(error.errors()[0], "--store"))
        --store must be a whole number, got 'many'
    """
    if mistake["type"] == "missing":
        return f"{place} is missing"
    if mistake["type"] == "extra_forbidden":
        return f"{place} is not known here"
    message = mistake["msg"].removeprefix("Value error, ")
    if isinstance(mistake.get("ctx", {}).get("error"), HoldfastError):
        # Our own errors are whole sentences, which name the value where that helps.
        return message
    value = repr(mistake["input"])
    if len(value) > LONGEST_SHOWN:
        value = f"{value[:LONGEST_SHOWN]}…"
    return f"{place}{_in_plain_words(message)}, got {value}"


def _names_in(place: tuple[int | str, ...]) -> list[str]:
    """The names of fields and the numbers of entries that lead to a value.

    pydantic also puts the name of the type that was tried there, such as "constrained-int".
    """
    return [str(step) for step in place if not re.search(r"[-\[(]", str(step))]


def _in_plain_words(message: str) -> str:
    """What a value must be, as the end of a sentence that begins with the name of its field."""
    if message.startswith("must "):  # written by a check of our own
        return f" {message}"
    start = re.match("(Input|String|List|Tuple|Dictionary) should (be|have) ", message)
    if start is None:
        return f": {message}"
    expected = message[start.end() :]
    for kind, words in KINDS.items():
        if expected.startswith(kind):
            return f" must be {words}"
    for comparison, words in COMPARISONS.items():
        expected = expected.replace(comparison, words)
    return f" must {start[2]} {expected}"


def _fields_beside(kind: Any, path: tuple[int | str, ...]) -> list[str]:
    """The names of the fields at the place where an unknown one was given."""
    for step in path[:-1]:
        # The number of an entry leads from a list to what is in it.
        if isinstance(step, int):
            kind = next(iter(get_args(kind)), None)
            continue
        field = getattr(kind, "model_fields", {}).get(step)
        kind = getattr(field, "annotation", None)
    fields = getattr(kind, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]
