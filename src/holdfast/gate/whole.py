"""Rules on all tasks together, and what a verdict warns of."""

from collections.abc import Iterator, Sequence
from datetime import date

from holdfast.errors import HoldfastError
from holdfast.gate.joining import Comparison, Pair
from holdfast.gate.policy import Policy
from holdfast.gate.verdict import TaskVerdict
from holdfast.text import points

RARE = 0.05  # share of a task below which its score says little about a class or segment
HIDES_A_CLASS = 0.9  # a share of right answers above which a whole rare class may well be wrong
ROUNDING = 1e-9  # by which a figure may miss a limit that it meets
MOST_LISTED = 5  # names or rows that one warning lists


def broken_rules(policy: Policy, found: Comparison) -> Iterator[str]:
    """The rules on the whole that the candidate breaks, in words."""
    whole, (champion, candidate) = policy.whole, found.standings
    changes = {task: after - before for task, (before, after) in _means(found)}
    old = [change for task, change in changes.items() if task != whole.new_task]
    transfer = sum(old) / len(old) if old else 0.0
    if whole.lowest_transfer is not None and transfer < whole.lowest_transfer - ROUNDING:
        yield (
            f"the mean change over old tasks is {points(transfer)} points, below the {points(whole.lowest_transfer)} that are asked for"
        )
    change = mean_change(found)
    if whole.largest_accuracy_drop is not None and -change > whole.largest_accuracy_drop + ROUNDING:
        yield (
            f"ACC over the tasks of both changed by {points(change)} points, and a loss of {100 * whole.largest_accuracy_drop:g} is allowed"
        )
    if candidate is not None and champion is not None:
        lost = candidate.forgetting
        worst = max(lost, key=lambda task: lost[task], default=None)
        limit = whole.worst_forgetting
        if limit is not None and worst is not None and lost[worst] > limit + ROUNDING:
            yield (
                f"{worst}: lost {100 * lost[worst]:.2f} points since it was learnt, more than the {100 * limit:g} allowed"
            )
        fell = (champion.transfer or 0.0) - (candidate.transfer or 0.0)
        limit = whole.largest_transfer_drop
        if limit is not None and fell > limit + ROUNDING:
            yield (
                f"BWT is {100 * fell:.2f} points below the champion's, more than the {100 * limit:g} allowed"
            )
    if whole.least_gain is not None:
        yield from _gain(whole.new_task, whole.least_gain, found)


def _gain(task: str | None, least: float, found: Comparison) -> Iterator[str]:
    if task is None:
        raise HoldfastError(
            "whole.least_gain asks for a gain on whole.new_task, which the policy does not name; "
            "set new_task to the task that the candidate was trained for"
        )
    if task not in found.tasks and task not in found.only_candidate:
        raise HoldfastError(f"whole.new_task {task!r} is not among the candidate's tasks")
    before, after = 0.0, 0.0
    if task in found.tasks:
        before, after = found.tasks[task].means
    else:
        after = found.only_candidate[task][0]
    if after - before < least - ROUNDING:
        yield f"{task}: its change of {points(after - before)} points is below the gain of {points(least)} asked for"


def mean_change(found: Comparison) -> float:
    """Mean change over the tasks of both sides, in [-1, 1]."""
    return sum(after - before for _, (before, after) in _means(found)) / len(found.tasks)


def _means(found: Comparison) -> Iterator[tuple[str, tuple[float, float]]]:
    return ((task, scores.means) for task, scores in found.tasks.items())


def warnings(
    policy: Policy, found: Comparison, rows: Sequence[TaskVerdict], today: date
) -> Iterator[str]:
    """What should be known although it does not keep the release from passing."""
    yield from (note.removesuffix(".") for note in found.notes)
    for row in rows:
        if row.waived and not row.settled:
            yield f"{row.label}: {row.reason} (waived: {row.waived})"
        elif not row.critical and not row.settled:
            yield f"{row.label}: {row.reason}"
    yield from _not_shown(rows)
    yield from _rare(found)
    for task, (before, after) in found.areas.items():
        if before - after > policy.rule(task).delta:
            yield (
                f"{task}: the area under the ROC curve fell from {before:.3f} to {after:.3f}, which shares of right answers need not show"
            )
    for waiver in policy.waivers:
        if today > waiver.expires:
            yield f"the waiver of {waiver.name} expired on {waiver.expires}"
    for task in found.unmatched:
        yield f"{task}: {one_sided(found, task)}; they were left out"


def one_sided(found: Comparison, task: str) -> str:
    """What only one side was tested on, in words, with an example of each side if that is known."""
    if task in found.unknown_counts:
        champion, candidate = found.unknown_counts[task]
        return f"the champion was tested on {champion}, the candidate on {candidate}"
    champion, candidate = found.strangers.get(task, ("", ""))
    count = found.unmatched[task]
    text = f"{count:,} example{' is' if count == 1 else 's are'} on one side only"
    if champion or candidate:
        names = (short(champion) or "none", short(candidate) or "none")
        text += f" (champion only: {names[0]}; candidate only: {names[1]})"
    return text


def short(name: str, longest: int = 60) -> str:
    """A name that fits into a message."""
    return name if len(name) <= longest else f"{name[:longest]}…"


def _not_shown(rows: Sequence[TaskVerdict]) -> Iterator[str]:
    """Segments and classes that nothing is shown about, and that the policy lets pass: the largest losses first."""
    open_rows = [
        row
        for row in rows
        if row.decision == "inconclusive" and row.critical and not row.required and not row.waived
    ]
    open_rows.sort(key=lambda row: row.change or 0.0)
    for row in open_rows[:MOST_LISTED]:
        possible = (
            "" if row.low is None else f", and a loss of {-100 * row.low:.1f} is not excluded"
        )
        yield (
            f"{row.label}: not shown to be within the limit (measured change {points(row.change)} points, "
            f"{row.examples:,} examples{possible})"
        )
    if len(open_rows) > MOST_LISTED:
        yield f"{len(open_rows) - MOST_LISTED} more segments or classes are not shown to be within their limits"


def _rare(found: Comparison) -> Iterator[str]:
    """Parts of a task that its score cannot show, since they are so small."""
    classes = [f"{t}: {c}" for (t, c), share in found.class_shares.items() if share < RARE]
    if classes:
        yield (
            f"rare classes ({_listed(classes)}) have less than {100 * RARE:g} % of the examples of their task and "
            "hardly show in its score, so each class is judged by itself"
        )
    segments = [f"{t}: {s}" for (t, s), share in found.shares.items() if share < RARE]
    if segments:
        yield (
            f"small segments ({_listed(segments)}) have less than {100 * RARE:g} % of the examples of their task and "
            "hardly show in its score, so each segment is judged by itself"
        )
    labelled = {task for task, _ in found.classes}
    blind = [
        task
        for task, scores in found.tasks.items()
        if isinstance(scores, Pair) and scores.means[0] > HIDES_A_CLASS and task not in labelled
    ]
    if blind:
        yield (
            f"{_listed(blind)}: a mean score above {HIDES_A_CLASS:g} is also that of a model that misses a whole rare "
            "class; add the column label to the results, and each class is judged by itself"
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
