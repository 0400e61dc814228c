"""What a verdict warns of although it does not keep the release from passing."""

from collections.abc import Iterator, Sequence
from datetime import date

from holdfast.gate.joining import Comparison, Pair
from holdfast.gate.policy import Policy
from holdfast.gate.verdict import TaskVerdict

RARE = 0.05  # share of a task below which its score says little about a class or segment
HIDES_A_CLASS = 0.9  # a share of right answers above which a whole rare class may well be wrong
MOST_LISTED = 5  # names or rows that one warning lists
LONGEST = 60  # characters of an example id that a warning shows


def warnings(
    policy: Policy, comparison: Comparison, rows: Sequence[TaskVerdict], today: date
) -> Iterator[str]:
    """Yield the warnings of a verdict, in words.

    Args:
        policy: The policy.
        comparison: The results of both sides.
        rows: The rows of the verdict.
        today: The day on which waivers must hold.
    """
    yield from (note.removesuffix(".") for note in comparison.notes)
    # A waived or uncritical row that failed does not decide, but must not disappear.
    for row in rows:
        if row.waived and not row.settled:
            yield f"{row.label}: {row.reason} (waived: {row.waived})"
        elif not row.critical and not row.settled:
            yield f"{row.label}: {row.reason}"
    yield from _not_shown(rows)
    yield from _small_parts(comparison)
    yield from _blind_tasks(comparison)
    yield from _smaller_areas(policy, comparison)
    for waiver in policy.waivers:
        if today > waiver.expires:
            yield f"the waiver of {waiver.name} expired on {waiver.expires}"
    yield from _unmatched(comparison)


def _not_shown(rows: Sequence[TaskVerdict]) -> Iterator[str]:
    """Warn of parts that show nothing and pass by the policy, the largest losses first."""
    passed_over: list[TaskVerdict] = []
    for row in rows:
        counts = row.critical and not row.required and not row.waived
        if counts and row.decision == "inconclusive":
            passed_over.append(row)
    passed_over.sort(key=lambda row: -(row.severity or 0.0))
    for row in passed_over[:MOST_LISTED]:
        possible = ""
        if row.low is not None and row.high is not None:
            largest = -row.low
            if row.lower_is_better:
                largest = row.high
            possible = f", and a loss of {_rounded(row, largest)} is possible"
        yield (
            f"{row.label}: it is not shown to be within the limit (measured change "
            f"{row.amounts.change(row.change)}, {row.examples:,} examples{possible})"
        )
    if len(passed_over) > MOST_LISTED:
        more = len(passed_over) - MOST_LISTED
        yield f"{more} more segments or classes are not shown to be within their limits"


def _rounded(row: TaskVerdict, loss: float) -> str:
    """Write a possible loss, which needs no second decimal."""
    if row.unit == "points":
        return f"{100 * loss:.1f} points"
    return row.amounts.size(loss)


def _small_parts(comparison: Comparison) -> Iterator[str]:
    """Warn of parts of a task that are so small that its score cannot show them."""
    kinds = (
        ("rare classes", "class", comparison.class_shares),
        ("small segments", "segment", comparison.shares),
    )
    for title, noun, shares in kinds:
        small: list[str] = []
        for (task, part), share in shares.items():
            if share < RARE:
                small.append(f"{task}: {part}")
        if small:
            yield (
                f"{title} ({_listed(small)}) have less than {100 * RARE:g} % of the examples of "
                f"their task and hardly show in its score, so each {noun} is judged by itself"
            )


def _blind_tasks(comparison: Comparison) -> Iterator[str]:
    """Warn of tasks without labels in whose high score a rare class could disappear."""
    labelled = {task for task, _ in comparison.classes}
    blind: list[str] = []
    for task, scores in comparison.tasks.items():
        if not isinstance(scores, Pair) or task in labelled or not scores.measure.by_class:
            continue
        if scores.means[0] > HIDES_A_CLASS:
            blind.append(task)
    if blind:
        yield (
            f"{_listed(blind)}: a model that misses a whole rare class can also have a mean score "
            f"above {HIDES_A_CLASS:g}; add the column label to the results, so that each class is "
            "judged by itself"
        )


def _smaller_areas(policy: Policy, comparison: Comparison) -> Iterator[str]:
    """Warn of areas under the ROC curve that fell by more than the task may lose."""
    for task, (before, after) in comparison.areas.items():
        if before - after > policy.rule(task).limit:
            yield (
                f"{task}: the area under the ROC curve fell from {before:.3f} to {after:.3f}, "
                "which shares of right answers need not show"
            )


def _unmatched(comparison: Comparison) -> Iterator[str]:
    """Warn of examples that only one side was tested on."""
    for task in comparison.unmatched:
        # Mean scores include their examples, whoever else was tested on them.
        consequence = "so the scores are not those of the same examples"
        if isinstance(comparison.tasks.get(task), Pair):
            consequence = "and only the others were compared"
        yield f"{task}: {one_sided(comparison, task)}, {consequence}"


def one_sided(comparison: Comparison, task: str) -> str:
    """Say what only one side was tested on, with an example of each side if that is known.

    Args:
        comparison: The results of both sides.
        task: One of its tasks with unmatched examples.
    """
    if task in comparison.unknown_counts:
        champion, candidate = comparison.unknown_counts[task]
        return f"the champion was tested on {champion}, the candidate on {candidate}"
    count = comparison.unmatched[task]
    text = f"{count:,} examples are on one side only"
    if count == 1:
        text = "1 example is on one side only"
    champion, candidate = comparison.strangers.get(task, ("", ""))
    if champion or candidate:
        champion = short(champion) or "none"
        candidate = short(candidate) or "none"
        text += f" (champion only: {champion}; candidate only: {candidate})"
    # An example whose evaluation failed is missing for a reason that its owner can mend.
    if task in comparison.unscored:
        text += f" ({comparison.unscored[task]})"
    return text


def short(name: str) -> str:
    """Cut a name that is too long for a message."""
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}…"


def _listed(names: Sequence[str]) -> str:
    """List the first of several names, and say how many more there are."""
    text = ", ".join(names[:MOST_LISTED])
    if len(names) > MOST_LISTED:
        text += f" and {len(names) - MOST_LISTED} more"
    return text
