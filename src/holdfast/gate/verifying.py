"""Whether a verdict is still what its inputs say: its digest, its inputs, and judging again."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError, reading
from holdfast.gate.provenance import Provenance, digest_of_verdict, versions
from holdfast.gate.rules import row_name
from holdfast.gate.verdict import SCHEMA, Verdict
from holdfast.text import safe_name

FILE = "verdict.json"
# These say where and when a verdict was reached, and not what was decided.
NOT_DECIDED = ("schema", "digest", "provenance", "champion", "candidate", "policy")
ROUNDING = 1e-9  # relative difference of figures that other versions of NumPy may make
LONGEST = 60  # characters of a value that are shown


@dataclass(frozen=True)
class Recorded:
    """A verdict as it was read from its file.

    Attributes:
        values: The content of the file.
        provenance: What it says it was made of.
        digest: The digest that the file holds.
    """

    values: Mapping[str, Any]
    provenance: Provenance
    digest: str

    @property
    def digest_fits(self) -> bool:
        """Whether nothing was changed in the file since it was written."""
        return self.digest == digest_of_verdict(self.values)


def read_verdict(path: Path) -> Recorded:
    """Read a verdict.

    Args:
        path: The file, or the folder that the gate wrote.

    Returns:
        The verdict.

    Raises:
        HoldfastError: There is no such file, or it is no verdict that can be verified.
    """
    from pydantic import TypeAdapter

    if path.is_dir():
        path /= FILE
    where = safe_name(str(path))
    with reading(where, "a verdict"):
        values = json.loads(path.read_bytes())
        if not isinstance(values, dict) or "decision" not in values or "tasks" not in values:
            raise HoldfastError(f"{where} is no verdict; expected the {FILE} of holdfast gate run")
        if values.get("schema") != SCHEMA or not values.get("provenance") or "digest" not in values:
            raise HoldfastError(
                f"{where} does not say what it was made of, because an older version wrote it; "
                "judge again with holdfast gate run"
            )
        provenance = TypeAdapter(Provenance).validate_python(values["provenance"])
        digest = str(values["digest"])
        # A list of rows of another form would fail only after everything was judged again.
        if not all(isinstance(row, dict) for row in values["tasks"]):
            raise HoldfastError(f"{where} is no verdict: expected an object for each of its tasks")
    return Recorded(values, provenance, digest)


def differences_of_inputs(recorded: Provenance, found: Provenance) -> Iterator[str]:
    """Say which inputs are not those of a verdict.

    Args:
        recorded: What the verdict says.
        found: The same of the inputs at hand.

    Yields:
        One sentence for each input that differs.
    """
    for side, before, after in (
        ("champion", recorded.champion, found.champion),
        ("candidate", recorded.candidate, found.candidate),
    ):
        if before.sha256 != after.sha256:
            yield (
                f"{side} {after.name or before.name}: the SHA-256 of the {after.kind} is "
                f"{_short(after.sha256)}, but the verdict was reached on {_short(before.sha256)}"
            )
    if recorded.policy_sha256 != found.policy_sha256:
        yield (
            f"policy: the SHA-256 is {_short(found.policy_sha256)}, but the verdict was reached "
            f"with {_short(recorded.policy_sha256)}"
        )


def differences_of_decisions(recorded: Mapping[str, Any], again: Verdict) -> Iterator[str]:
    """Say what a verdict says otherwise than judging again.

    Args:
        recorded: The content of the verdict's file.
        again: The verdict on the inputs at hand.

    Yields:
        One sentence for each field that differs.
    """
    # As JSON, because a file knows no tuples.
    now = json.loads(json.dumps(again.to_json()))
    for field in sorted({*recorded, *now} - {*NOT_DECIDED, "tasks"}):
        yield from _compared(field, recorded.get(field), now.get(field))
    before = {_label(row): row for row in recorded["tasks"]}
    after = {_label(row): row for row in now["tasks"]}
    for label in before:
        if label not in after:
            yield f"row {label}: is in the verdict, but not if it is judged again"
    for label, row in after.items():
        if label not in before:
            yield f"row {label}: is missing in the verdict"
            continue
        for field in sorted({*before[label], *row}):
            yield from _compared(f"row {label}, {field}", before[label].get(field), row.get(field))


def changed_versions(recorded: Provenance) -> list[str]:
    """Say which versions differ from those of a verdict, for example "numpy 2.1.0 (now 2.2.0)"."""
    now = versions()
    names = sorted({*recorded.versions, *now})
    return [
        f"{name} {recorded.versions.get(name, '–')} (now {now.get(name, '–')})"
        for name in names
        if recorded.versions.get(name) != now.get(name)
    ]


def _compared(field: str, before: object, after: object) -> Iterator[str]:
    """Say whether a field differs by more than rounding."""
    if not _equal(before, after):
        yield f"{field}: {_shown(before)} in the verdict, {_shown(after)} if it is judged again"


def _equal(before: object, after: object) -> bool:
    """Compare two values of JSON, figures up to rounding."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys_are_equal = before.keys() == after.keys()
        return keys_are_equal and all(_equal(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_equal, before, after))
    if isinstance(before, float) and isinstance(after, float):
        return isclose(before, after, rel_tol=ROUNDING, abs_tol=ROUNDING)
    # In Python, True equals 1, but the two are different values of JSON.
    return type(before) is type(after) and before == after


def _label(row: Mapping[str, Any]) -> str:
    """Name a row."""
    parts = (row.get("task"), row.get("segment"), row.get("class_label"))
    task, segment, class_label = (str(part or "") for part in parts)
    return row_name(task, segment, class_label)


def _shown(value: object) -> str:
    """Write a value of JSON, cut to a length that can be read."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    return text


def _short(digest: str) -> str:
    """Cut a digest to the digits that people compare."""
    return digest[:12]
