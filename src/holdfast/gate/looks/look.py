"""One look at a candidate, and how a decision at it counts the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from holdfast.gate.joining import Pair
from holdfast.gate.looks.schedule import Looks
from holdfast.gate.measures.averages import Average
from holdfast.gate.names import apart
from holdfast.gate.policy import Policy
from holdfast.gate.statistics import Anytime, AtLook, Spending
from holdfast.gate.subjects import Subject
from holdfast.gate.verdict import TaskVerdict, Verdict

MOST_LISTED = 5  # tasks that a sentence lists
Part = tuple[str, str, str]  # task, segment and class; the last two may be empty


@dataclass(frozen=True)
class Look:
    """One look at a candidate, and how a decision at it counts the others.

    Attributes:
        looks: All looks.
        number: Number of this look, from 1. It is 0 if there may be any number of looks.
        counts: By task, how many examples are at hand and how many are planned.
        information: By task, segment and class, the share of its examples at each planned look.
        unseen: Segments and classes that the planned test set has, but not the examples at hand.
    """

    looks: Looks
    number: int
    counts: dict[str, tuple[int, int]]
    information: dict[Part, tuple[float, ...]]
    unseen: tuple[Part, ...]

    @property
    def is_last(self) -> bool:
        """Whether all planned examples are at hand."""
        return all(at_hand == planned for at_hand, planned in self.counts.values())

    @property
    def name(self) -> str:
        """The look in words, such as "look 2 of 3"."""
        if not self.looks.shares:
            return "a look at any time"
        return f"look {self.number} of {len(self.looks.shares)}"

    @property
    def advice(self) -> str:
        """What to do if nothing is decided yet, as a full sentence, or "" at the last look."""
        if self.is_last:
            return ""
        if not self.looks.shares:
            listed = _listed(self.counts, [planned for _, planned in self.counts.values()])
            return f"Evaluate more examples in the champion's order ({listed} are planned)."
        planned = np.array([planned for _, planned in self.counts.values()])
        needed = self.looks.needed(self.number + 1, planned)
        listed = _listed(self.counts, needed.tolist())
        return (
            f"Continue with look {self.number + 1} of {len(self.looks.shares)}: evaluate the "
            f"candidate on the first {listed} of the champion's order."
        )

    def applied(self, judged: Sequence[Subject]) -> list[Subject]:
        """Give every subject the evidence that counts all looks.

        Args:
            judged: The subjects, with evidence as if there were no other look.
        """
        return [self._with_evidence(subject) for subject in judged]

    def _with_evidence(self, subject: Subject) -> Subject:
        """Give one subject the evidence that counts all looks."""
        if subject.evidence is None:
            return subject
        if not self.looks.shares:
            return _at_any_time(subject)
        part = (subject.task, subject.segment, subject.class_label)
        # A cost is no part of the test set, so its information is the share of the examples.
        design = Spending(self.looks.shares, self.information.get(part))
        return replace(subject, evidence=AtLook(subject.evidence, design, self.number))

    def unseen_rows(self, policy: Policy) -> list[TaskVerdict]:
        """Return an inconclusive row for each segment and class without an example at hand.

        Args:
            policy: The policy, which says whether the release can pass without them.
        """
        rows: list[TaskVerdict] = []
        for task, segment, class_label in self.unseen:
            rule = policy.rule(task, segment)
            judging = rule.segments
            if class_label:
                judging = rule.classes
            if judging == "ignore":
                continue
            rows.append(
                TaskVerdict(
                    task=task,
                    decision="inconclusive",
                    critical=rule.critical,
                    reason=f"none of its examples are among those of {self.name}",
                    champion=None,
                    candidate=None,
                    segment=segment,
                    class_label=class_label,
                    required=rule.critical and judging == "strict",
                )
            )
        return rows

    def noted(self, verdict: Verdict) -> Verdict:
        """Say at which look a verdict was reached, and what to do if it decides nothing yet.

        Args:
            verdict: The verdict on the examples of this look.
        """
        verdict = replace(verdict, look=self.name)
        if verdict.decision != "inconclusive" or self.is_last:
            return verdict
        # What the policy says about an inconclusive decision is meant for the end of the test set.
        reasons = (self.advice.removesuffix("."), *verdict.reasons)
        return replace(verdict, passed=False, reasons=reasons)


def _at_any_time(subject: Subject) -> Subject:
    """Give one subject evidence that is valid at any time, or say why there is none."""
    pair = subject.scores
    measure = subject.measure
    is_mean = isinstance(measure, Average) and not measure.open_ended
    if not isinstance(pair, Pair) or not is_mean or subject.rule.is_relative:
        why = (
            "only the mean of scores with a known range and a limit that is a number can be judged "
            "at any time (use planned looks, such as 0.5,1)"
        )
        return replace(subject, evidence=None, untestable=why)
    sign = 1.0
    if subject.lower_is_better:
        sign = -1.0
    span = pair.span
    # Scores with their signs turned lie in [-1, 0], which a check for [0, 1] would refuse.
    if span is None and subject.lower_is_better:
        span = 1.0
    scores = (sign * pair.champion, sign * pair.candidate)
    return replace(subject, evidence=Anytime(*scores, pair.cluster, span))


def _listed(tasks: Iterable[str], numbers: Sequence[int]) -> str:
    """List numbers of examples by task."""
    texts: list[str] = []
    for task, number in zip(tasks, numbers, strict=True):
        texts.append(f"{number:,} examples of task {apart(task)}")
    listed = ", ".join(texts[:MOST_LISTED])
    if len(texts) > MOST_LISTED:
        listed += f", and so for {len(texts) - MOST_LISTED} more tasks"
    return listed
