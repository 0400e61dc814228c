"""Digests of results and checksums of rows, by which a ledger notices repetition and damage.

Ledgers keep these values, so any change to what is hashed makes existing ledgers look damaged.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Rows are sorted by these columns first, then by all others, before they are hashed.
ORDER = ("task", "segment", "example_id", "cluster")
# The columns that a verdict depends on.
JUDGED = ("task", "segment", "example_id", "score", "examples")
# The columns that the checksum of a row covers, in the order in which they are hashed.
SEALED_RELEASE = (
    "model", "release", "revision", "content", "recorded", "trained_on", "override_reason",
    "fingerprint",
)  # fmt: skip
SEALED_VERDICT = (
    "model", "candidate", "champion", "decision", "passed", "content", "recorded", "verdict",
    "judged",
)  # fmt: skip


def content_digest(results: "pd.DataFrame", trained_on: Iterable[str]) -> str:
    """Digest everything that is recorded of a release, in whatever order its rows are.

    Args:
        results: The results, checked.
        trained_on: The tasks that the release was trained on.

    Returns:
        A SHA-256 digest in hexadecimal digits.
    """
    # The order in which tasks are named does not matter either.
    digest = hashlib.sha256(json.dumps(sorted(trained_on)).encode())
    digest.update(_sorted_csv(results, list(results.columns)))
    return digest.hexdigest()


def judged_digest(results: "pd.DataFrame") -> str:
    """Digest the scores alone: the same scores with other labels or clusters are still the same.

    Args:
        results: The results, checked.

    Returns:
        A SHA-256 digest in hexadecimal digits.
    """
    # Results without ids or segments are digested by what they have.
    columns = [column for column in JUDGED if column in results]
    return hashlib.sha256(_sorted_csv(results, columns)).hexdigest()


def verdict_digest(previous: str, judged: str, verdict: str) -> str:
    """Digest a verdict together with the one before it.

    Verdicts on the same two releases have unique digests. Because each covers the one before, a
    verdict that was given earlier can be given again after another one.

    Args:
        previous: The digest of the previous verdict on the same two releases; "" if there is none.
        judged: The digest of the candidate's scores.
        verdict: The verdict as JSON.

    Returns:
        A SHA-256 digest in hexadecimal digits.
    """
    chain = json.dumps([previous, judged, verdict])
    return hashlib.sha256(chain.encode()).hexdigest()


def checksum(
    columns: Iterable[str],
    row: Mapping[str, object],
    *tables: Iterable[Iterable[object]],
) -> str:
    """Compute the checksum of a row and of the rows of other tables that belong to it.

    Args:
        columns: The columns of the row that it covers.
        row: The row.
        tables: For each other table, the rows that belong to this one, in order.

    Returns:
        A SHA-256 digest in hexadecimal digits.

    Raises:
        TypeError: A value is not what a ledger writes, such as bytes instead of text.
    """
    sealed = [row[column] for column in columns]
    content: list[object] = [sealed]
    content += [_as_lists(table) for table in tables]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _as_lists(rows: Iterable[Iterable[object]]) -> list[list[object]]:
    """Turn rows of any sequence type into lists, which JSON writes alike."""
    return [list(row) for row in rows]


def _sorted_csv(results: "pd.DataFrame", columns: list[str]) -> bytes:
    """Write columns as CSV, with rows and columns in an order that depends on the values alone."""
    first = [column for column in ORDER if column in columns]
    others = sorted(set(columns) - set(first))
    # Equal rows stay in their order, which the text cannot tell apart.
    rows = results.sort_values([*first, *others], kind="stable")
    # A fixed line ending makes the digest the same on every system.
    text: str = rows[sorted(columns)].to_csv(index=False, lineterminator="\n")
    return text.encode()
