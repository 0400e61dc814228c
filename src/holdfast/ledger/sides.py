"""Champion and candidate for the gate, from a ledger."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate.names import renaming
from holdfast.gate.reading import Side, read_side, scores_of
from holdfast.ledger.baselines import Baselines
from holdfast.ledger.history import standing_after
from holdfast.ledger.records import Release, segment_scores
from holdfast.ledger.store import Ledger
from holdfast.metrics.releases import Standing

if TYPE_CHECKING:
    import pandas as pd

GROUPING = ("cluster", "segment", "label")  # of single examples; "" is unknown
NAMED = 5  # tasks of older releases that the champion's name lists
# What stands in the optional columns of aggregated results that have none.
FILLED: dict[str, float | str] = {"sd": float("nan"), "segment": ""}


def sides(
    ledger: Ledger,
    model: str,
    candidate: "Path | str | pd.DataFrame | Side",
    trained_on: Sequence[str] = (),
    name: str = "",
) -> tuple[Side, Side]:
    """Champion and candidate for `holdfast.gate.Gate.judge`.

    The champion is the newest release. It answers for every task that any release was ever tested
    on: for a task that it lacks, the rows of the newest release that has the task are taken, so
    that no task is forgotten because it was not tested once. Both sides know what each task lost
    since it was learnt (see `holdfast.ledger.baselines`).

    Args:
        ledger: The ledger.
        model: Name of the model.
        candidate: Results that may follow the newest release.
        trained_on: Tasks that the candidate was trained on.
        name: Name of the release that it would be.

    Returns:
        Champion, whose `Side.release` is the newest release, and candidate.

    Raises:
        HoldfastError: The ledger has no release of the model, or results of several releases are
            needed that have different columns.
    """
    releases, side = ledger.releases(model), read_side(candidate, "candidate")
    newest = releases[-1].release
    tested = _newest_tests(releases)
    older = {task: r.release for task, r in tested.items() if r.release != newest}
    about = ", ".join(
        f"task {task}: release {release}" for task, release in list(older.items())[:NAMED]
    )
    about += f", and {len(older) - NAMED} more" if len(older) > NAMED else ""
    champion = Side(
        _rows(ledger, model, tested, newest, side),
        _standing_of(releases, tested),
        f"{model}, release {newest}" + (f" ({about})" if about else ""),
        release=newest,
    )
    known = Baselines()
    for r in releases:
        known.add(r)
    labelled = replace(side, rows=_with_segments_of(champion.rows, side.rows))
    after = standing_after(known, following(model, labelled, trained_on, name))
    return champion, replace(side, standing=after, name=name or side.name)


def following(model: str, side: Side, trained_on: Iterable[str] = (), name: str = "") -> Release:
    """A candidate as the release that it would be.

    Args:
        model: Name of the model.
        side: The candidate.
        trained_on: Tasks that it was trained on.
        name: Name of the release.
    """
    scores, examples = scores_of(side.rows)
    return Release(
        model=model,
        release=name or "candidate",
        revision=0,
        recorded=datetime.now(UTC).isoformat(),
        trained_on=tuple(trained_on),
        scores=scores,
        examples=examples,
        segments={key: score for key, (score, _) in segment_scores(side.rows).items()},
        number=sys.maxsize,
    )


def _newest_tests(releases: Sequence[Release]) -> dict[str, Release]:
    """The newest revision that has each task. Newer releases or amendments may have left it out."""
    out: dict[str, Release] = {}
    for release in reversed(releases):
        for revision in reversed(release.revisions):
            for task in revision.scores:
                out.setdefault(task, revision)
    return out


def _standing_of(releases: Sequence[Release], tested: dict[str, Release]) -> Standing:
    """The standing of the newest release, which answers for all tasks with their newest scores."""
    known = Baselines()
    for r in releases[:-1]:
        known.add(r)
    scores = {task: r.scores[task] for task, r in tested.items()}
    parts = ((key, r) for task, r in tested.items() for key in r.segments if key[0] == task)
    segments = {key: r.segments[key] for key, r in parts}
    return standing_after(known, replace(releases[-1], scores=scores, segments=segments))


def _with_segments_of(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> "pd.DataFrame":
    """The candidate's rows with the champion's segments, as the gate judges them.

    What a candidate says of the segment of an example that both have never counts, so that no loss
    is hidden by another segment, or by none.
    """
    if "segment" not in champion:
        return candidate
    if not all("example_id" in rows for rows in (champion, candidate)):
        if "segment" not in candidate:
            return candidate
        names = renaming(champion["segment"].unique(), candidate["segment"].unique())
        return candidate.assign(segment=[names.get(s, s) for s in candidate["segment"]])
    keys = ["task", "example_id"]
    ids = renaming(champion["example_id"].unique(), candidate["example_id"].unique())
    asked = candidate[keys].assign(example_id=[ids.get(i, i) for i in candidate["example_id"]])
    found = asked.merge(champion[[*keys, "segment"]], "left", keys)["segment"].to_numpy()
    return candidate.assign(segment=found)


def _rows(
    ledger: Ledger,
    model: str,
    tested: dict[str, Release],
    newest: str,
    candidate: Side,
) -> "pd.DataFrame":
    """The newest rows of every task, in one table."""
    import pandas as pd

    asked = set(candidate.rows["task"])
    parts: list[pd.DataFrame] = []
    for release, revision in dict.fromkeys((r.release, r.revision) for r in tested.values()):
        found = ledger.results(model, release, revision)
        tasks = {t for t, r in tested.items() if (r.release, r.revision) == (release, revision)}
        rows = found[found["task"].isin(tasks)]
        parts.append(rows if not parts else _fitted(rows, parts[0], release, newest, asked))
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    out = pd.concat(parts, ignore_index=True)
    unknown = {c: out[c].fillna("") for c in GROUPING if c in out}
    partial = [c for c in out if c not in GROUPING and any(c not in part for part in parts)]
    return out.assign(**unknown).drop(columns=[] if "examples" in out else partial)


def _fitted(
    rows: "pd.DataFrame",
    first: "pd.DataFrame",
    release: str,
    newest: str,
    asked: set[str],
) -> "pd.DataFrame":
    """Rows of an older release with the columns of the newest.

    If that is not possible, a task that the candidate lacks as well becomes one row, from which the
    gate sees that it was not tested.
    """
    import pandas as pd

    if "examples" in rows and "examples" in first:
        filled = rows.copy()
        for column in FILLED.keys() & set(first.columns) - set(rows.columns):
            filled[column] = FILLED[column]
        return filled[[c for c in first if c in filled]]
    if "examples" not in rows and "examples" not in first:
        # A column of one release only is unknown for the tasks of the other: "" says so to the gate.
        return rows.assign(**{c: "" for c in GROUPING if c in first and c not in rows})
    shared = sorted(asked & set(rows["task"]))
    if shared:
        raise HoldfastError(
            f"task {shared[0]!r} was last tested in release {release!r}, whose results have the "
            f"columns {', '.join(rows.columns)}, while those of {newest!r} have "
            f"{', '.join(first.columns)}; record one of them again with the columns of the other: "
            "holdfast record --amend"
        )
    scores, examples = scores_of(rows)
    table = pd.DataFrame({"task": list(scores), "score": list(scores.values())})
    for column in first.columns.difference(table.columns):
        table[column] = "" if first[column].dtype == object else 0.0
    if "examples" in first:
        table["examples"] = [float(examples[t]) for t in scores]
    return table
