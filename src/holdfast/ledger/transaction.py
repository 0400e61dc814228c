"""What is read from a ledger's tables, within one open transaction.

Whatever is read is compared with its checksum, so that damage is an error and never a wrong answer.
"""

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from holdfast.errors import reading
from holdfast.ledger.content import SegmentScore, TaskScore, results_from, trained_on_from
from holdfast.ledger.digests import SEALED_RELEASE, SEALED_VERDICT, checksum
from holdfast.ledger.records import Release
from holdfast.ledger.schema import damaged
from holdfast.ledger.stored import NewestRevision, StoredResults, StoredVerdict
from holdfast.ledger.tables import RELEASES, SCORES, SEGMENTS, VERDICTS

if TYPE_CHECKING:
    import pandas as pd

FOOTER = 1 << 16  # bytes that are read from the end of a Parquet file, where its columns are named


@dataclass(frozen=True)
class Transaction:
    """An open transaction on a ledger, which sees one state of it.

    Args:
        connection: The connection that it runs on.
        ledger: The ledger's name for messages.
    """

    connection: sa.Connection
    ledger: str

    def models(self) -> list[str]:
        """List the models that have releases, in alphabetical order.

        Raises:
            HoldfastError: A release has no model.
        """
        statement = sa.select(RELEASES.c.model).distinct().order_by(RELEASES.c.model)
        names = list(self.connection.execute(statement).scalars())
        # A damaged file of SQLite may hold NULL here, whatever the definition of the table says.
        if not all(isinstance(name, str) for name in names):
            raise damaged(self.ledger, "one of its releases has no model")
        return names

    def revisions(self, model: str, release: str | None = None) -> list[Release]:
        """Read every revision of every release of a model, in the order of their recording.

        Args:
            model: Name of the model.
            release: Name of a release, to read only its revisions.

        Raises:
            HoldfastError: A revision is not what was recorded.
        """
        condition = RELEASES.c.model == model
        if release is not None:
            condition = sa.and_(condition, RELEASES.c.release == release)
        # Scores are read with one statement for all releases, because a server may be far away.
        tasks: defaultdict[int, list[TaskScore]] = defaultdict(list)
        for row in self._scores(SCORES, condition):
            score = TaskScore(row["task"], row["score"], row["examples"])
            tasks[row["release_id"]].append(score)
        segments: defaultdict[int, list[SegmentScore]] = defaultdict(list)
        for row in self._scores(SEGMENTS, condition):
            part = SegmentScore(row["task"], row["segment"], row["score"], row["examples"])
            segments[row["release_id"]].append(part)
        columns = [RELEASES.c[name] for name in ("id", *SEALED_RELEASE, "checksum")]
        statement = sa.select(*columns).where(condition).order_by(RELEASES.c.id)
        return [
            self._revision(row, tasks[row["id"]], segments[row["id"]])
            for row in self._rows(statement)
        ]

    def newest_revision(self, model: str, release: str) -> NewestRevision | None:
        """Read which revision of a release is the newest; None if there is no such release."""
        statement = (
            sa.select(RELEASES.c.revision, RELEASES.c.content)
            .where(RELEASES.c.model == model, RELEASES.c.release == release)
            .order_by(RELEASES.c.revision.desc())
            .limit(1)
        )
        for row in self._rows(statement):
            return NewestRevision(row["revision"], row["content"])
        return None

    def newest_release(self, model: str) -> str | None:
        """Read the name of the release that was recorded last; None if the model has none."""
        statement = (
            sa.select(RELEASES.c.release)
            .where(RELEASES.c.model == model, RELEASES.c.revision == 0)
            .order_by(RELEASES.c.id.desc())
            .limit(1)
        )
        # An amendment of an older release does not make it the newest one.
        name: str | None = self.connection.execute(statement).scalar()
        return name

    def verdicts(self, model: str) -> list[StoredVerdict]:
        """Read every verdict on candidates of a model, oldest first.

        Raises:
            HoldfastError: A verdict is not what was recorded.
        """
        columns = [VERDICTS.c[name] for name in (*SEALED_VERDICT, "checksum")]
        statement = sa.select(*columns).where(VERDICTS.c.model == model).order_by(VERDICTS.c.id)
        verdicts = []
        for stored in self._rows(statement):
            # SQLite has no boolean type: it returns 0 or 1.
            row = {**stored, "passed": bool(stored["passed"])}
            subject = f"the verdict on {row['candidate']!r} of {model!r}"
            self._verify(SEALED_VERDICT, row, subject)
            verdicts.append(
                StoredVerdict(
                    candidate=row["candidate"],
                    champion=row["champion"],
                    decision=row["decision"],
                    passed=row["passed"],
                    recorded=row["recorded"],
                    judged=row["judged"],
                    verdict=row["verdict"],
                )
            )
        return verdicts

    def stored_results(self, model: str, release: str | None = None) -> list[StoredResults]:
        """Find the results of every revision of every release of a model, newest first.

        Args:
            model: Name of the model.
            release: Name of a release, to find only the results of its revisions.
        """
        length = sa.func.length(RELEASES.c.results)
        # Large results need not be read whole to learn which columns they have.
        footer = sa.func.substr(RELEASES.c.results, length - (FOOTER - 1))
        statement = sa.select(
            RELEASES.c.id,
            RELEASES.c.release,
            RELEASES.c.revision,
            RELEASES.c.fingerprint,
            sa.case((length > FOOTER, footer), else_=RELEASES.c.results).label("tail"),
        ).where(RELEASES.c.model == model)
        if release is not None:
            statement = statement.where(RELEASES.c.release == release)
        # Rows are only added, so a larger id is a newer row.
        statement = statement.order_by(RELEASES.c.id.desc())
        return [StoredResults(model=model, **row) for row in self._rows(statement)]

    def column_names(self, stored: StoredResults) -> frozenset[str]:
        """Read which columns stored results have.

        Raises:
            HoldfastError: The results are damaged.
        """
        import pyarrow.parquet as pq

        tail = self._bytes(stored.tail)
        # A Parquet file ends with its footer, the footer's length in four bytes, and "PAR1".
        footer = int.from_bytes(tail[-8:-4], "little") + 8
        if footer > len(tail):
            tail = self._parquet(stored)
        with reading(stored.source, "Parquet"):
            return frozenset(pq.read_schema(io.BytesIO(tail)).names)

    def results(self, stored: StoredResults) -> "pd.DataFrame":
        """Read stored results.

        Raises:
            HoldfastError: They are not those that were recorded.
        """
        parquet = self._parquet(stored)
        if hashlib.sha256(parquet).hexdigest() != stored.fingerprint:
            raise damaged(self.ledger, f"{stored.source} are not those that were recorded")
        return results_from(parquet, stored.source)

    # ---- helpers

    def _rows(self, statement: "sa.Select[tuple[Any, ...]]") -> list[dict[str, Any]]:
        """Carry out a SELECT and return its rows by column name."""
        return [row._asdict() for row in self.connection.execute(statement)]

    def _scores(
        self,
        table: sa.TableClause,
        condition: "sa.ColumnElement[bool]",
    ) -> list[dict[str, Any]]:
        """Read the rows of a table of scores that belong to releases, in order."""
        statement = (
            sa.select(table)
            .join(RELEASES, table.c.release_id == RELEASES.c.id)
            .where(condition)
            .order_by(table.c.release_id, table.c.position)
        )
        return self._rows(statement)

    def _revision(
        self,
        row: dict[str, Any],
        tasks: list[TaskScore],
        segments: list[SegmentScore],
    ) -> Release:
        """Check a row of the table of releases and turn it into a value."""
        source = f"release {row['release']!r} of {row['model']!r}"
        self._verify(SEALED_RELEASE, row, source, tasks, segments)
        return Release(
            model=row["model"],
            release=row["release"],
            revision=row["revision"],
            recorded=row["recorded"],
            trained_on=trained_on_from(row["trained_on"], source),
            scores={part.task: part.score for part in tasks},
            examples={part.task: part.examples for part in tasks},
            override=row["override_reason"],
            segments={(part.task, part.segment): part.score for part in segments},
            number=row["id"],
        )

    def _verify(
        self,
        columns: tuple[str, ...],
        row: Mapping[str, object],
        subject: str,
        *tables: Iterable[Iterable[object]],
    ) -> None:
        """Compare a row, and the rows of other tables that belong to it, with its checksum."""
        try:
            intact = checksum(columns, row, *tables) == row["checksum"]
        except (TypeError, ValueError):  # bytes instead of text, or half of a character
            intact = False
        if not intact:
            raise damaged(self.ledger, f"{subject} is not what was recorded")

    def _parquet(self, stored: StoredResults) -> bytes:
        """Read the whole Parquet file of a revision."""
        statement = sa.select(RELEASES.c.results).where(RELEASES.c.id == stored.id)
        return self._bytes(self.connection.execute(statement).scalar_one())

    def _bytes(self, value: object) -> bytes:
        """Check that a value is bytes: SQLite stores any type in any column."""
        if not isinstance(value, bytes | memoryview):
            raise damaged(self.ledger, "stored results are not a file")
        return bytes(value)
