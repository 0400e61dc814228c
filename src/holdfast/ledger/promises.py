"""What a record may not undo without a reason: failures, columns, and scores that were higher.

Each objection is a clause that says what would be undone, and what to do instead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.gate.names import apart
from holdfast.ledger.baselines import Key
from holdfast.ledger.columns import forgotten, kept_results
from holdfast.ledger.rows import Kept, revisions, select, verdict_rows

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

NEWEST_RELEASE = """
    SELECT release FROM holdfast_releases
    WHERE model = :model AND revision = 0 ORDER BY id DESC LIMIT 1
"""
NEWEST_REVISION = """
    SELECT id, release, fingerprint FROM holdfast_releases
    WHERE model = :model AND release = :release ORDER BY revision DESC LIMIT 1
"""
SAME = 1e-9  # a score that is lower by no more than this is not lower


@dataclass(frozen=True)
class Recording:
    """A release or an amendment that is about to be recorded.

    Args:
        model: Name of the model.
        release: Name of the release.
        amends: Whether the release is there already.
        results: The results, checked.
        judged: Their digest, by which verdicts know them.
        kept: What the ledger would keep of them.
    """

    model: str
    release: str
    amends: bool
    results: "pd.DataFrame"
    judged: str
    kept: Kept


def objections(connection: "Connection", shown: str, new: Recording) -> list[str]:
    """What speaks against recording a release.

    Args:
        connection: An open connection that no other writer runs beside.
        shown: The ledger's name for messages.
        new: What would be recorded.

    Returns:
        A clause for each objection; none if the release may be recorded without a reason.

    Raises:
        HoldfastError: A verdict, a release or results that are consulted are damaged.
    """
    found = list(_failures(connection, shown, new))
    found += forgotten(connection, shown, new.model, new.results)
    if new.amends:
        found += list(_lowered(connection, shown, new)) or list(
            _lowered_classes(connection, shown, new)
        )
    return found


# ---- failures


def _failures(connection: "Connection", shown: str, new: Recording) -> Iterator[str]:
    """Verdicts that stand against these results, against their name, or against what follows.

    Every verdict on the model is held to its checksum, so that none is dodged by changing its row.
    """
    verdicts = verdict_rows(connection, shown, new.model)
    own = [v for v in verdicts if v["judged"] == new.judged]
    failed = [v for v in own if not v["passed"]]
    named = [v for v in verdicts if v["candidate"] == new.release]
    which = f"release {new.release!r} of {new.model!r} did not pass the gate"
    if failed:
        later = " (a later verdict that passed does not undo it)" if own[-1]["passed"] else ""
        yield f"{which}: a verdict on these results {_told(failed[-1])}{later}"
    elif not own and named and not named[-1]["passed"]:
        yield f"{which}: the newest verdict on that name {_told(named[-1])}"
    elif verdicts and not new.amends:
        yield from _unjudged(connection, shown, new, verdicts)


def _unjudged(
    connection: "Connection",
    shown: str,
    new: Recording,
    verdicts: list[dict[str, Any]],
) -> Iterator[str]:
    """A model that is judged once is judged always: these results must have passed since the newest release.

    If others could follow a failure unjudged, a change of one score would hide what failed.
    """
    found = select(connection, NEWEST_RELEASE, model=new.model)
    if not found:
        return
    name = found[0]["release"]
    newest = revisions(connection, new.model, shown, name)[0]
    # What was judged against the newest release was judged after it, whatever the clocks say.
    since = [v for v in verdicts if v["champion"] == name or v["recorded"] > newest.recorded]
    if not any(v["passed"] and v["judged"] == new.judged for v in since):
        yield (
            f"the releases of {new.model!r} are judged by the gate (the newest verdict {_told(verdicts[-1])}), and no "
            f"verdict has passed these results since release {name!r}; judge them with `holdfast gate --ledger … "
            f"--release {new.release}`"
        )


def _told(verdict: Mapping[str, Any]) -> str:
    when = str(verdict["recorded"])[:16].replace("T", " ")
    sides = f"for candidate {verdict['candidate']!r} against {verdict['champion']!r}"
    return f"is {verdict['decision']}, {sides}, recorded {when} UTC"


# ---- amendments


def _class_means(results: "pd.DataFrame") -> dict[tuple[str, ...], float]:
    """Mean scores by task and class, and by task, segment and class."""
    if "label" not in results or "score" not in results:
        return {}
    out: dict[tuple[str, ...], float] = {}
    for keys in (["task", "label"], ["task", "segment", "label"]):
        if set(keys) <= set(results.columns):
            for key, rows in results.groupby(keys, sort=False):
                names = key if isinstance(key, tuple) else (key,)
                out[tuple(str(name) for name in names)] = float(rows["score"].mean())
    return out


def _lowered_classes(connection: "Connection", shown: str, new: Recording) -> Iterator[str]:
    """The first class whose mean score an amendment lowers; tasks and segments may stay as they are."""
    row = select(connection, NEWEST_REVISION, model=new.model, release=new.release)[0]
    now = _class_means(new.results)
    for key, was in _class_means(kept_results(connection, shown, new.model, row)).items():
        if now.get(key, was) < was - SAME:
            yield (
                f"the amendment lowers the mean score on {' / '.join(apart(part) for part in key)} of release {new.release!r} from "
                f"{was:.6g} to {now[key]:.6g}, and without a reason it may only raise scores"
            )
            return


def _lowered(connection: "Connection", shown: str, new: Recording) -> Iterator[str]:
    """The first task, and the first segment, whose score an amendment lowers."""
    highest: dict[Key, float] = {}
    for r in revisions(connection, new.model, shown, new.release):
        for key, score in [*(((t, ""), s) for t, s in r.scores.items()), *r.segments.items()]:
            highest[key] = max(score, highest.get(key, score))
    scores: dict[Key, float] = {(task, ""): score for task, score, _ in new.kept.tasks}
    scores |= {(task, segment): score for task, segment, score, _ in new.kept.segments}
    lower = [key for key, s in scores.items() if key in highest and s < highest[key] - SAME]
    if lower:
        (task, segment), more = lower[0], len(lower) - 1
        what = f"task {apart(task)}" + (f", segment {apart(segment)}," if segment else "")
        others = f" (and {more} other scores)" if more else ""
        was, now = highest[lower[0]], scores[lower[0]]
        yield (
            f"the amendment lowers the mean score on {what} of release {new.release!r} from "
            f"{was:.6g} to {now:.6g}{others}, and without a reason it may only raise scores"
        )
