"""What a release is judged on: each task, each of its segments, and each class with a label."""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.gate.evidence_of_pairs import obstacle_of_pair, paired_evidence
from holdfast.gate.joining import Comparison, Mean, Pair, Summary
from holdfast.gate.joining.comparison import SCORE
from holdfast.gate.measures import Measure
from holdfast.gate.policy import Policy
from holdfast.gate.rules import TaskRule, row_name
from holdfast.gate.statistics import Aggregated, Evidence
from holdfast.gate.units import Amounts, Unit


@dataclass(frozen=True)
class Subject:
    """One thing that is judged, with its scores and its rule.

    Attributes:
        task: The task.
        segment: The segment, or "" for the task as a whole.
        class_label: The class whose recall is judged, or "" otherwise.
        scores: Scores of both sides.
        rule: What is asked.
        required: Whether the release passes only if this is shown to be within the limit.
        evidence: What the scores show, or None if they cannot be tested.
        untestable: Why they cannot be tested, or "" if they can.
        candidate_prevents_test: Whether only the candidate's results keep them from being tested.
        measure: What the scores are.
    """

    task: str
    segment: str
    class_label: str
    scores: Pair | Summary
    rule: TaskRule
    required: bool
    evidence: Evidence | None
    untestable: str
    candidate_prevents_test: bool
    measure: Measure

    @property
    def metric(self) -> str:
        """Name of the measure."""
        return self.measure.name

    @property
    def lower_is_better(self) -> bool:
        """Whether a change above 0 is a loss."""
        return not self.measure.higher_is_better

    @property
    def amounts(self) -> Amounts:
        """How scores and changes are written."""
        unit: Unit = "raw"
        if self.rule.is_relative:
            unit = "percent"
        elif self.measure.is_share:
            unit = "points"
        return Amounts(unit, self.measure.is_share)

    @property
    def lose(self) -> str:
        """What becoming worse is called, after "to". An error that rises loses nothing."""
        return {True: "rise by", False: "lose"}[self.lower_is_better]

    @property
    def loses(self) -> str:
        """The same of the candidate."""
        return {True: "rises by", False: "loses"}[self.lower_is_better]

    @property
    def noun(self) -> str:
        """The same as a noun."""
        return {True: "rise", False: "loss"}[self.lower_is_better]

    def signed(self, gain: float) -> float:
        """Turn a gain into a change, which is new minus old."""
        if self.lower_is_better:
            return 0.0 - gain
        return gain

    @property
    def name(self) -> str:
        """The task, task/segment, or the class of a task."""
        return row_name(self.task, self.segment, self.class_label)


def subjects(policy: Policy, comparison: Comparison) -> Iterator[Subject]:
    """Yield everything that the policy wants judged, in the order of the results."""
    # Tasks and their segments.
    for (task, segment), scores in comparison.all.items():
        rule = policy.rule(task, segment)
        if not segment:
            yield _subject(task, "", "", scores, rule, required=rule.critical)
        elif rule.segments != "ignore":
            # Under "worse", a segment that shows nothing does not keep the release from passing.
            required = rule.critical and rule.segments == "strict"
            yield _subject(task, segment, "", scores, rule, required)
    # Classes, if the champion's results have labels.
    for (task, class_label), pair in comparison.classes.items():
        rule = policy.rule(task)
        if rule.classes == "ignore":
            continue
        required = rule.critical and rule.classes == "strict"
        # A floor and a cumulative limit are meant for the score of the task, not for a recall.
        rule = rule.model_copy(update={"floor": None, "ceiling": None, "max_cumulative_drop": None})
        yield _subject(task, "", class_label, pair, rule, required)


def _subject(
    task: str,
    segment: str,
    class_label: str,
    scores: Pair | Summary,
    rule: TaskRule,
    required: bool,
) -> Subject:
    """Make a subject, with what its scores show."""
    evidence: Evidence | None = None
    candidate_prevents_test = False
    measure = SCORE
    if isinstance(scores, Pair):
        measure = scores.measure
        untestable = scores.untestable or obstacle_of_pair(scores, rule)
        candidate_prevents_test = scores.candidate_at_fault
        if not untestable:
            evidence = paired_evidence(scores, rule)
    else:
        champion_obstacle = _obstacle(scores.champion)
        candidate_obstacle = _obstacle(scores.candidate)
        untestable = champion_obstacle or candidate_obstacle
        # If the champion has the same fault, the candidate gains nothing by it.
        candidate_prevents_test = bool(candidate_obstacle) and not champion_obstacle
        if rule.is_relative:
            untestable = "a relative limit needs one row per example (set delta to a number)"
        if not untestable:
            evidence = Aggregated(_as_tuple(scores.champion), _as_tuple(scores.candidate))
    return Subject(
        task=task,
        segment=segment,
        class_label=class_label,
        scores=scores,
        rule=rule,
        required=required,
        evidence=evidence,
        untestable=untestable,
        candidate_prevents_test=candidate_prevents_test,
        measure=measure,
    )


def _as_tuple(mean: Mean) -> tuple[float, float | None, int]:
    """Return a mean score as the statistics take it."""
    return mean.score, mean.sd, mean.examples


def _obstacle(mean: Mean) -> str:
    """Say why an aggregated score cannot be tested, or return "" if it can."""
    if not mean.examples:
        return "the number of examples is unknown (give it in the column examples)"
    # A share of right answers tells its own spread. Any other mean may have any spread.
    if mean.sd is None and not mean.share:
        return (
            "the scores are not shares of right answers, because score × examples is not a whole "
            "number (give their standard deviations in the column sd)"
        )
    return ""
