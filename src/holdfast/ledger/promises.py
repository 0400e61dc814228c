"""What a record may not undo without a reason: failed verdicts, columns, and higher scores.

Each objection is one or two sentences that say what would be undone, and what to do instead.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from holdfast.gate.names import apart
from holdfast.ledger.baselines import Key
from holdfast.ledger.columns import column_objections
from holdfast.ledger.entries import ReleaseEntry
from holdfast.ledger.stored import StoredVerdict

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.ledger.transaction import Transaction

TOLERANCE = 1e-9  # a score that is lower by no more than this is not lower


def objections(transaction: "Transaction", entry: ReleaseEntry, amends: bool) -> list[str]:
    """Find what speaks against recording a release.

    Args:
        transaction: An open transaction that no other writer runs beside.
        entry: The release.
        amends: Whether the ledger has the release already.

    Returns:
        The objections; empty if the release may be recorded without a reason.

    Raises:
        HoldfastError: A stored verdict, release or results that are needed are damaged.
    """
    objected = list(_verdict_objections(transaction, entry, amends))
    objected += column_objections(transaction, entry.model, entry.results)
    if amends:
        lowered = list(_lowered_scores(transaction, entry))
        # Classes matter only if tasks and segments keep their scores.
        objected += lowered or list(_lowered_classes(transaction, entry))
    return objected


# ---- verdicts


def _verdict_objections(
    transaction: "Transaction",
    entry: ReleaseEntry,
    amends: bool,
) -> Iterator[str]:
    """Find a verdict against these results, against their name, or against an earlier candidate."""
    # All verdicts are read and verified, so that a changed row cannot hide a failure.
    verdicts = transaction.verdicts(entry.model)
    on_results = [verdict for verdict in verdicts if verdict.judged == entry.judged]
    failed = [verdict for verdict in on_results if not verdict.passed]
    on_name = [verdict for verdict in verdicts if verdict.candidate == entry.release]
    start = f"Release {entry.release!r} of {entry.model!r} did not pass the gate:"
    # The same scores are the same results, whatever the candidate was called.
    if failed:
        undone = ""
        if on_results[-1].passed:
            undone = " A later verdict that passed does not undo it."
        yield f"{start} a verdict on these results {_described(failed[-1])}.{undone}"
    # A verdict on the name counts only if these very results have none.
    elif not on_results and on_name and not on_name[-1].passed:
        yield f"{start} the newest verdict on that name {_described(on_name[-1])}."
    # A model that was never judged is recorded freely, and an amendment has rules of its own.
    elif verdicts and not amends:
        yield from _unjudged(transaction, entry, verdicts)


def _unjudged(
    transaction: "Transaction",
    entry: ReleaseEntry,
    verdicts: Sequence[StoredVerdict],
) -> Iterator[str]:
    """Object if a model has verdicts, but none passed these results against its newest release.

    If other results could follow a failure without a verdict, the change of a single score would
    hide what failed. A verdict against an older release says nothing about the newest one: a
    candidate that beat release 1 may be worse than release 2, which somebody recorded between the
    verdict and this record.
    """
    name = transaction.newest_release(entry.model)
    if name is None:
        return
    for verdict in verdicts:
        is_against_newest = verdict.champion == name
        if is_against_newest and verdict.passed and verdict.judged == entry.judged:
            return
    yield (
        f"The releases of {entry.model!r} are judged by the gate (the newest verdict "
        f"{_described(verdicts[-1])}), but no verdict has passed these results against the newest "
        f"release, {name!r}. Judge them with `holdfast gate --ledger … --release {entry.release}`."
    )


def _described(verdict: StoredVerdict) -> str:
    """Describe a verdict by its decision, its sides and its time, as a clause without a subject."""
    time = verdict.recorded[:16].replace("T", " ")
    sides = f"for candidate {verdict.candidate!r} against {verdict.champion!r}"
    return f"is {verdict.decision}, {sides}, recorded {time} UTC"


# ---- amendments


def _lowered_scores(transaction: "Transaction", entry: ReleaseEntry) -> Iterator[str]:
    """Describe the first task or segment whose score an amendment lowers."""
    # All revisions count, so that two amendments cannot lower a score step by step.
    highest: dict[Key, float] = {}
    for revision in transaction.revisions(entry.model, entry.release):
        scores = {(task, ""): score for task, score in revision.scores.items()}
        for key, score in (scores | revision.segments).items():
            highest[key] = max(score, highest.get(key, score))
    new: dict[Key, float] = {(part.task, ""): part.score for part in entry.content.tasks}
    new |= {(part.task, part.segment): part.score for part in entry.content.segments}
    lowered = [key for key in new if new[key] < highest.get(key, new[key]) - TOLERANCE]
    if not lowered:
        return
    first = lowered[0]
    task, segment = first
    subject = f"task {apart(task)}"
    if segment:
        subject += f", segment {apart(segment)},"
    others = ""
    if len(lowered) > 1:
        others = f" (and {len(lowered) - 1} other scores)"
    yield _lowered(entry, subject, highest[first], new[first], others)


def _lowered_classes(transaction: "Transaction", entry: ReleaseEntry) -> Iterator[str]:
    """Describe the first class whose mean score an amendment lowers."""
    newest = transaction.stored_results(entry.model, entry.release)[0]
    new = _class_means(entry.results)
    for key, old in _class_means(transaction.results(newest)).items():
        if new.get(key, old) < old - TOLERANCE:
            subject = " / ".join(apart(part) for part in key)
            yield _lowered(entry, subject, old, new[key])
            return


def _lowered(entry: ReleaseEntry, subject: str, old: float, new: float, others: str = "") -> str:
    """Describe a score that an amendment lowers."""
    return (
        f"The amendment lowers the mean score on {subject} of release {entry.release!r} from "
        f"{old:.6g} to {new:.6g}{others}. Without a reason, an amendment may only raise scores."
    )


def _class_means(results: "pd.DataFrame") -> dict[tuple[str, ...], float]:
    """Compute mean scores by task and class, and by task, segment and class."""
    if "label" not in results or "score" not in results:
        return {}
    means: dict[tuple[str, ...], float] = {}
    for columns in (["task", "label"], ["task", "segment", "label"]):
        if not set(columns) <= set(results.columns):
            continue
        # Missing labels belong to no class, and are left out.
        for key, mean in results.groupby(columns, sort=False)["score"].mean().items():
            names = key if isinstance(key, tuple) else (key,)
            means[tuple(str(name) for name in names)] = float(mean)
    return means
