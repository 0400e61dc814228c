"""What is added to a ledger's tables. Rows are only inserted, never changed or deleted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.ledger.content import SegmentScore, TaskScore
from holdfast.ledger.digests import SEALED_RELEASE, SEALED_VERDICT, checksum, verdict_digest
from holdfast.ledger.entries import ReleaseEntry, VerdictEntry, now
from holdfast.ledger.tables import RELEASES, SCORES, SEGMENTS, VERDICTS
from holdfast.ledger.transaction import Transaction


@dataclass(frozen=True)
class WritingTransaction(Transaction):
    """An open transaction that no other writer runs beside.

    What it reads therefore still holds when it writes. See `Transaction` for its arguments.
    """

    def add_release(self, entry: ReleaseEntry, revision: int) -> None:
        """Insert a release, its scores, and those of its segments.

        Args:
            entry: The release.
            revision: Its revision.
        """
        content = entry.content
        row: dict[str, object] = {
            "model": entry.model,
            "release": entry.release,
            "revision": revision,
            "content": entry.digest,
            "recorded": now(),  # under the lock, so that times are in the order of recording
            "trained_on": json.dumps(entry.trained_on),
            "override_reason": entry.override,
            "fingerprint": content.fingerprint,
        }
        # The checksum covers the scores as well, in the order in which they are read again.
        seal = checksum(SEALED_RELEASE, row, content.tasks, content.segments)
        insert = sa.insert(RELEASES).returning(RELEASES.c.id)
        row |= {"results": content.results, "checksum": seal}
        release_id = self.connection.execute(insert, row).scalar_one()
        self._add_scores(SCORES, release_id, content.tasks)
        self._add_scores(SEGMENTS, release_id, content.segments)

    def add_verdict(self, entry: VerdictEntry) -> bool:
        """Insert a verdict, unless it is the newest one on the same candidate and champion.

        Args:
            entry: The verdict.

        Returns:
            Whether it was inserted.
        """
        columns = VERDICTS.c
        newest = (
            sa.select(columns.content, columns.verdict, columns.judged)
            .where(
                columns.model == entry.model,
                columns.candidate == entry.candidate,
                columns.champion == entry.champion,
            )
            .order_by(columns.id.desc())
            .limit(1)
        )
        previous = ""
        for before in self._rows(newest):
            # An older verdict may come again: it is the newest then, and counts as such.
            if (before["verdict"], before["judged"]) == (entry.verdict, entry.judged):
                return False
            previous = before["content"]
        row: dict[str, object] = {
            "model": entry.model,
            "candidate": entry.candidate,
            "champion": entry.champion,
            "decision": entry.decision,
            "passed": entry.passed,
            "content": verdict_digest(previous, entry.judged, entry.verdict),
            "recorded": now(),  # under the lock, as for releases
            "verdict": entry.verdict,
            "judged": entry.judged,
        }
        row["checksum"] = checksum(SEALED_VERDICT, row)
        self.connection.execute(sa.insert(VERDICTS), row)
        return True

    def _add_scores(
        self,
        table: sa.TableClause,
        release_id: int,
        scores: Sequence[TaskScore | SegmentScore],
    ) -> None:
        """Insert the scores of a release, numbered in their order."""
        rows = [
            {"release_id": release_id, "position": position, **score._asdict()}
            for position, score in enumerate(scores)
        ]
        if rows:  # SQLAlchemy would insert one row of defaults for an empty list
            self.connection.execute(sa.insert(table), rows)
