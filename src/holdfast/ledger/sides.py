"""The champion and the candidate for the gate, put together from the releases of a ledger."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate.names import renaming
from holdfast.gate.reading import Side, read_side, scores_of
from holdfast.ledger.baselines import Baselines
from holdfast.ledger.columns import GROUPING
from holdfast.ledger.content import segment_scores
from holdfast.ledger.history import standing_after
from holdfast.ledger.records import Release
from holdfast.ledger.store import Ledger
from holdfast.metrics.releases import Standing

if TYPE_CHECKING:
    import pandas as pd

LISTED = 5  # tasks of older releases that the champion's name lists
# What a row has in the optional columns of aggregated results that its release lacks.
MISSING: dict[str, float | str] = {"sd": float("nan"), "segment": ""}


def sides(
    ledger: Ledger,
    model: str,
    candidate: "Path | str | pd.DataFrame | Side",
    trained_on: Sequence[str] = (),
    name: str = "",
    releases: Sequence[Release] | None = None,
) -> tuple[Side, Side]:
    """Put together champion and candidate for `holdfast.gate.Gate.judge`.

    The champion is the newest release. It answers for every task that any release was ever tested
    on: for a task that it lacks, the rows of the newest release that has the task are taken, so
    that no task is forgotten because it was left out once. Both sides know what each task lost
    since it was learnt (see `holdfast.ledger.baselines`).

    Args:
        ledger: The ledger.
        model: Name of the model.
        candidate: Results that may follow the newest release.
        trained_on: The tasks that the candidate was trained on.
        name: Name of the release that the candidate would be; "" if it has none yet.
        releases: The result of `ledger.releases(model)`. Pass it if you use it for something else
            as well, such as `history`, so that both see the same releases even if another one is
            recorded meanwhile. None reads the releases.

    Returns:
        Champion, whose `Side.release` is the newest release, and candidate.

    Raises:
        HoldfastError: The ledger has no release of the model, or it needs the results of several
            releases whose columns do not fit together.

    Example:
        >>> import pandas as pd, tempfile
        >>> rows = pd.DataFrame({"task": ["a", "a"], "example_id": [1, 2], "score": [1, 0]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ledger = Ledger(f"sqlite:///{folder}/l.db")
        ...     done = ledger.record("fraud", "1", rows)
        ...     champion, candidate = sides(ledger, "fraud", rows.assign(score=0))
        >>> champion.release, candidate.standing.forgetting
        ('1', {'a': 0.5})
    """
    if releases is None:
        releases = ledger.releases(model)
    side = read_side(candidate, "candidate")
    champion = _champion(ledger, releases, set(side.rows["task"]))
    # What the candidate lost is counted over the champion's segments, as the gate judges them.
    labelled = replace(side, rows=_with_segments_of(champion.rows, side.rows))
    standing = standing_after(_baselines(releases), following(model, labelled, trained_on, name))
    return champion, replace(side, standing=standing, name=name or side.name)


def following(model: str, side: Side, trained_on: Iterable[str] = (), name: str = "") -> Release:
    """Turn a candidate into the release that it would be, for `history`.

    Args:
        model: Name of the model.
        side: The candidate.
        trained_on: The tasks that it was trained on.
        name: Name of the release; "" for "candidate".

    Returns:
        A release that counts as recorded after all others.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"task": ["a", "a"], "example_id": [1, 2], "score": [1, 0]})
        >>> following("fraud", read_side(rows)).scores
        {'a': 0.5}
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
        segments={(part.task, part.segment): part.score for part in segment_scores(side.rows)},
        number=sys.maxsize,
    )


def _baselines(releases: Sequence[Release]) -> Baselines:
    """Compute the baselines after some releases."""
    baselines = Baselines()
    for release in releases:
        baselines.add(release)
    return baselines


# ---- the champion


def _champion(ledger: Ledger, releases: Sequence[Release], candidate_tasks: set[str]) -> Side:
    """Put together the newest release, with the newest rows of every task that it lacks."""
    newest = releases[-1]
    tested = _newest_tests(releases)
    return Side(
        rows=_champion_rows(ledger, tested, newest.release, candidate_tasks),
        standing=_champion_standing(releases, tested),
        name=_champion_name(newest, tested),
        release=newest.release,
    )


def _newest_tests(releases: Sequence[Release]) -> dict[str, Release]:
    """Find the newest revision that was tested on each task.

    The newest release, or its newest amendment, may have left a task out.
    """
    tested: dict[str, Release] = {}
    for release in reversed(releases):
        for revision in reversed(release.revisions):
            for task in revision.scores:
                tested.setdefault(task, revision)
    return tested


def _champion_name(newest: Release, tested: Mapping[str, Release]) -> str:
    """Name the champion in reports, with the tasks that older releases answer for."""
    name = f"{newest.model}, release {newest.release}"
    older = [
        f"task {task}: release {revision.release}"
        for task, revision in tested.items()
        if revision.release != newest.release
    ]
    if not older:
        return name
    listed = ", ".join(older[:LISTED])
    if len(older) > LISTED:
        listed += f", and {len(older) - LISTED} more"
    return f"{name} ({listed})"


def _champion_standing(releases: Sequence[Release], tested: Mapping[str, Release]) -> Standing:
    """Compute the standing of the newest release, with the newest score on every task."""
    scores: dict[str, float] = {}
    segments: dict[tuple[str, str], float] = {}
    for task, revision in tested.items():
        scores[task] = revision.scores[task]
        # Its segments come from the same results, or the two would not fit together.
        segments |= {key: score for key, score in revision.segments.items() if key[0] == task}
    newest = replace(releases[-1], scores=scores, segments=segments)
    return standing_after(_baselines(releases[:-1]), newest)


def _champion_rows(
    ledger: Ledger,
    tested: Mapping[str, Release],
    newest: str,
    candidate_tasks: set[str],
) -> "pd.DataFrame":
    """Read the newest rows of every task, in one table.

    Args:
        ledger: The ledger.
        tested: For each task, the newest revision that was tested on it.
        newest: Name of the newest release.
        candidate_tasks: The tasks that the candidate was tested on.
    """
    import pandas as pd

    # Each revision is read once, however many tasks it answers for.
    tasks_of: dict[tuple[str, int], list[str]] = {}
    for task, revision in tested.items():
        tasks_of.setdefault((revision.release, revision.revision), []).append(task)
    parts: list[pd.DataFrame] = []
    for tasks in tasks_of.values():
        revision = tested[tasks[0]]
        results = ledger.results_of(revision)
        part = results[results["task"].isin(tasks)]
        # The newest release comes first, and sets the columns of the others.
        if parts:
            part = _fitted(part, parts[0], revision.release, newest, candidate_tasks)
        parts.append(part)
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    rows = pd.concat(parts, ignore_index=True)
    # Where a part has no such column, the gap becomes "", which the gate takes as unknown.
    for column in GROUPING:
        if column in rows:
            rows[column] = rows[column].fillna("")
    if "examples" in rows:
        return rows
    # A column that some parts lack says nothing about all examples, unless it groups them.
    partial = [
        column
        for column in rows
        if column not in GROUPING and any(column not in part for part in parts)
    ]
    return rows.drop(columns=partial)


def _fitted(
    rows: "pd.DataFrame",
    first: "pd.DataFrame",
    release: str,
    newest: str,
    candidate_tasks: set[str],
) -> "pd.DataFrame":
    """Give rows of an older release the columns of the first part.

    Args:
        rows: The rows of the older release.
        first: The rows of the newest release.
        release: Name of the older release.
        newest: Name of the newest release.
        candidate_tasks: The tasks that the candidate was tested on.

    Raises:
        HoldfastError: The columns do not fit together, and the candidate has one of the tasks.
    """
    # Both are aggregated: the older one gets the optional columns of the newest, and loses others.
    if "examples" in rows and "examples" in first:
        filled = rows.copy()
        for column, value in MISSING.items():
            if column in first and column not in rows:
                filled[column] = value
        return filled[[column for column in first if column in filled]]
    # Both have single examples: "" tells the gate that a cluster, segment or label is unknown.
    if "examples" not in rows and "examples" not in first:
        lacking = {column: "" for column in GROUPING if column in first and column not in rows}
        return rows.assign(**lacking)
    # Single examples cannot be compared with aggregated results, so a shared task is a dead end.
    shared = sorted(candidate_tasks & set(rows["task"]))
    if shared:
        raise HoldfastError(
            f"task {shared[0]!r} was last tested in release {release!r}, whose results have the "
            f"columns {', '.join(rows.columns)}, while those of {newest!r} have "
            f"{', '.join(first.columns)}. Record one of them again with the columns of the other: "
            "holdfast record --amend"
        )
    return _untested(rows, first)


def _untested(rows: "pd.DataFrame", first: "pd.DataFrame") -> "pd.DataFrame":
    """Make one row for each task that the candidate lacks, in the form of the newest release.

    Such a task is never compared: its row only tells the gate that it was not tested.
    """
    import pandas as pd

    scores, examples = scores_of(rows)
    table = pd.DataFrame({"task": list(scores), "score": list(scores.values())})
    for column in first.columns.difference(table.columns):
        is_text = first[column].dtype == object
        table[column] = "" if is_text else 0.0
    if "examples" in first:
        table["examples"] = [float(examples[task]) for task in scores]
    return table


# ---- the candidate


def _with_segments_of(champion: "pd.DataFrame", candidate: "pd.DataFrame") -> "pd.DataFrame":
    """Give the candidate's rows the champion's segments, as the gate judges them.

    What a candidate says about the segment of an example that both sides have never counts, so that
    no loss is hidden by another segment, or by none.
    """
    if "segment" not in champion:
        return candidate
    if "example_id" not in champion or "example_id" not in candidate:
        # Aggregated results have segments of their own, whose names may be numbers in another form.
        if "segment" not in candidate:
            return candidate
        return _renamed(candidate, "segment", champion["segment"])
    # An example that only the candidate has gets no segment: the champion knows none for it.
    keys = ["task", "example_id"]
    examples = _renamed(candidate[keys], "example_id", champion["example_id"])
    joined = examples.merge(champion[[*keys, "segment"]], how="left", on=keys)
    return candidate.assign(segment=joined["segment"].to_numpy())


def _renamed(
    rows: "pd.DataFrame",
    column: str,
    names: "pd.Series[str]",
) -> "pd.DataFrame":
    """Give a column the other side's names if both differ only in the form of a number."""
    new_names = renaming(names.unique(), rows[column].unique())
    return rows.assign(**{column: [new_names.get(name, name) for name in rows[column]]})
