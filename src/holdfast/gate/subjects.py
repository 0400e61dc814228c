"""What a release is judged on: each task, each of its segments, and each class with a known label."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from holdfast.gate.joining import Comparison, Mean, Pair, Summary
from holdfast.gate.policy import Policy, TaskRule, row_name
from holdfast.gate.statistics import Aggregated, Evidence, Paired

Side = Literal["champion", "candidate"]


@dataclass(frozen=True)
class Subject:
    """One thing that is judged, with its scores and its rule.

    Attributes:
        task: The task.
        segment: The segment; "" for the task as a whole.
        class_label: The class whose recall is judged; "" otherwise.
        scores: Scores of both sides.
        rule: What is asked.
        required: Whether the release passes only if this is shown to be within the limit.
        evidence: What the scores show; None if they cannot be tested.
        untestable: Why they cannot be tested; "" if they can.
        candidates_doing: Whether the candidate's own results are what keeps them from being tested.
    """

    task: str
    segment: str
    class_label: str
    scores: Pair | Summary
    rule: TaskRule
    required: bool
    evidence: Evidence | None
    untestable: str
    candidates_doing: bool

    @property
    def name(self) -> str:
        """The task, task/segment, or the class of a task."""
        return row_name(self.task, self.segment, self.class_label)


def subjects(policy: Policy, found: Comparison) -> Iterator[Subject]:
    """Everything that the policy wants judged, in the order of the results."""
    for (task, segment), scores in found.all.items():
        rule = policy.rule(task, segment)
        if not segment:
            yield _subject(task, "", "", scores, rule, rule.critical)
        elif rule.segments != "ignore":
            yield _subject(
                task, segment, "", scores, rule, rule.critical and rule.segments == "strict"
            )
    for (task, class_label), pair in found.classes.items():
        rule = policy.rule(task)
        if rule.classes != "ignore":
            # A floor and a cumulative limit are meant for the score of the task, not for a recall.
            rule = rule.model_copy(update={"floor": None, "max_cumulative_drop": None})
            yield _subject(
                task, "", class_label, pair, rule, rule.critical and rule.classes == "strict"
            )


def _subject(
    task: str,
    segment: str,
    class_label: str,
    scores: Pair | Summary,
    rule: TaskRule,
    required: bool,
) -> Subject:
    if isinstance(scores, Pair):
        evidence: Evidence | None = Paired(scores.champion, scores.candidate, scores.cluster)
        return Subject(task, segment, class_label, scores, rule, required, evidence, "", False)
    champion, candidate = _obstacle(scores.champion), _obstacle(scores.candidate)
    untestable = champion or candidate
    evidence = None
    if not untestable:
        evidence = Aggregated(_triple(scores.champion), _triple(scores.candidate))
    mine = bool(candidate) and not champion
    return Subject(task, segment, class_label, scores, rule, required, evidence, untestable, mine)


def _triple(mean: Mean) -> tuple[float, float | None, int]:
    return mean.score, mean.sd, mean.examples


def _obstacle(mean: Mean) -> str:
    """Why an aggregated score cannot be tested; "" if it can."""
    if not mean.examples:
        return "the number of examples is not known; give it in the column examples"
    if mean.sd is None and not mean.share:
        return (
            "the scores are not shares of right answers (score × examples is not a whole number), so give their "
            "standard deviations in the column sd"
        )
    return ""
