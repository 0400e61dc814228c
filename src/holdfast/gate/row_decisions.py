"""The decision on one task, segment or class, and the words for it."""

from dataclasses import dataclass, replace

from holdfast.gate.levels import Level
from holdfast.gate.policy import TaskRule
from holdfast.gate.statistics import Evidence
from holdfast.gate.subjects import Subject
from holdfast.gate.verdict import RowDecision, TaskVerdict
from holdfast.text import points

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
    # Rules on figures come first: a score below its floor fails, whatever a test shows.
    outcome = _by_figures(rule, after, lost)
    if outcome is None and evidence is not None and level is not None:
        outcome = _by_test(rule, evidence, level)
    if outcome is None:
        outcome = _untested(after - before, subject.untestable)
    row = TaskVerdict(
        task=subject.task,
        decision=outcome.decision,
        critical=rule.critical,
        reason=outcome.reason,
        champion=before,
        candidate=after,
        segment=subject.segment,
        class_label=subject.class_label,
        required=subject.required,
        change=after - before,
        delta=rule.delta,
        examples=subject.scores.examples,
        needed=outcome.needed,
        needed_clusters=outcome.needed_clusters,
        exact=outcome.exact,
    )
    # A row that a rule on figures decided shows what its test says as well.
    if evidence is not None and level is not None:
        row = _with_test(row, rule, evidence, level)
    return row


def new_task_row(task: str, score: float, examples: int, rule: TaskRule) -> TaskVerdict:
    """Make the row of a task that the champion was not tested on.

    Args:
        task: The task.
        score: The candidate's score on it.
        examples: Number of examples.
        rule: What is asked of it. Only a floor applies.
    """
    decision: RowDecision = "new"
    reason = "is a new task, on which the champion was not tested"
    below_floor = rule.floor is not None and score < rule.floor
    if below_floor:
        decision = "fail"
        reason = f"is a new task, and its score {score:.4f} is below the floor {rule.floor:g}"
    return TaskVerdict(
        task=task,
        decision=decision,
        critical=rule.critical,
        reason=reason,
        champion=None,
        candidate=score,
        examples=examples,
        exact=below_floor,
    )


def missing_row(
    task: str, segment: str, score: float, rule: TaskRule, class_label: str = ""
) -> TaskVerdict:
    """Make the row of a task, segment or class that the candidate was not tested on.

    Args:
        task: The task.
        segment: The segment, or "" for the task as a whole.
        score: The champion's score.
        rule: What is asked.
        class_label: The class, or "" otherwise.
    """
    return TaskVerdict(
        task=task,
        decision="fail",
        critical=rule.critical,
        reason="the candidate was not tested on it, although the champion was",
        champion=score,
        candidate=None,
        segment=segment,
        class_label=class_label,
        exact=True,
    )


# ---- how a subject is decided


def _by_figures(rule: TaskRule, score: float, lost: float) -> _Outcome | None:
    """Apply the rules on measured figures. None if none of them is broken."""
    if rule.floor is not None and score < rule.floor:
        reason = f"its score {score:.4f} is below the floor {rule.floor:g}"
        return _Outcome("fail", reason, exact=True)
    limit = rule.max_cumulative_drop
    if limit is not None and lost > limit + ROUNDING:
        reason = (
            f"lost {100 * lost:.2f} points since it was learnt, more than the {100 * limit:g} "
            "allowed"
        )
        return _Outcome("fail", reason, exact=True)
    return None


def _untested(change: float, why: str) -> _Outcome:
    """Decide on scores that cannot be tested."""
    reason = (
        f"the measured change is {points(change)} points, but it cannot be tested, because {why}"
    )
    return _Outcome("inconclusive", reason)


def _by_test(rule: TaskRule, evidence: Evidence, level: Level) -> _Outcome:
    """Decide by the two tests: is it shown to lose more than allowed, or less?"""
    allowed = f"{100 * rule.delta:g}"
    loss = -evidence.change
    measured = f"measured change {points(evidence.change)} points"
    # A large loss is shown even by few examples, so this comes before their number.
    if level.worse.rejected:
        reason = f"loses {100 * loss:.2f} points, more than the {allowed} allowed"
        return _Outcome("fail", reason)
    if evidence.examples < rule.min_examples:
        reason = (
            f"has {in_words(evidence.examples, None)}, but the policy asks for at least "
            f"{rule.min_examples} ({measured})"
        )
        return _Outcome("inconclusive", reason, needed=rule.min_examples)
    if evidence.p_loses_less(rule.delta) <= level.alpha:
        return _Outcome("pass", f"is shown to lose less than {allowed} points ({measured})")

    # Nothing is shown. What would help depends on the side of the limit on which the loss lies.
    examples = in_words(evidence.examples, evidence.clusters)
    if loss >= rule.delta:
        reason = (
            f"the measured loss of {100 * loss:.2f} points is not below the {allowed} allowed, but "
            f"{examples} cannot show that the true loss is larger"
        )
        if evidence.p_loses_more(rule.delta) <= level.alpha:
            reason += f" (without {level.correction} they could)"
        return _Outcome("inconclusive", reason)
    return _not_enough(rule, evidence, level.alpha, f"({measured})")


def _not_enough(rule: TaskRule, evidence: Evidence, alpha: float, measured: str) -> _Outcome:
    """Say how many examples would show that a measured loss below the limit is truly below it."""
    loss = max(-evidence.change, 0.0)
    needed, needed_clusters = units_needed(rule, evidence, alpha, loss, POWER)
    examples = in_words(evidence.examples, evidence.clusters)
    reason = f"{examples} cannot show a loss below {100 * rule.delta:g} points {measured}"
    # A loss just below the limit would take billions of examples, which helps nobody.
    if needed > HOPELESS:
        return _Outcome("inconclusive", f"{reason}, and no practical number could")
    assumption = "nothing is really lost"
    if loss > 0:
        assumption = "this is the true change"
    reason += f"; about {in_words(needed, needed_clusters)} could, if {assumption}"
    return _Outcome("inconclusive", reason, needed=needed, needed_clusters=needed_clusters)


def _with_test(row: TaskVerdict, rule: TaskRule, evidence: Evidence, level: Level) -> TaskVerdict:
    """Add what the test says to a row."""
    low, high = evidence.interval(level.alpha, level.worse.level)
    return replace(
        row,
        low=low,
        high=high,
        p_loses_less=evidence.p_loses_less(rule.delta),
        p_loses_more=evidence.p_loses_more(rule.delta),
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
    examples, clusters = evidence.needed(rule.delta, alpha, loss, power)
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
