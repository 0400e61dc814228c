"""The decision on one task, segment or class, and the words for it."""

from dataclasses import dataclass, replace
from math import isfinite, nan

from holdfast.gate.levels import Level
from holdfast.gate.measures import Measure
from holdfast.gate.rules import TaskRule
from holdfast.gate.statistics import Evidence
from holdfast.gate.subjects import Subject
from holdfast.gate.units import Amounts
from holdfast.gate.verdict import RowDecision, TaskVerdict

HOPELESS = 10**9  # examples from which on a number helps nobody
POWER = 0.8  # chance with which the numbers of examples that are given would decide
ROUNDING = 1e-9  # by which a loss may exceed a limit that it meets


@dataclass(frozen=True)
class _Outcome:
    """A decision before it becomes a row of the verdict.

    Attributes:
        decision: The decision.
        reason: Why, in words.
        exact: Whether a rule on measured figures decided, rather than a test.
        needed: Number of examples that would decide.
        needed_clusters: Number of clusters that would decide.
    """

    decision: RowDecision
    reason: str
    exact: bool = False
    needed: int | None = None
    needed_clusters: int | None = None


def decide_row(subject: Subject, level: Level | None, lost: float) -> TaskVerdict:
    """Decide on one subject.

    Args:
        subject: What is judged.
        level: Its level, or None if it cannot be tested.
        lost: What the task lost since it was learnt, above 0. It is 0 if that is unknown.

    Returns:
        The row of the verdict.
    """
    before, after = subject.scores.means
    rule = subject.rule
    evidence = subject.evidence
    change = _change(subject)
    # Rules on figures come first: a score below its floor fails, whatever a test shows.
    outcome = _by_figures(rule, after, lost, subject.amounts)
    if outcome is None and evidence is not None and level is not None:
        outcome = _by_test(subject, evidence, level)
    if outcome is None:
        outcome = _untested(subject, change)
    row = TaskVerdict(
        task=subject.task,
        decision=outcome.decision,
        critical=rule.critical,
        reason=outcome.reason,
        champion=_known(before),
        candidate=_known(after),
        segment=subject.segment,
        class_label=subject.class_label,
        required=subject.required,
        change=_known(change),
        delta=rule.limit,
        examples=subject.scores.examples,
        needed=outcome.needed,
        needed_clusters=outcome.needed_clusters,
        exact=outcome.exact,
        metric=subject.metric,
        lower_is_better=subject.lower_is_better,
        unit=subject.amounts.unit,
        share=subject.amounts.share,
    )
    # A row that a rule on figures decided shows what its test says as well.
    if evidence is not None and level is not None:
        row = _with_test(row, evidence, level)
    return row


def _known(value: float) -> float | None:
    """Return a value, or None if a measure has none."""
    if isfinite(value):
        return value
    return None


def _change(subject: Subject) -> float:
    """Return the measured change in the unit of the row: new minus old."""
    before, after = subject.scores.means
    if not subject.rule.is_relative:
        return after - before
    if not before > 0:
        return nan
    return after / before - 1


def new_task_row(
    task: str, score: float, examples: int, rule: TaskRule, measure: Measure
) -> TaskVerdict:
    """Make the row of a task that the champion was not tested on.

    Args:
        task: The task.
        score: The candidate's score on it, NaN if the measure has no value.
        examples: Number of examples.
        rule: What is asked of it. Only a floor or a ceiling applies.
        measure: What the score is.
    """
    decision: RowDecision = "new"
    reason = "is a new task, on which the champion was not tested"
    broken = _beyond_limit(rule, score)
    if broken:
        decision = "fail"
        reason = f"is a new task, and {broken}"
    return TaskVerdict(
        task=task,
        decision=decision,
        critical=rule.critical,
        reason=reason,
        champion=None,
        candidate=_known(score),
        examples=examples,
        exact=bool(broken),
        metric=measure.name,
        lower_is_better=not measure.higher_is_better,
        share=measure.is_share,
    )


def missing_row(
    task: str,
    segment: str,
    score: float,
    rule: TaskRule,
    measure: Measure,
    class_label: str = "",
) -> TaskVerdict:
    """Make the row of a task, segment or class that the candidate was not tested on.

    Args:
        task: The task.
        segment: The segment, or "" for the task as a whole.
        score: The champion's score.
        rule: What is asked.
        measure: What the score is.
        class_label: The class, or "" otherwise.
    """
    return TaskVerdict(
        task=task,
        decision="fail",
        critical=rule.critical,
        reason="the candidate was not tested on it, although the champion was",
        champion=_known(score),
        candidate=None,
        segment=segment,
        class_label=class_label,
        exact=True,
        metric=measure.name,
        lower_is_better=not measure.higher_is_better,
        share=measure.is_share,
    )


# ---- how a subject is decided


def _by_figures(rule: TaskRule, score: float, lost: float, amounts: Amounts) -> _Outcome | None:
    """Apply the rules on measured figures. None if none of them is broken."""
    broken = _beyond_limit(rule, score)
    if broken:
        return _Outcome("fail", broken, exact=True)
    limit = rule.max_cumulative_drop
    if limit is not None and lost > limit + ROUNDING:
        reason = (
            f"lost {amounts.size(lost)} since it was learnt, more than the "
            f"{amounts.limit(limit)} allowed"
        )
        return _Outcome("fail", reason, exact=True)
    return None


def _beyond_limit(rule: TaskRule, score: float) -> str:
    """Say how a score is below its floor or above its ceiling, or return "" if it is not."""
    if rule.floor is not None and score < rule.floor:
        return f"its score {score:.4f} is below the floor {rule.floor:g}"
    if rule.ceiling is not None and score > rule.ceiling:
        return f"its score {score:.4f} is above the ceiling {rule.ceiling:g}"
    return ""


def _untested(subject: Subject, change: float) -> _Outcome:
    """Decide on scores that cannot be tested."""
    if not isfinite(change):
        return _Outcome("inconclusive", f"it cannot be tested, because {subject.untestable}")
    reason = (
        f"the measured change is {subject.amounts.change(change)}, but it cannot be tested, "
        f"because {subject.untestable}"
    )
    return _Outcome("inconclusive", reason)


def _by_test(subject: Subject, evidence: Evidence, level: Level) -> _Outcome:
    """Decide by the two tests: is it shown to lose more than allowed, or less?"""
    rule = subject.rule
    amounts = subject.amounts
    loss = -evidence.change
    measured = f"measured change {amounts.change(subject.signed(evidence.change))}"
    # A large loss is shown even by few examples, so this comes before their number.
    if level.worse.rejected:
        worse = f"{subject.loses} {amounts.size(loss)}"
        reason = f"{worse}, more than the {amounts.limit(rule.limit)} allowed"
        return _Outcome("fail", reason)
    if evidence.examples < rule.min_examples:
        reason = (
            f"has {in_words(evidence.examples, None)}, but the policy asks for at least "
            f"{rule.min_examples} ({measured})"
        )
        return _Outcome("inconclusive", reason, needed=rule.min_examples)
    if evidence.p_loses_less(rule.limit) <= level.alpha:
        allowed = amounts.limit_with_unit(rule.limit)
        return _Outcome("pass", f"is shown to {subject.lose} less than {allowed} ({measured})")

    # Nothing is shown. What would help depends on the side of the limit on which the loss lies.
    examples = in_words(evidence.examples, evidence.clusters)
    if loss >= rule.limit:
        reason = (
            f"the measured {subject.noun} of {amounts.size(loss)} is not below the "
            f"{amounts.limit(rule.limit)} allowed, but {examples} cannot show that the true "
            f"{subject.noun} is larger"
        )
        if evidence.p_loses_more(rule.limit) <= level.alpha:
            reason += f" (without {level.correction} they could)"
        return _Outcome("inconclusive", reason)
    return _not_enough(subject, evidence, level.alpha, f"({measured})")


def _not_enough(subject: Subject, evidence: Evidence, alpha: float, measured: str) -> _Outcome:
    """Say how many examples would show that a measured loss below the limit is truly below it."""
    rule = subject.rule
    loss = max(-evidence.change, 0.0)
    needed, needed_clusters = units_needed(rule, evidence, alpha, loss, POWER)
    examples = in_words(evidence.examples, evidence.clusters)
    allowed = subject.amounts.limit_with_unit(rule.limit)
    reason = f"{examples} cannot show a {subject.noun} below {allowed} {measured}"
    # A loss just below the limit would take billions of examples, which helps nobody.
    if needed > HOPELESS:
        return _Outcome("inconclusive", f"{reason}, and no practical number could")
    assumption = "nothing is really lost"
    if loss > 0:
        assumption = "this is the true change"
    reason += f"; about {in_words(needed, needed_clusters)} could, if {assumption}"
    return _Outcome("inconclusive", reason, needed=needed, needed_clusters=needed_clusters)


def _with_test(row: TaskVerdict, evidence: Evidence, level: Level) -> TaskVerdict:
    """Add what the test says to a row."""
    limit = row.delta or 0.0
    low, high = evidence.interval(level.alpha, level.worse.level)
    # Evidence counts gains. If lower scores are better, a gain is a change below 0.
    if row.lower_is_better:
        low, high = 0.0 - high, 0.0 - low
    return replace(
        row,
        low=low,
        high=high,
        p_loses_less=evidence.p_loses_less(limit),
        p_loses_more=evidence.p_loses_more(limit),
        p_corrected=level.worse.p,
        correction=level.correction,
        clusters=evidence.clusters,
        method=evidence.method,
    )


# ---- numbers of examples


def units_needed(
    rule: TaskRule, evidence: Evidence, alpha: float, loss: float, power: float
) -> tuple[int, int | None]:
    """Estimate the examples, and clusters if there are any, that would show the limit is kept.

    Args:
        rule: What is asked.
        evidence: What the scores at hand show.
        alpha: Level of the test.
        loss: The assumed true loss.
        power: Chance of showing it.

    Returns:
        Number of examples, and of clusters (None if examples are independent).
    """
    examples, clusters = evidence.needed(rule.limit, alpha, loss, power)
    if clusters is None or evidence.clusters is None:
        return max(_rounded_up(examples), rule.min_examples), None
    # Assume that new clusters are as large as those at hand.
    clusters = _rounded_up(clusters)
    examples = clusters * evidence.examples // evidence.clusters
    return max(_rounded_up(examples), rule.min_examples), clusters


def _rounded_up(count: int) -> int:
    """Round up to two digits, because more would claim what a plan cannot know."""
    step: int = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // step) * step


def in_words(examples: int, clusters: int | None) -> str:
    """Write a number of examples, or of clusters of them, in words.

    >>> in_words(1, None), in_words(2_000, 20)
    ('1 example', '20 clusters (2,000 examples)')
    """
    counted = _counted(examples, "example")
    if clusters is None:
        return counted
    return f"{_counted(clusters, 'cluster')} ({counted})"


def _counted(count: int, noun: str) -> str:
    """Write a number with its noun."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}s"
