"""An append-only store of releases in SQLite or PostgreSQL, safe under several writers and a kill in the middle."""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError
from holdfast.gate.reading import read_results, scores_of

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection, RowMapping

DEFAULT = "sqlite:///ledger.db"
LOCK = 0x486F6C64  # the advisory lock under which PostgreSQL migrates and writes
NEWEST = "SELECT {} FROM holdfast_releases WHERE model = :m AND release = :r ORDER BY revision DESC LIMIT 1"
WAIT = 60.0  # seconds that a writer waits for another


@dataclass(frozen=True)
class Release:
    """One release of a model, its newest revision: scores and examples by task, in the order recorded."""

    model: str
    release: str
    revision: int
    recorded: str  # UTC, ISO 8601
    trained_on: tuple[str, ...]
    scores: dict[str, float]
    examples: dict[str, int]


@dataclass(frozen=True)
class Judgement:
    """A gate's verdict on a candidate, against the release that was the champion then; `verdict`: `Verdict.to_json()`."""

    candidate: str
    champion: str
    decision: str
    passed: bool
    recorded: str  # UTC, ISO 8601
    verdict: dict[str, Any]


class Ledger:
    """A ledger at a URL: `sqlite:///ledger.db`, or `postgresql+psycopg://user@host/database`.

    >>> import pandas as pd, tempfile
    >>> rows = pd.DataFrame({"task": ["a", "a"], "example_id": [1, 2], "score": [1, 0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = Ledger(f"sqlite:///{folder}/l.db")
    ...     print(ledger.record("fraud", "2026-11", rows), ledger.record("fraud", "2026-11", rows))
    ...     print(ledger.releases("fraud")[0].scores)
    recorded unchanged
    {'a': 0.5}
    """

    def __init__(self, url: str = DEFAULT, create: bool = True) -> None:
        """`create=False`: an SQLite file that does not exist is an error, rather than a new ledger."""
        import sqlalchemy as sa
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

        try:
            parsed = sa.make_url(url)
            waiting = {"connect_args": {"timeout": WAIT}} if parsed.get_backend_name() == "sqlite" else {}
            self.engine = sa.create_engine(parsed, poolclass=sa.NullPool, **waiting)  # a connection lives for one call
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise HoldfastError(
                f"ledger {url!r} cannot be opened: {str(error).splitlines()[0]}; expected sqlite:///ledger.db or postgresql+psycopg://…"
            ) from None
        self.kind = self.engine.dialect.name
        if not create and self.kind == "sqlite" and parsed.database and not Path(parsed.database).exists():
            raise HoldfastError(f"there is no ledger {parsed.database}; holdfast record makes one")
        if self.kind == "sqlite":
            _begin_immediately(self.engine)
        try:
            with self._writing() as connection:
                self._migrate(connection)
        except SQLAlchemyError as error:
            raise HoldfastError(f"ledger {self._shown} cannot be used: {_first(error)}") from None

    @property
    def _shown(self) -> str:
        return str(self.engine.url.render_as_string(hide_password=True))

    @contextmanager
    def _writing(self) -> Iterator["Connection"]:
        """A transaction that no other writer runs beside: all of it lands, or nothing."""
        import sqlalchemy as sa

        with self.engine.begin() as connection:
            if self.kind == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            yield connection

    def _migrate(self, connection: "Connection") -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(files("holdfast.ledger").joinpath("migrations")))
        config.set_main_option("version_table", "holdfast_version")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    def record(self, model: str, release: str, results: "pd.DataFrame", trained_on: tuple[str, ...] = (), amend: bool = False) -> str:
        """Adds a release; `results` with the columns of `holdfast.gate.read_side`. Returns recorded, unchanged or amended.

        The same content again changes nothing. Other content for a release that is there is refused, unless `amend`: it is then added as
        another revision, and the old one is kept.
        """
        import sqlalchemy as sa
        from sqlalchemy.exc import SQLAlchemyError

        if not model or not release:
            raise HoldfastError(f"a record needs the names of model and release, got {model!r} and {release!r}")
        results = read_results(results)
        strange = [t for t in trained_on if t not in set(results["task"])]
        if strange:
            raise HoldfastError(f"trained_on names task {strange[0]!r}, which the results do not have")
        ordered = results.sort_values([c for c in ("task", "example_id") if c in results], kind="stable").reset_index(drop=True)
        content = _digest(ordered, trained_on)
        try:
            with self._writing() as connection:
                before = connection.execute(
                    sa.text(NEWEST.format("revision, content")),
                    {"m": model, "r": release},
                ).first()
                if before is not None and before.content == content:
                    return "unchanged"
                if before is not None and not amend:
                    raise HoldfastError(
                        f"release {release!r} of {model!r} is recorded already with other results; a ledger is append-only: give the "
                        "release another name, or --amend to add these as a correction (the old ones are kept)"
                    )
                keys = {"model": model, "release": release, "revision": 0 if before is None else before.revision + 1, "content": content}
                self._insert(connection, keys, results, trained_on)
        except SQLAlchemyError as error:
            raise HoldfastError(f"ledger {self._shown} could not be written: {_first(error)}") from None
        return "recorded" if before is None else "amended"

    def _insert(self, connection: "Connection", keys: dict[str, Any], results: "pd.DataFrame", trained_on: tuple[str, ...]) -> None:
        import sqlalchemy as sa

        buffer = io.BytesIO()
        results.to_parquet(buffer, index=False, compression="zstd")
        row = keys | {"recorded": datetime.now(UTC).isoformat(), "trained_on": json.dumps(list(trained_on)), "results": buffer.getvalue()}
        columns = ", ".join(row)
        statement = f"INSERT INTO holdfast_releases ({columns}) VALUES ({', '.join(f':{c}' for c in row)}) RETURNING id"
        key = connection.execute(sa.text(statement), row).scalar_one()
        scores, examples = scores_of(results)
        connection.execute(
            sa.text("INSERT INTO holdfast_scores VALUES (:release_id, :position, :task, :score, :examples)"),
            [{"release_id": key, "position": k, "task": t, "score": s, "examples": examples[t]} for k, (t, s) in enumerate(scores.items())],
        )

    def judge(self, model: str, candidate: str, verdict: dict[str, Any]) -> str:
        """Keeps a verdict (`Verdict.to_json()`) on a candidate that was judged against the newest release. Returns recorded or unchanged.

        The same verdict again changes nothing; another one on the same candidate is added beside it: nothing is ever replaced.
        """
        import sqlalchemy as sa
        from sqlalchemy.exc import SQLAlchemyError

        if not candidate:
            raise HoldfastError("a verdict needs the candidate's name")
        content = json.dumps(verdict, sort_keys=True)
        row = {
            "model": model,
            "candidate": candidate,
            "champion": self.releases(model)[-1].release,
            "decision": verdict["decision"],
            "passed": verdict["passed"],
            "content": hashlib.sha256(content.encode()).hexdigest(),
            "recorded": datetime.now(UTC).isoformat(),
            "verdict": content,
        }
        columns = ", ".join(row)
        insert = f"INSERT INTO holdfast_verdicts ({columns}) VALUES ({', '.join(f':{c}' for c in row)})"
        same = " AND ".join(f"{c} = :{c}" for c in ("model", "candidate", "champion", "content"))
        known = f"SELECT id FROM holdfast_verdicts WHERE {same}"
        try:
            with self._writing() as connection:
                if connection.execute(sa.text(known), row).first() is not None:
                    return "unchanged"
                connection.execute(sa.text(insert), row)
        except SQLAlchemyError as error:
            raise HoldfastError(f"ledger {self._shown} could not be written: {_first(error)}") from None
        return "recorded"

    def verdicts(self, model: str) -> list[Judgement]:
        """Every verdict on candidates of a model, oldest first."""
        columns = "candidate, champion, decision, passed, recorded, verdict"
        rows = self._rows(f"SELECT {columns} FROM holdfast_verdicts WHERE model = :m ORDER BY id", m=model)
        return [Judgement(**{**r, "passed": bool(r["passed"]), "verdict": json.loads(r["verdict"])}) for r in rows]

    def models(self) -> list[str]:
        """Names of the models that have releases."""
        return [r["model"] for r in self._rows("SELECT DISTINCT model FROM holdfast_releases ORDER BY model")]

    def releases(self, model: str) -> list[Release]:
        """The releases of a model in the order in which they were first recorded, each in its newest revision."""
        rows = self._rows(
            "SELECT r.id, r.release, r.revision, r.recorded, r.trained_on, s.task, s.score, s.examples FROM holdfast_releases r "
            "JOIN holdfast_scores s ON s.release_id = r.id WHERE r.model = :m ORDER BY r.id, s.position",
            m=model,
        )
        if not rows:
            raise HoldfastError(f"the ledger has no release of {model!r}; it has {', '.join(self.models()) or 'none at all'}")
        found: dict[str, dict[int, list[RowMapping]]] = {}
        for r in rows:
            found.setdefault(r["release"], {}).setdefault(r["revision"], []).append(r)
        return [_release(model, revisions[max(revisions)]) for revisions in found.values()]

    def results(self, model: str, release: str | None = None) -> "pd.DataFrame":
        """The results of a release as they were recorded (None: of the newest), for the gate."""
        import pandas as pd

        name = self.releases(model)[-1].release if release is None else release
        rows = self._rows(NEWEST.format("results"), m=model, r=name)
        if not rows:
            known = ", ".join(r.release for r in self.releases(model))
            raise HoldfastError(f"the ledger has no release {name!r} of {model!r}; it has {known}")
        return pd.read_parquet(io.BytesIO(rows[0]["results"]))

    def _rows(self, statement: str, **values: Any) -> "list[RowMapping]":
        import sqlalchemy as sa
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.engine.connect() as connection:
                return list(connection.execute(sa.text(statement), values).mappings())
        except SQLAlchemyError as error:
            raise HoldfastError(f"ledger {self._shown} could not be read: {_first(error)}") from None


def _release(model: str, rows: "list[RowMapping]") -> Release:
    first = rows[0]
    scores, examples = {r["task"]: r["score"] for r in rows}, {r["task"]: r["examples"] for r in rows}
    return Release(model, first["release"], first["revision"], first["recorded"], tuple(json.loads(first["trained_on"])), scores, examples)


def _digest(ordered: "pd.DataFrame", trained_on: tuple[str, ...]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(trained_on)).encode())
    digest.update(ordered[sorted(ordered.columns)].to_csv(index=False).encode())
    return digest.hexdigest()


def _first(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _begin_immediately(engine: Any) -> None:
    """SQLite: every transaction takes the write lock when it begins, and waits for it, so that reading before writing is safe."""
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
