"""A release or a verdict that is about to be recorded: checked and digested, before any lock."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, reading
from holdfast.gate.reading import read_results
from holdfast.ledger.content import Content, content_of
from holdfast.ledger.digests import content_digest, judged_digest
from holdfast.ledger.records import checked_name, checked_reason, checked_text

if TYPE_CHECKING:
    import pandas as pd

LONGEST_DECISION = 20  # characters


@dataclass(frozen=True)
class ReleaseEntry:
    """A release or an amendment that is about to be recorded.

    Args:
        model: Name of the model.
        release: Name of the release.
        trained_on: The tasks that it was trained on.
        override: The reason for recording it despite objections; "" without one.
        results: Its results, checked.
        digest: The digest of all that is recorded.
        judged: The digest of the scores, by which verdicts know them.
        content: What the ledger stores of the results.
    """

    model: str
    release: str
    trained_on: tuple[str, ...]
    override: str
    results: "pd.DataFrame"
    digest: str
    judged: str
    content: Content


@dataclass(frozen=True)
class VerdictEntry:
    """A verdict that is about to be recorded.

    Args:
        model: Name of the model.
        candidate: Name of the release that the candidate would be.
        champion: The release that it was judged against.
        decision: "pass", "fail" or "inconclusive".
        passed: Whether the candidate may replace the champion.
        verdict: The whole verdict as JSON.
        judged: The digest of the candidate's scores.
    """

    model: str
    candidate: str
    champion: str
    decision: str
    passed: bool
    verdict: str
    judged: str


def release_entry(
    model: str,
    release: str,
    results: "pd.DataFrame",
    trained_on: Iterable[str],
    override: str,
) -> ReleaseEntry:
    """Check a release.

    Args:
        model: Name of the model.
        release: Name of the release.
        results: Its results, with the columns of `holdfast.gate.read_side`.
        trained_on: The tasks that it was trained on.
        override: The reason for recording it despite objections; "" without one.

    Returns:
        The entry.

    Raises:
        HoldfastError: A name, the results or the reason are not valid.
    """
    checked_name("model", model)
    checked_name("release", release)
    rows = _checked_results(results)
    # A misspelt task would never count as learnt, and nobody would notice.
    tasks = tuple(trained_on)
    tested = set(rows["task"])
    for task in tasks:
        if task not in tested:
            raise HoldfastError(
                f"trained_on names task {task!r}, but the results have no such task; "
                "correct the name, or add the results on this task"
            )
    return ReleaseEntry(
        model=model,
        release=release,
        trained_on=tasks,
        override=checked_reason(override) if override else "",
        results=rows,
        digest=content_digest(rows, tasks),
        judged=judged_digest(rows),
        content=content_of(rows),
    )


def verdict_entry(
    model: str,
    candidate: str,
    verdict: Mapping[str, object],
    champion: str,
    results: "pd.DataFrame",
) -> VerdictEntry:
    """Check a verdict.

    Args:
        model: Name of the model.
        candidate: Name of the release that the candidate would be.
        verdict: The verdict, as `Verdict.to_json` returns it.
        champion: The release that the candidate was judged against.
        results: The candidate's results.

    Returns:
        The entry.

    Raises:
        HoldfastError: A name or the results are not valid, or the verdict has no decision.
    """
    for kind, name in (("model", model), ("candidate", candidate), ("champion", champion)):
        checked_name(kind, name)
    decision = verdict.get("decision")
    passed = verdict.get("passed")
    # Tables have a column of this width, and rules depend on a true boolean.
    is_text = isinstance(decision, str) and 0 < len(decision) <= LONGEST_DECISION
    if not is_text or not isinstance(passed, bool):
        raise HoldfastError(
            "expected a verdict with decision (a word) and passed (true or false), but got "
            f"{decision!r} and {passed!r}; pass the result of Verdict.to_json()"
        )
    return VerdictEntry(
        model=model,
        candidate=candidate,
        champion=champion,
        decision=str(decision),
        passed=passed,
        verdict=json.dumps(verdict, sort_keys=True),
        judged=judged_digest(_checked_results(results)),
    )


def now() -> str:
    """Return the time in UTC as ISO 8601."""
    return datetime.now(UTC).isoformat()


def _checked_results(results: "pd.DataFrame") -> "pd.DataFrame":
    """Check the columns and labels of results."""
    with reading("results", "text in UTF-8"):
        # Reading is idempotent, so a table that was read before passes unchanged.
        rows = read_results(results)
        checked_text(rows)
        return rows
