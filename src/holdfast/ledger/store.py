"""An append-only store of releases and verdicts in SQLite or PostgreSQL.

Several writers may use it at once, and a writer that is killed leaves nothing behind.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from holdfast.errors import HoldfastError, reading
from holdfast.ledger.database import open_database
from holdfast.ledger.entries import ReleaseEntry, release_entry, verdict_entry
from holdfast.ledger.promises import objections
from holdfast.ledger.records import Judgement, Outcome, Release, checked_name, joined

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.ledger.transaction import Transaction
    from holdfast.ledger.writing import WritingTransaction

DEFAULT = "sqlite:///ledger.db"


class Ledger:
    """The releases of models with their results, and the gate's verdicts. Nothing is ever replaced.

    Reading never writes: it works on a read-only file system and while others write.

    Args:
        url: `sqlite:///ledger.db`, or `postgresql+psycopg://user@host/database`.
        mode: "write" lets `record` create the ledger if it does not exist. "read" refuses a file
            that does not exist, and every method that writes.

    Raises:
        HoldfastError: The URL is not usable. Messages show its scheme and nothing else of it.

    Example:
        >>> import pandas as pd, tempfile
        >>> rows = pd.DataFrame({"task": ["a", "a"], "example_id": [1, 2], "score": [1, 0]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ledger = Ledger(f"sqlite:///{folder}/l.db")
        ...     print(ledger.record("fraud", "2026-11", rows))
        ...     print(ledger.record("fraud", "2026-11", rows))
        ...     print(ledger.models(), ledger.releases("fraud")[0].scores)
        ...     print(len(ledger.results("fraud")), ledger.verdicts("fraud"))
        recorded
        unchanged
        ['fraud'] {'a': 0.5}
        2 []
    """

    def __init__(self, url: str = DEFAULT, mode: Literal["read", "write"] = "write") -> None:
        if mode not in ("read", "write"):
            raise HoldfastError(f"a ledger's mode is 'read' or 'write', got {mode!r}")
        self._database = open_database(url)
        self._mode = mode
        if mode == "read":
            self._database.require()

    # ---- writing

    def record(
        self,
        model: str,
        release: str,
        results: "pd.DataFrame",
        trained_on: Iterable[str] = (),
        amend: bool = False,
        override: str = "",
    ) -> Outcome:
        """Add a release.

        Recording the same content again changes nothing, whatever the order of its rows.

        Args:
            model: Name of the model.
            release: Name of the release, such as a date, a version or a commit.
            results: Its results, with the columns of `holdfast.gate.read_side`.
            trained_on: The tasks that it was trained on.
            amend: Whether other results for an existing release are added as another revision. The
                old ones are kept, and losses are still counted from them.
            override: The reason, in words, for recording results despite an objection (see Raises).
                It is kept permanently, and the history shows it.

        Returns:
            "recorded" for a new release, "amended" for another revision, "unchanged" if the newest
            revision has the same content.

        Raises:
            HoldfastError: The release exists with other results, and `amend` is False. Or no
                reason is given although there is an objection: a verdict on these results did not
                pass; the model has verdicts, but none passed these results against its newest
                release; the results lack or change a segment, label or cluster of an earlier
                release; or an amendment lowers the score of a task, segment or class. Or a reason
                is given although there is no objection.

        Example:
            >>> import pandas as pd, tempfile
            >>> rows = pd.DataFrame({"task": ["a", "a"], "example_id": [1, 2], "score": [1, 0]})
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     ledger = Ledger(f"sqlite:///{folder}/l.db")
            ...     ledger.record("fraud", "1", rows, trained_on=["a"])
            ...     ledger.record("fraud", "1", rows.assign(score=1), ["a"], amend=True)
            'recorded'
            'amended'
        """
        self._require_write_mode()
        # Digests and the Parquet file are made before the lock, so that other writers wait less.
        entry = release_entry(model, release, results, trained_on, override)
        with self._database.writing(create=True) as transaction:
            return _record(transaction, entry, amend)

    def keep_verdict(
        self,
        model: str,
        candidate: str,
        verdict: Mapping[str, Any],
        champion: str,
        results: "pd.DataFrame",
    ) -> Literal["recorded", "unchanged"]:
        """Keep a verdict on a candidate.

        Keeping the newest verdict again changes nothing. Any other one is added to those before.

        Args:
            model: Name of the model.
            candidate: Name of the release that the candidate would be.
            verdict: The verdict as `Verdict.to_json` returns it.
            champion: The release that the candidate was judged against (`Side.release`). It need
                not be the newest release any more.
            results: The candidate's results. `record` recognises them under any name.

        Returns:
            "recorded" or "unchanged".

        Raises:
            HoldfastError: The ledger has no such champion, or it could not be written.

        Example:
            >>> import pandas as pd, tempfile
            >>> rows = pd.DataFrame({"task": ["a", "a"], "example_id": [1, 2], "score": [1, 0]})
            >>> verdict = {"decision": "fail", "passed": False}
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     ledger = Ledger(f"sqlite:///{folder}/l.db")
            ...     ledger.record("fraud", "1", rows)
            ...     ledger.keep_verdict("fraud", "2", verdict, champion="1", results=rows)
            'recorded'
            'recorded'
        """
        self._require_write_mode()
        entry = verdict_entry(model, candidate, verdict, champion, results)
        with self._database.writing() as transaction:
            # A verdict on a release that nobody knows could never be held against a candidate.
            if transaction.newest_revision(model, champion) is None:
                raise HoldfastError(
                    f"the ledger has no release {champion!r} of {model!r}, against which the "
                    "candidate was judged; record that release first"
                )
            added = transaction.add_verdict(entry)
        if added:
            return "recorded"
        return "unchanged"

    def _require_write_mode(self) -> None:
        """Refuse to write with a ledger that was opened for reading."""
        if self._mode != "write":
            raise HoldfastError(
                f"ledger {self._database.shown} was opened for reading; open it with mode='write'"
            )

    # ---- reading

    def models(self) -> list[str]:
        """List the models that have releases.

        Returns:
            Their names, in alphabetical order.

        Raises:
            HoldfastError: There is no ledger, or it is damaged.
        """
        with self._database.reading() as transaction:
            return transaction.models()

    def releases(self, model: str) -> list[Release]:
        """Read the releases of a model.

        Args:
            model: Name of the model.

        Returns:
            Each release in its newest revision, with the earlier ones in `Release.earlier`, in the
            order in which they were first recorded.

        Raises:
            HoldfastError: There is no release of that model, or the ledger is damaged.
        """
        checked_name("model", model)
        with self._database.reading() as transaction:
            return _releases(transaction, model)

    def results(
        self,
        model: str,
        release: str | None = None,
        revision: int | None = None,
    ) -> "pd.DataFrame":
        """Read the results of a release as they were recorded.

        Args:
            model: Name of the model.
            release: Name of the release; None for the newest.
            revision: Its revision; None for the newest.

        Returns:
            The results, with the columns that they had.

        Raises:
            HoldfastError: There is no such release or revision, or its results are damaged.
        """
        checked_name("model", model)
        with self._database.reading() as transaction:
            # Within one transaction, so that nothing is recorded between the two questions.
            releases = {each.release: each for each in _releases(transaction, model)}
            name = release
            if name is None:
                name = list(releases)[-1]
            if name not in releases:
                known = ", ".join(releases)
                raise HoldfastError(
                    f"the ledger has no release {name!r} of {model!r}; it has {known}"
                )
            number = revision
            if number is None:
                number = releases[name].revision
            return _results(transaction, model, name, number)

    def results_of(self, release: Release) -> "pd.DataFrame":
        """Read the results of a revision that `releases` returned.

        Unlike `results`, it does not read the other releases again.

        Args:
            release: A release, or one of its `revisions`.

        Returns:
            The results, with the columns that they had.

        Raises:
            HoldfastError: The ledger does not have this revision, or it is damaged.
        """
        with self._database.reading() as transaction:
            transaction.revisions(release.model, release.release)  # compares their checksums
            return _results(transaction, release.model, release.release, release.revision)

    def verdicts(self, model: str) -> list[Judgement]:
        """Read every verdict on candidates of a model.

        Args:
            model: Name of the model.

        Returns:
            The verdicts, oldest first; empty if there are none.

        Raises:
            HoldfastError: The ledger is damaged.
        """
        checked_name("model", model)
        with self._database.reading() as transaction:
            stored = transaction.verdicts(model)
        judgements = []
        for verdict in stored:
            with reading(f"the verdict on {verdict.candidate!r} of {model!r}", "JSON"):
                content = json.loads(verdict.verdict)
            judgements.append(
                Judgement(
                    candidate=verdict.candidate,
                    champion=verdict.champion,
                    decision=verdict.decision,
                    passed=verdict.passed,
                    recorded=verdict.recorded,
                    verdict=content,
                )
            )
        return judgements


def _record(
    transaction: "WritingTransaction",
    entry: ReleaseEntry,
    amend: bool,
) -> Outcome:
    """Add a release or an amendment, unless the newest revision has the same content."""
    newest = transaction.newest_revision(entry.model, entry.release)
    if newest is None:
        # A new release may be recorded with `amend` as well: there is nothing to confuse it with.
        _require_reason(objections(transaction, entry, amends=False), entry)
        transaction.add_release(entry, revision=0)
        return "recorded"
    if newest.content == entry.digest:
        return "unchanged"
    if not amend:
        raise HoldfastError(
            f"release {entry.release!r} of {entry.model!r} is recorded already with other results. "
            "A ledger is append-only, so give the release another name, or pass --amend to add "
            "these results as a correction; the old ones are kept"
        )
    _require_reason(objections(transaction, entry, amends=True), entry)
    transaction.add_release(entry, revision=newest.revision + 1)
    return "amended"


def _releases(transaction: "Transaction", model: str) -> list[Release]:
    """Read the releases of a model, or say which models there are."""
    revisions = transaction.revisions(model)
    if not revisions:
        known = ", ".join(transaction.models()) or "no models at all"
        raise HoldfastError(f"the ledger has no release of {model!r}; it has {known}")
    return joined(revisions)


def _results(
    transaction: "Transaction",
    model: str,
    release: str,
    revision: int,
) -> "pd.DataFrame":
    """Read the results of a revision, or say that there is none."""
    for stored in transaction.stored_results(model, release):
        if stored.revision == revision:
            return transaction.results(stored)
    raise HoldfastError(f"release {release!r} of {model!r} has no revision {revision}")


def _require_reason(objected: list[str], entry: ReleaseEntry) -> None:
    """Demand a reason if there are objections, and refuse one if there are none."""
    subject = f"release {entry.release!r} of {entry.model!r}"
    if entry.override and not objected:
        raise HoldfastError(
            f"there is nothing to override: {subject} has no failing verdict, lowers no score of "
            "an earlier revision and leaves out no segment, label or cluster. Record it without "
            "--override"
        )
    if objected and not entry.override:
        raise HoldfastError(
            f"{subject} was not recorded. {' '.join(objected)} To record it all the same, pass "
            '--override "REASON"; the ledger keeps the reason, and the history shows it'
        )
