"""An append-only store of releases in SQLite or PostgreSQL.

It is safe under several writers and a kill in the middle.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from holdfast.errors import HoldfastError, reading
from holdfast.gate.reading import read_results
from holdfast.ledger.columns import blob
from holdfast.ledger.database import Database
from holdfast.ledger.promises import Recording, objections
from holdfast.ledger.records import (
    SEALED_VERDICT,
    Judgement,
    Release,
    checked_name,
    checked_reason,
    checked_text,
    checksum,
    content_digest,
    from_parquet,
    judged_digest,
)
from holdfast.ledger.rows import (
    insert,
    insert_release,
    joined,
    kept,
    models,
    revisions,
    select,
    verdict_rows,
)
from holdfast.ledger.schema import damaged

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

DEFAULT = "sqlite:///ledger.db"
NEWEST = """
    SELECT revision, content FROM holdfast_releases
    WHERE model = :model AND release = :release ORDER BY revision DESC LIMIT 1
"""
NEWEST_OF_SIDES = """
    SELECT content, verdict, judged FROM holdfast_verdicts
    WHERE model = :model AND candidate = :candidate AND champion = :champion
    ORDER BY id DESC LIMIT 1
"""
RESULTS = """
    SELECT results, fingerprint FROM holdfast_releases
    WHERE model = :model AND release = :release AND revision = :revision
"""
LONGEST_DECISION = 20  # characters


class Ledger:
    """The releases of models with their results, and the gate's verdicts. Nothing is ever replaced.

    Reading never writes: it works on a read-only file system and while others write.

    Args:
        url: `sqlite:///ledger.db`, or `postgresql+psycopg://user@host/database`.
        mode: "write" lets `record` make the ledger if there is none. "read" refuses all that
            writes, and a file that does not exist.

    Raises:
        HoldfastError: The URL is not usable. Messages show its scheme and nothing else of it.

    Example:
        >>> import pandas as pd, tempfile
        >>> rows = pd.DataFrame({"task": ["a", "a"], "example_id": [1, 2], "score": [1, 0]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ledger = Ledger(f"sqlite:///{folder}/l.db")
        ...     print(ledger.record("fraud", "2026-11", rows))
        ...     print(ledger.record("fraud", "2026-11", rows))
        ...     print(ledger.releases("fraud")[0].scores)
        recorded
        unchanged
        {'a': 0.5}
    """

    def __init__(self, url: str = DEFAULT, mode: Literal["read", "write"] = "write") -> None:
        if mode not in ("read", "write"):
            raise HoldfastError(f"a ledger's mode is 'read' or 'write', got {mode!r}")
        self._database, self._mode = Database(url), mode
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
    ) -> str:
        """Add a release.

        The same content again changes nothing, in whatever order its rows are.

        Args:
            model: Name of the model.
            release: Name of the release, such as a date, a version or a commit.
            results: Its results, with the columns of `holdfast.gate.read_side`.
            trained_on: Tasks that it was trained on.
            amend: Add other results for a release that is there, as another revision. The old ones
                are kept, and what was lost since a task was learnt is still counted from them.
            override: The reason, in words, for recording results although a verdict did not pass,
                a column is left out, or an amendment lowers a score (see Raises). It is kept for
                ever, and the history shows it.

        Returns:
            "recorded", "unchanged" or "amended".

        Raises:
            HoldfastError: The release is there with other results. Or no reason is given, although
                a verdict on these results did not pass; a candidate did not pass since the newest
                release, and these results have not passed since; a task lacks the segment, label
                or cluster that it had, or an example has another one; or an amendment lowers the
                score of a task or segment. Or a reason is given, and none of these is so.
        """
        self._may_write()
        row, results = _row(model, release, results, tuple(trained_on), override)
        judged, what = judged_digest(results), kept(results)
        with self._database.writing(create=True) as connection:
            before = select(connection, NEWEST, model=model, release=release)
            if before and before[0]["content"] == row["content"]:
                return "unchanged"
            if before and not amend:
                raise HoldfastError(
                    f"release {release!r} of {model!r} is recorded already with other results; a "
                    "ledger is append-only: give the release another name, or --amend to add these "
                    "as a correction (the old ones are kept)"
                )
            new = Recording(model, release, bool(before), results, judged, what)
            _ask_reason(connection, self._database.shown, new, row["override_reason"])
            row["recorded"] = _now()  # under the lock: in the order in which it is recorded
            row["revision"] = before[0]["revision"] + 1 if before else 0
            insert_release(connection, row, what)
        return "amended" if before else "recorded"

    def keep_verdict(
        self,
        model: str,
        candidate: str,
        verdict: Mapping[str, Any],
        champion: str,
        results: "pd.DataFrame",
    ) -> str:
        """Keep a verdict on a candidate.

        The newest verdict again changes nothing. Any other is added: none is ever replaced.

        Args:
            model: Name of the model.
            candidate: Name of the release that the candidate would be.
            verdict: `Verdict.to_json()`.
            champion: The release that the candidate was judged against (`Side.release`), which need
                not be the newest any more.
            results: The candidate's results. `record` knows them again under any name.

        Returns:
            "recorded" or "unchanged".

        Raises:
            HoldfastError: The ledger has no such champion, or it could not be written.
        """
        self._may_write()
        for kind, name in (("model", model), ("candidate", candidate), ("champion", champion)):
            checked_name(kind, name)
        row = _decision(verdict) | {
            "model": model,
            "candidate": candidate,
            "champion": champion,
            "recorded": _now(),
            "judged": judged_digest(_checked(results)),
        }
        with self._database.writing() as connection:
            if not select(connection, NEWEST, model=model, release=champion):
                raise HoldfastError(f"the ledger has no release {champion!r} of {model!r}")
            found = select(connection, NEWEST_OF_SIDES, **row)
            before = found[0] if found else {"content": "", "verdict": "", "judged": ""}
            if all(before[c] == row[c] for c in ("verdict", "judged")):
                return "unchanged"
            row["recorded"] = _now()  # under the lock, as for releases
            # It covers the verdict before, so that one that was given earlier can come again.
            chain = [before["content"], row["judged"], row["verdict"]]
            row["content"] = hashlib.sha256(json.dumps(chain).encode()).hexdigest()
            row["checksum"] = checksum(SEALED_VERDICT, row)
            insert(connection, "holdfast_verdicts", [row])
        return "recorded"

    def _may_write(self) -> None:
        if self._mode != "write":
            raise HoldfastError(
                f"ledger {self._database.shown} was opened for reading; open it with mode='write'"
            )

    # ---- reading

    def models(self) -> list[str]:
        """Names of the models that have releases, in alphabetical order."""
        with self._database.reading() as connection:
            return models(connection, self._database.shown)

    def releases(self, model: str) -> list[Release]:
        """The releases of a model, in the order in which they were first recorded.

        Args:
            model: Name of the model.

        Returns:
            Each release in its newest revision, with the earlier ones in `Release.earlier`.

        Raises:
            HoldfastError: There is no release of that model, or the ledger is damaged.
        """
        checked_name("model", model)
        with self._database.reading() as connection:
            found = revisions(connection, model, self._database.shown)
            if not found:
                known = ", ".join(models(connection, self._database.shown)) or "none at all"
                raise HoldfastError(f"the ledger has no release of {model!r}; it has {known}")
        return joined(found)

    def results(
        self,
        model: str,
        release: str | None = None,
        revision: int | None = None,
    ) -> "pd.DataFrame":
        """The results of a release as they were recorded.

        Args:
            model: Name of the model.
            release: Name of the release; None for the newest.
            revision: Its revision; None for the newest.

        Raises:
            HoldfastError: There is no such release or revision, or its results are damaged.
        """
        found = self.releases(model)
        name = found[-1].release if release is None else release
        of = {r.release: r for r in found}
        if name not in of:
            known = ", ".join(of)
            raise HoldfastError(f"the ledger has no release {name!r} of {model!r}; it has {known}")
        number = of[name].revision if revision is None else revision
        with self._database.reading() as connection:
            rows = select(connection, RESULTS, model=model, release=name, revision=number)
        if not rows:
            raise HoldfastError(f"release {name!r} of {model!r} has no revision {number}")
        what = f"the results of release {name!r} of {model!r}"
        content = blob(rows[0]["results"], self._database.shown)
        if hashlib.sha256(content).hexdigest() != rows[0]["fingerprint"]:
            raise damaged(self._database.shown, f"{what} are not those that were recorded")
        return from_parquet(content, what)

    def verdicts(self, model: str) -> list[Judgement]:
        """Every verdict on candidates of a model, oldest first.

        Raises:
            HoldfastError: The ledger is damaged.
        """
        checked_name("model", model)
        with self._database.reading() as connection:
            rows = verdict_rows(connection, self._database.shown, model)
        out = []
        for row in rows:
            what = f"the verdict on {row['candidate']!r} of {model!r}"
            with reading(what, "JSON"):
                verdict = json.loads(row["verdict"])
            fields = ("candidate", "champion", "decision", "passed", "recorded")
            out.append(Judgement(**{c: row[c] for c in fields}, verdict=verdict))
        return out


def _row(
    model: str,
    release: str,
    results: "pd.DataFrame",
    trained_on: tuple[str, ...],
    override: str,
) -> tuple[dict[str, Any], "pd.DataFrame"]:
    """The row of a release without its revision, and its results, both checked."""
    checked_name("model", model)
    checked_name("release", release)
    results = _checked(results)
    strange = [t for t in trained_on if t not in set(results["task"])]
    if strange:
        raise HoldfastError(f"trained_on names task {strange[0]!r}, which the results do not have")
    row = {
        "model": model,
        "release": release,
        "content": content_digest(results, trained_on),
        "recorded": _now(),
        "trained_on": json.dumps(list(trained_on)),
        "override_reason": checked_reason(override) if override else "",
    }
    return row, results


def _ask_reason(connection: "Connection", shown: str, new: Recording, reason: str) -> None:
    """Ask for a reason if anything speaks against a record, and for none if nothing does."""
    against = objections(connection, shown, new)
    which = f"release {new.release!r} of {new.model!r}"
    if reason and not against:
        raise HoldfastError(
            f"there is nothing to override: {which} has no failing verdict, lowers no score of an "
            "earlier revision and leaves out no segment, label or cluster; record it without "
            "--override"
        )
    if against and not reason:
        raise HoldfastError(
            f'{which} was not recorded: {"; ".join(against)}; or pass --override "REASON" to '
            "record it all the same (the ledger keeps the reason, and the history shows it)"
        )


def _checked(results: "pd.DataFrame") -> "pd.DataFrame":
    with reading("results", "text in UTF-8"):
        results = read_results(results)
        checked_text(results)
        return results


def _decision(verdict: Mapping[str, Any]) -> dict[str, Any]:
    decision, passed = verdict.get("decision"), verdict.get("passed")
    known = isinstance(decision, str) and 0 < len(decision) <= LONGEST_DECISION
    if not known or not isinstance(passed, bool):
        raise HoldfastError(
            f"expected a verdict with decision and passed, got {decision!r} and {passed!r}"
        )
    return {"decision": decision, "passed": passed, "verdict": json.dumps(verdict, sort_keys=True)}


def _now() -> str:
    return datetime.now(UTC).isoformat()
