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
from holdfast.ledger.database import Database
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
from holdfast.ledger.rows import insert, insert_release, joined, kept, models, revisions, select, verify
from holdfast.ledger.schema import damaged

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

DEFAULT = "sqlite:///ledger.db"
NEWEST = """
    SELECT revision, content FROM holdfast_releases
    WHERE model = :model AND release = :release ORDER BY revision DESC LIMIT 1
"""
NEWEST_VERDICT = """
    SELECT candidate, champion, decision, passed, recorded FROM holdfast_verdicts
    WHERE model = :model AND {} ORDER BY id DESC LIMIT 1
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
            override: The reason, in words, for recording a release that the gate did not pass. It
                is kept for ever, and the history shows it.

        Returns:
            "recorded", "unchanged" or "amended".

        Raises:
            HoldfastError: The release is there with other results, or its newest verdict did not
                pass and no reason is given, or one is given where no verdict failed.
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
            _ask_verdict(connection, row, judged)
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
            # It covers the verdict before, so that one that was given earlier can come again.
            chain = [before["content"], row["judged"], row["verdict"]]
            row["content"] = hashlib.sha256(json.dumps(chain).encode()).hexdigest()
            row["checksum"] = checksum(SEALED_VERDICT, row)
            insert(connection, "holdfast_verdicts", [row])
        return "recorded"

    def _may_write(self) -> None:
        if self._mode != "write":
            raise HoldfastError(f"ledger {self._database.shown} was opened for reading; open it with mode='write'")

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
        content = bytes(rows[0]["results"])
        if hashlib.sha256(content).hexdigest() != rows[0]["fingerprint"]:
            raise damaged(self._database.shown, f"{what} are not those that were recorded")
        return from_parquet(content, what)

    def verdicts(self, model: str) -> list[Judgement]:
        """Every verdict on candidates of a model, oldest first.

        Raises:
            HoldfastError: The ledger is damaged.
        """
        checked_name("model", model)
        columns = ", ".join((*SEALED_VERDICT, "checksum"))
        every = f"SELECT {columns} FROM holdfast_verdicts WHERE model = :model ORDER BY id"
        with self._database.reading() as connection:
            rows = select(connection, every, model=model)
        out = []
        for row in ({**r, "passed": bool(r["passed"])} for r in rows):
            what = f"the verdict on {row['candidate']!r} of {model!r}"
            verify(self._database.shown, SEALED_VERDICT, row, what)
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


def _ask_verdict(connection: "Connection", row: Mapping[str, Any], judged: str) -> None:
    """Compare the newest verdict on these results, else on this name, with the reason given."""
    release, model = row["release"], row["model"]
    found = select(connection, NEWEST_VERDICT.format("judged = :judged"), model=model, judged=judged)
    if not found:
        by_name = NEWEST_VERDICT.format("candidate = :release")
        found = select(connection, by_name, model=model, release=release)
    failed = bool(found) and not found[0]["passed"]
    if row["override_reason"] and not failed:
        raise HoldfastError(f"there is no failing verdict on release {release!r} of {model!r} to override; record it without --override")
    if failed and not row["override_reason"]:
        v = found[0]
        when = v["recorded"][:16].replace("T", " ")
        raise HoldfastError(
            f"release {release!r} of {model!r} did not pass the gate: the newest verdict on it is "
            f"{v['decision']}, for candidate {v['candidate']!r} against {v['champion']!r}, recorded "
            f'{when} UTC; pass --override "REASON" to record it all the same (the ledger keeps the '
            "reason, and the history shows it)"
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
        raise HoldfastError(f"expected a verdict with decision and passed, got {decision!r} and {passed!r}")
    return {"decision": decision, "passed": passed, "verdict": json.dumps(verdict, sort_keys=True)}


def _now() -> str:
    return datetime.now(UTC).isoformat()
