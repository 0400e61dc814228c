"""The decision on one task, segment or class, and the words for it."""

from dataclasses import dataclass
from typing import Any

from holdfast.gate.policy import TaskRule
from holdfast.gate.statistics import Corrected, Evidence
from holdfast.gate.subjects import Subject
from holdfast.gate.verdict import RowDecision, TaskVerdict
from holdfast.text import points

HOPELESS = 10**9  # examples, beyond which a number helps nobody
POWER = 0.8  # of the numbers of examples that are said to decide


@dataclass(frozen=True)
class Level:
    """At what level a subject is tested.

    Attributes:
        alpha: Of the test that it keeps within the limit; not corrected, since all of them must show it.
        worse: Of the test that it loses more, after the correction for all subjects that are tested.
        family: Number of subjects in that correction.
    """

    alpha: float
    worse: Corrected
    family: int

    @property
    def correction(self) -> str:
        """Name of the correction; "" if there was nothing to correct for."""
        return f"Holm's correction for {self.family} comparisons" if self.family > 1 else ""


def decide(subject: Subject, level: Level | None, lost: float) -> TaskVerdict:
    """Decide on one subject.

    Args:
        subject: What is judged.
        level: Its level; None if it cannot be tested.
        lost: What the task lost since it was learnt, above 0; 0 if that is not known.

    Returns:
        The row of the verdict.
    """
    before, after = subject.scores.means
    rule, evidence = subject.rule, subject.evidence
    decision, reason, exact = _by_figures(rule, after, lost)
    enough: tuple[int | None, int | None] = (None, None)
    tested: dict[str, Any] = {}
    if evidence is None or level is None:
        if not exact:
            decision = "inconclusive"
            reason = f"measured change {points(after - before)} points, but {subject.untestable}"
    else:
        if not exact:
            decision, reason, enough = _by_test(rule, evidence, level)
        tested = _tested(rule, evidence, level)
    return TaskVerdict(
        task=subject.task,
        decision=decision,
        critical=rule.critical,
        reason=reason,
        champion=before,
        candidate=after,
        segment=subject.segment,
        class_label=subject.class_label,
        required=subject.required,
        change=after - before,
        delta=rule.delta,
        examples=subject.scores.examples,
        needed=enough[0],
        needed_clusters=enough[1],
        exact=exact,
        **tested,
    )


def new_task(task: str, score: float, examples: int, rule: TaskRule) -> TaskVerdict:
    """The row of a task that the champion was not tested on."""
    low = rule.floor is not None and score < rule.floor
    reason = "new: the champion was not tested on it"
    if low:
        reason = f"new, and its score {score:.4f} is below the floor {rule.floor:g}"
    return TaskVerdict(
        task,
        "fail" if low else "new",
        rule.critical,
        reason,
        None,
        score,
        examples=examples,
        exact=low,
    )


def missing(
    task: str, segment: str, score: float, rule: TaskRule, class_label: str = ""
) -> TaskVerdict:
    """The row of a task, segment or class that the candidate was not tested on."""
    reason = "the candidate was not tested on it, although the champion was"
    return TaskVerdict(
        task, "fail", rule.critical, reason, score, None, segment, class_label, exact=True
    )


def _by_figures(rule: TaskRule, score: float, lost: float) -> tuple[RowDecision, str, bool]:
    """The rules on measured figures: decision, reason, and whether one of them decided."""
    if rule.floor is not None and score < rule.floor:
        return "fail", f"its score {score:.4f} is below the floor {rule.floor:g}", True
    limit = rule.max_cumulative_drop
    if limit is not None and lost > limit + 1e-9:
        reason = f"lost {100 * lost:.2f} points since it was learnt, more than the {100 * limit:g} allowed"
        return "fail", reason, True
    return "inconclusive", "", False


def _by_test(
    rule: TaskRule, evidence: Evidence, level: Level
) -> tuple[RowDecision, str, tuple[int | None, int | None]]:
    allowed, loss = f"{100 * rule.delta:g}", -evidence.change
    measured = f"measured change {points(evidence.change)}"
    if level.worse.rejected:
        reason = f"loses {100 * loss:.2f} points, more than the {allowed} allowed"
        return "fail", reason, (None, None)
    if evidence.examples < rule.min_examples:
        reason = f"{units(evidence.examples, None)}, and at least {rule.min_examples} are asked for ({measured} points)"
        return "inconclusive", reason, (rule.min_examples, None)
    if evidence.p_loses_less(rule.delta) <= level.alpha:
        return "pass", f"shown to lose less than {allowed} points ({measured})", (None, None)
    there = units(evidence.examples, evidence.clusters)
    if loss >= rule.delta:
        reason = f"the measured loss of {100 * loss:.2f} points is more than the {allowed} allowed, but {there} do not show it"
        if evidence.p_loses_more(rule.delta) <= level.alpha:  # without the correction it would fail
            reason += f" after {level.correction}"
        return "inconclusive", reason, (None, None)
    enough = needed(rule, evidence, level.alpha, max(loss, 0.0), POWER)
    reason = f"{there} do not show a loss below {allowed} points ({measured})"
    if enough[0] > HOPELESS:
        return "inconclusive", f"{reason}; no practical number would", (None, None)
    assumed = "that is the true change" if loss > 0 else "nothing is lost in truth"
    return "inconclusive", f"{reason}; about {units(*enough)} would, if {assumed}", enough


def needed(
    rule: TaskRule, evidence: Evidence, alpha: float, loss: float, power: float
) -> tuple[int, int | None]:
    """Examples, and clusters if there are any, that would show that the limit is kept.

    Args:
        rule: What is asked.
        evidence: What the scores at hand show.
        alpha: Level of the test.
        loss: The assumed true loss.
        power: Chance of showing it.
    """
    examples, clusters = evidence.needed(rule.delta, alpha, loss, power)
    if clusters is None or evidence.clusters is None:
        return max(_about(examples), rule.min_examples), None
    clusters = _about(clusters)
    return max(
        _about(clusters * evidence.examples // evidence.clusters), rule.min_examples
    ), clusters


def _tested(rule: TaskRule, evidence: Evidence, level: Level) -> dict[str, Any]:
    low, high = evidence.interval(level.alpha, level.worse.level)
    return {
        "low": low,
        "high": high,
        "p_loses_less": evidence.p_loses_less(rule.delta),
        "p_loses_more": evidence.p_loses_more(rule.delta),
        "p_corrected": level.worse.p,
        "correction": level.correction,
        "clusters": evidence.clusters,
        "method": evidence.method,
    }


def _about(count: int) -> int:
    """Rounded up to two digits: more would claim what a plan cannot know."""
    step = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // step) * step


def units(examples: int, clusters: int | None) -> str:
    """Examples, or clusters of them, in words."""
    counted = f"{examples:,} example" + ("" if examples == 1 else "s")
    if clusters is None:
        return counted
    return f"{clusters:,} cluster" + ("" if clusters == 1 else "s") + f" ({counted})"
