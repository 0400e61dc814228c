"""The format of suite files, for editors as a JSON Schema and for readers as tables.

`python -m holdfast.bench.schema` prints the tables of docs/suites.md. Both follow from the
declarations of `Suite`, `MethodEntry` and the settings of runs, so a new setting is in them.
"""

from collections.abc import Iterator, Mapping
from typing import cast

from holdfast.bench.extending import EXTENDS, EXTENDS_MEANING, INHERITED
from holdfast.bench.suites import EVERY, MethodEntry, Suite
from holdfast.runs.config import PARTS
from holdfast.validation import Strict

Schema = dict[str, object]
REQUIRED = ("scenarios", "seeds", "methods")  # of a suite that extends no other one
WORDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
}
TITLES = {
    "": "The suite itself",
    "methods": "A method in `methods`",
    "data": "`[data]`",
    "model": "`[model]`",
    "training": "`[training]`",
}


def suite_schema() -> Schema:
    """Make the JSON Schema of suite files, which is kept in docs/suite.schema.json.

    Returns:
        The schema, in the draft that editors know.
    """
    schema: Schema = Suite.model_json_schema(by_alias=True)
    properties = _properties(schema)
    definitions = _table(schema["$defs"])
    of_entry = _properties(_table(definitions["MethodEntry"]))
    for part, kind in PARTS.items():
        # Some of the settings are enough everywhere, because each of them has a default.
        for described in (properties, of_entry):
            if part in described:
                meaning = _table(described[part])["description"]
                described[part] = {"allOf": [_reference(kind)], "description": meaning}
    _table(properties["methods"])["items"] = {
        "anyOf": [_reference(MethodEntry), {"enum": [EVERY, INHERITED]}]
    }
    parts = {part: _reference(kind) for part, kind in PARTS.items()}
    of_scenario = {"type": "object", "additionalProperties": False, "properties": parts}
    properties["only"] = {
        "type": "object",
        "description": _table(properties["only"])["description"],
        "additionalProperties": False,
        "properties": dict.fromkeys(("task", "domain", "class"), of_scenario),
    }
    properties[EXTENDS] = {"type": "string", "description": EXTENDS_MEANING}
    schema["required"] = ["name"]
    schema["anyOf"] = [{"required": [EXTENDS]}, {"required": list(REQUIRED)}]
    schema["title"] = "A suite of Holdfast"
    # Editors of TOML know this draft best.
    schema["$schema"] = "http://json-schema.org/draft-07/schema#"
    _shorten(schema)
    return schema


def _reference(kind: type[Strict]) -> Schema:
    """A reference to the schema of a class."""
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _table(value: object) -> Schema:
    """A part of a schema that is a table itself."""
    return cast(Schema, value)


def _properties(schema: Schema) -> Schema:
    """The properties of a schema of a table."""
    return _table(schema["properties"])


def _shorten(schema: Schema) -> None:
    """Leave what an editor shows: of the docstrings of classes their first sentence."""
    definitions = _table(schema["$defs"])
    for described in (schema, *(_table(value) for value in definitions.values())):
        first = str(described.get("description", "")).split("\n")[0]
        described["description"] = first
    # A mark of new settings is of no use to an editor.
    for definition in definitions.values():
        for value in _properties(_table(definition)).values():
            _table(value).pop("added", None)


def tables() -> str:
    """Make the tables of all keys of a suite file, as Markdown.

    Returns:
        One section per table of the file, each with the keys, their types, defaults and meanings.
    """
    schema = suite_schema()
    sections = []
    for name, title in TITLES.items():
        part = schema
        if name:
            kind = MethodEntry if name == "methods" else PARTS[name]
            part = _table(_table(schema["$defs"])[kind.__name__])
        lines = [f"### {title}", "", "| key | value | default | meaning |", "|---|---|---|---|"]
        lines += _rows(part, needed=name == "")
        sections.append("\n".join(lines))
    return "\n\n".join(sections) + "\n"


def _rows(schema: Schema, needed: bool) -> Iterator[str]:
    """One row per key."""
    for key, value in _properties(schema).items():
        about = _table(value)
        default = "–"
        if needed and key in ("name", *REQUIRED):
            default = "needed"
        elif about.get("default") not in (None, {}, []):
            default = f"`{_toml(about['default'])}`"
        meaning = str(about.get("description", ""))
        cells = [f"`{key}`", _form(about), default, meaning]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _toml(value: object) -> str:
    """A default as it is written in a file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(value)


def _form(schema: Mapping[str, object]) -> str:
    """Say in words which values a key takes."""
    if "anyOf" in schema:
        forms = [_form(_table(one)) for one in cast(list[object], schema["anyOf"])]
        return ", or ".join(form for form in forms if form)
    if "enum" in schema:
        words = [f"`{word}`" for word in cast(list[object], schema["enum"])]
        return "one of " + ", ".join(words)
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type")
    if kind == "null":
        return ""
    if kind == "array":
        return "list: " + _form(_table(schema["items"]))
    if kind in WORDS:
        return WORDS[str(kind)] + _limits(schema)
    return "table"


def _limits(schema: Mapping[str, object]) -> str:
    """The bounds of a number, except those that only keep it from overflowing."""
    texts = []
    for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("exclusiveMaximum", "<")):
        if key in schema:
            texts.append(f" {sign} {schema[key]:g}")
    highest = schema.get("maximum")
    if isinstance(highest, int | float) and highest <= 1:
        texts.append(f" ≤ {highest:g}")
    return ",".join(texts)


if __name__ == "__main__":
    print(tables(), end="")
