"""The files of a verdict: JSON, JUnit XML, Markdown and a model card, written as one step."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from holdfast.errors import HoldfastError
from holdfast.files import append_text, clear_folder, write_folder
from holdfast.gate.junit import as_junit, broken_junit
from holdfast.gate.markdown import as_markdown, as_model_card, note_of
from holdfast.gate.verdict import SCHEMA, Verdict

__all__ = ["FILES", "as_json", "begin", "files_of", "give_up", "note_of", "verdict_schema", "write"]

# GitHub allows a step summary of 1 MiB. Below that, there is room for a last line.
SUMMARY_LIMIT = 1_000_000

# What a verdict says as long as there is none.
UNDECIDED = "the gate was started, but it did not come to a decision"

# verdict.json comes last: whoever finds it finds the others as well.
FILES = ("model-card.md", "verdict.md", "verdict.html", "junit.xml", "verdict.json")


def as_json(verdict: Verdict) -> str:
    """Write the text of `verdict.json`."""
    return json.dumps(verdict.to_json(), indent=1, allow_nan=False) + "\n"


def verdict_schema() -> dict[str, object]:
    """Return the JSON Schema of `verdict.json`, which is kept in docs/verdict.schema.json."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Verdict).json_schema(mode="serialization")
    # The version is not a field of the verdict, because it belongs to the format.
    version = {"schema": {"const": SCHEMA, "description": "version of this format"}}
    schema["properties"] = version | schema["properties"]
    digest = {
        "digest": {
            "type": "string",
            "description": "SHA-256 of all other entries, as JSON with sorted keys and no spaces",
        }
    }
    schema["properties"] |= digest
    schema["required"] = ["schema", *schema["required"], "digest"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Verdict of a Holdfast release gate",
        **schema,
    }


def files_of(verdict: Verdict) -> dict[str, str]:
    """Return the text of every file of a verdict, except for the report in HTML."""
    return {
        "model-card.md": as_model_card(verdict),
        "verdict.md": as_markdown(verdict),
        "junit.xml": as_junit(verdict),
        "verdict.json": as_json(verdict),
    }


def begin(folder: Path) -> None:
    """Remove an older verdict before anything is read, and note that none is reached yet.

    Whatever happens after this (a broken input, a kill, a full disk), nobody finds an old pass.

    Args:
        folder: The folder of the verdict.

    Raises:
        HoldfastError: `folder` is a symbolic link or could not be written.
    """
    clear_folder(folder, FILES)
    give_up(folder, UNDECIDED)


def give_up(folder: Path, reason: str) -> None:
    """Leave a failing junit.xml and no other file of a verdict.

    Args:
        folder: The folder of the verdict.
        reason: Why there is no verdict.

    Raises:
        HoldfastError: `folder` is a symbolic link or could not be written.
    """
    write_folder(folder, {"junit.xml": broken_junit(reason)}, instead_of=FILES)


def write(verdict: Verdict, folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write the verdict's files as one step, and the summary of a GitHub step if there is one.

    Args:
        verdict: The verdict.
        folder: Where to write them; see `holdfast.files.write_folder`.
        more: Further files, by name.

    Raises:
        HoldfastError: A file could not be written.
    """
    files = files_of(verdict) | dict(more)
    # Readers wait for verdict.json, so everything else must be there before it.
    others = [name for name in files if name not in FILES]
    ordered = others + [name for name in FILES if name in files]
    write_folder(folder, {name: files[name] for name in ordered}, instead_of=FILES)
    add_to_summary(files["verdict.md"])


def add_to_summary(text: str) -> None:
    """Add a text to the summary of a GitHub step, if there is one.

    Args:
        text: Markdown.
    """
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        _append_summary(Path(summary), text)


def _append_summary(path: Path, text: str) -> None:
    """Append a text to the summary of a GitHub step, cut to whole lines if it is too long."""
    encoded = text.encode(errors="replace")
    if len(encoded) > SUMMARY_LIMIT:
        # A cut within a row of a table would break its layout.
        whole_lines = encoded[:SUMMARY_LIMIT].decode(errors="ignore").rpartition("\n")[0]
        text = f"{whole_lines}\n\n(shortened; the rest is in verdict.md)\n"
    try:
        append_text(path, text)
    except HoldfastError as error:
        raise HoldfastError(f"the summary of GITHUB_STEP_SUMMARY: {error}") from None


if __name__ == "__main__":
    print(json.dumps(verdict_schema(), indent=1))
