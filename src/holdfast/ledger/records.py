"""What a ledger holds, as values: releases, verdicts, their names, digests and checksums."""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError, reading
from holdfast.text import without_secrets

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 200  # characters of the name of a model or a release
FEWEST_LETTERS = 12  # of a reason in one word
ORDER = ("task", "segment", "example_id", "cluster")
JUDGED = ("task", "segment", "example_id", "score", "examples")


@dataclass(frozen=True)
class Release:
    """One release of a model in its newest revision.

    Args:
        model: Name of the model.
        release: Name of the release.
        revision: 0 for the results that were recorded first, then one more for each amendment.
        recorded: When the revision was recorded, UTC, ISO 8601.
        trained_on: Tasks that the release was trained on.
        scores: Mean score by task, in [0, 1].
        examples: Number of examples by task; 0 if it is not known.
        override: The reason why it was recorded although the gate had not passed it; "" if it had.
        segments: Mean score by task and segment.
        number: Place of the revision in the order in which the ledger recorded all of them.
        earlier: Earlier revisions, oldest first.
    """

    model: str
    release: str
    revision: int
    recorded: str
    trained_on: tuple[str, ...]
    scores: dict[str, float]
    examples: dict[str, int]
    override: str = ""
    segments: dict[tuple[str, str], float] = field(default_factory=dict)
    number: int = 0
    earlier: tuple["Release", ...] = ()

    @property
    def revisions(self) -> tuple["Release", ...]:
        """All revisions, oldest first."""
        return (*self.earlier, self)

    def score(self, task: str, segment: str = "") -> float | None:
        """The score on a task, or on one of its segments; None if it was not tested."""
        return self.segments.get((task, segment)) if segment else self.scores.get(task)


@dataclass(frozen=True)
class Judgement:
    """A gate's verdict on a candidate.

    Args:
        candidate: Name of the release that the candidate would be.
        champion: The release that it was judged against.
        decision: pass, fail or inconclusive.
        passed: Whether the candidate may replace the champion.
        recorded: When it was recorded, UTC, ISO 8601.
        verdict: The whole of it, as `Verdict.to_json` gives it.
    """

    candidate: str
    champion: str
    decision: str
    passed: bool
    recorded: str
    verdict: dict[str, Any]


def checked_name(kind: str, name: str) -> str:
    """A name that both databases can hold, as it was given.

    Args:
        kind: What it names, for messages.
        name: The name.

    Raises:
        HoldfastError: It is blank, longer than 200 characters, or not text.
    """
    if not isinstance(name, str) or not name.strip():
        raise HoldfastError(f"the name of the {kind} is empty; give it a name, such as 2026-11")
    if len(name) > LONGEST_NAME:
        raise HoldfastError(
            f"the name of the {kind} has {len(name)} characters, but at most {LONGEST_NAME} are possible: {name[:40]}…"
        )
    if re.search(r"[\0\ud800-\udfff]", name):
        raise HoldfastError(f"the name of the {kind} is not readable as UTF-8: {name!a}")
    if without_secrets(name) != name:
        raise HoldfastError(
            f"the name of the {kind} holds what looks like a password or a token, and the ledger shows names to all who "
            "read it; give it another name"
        )
    return name


def checked_reason(reason: str) -> str:
    """The reason for overriding a verdict, without blanks around it.

    Raises:
        HoldfastError: It is no reason in words.
    """
    reason = " ".join(reason.split())
    words = re.findall(r"\w*[^\W\d_]\w*", reason)
    letters = sum(c.isalpha() for c in reason)
    if len(words) < 2 and letters < FEWEST_LETTERS:
        raise HoldfastError(
            f"--override takes a reason in words, which the ledger keeps for ever; got {reason!r}; write two words or more"
        )
    if re.search(r"[\0\ud800-\udfff]", reason):
        raise HoldfastError(f"the reason is not readable as UTF-8: {reason!a}")
    return without_secrets(reason)


def checked_text(results: "pd.DataFrame") -> None:
    """Refuse labels that no database can hold.

    Raises:
        HoldfastError: A task, segment, id or other label holds NUL or half of a character.
    """
    for column in results.select_dtypes(exclude="number"):
        for value in results[column].unique():
            if isinstance(value, str) and re.search(r"[\0\ud800-\udfff]", value):
                raise HoldfastError(f"results: {column} {value!a} is not readable as UTF-8")


def content_digest(results: "pd.DataFrame", trained_on: Iterable[str]) -> str:
    """Digest of all that is recorded of a release, whatever the order of its rows and columns."""
    digest = hashlib.sha256(json.dumps(sorted(trained_on)).encode())
    digest.update(_table(results, list(results.columns)))
    return digest.hexdigest()


def judged_digest(results: "pd.DataFrame") -> str:
    """Digest of the scores alone: the same results without their clusters are still the same."""
    return hashlib.sha256(_table(results, [c for c in JUDGED if c in results])).hexdigest()


def _table(results: "pd.DataFrame", columns: list[str]) -> bytes:
    keys = [c for c in ORDER if c in columns]
    ordered = results.sort_values([*keys, *sorted(set(columns) - set(keys))], kind="stable")
    return str(ordered[sorted(columns)].to_csv(index=False, lineterminator="\n")).encode()


def to_parquet(results: "pd.DataFrame") -> bytes:
    """Results as the bytes that are kept."""
    buffer = io.BytesIO()
    results.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def from_parquet(content: bytes, what: str) -> "pd.DataFrame":
    """Kept results as a table.

    Raises:
        HoldfastError: The bytes are damaged.
    """
    import pandas as pd

    with reading(what, "Parquet"):
        return pd.read_parquet(io.BytesIO(content))


def segment_scores(results: "pd.DataFrame") -> dict[tuple[str, str], tuple[float, int]]:
    """Mean score and number of examples of every segment, by task and segment."""
    if "segment" not in results:
        return {}
    rows = results[results["segment"].notna() & (results["segment"] != "")]
    if "examples" in rows:
        values = zip(rows["task"], rows["segment"], rows["score"], rows["examples"], strict=True)
        return {(str(t), str(s)): (float(v), int(n)) for t, s, v, n in values}
    found = rows.groupby(["task", "segment"], sort=False)["score"].agg(["mean", "size"])
    names = [(str(t), str(s)) for t, s in found.index]
    figures = zip(found["mean"], found["size"], strict=True)
    return {key: (float(v), int(n)) for key, (v, n) in zip(names, figures, strict=True)}


SEALED = (
    "model", "release", "revision", "content", "recorded", "trained_on", "override_reason",
    "fingerprint",
)  # fmt: skip
SEALED_VERDICT = (
    "model", "candidate", "champion", "decision", "passed", "content", "recorded", "verdict",
    "judged",
)  # fmt: skip


def checksum(
    columns: tuple[str, ...],
    row: Mapping[str, Any],
    *tables: Iterable[Iterable[Any]],
) -> str:
    """Checksum of a row and of what belongs to it, so that damage does not go unnoticed.

    Args:
        columns: Columns of the row that it covers.
        row: The row.
        tables: Rows of other tables, in order.
    """
    content = [[row[c] for c in columns], *([list(r) for r in table] for table in tables)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def trained_on_of(text: Any, what: str) -> tuple[str, ...]:
    """The tasks that a release was trained on, from the text that is kept.

    Raises:
        HoldfastError: The text is damaged.
    """
    with reading(what, "a list of tasks"):
        names = json.loads(text)
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise HoldfastError(f"{what} is damaged: its tasks are no list of names")
        return tuple(names)
