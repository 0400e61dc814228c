"""At what level each subject is tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from holdfast.gate.policy import Policy
from holdfast.gate.statistics import Corrected, holm
from holdfast.gate.subjects import Subject


@dataclass(frozen=True)
class Level:
    """At what level a subject is tested.

    Attributes:
        alpha: Level of the test that it keeps within the limit. It is not corrected, because all
            subjects must show it.
        worse: Result of the test that it loses more, after the correction for all subjects.
        family: Number of subjects in that correction.
    """

    alpha: float
    worse: Corrected
    family: int

    @property
    def correction(self) -> str:
        """Name of the correction, or "" if there was nothing to correct for."""
        if self.family == 1:
            return ""
        return f"Holm's correction for {self.family} comparisons"


def levels(judged: Sequence[Subject], policy: Policy, today: date) -> list[Level | None]:
    """Return the level of every subject, or None if it cannot be tested.

    Subjects that count and subjects that only warn are corrected separately, so that many warnings
    do not weaken the tests that decide.
    """
    alpha = 1 - policy.confidence
    by_position: dict[int, Level] = {}
    # Two families: first the subjects that count, and then those that only warn.
    for counting in (True, False):
        positions: list[int] = []
        p_values: list[float] = []
        for position, subject in enumerate(judged):
            # What cannot be tested takes no part in the correction.
            if subject.evidence is None or _counts(subject, policy, today) != counting:
                continue
            positions.append(position)
            p_values.append(subject.evidence.p_loses_more(subject.rule.limit))
        for position, corrected in zip(positions, holm(p_values, alpha), strict=True):
            by_position[position] = Level(alpha, corrected, len(positions))
    return [by_position.get(position) for position in range(len(judged))]


def _counts(subject: Subject, policy: Policy, today: date) -> bool:
    """Whether the release can fail because of a subject."""
    waived = policy.waiver(subject.task, today, subject.segment) is not None
    return subject.rule.critical and not waived
