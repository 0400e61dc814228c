"""What is stored in the rows of a ledger, as values, before it is read as results or as JSON."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredResults:
    """Where the results of a revision are stored.

    Args:
        id: The row that holds them.
        model: Name of the model.
        release: Name of the release.
        revision: The revision of the release.
        fingerprint: The SHA-256 digest of the results.
        tail: The last bytes of the results. SQLite may return any type if the file is damaged.
    """

    id: int
    model: str
    release: str
    revision: int
    fingerprint: str
    tail: object

    @property
    def source(self) -> str:
        """What the bytes hold, for messages."""
        return f"the results of release {self.release!r} of {self.model!r}"


@dataclass(frozen=True)
class NewestRevision:
    """The newest revision of a release: its number, and the digest of its content."""

    revision: int
    content: str


@dataclass(frozen=True)
class StoredVerdict:
    """A verdict as it is stored.

    Args:
        candidate: Name of the release that the candidate would be.
        champion: The release that it was judged against.
        decision: "pass", "fail" or "inconclusive".
        passed: Whether the candidate may replace the champion.
        recorded: When the verdict was recorded, in UTC, as ISO 8601.
        judged: The digest of the candidate's scores.
        verdict: The whole verdict as JSON.
    """

    candidate: str
    champion: str
    decision: str
    passed: bool
    recorded: str
    judged: str
    verdict: str
