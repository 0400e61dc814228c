"""What a gate decided: a row for every task, segment and class, and the decision on the release."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from holdfast.gate.provenance import Provenance, digest_of_verdict
from holdfast.gate.rules import row_name
from holdfast.gate.units import USUAL_LIMIT, Amounts, Unit
from holdfast.metrics.releases import Standing

SCHEMA = 2  # version of `Verdict.to_json`
Decision = Literal["pass", "fail", "inconclusive"]
RowDecision = Literal["pass", "fail", "inconclusive", "new"]


@dataclass(frozen=True)
class TaskVerdict:
    """What was decided on one task, on a segment of it, or on one class in it.

    A change is the candidate's score minus the champion's. Below 0 the candidate is worse, unless
    lower scores are better.

    Attributes:
        task: The task.
        segment: The segment, or "" for the task as a whole.
        class_label: The class whose recall was judged, or "" otherwise.
        decision: `pass`: it is shown to lose less than `delta`. `fail`: it is shown to lose more,
            or a rule on measured figures is broken. `inconclusive`: neither is shown. `new`: the
            champion was not tested on it.
        critical: Whether the release fails if this row fails. Otherwise the row is a warning.
        required: Whether the release passes only if this row does.
        reason: Why, in words.
        champion: Score of the champion, or None if it was not tested.
        candidate: Score of the candidate, or None if it was not tested.
        change: Measured change.
        low: Lower end of the interval of the change, at the level of the decision `pass`.
        high: Upper end, at the level of the decision `fail`, which is corrected for several
            comparisons.
        delta: The largest loss that is allowed, above 0.
        p_loses_less: P-value of "loses delta or more". It is small if the row is shown to keep
            within delta.
        p_loses_more: P-value of "loses delta or less", without correction.
        p_corrected: The same with the correction.
        correction: Name of the correction that `high` and `p_corrected` have, or "" if there is
            none.
        examples: Number of examples of both sides.
        clusters: Number of clusters, if examples are clustered.
        needed: Number of examples that would decide, if the row is inconclusive.
        needed_clusters: Number of clusters that would decide.
        method: The test.
        waived: Reason of the waiver that holds for this row.
        exact: Whether a rule on measured figures decided, rather than a test.
        metric: What the scores are, such as "score", "auc" or the name of a column.
        lower_is_better: Whether a change above 0 is a loss.
        unit: The unit of change, low, high and delta. "points": scores lie in [0, 1]. "percent":
            all four are shares of the champion's score. "raw": the unit of the scores.
        share: Whether champion and candidate are shares in [0, 1].
    """

    # The order of the fields is that of verdict.json, and is kept when fields are added.
    task: str
    decision: RowDecision
    critical: bool
    reason: str
    champion: float | None
    candidate: float | None
    # Rows of whole tasks leave the next two empty.
    segment: str = ""
    class_label: str = ""
    required: bool = True
    # All of these are empty for a row that only one side was tested on. Scores that cannot be
    # tested have a change and a limit, but no interval.
    change: float | None = None
    low: float | None = None
    high: float | None = None
    delta: float | None = None
    p_loses_less: float | None = None
    p_loses_more: float | None = None
    p_corrected: float | None = None
    correction: str = ""
    examples: int = 0
    clusters: int | None = None
    needed: int | None = None
    needed_clusters: int | None = None
    method: str = ""
    waived: str | None = None
    exact: bool = False
    metric: str = "score"
    lower_is_better: bool = False
    unit: Unit = "points"
    share: bool = True

    @property
    def amounts(self) -> Amounts:
        """How the scores and changes of this row are written."""
        return Amounts(self.unit, self.share)

    @property
    def loss(self) -> float | None:
        """The measured loss in the row's unit: above 0 if the candidate is worse."""
        if self.change is None or self.lower_is_better:
            return self.change
        return -self.change

    @property
    def allowed_change(self) -> float | None:
        """The change at the limit, with its sign."""
        if self.delta is None or self.lower_is_better:
            return self.delta
        return -self.delta

    @property
    def is_shown_worse(self) -> bool:
        """Whether even the corrected test shows a loss: the whole interval is one."""
        if self.low is None or self.high is None:
            return False
        if self.lower_is_better:
            return self.low > 0
        return self.high < 0

    @property
    def severity(self) -> float | None:
        """The measured loss on a scale that all rows share, or None if nothing was measured.

        Changes in a unit of their own are compared with what is allowed.
        """
        if self.loss is None or self.unit != "raw" or not self.delta:
            return self.loss
        return USUAL_LIMIT * self.loss / self.delta

    @property
    def label(self) -> str:
        """The task, task/segment, or the class of a task."""
        return row_name(self.task, self.segment, self.class_label)

    @property
    def nested(self) -> bool:
        """Whether this is a part of a task."""
        return bool(self.segment or self.class_label)

    @property
    def settled(self) -> bool:
        """Whether nothing needs attention: the row passed, or it is new and above its floor."""
        return self.decision in ("pass", "new")


@dataclass(frozen=True)
class Verdict:
    """The decision on a release.

    Attributes:
        decision: `pass`: every required row passes. `fail`: a critical row fails, or a rule on the
            whole is broken. `inconclusive`: otherwise.
        passed: Whether the candidate may replace the champion. The policy says what an inconclusive
            decision means.
        reasons: What keeps it from passing, worst first.
        warnings: What you should know although it does not keep the candidate from passing.
        tasks: All rows: tasks in the order of their worst change, each followed by its segments and
            classes.
        mean_change: Mean change over the tasks of both sides.
        confidence: The policy's confidence.
        decided_by: What decided by the policy: tests, or measured figures.
        policy: Name of the policy's file, or of the shipped policy.
        champion: Where the champion's results came from.
        candidate: Where the candidate's results came from.
        champion_release: The champion's release in the ledger, or "" if it came from a file.
        judged: The day, ISO 8601.
        champion_standing: ACC, BWT and forgetting, if matrices or a ledger tell them.
        candidate_standing: The same of the candidate.
        look: The look at which it was reached, such as "look 2 of 3", or "" if there is only one.
        provenance: What the verdict was made of, with digests. None if it was decided on results
            that were joined before (`Gate.decide`).
    """

    decision: Decision
    passed: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    tasks: tuple[TaskVerdict, ...]
    mean_change: float | None
    confidence: float
    decided_by: Literal["tests", "figures"]
    policy: str
    champion: str
    candidate: str
    champion_release: str
    judged: str
    champion_standing: Standing | None = None
    candidate_standing: Standing | None = None
    look: str = ""
    provenance: Provenance | None = None

    @property
    def worst(self) -> TaskVerdict | None:
        """The row with the largest measured loss, or None if nothing was measured."""
        # Tasks, segments and classes that only one side was tested on have no change.
        measured = [row for row in self.tasks if row.severity is not None]
        return max(measured, key=lambda row: row.severity or 0.0, default=None)

    @property
    def headline(self) -> str:
        """The decision and the worst change, in one line."""
        # The word alone would not say whether the exit code is 0.
        text: str = self.decision
        if self.decision == "inconclusive" and self.passed:
            text += " (passes by policy)"
        elif self.decision == "inconclusive":
            text += " (fails by policy)"
        worst = self.worst
        if worst is None:
            return text
        return f"{text}; worst change: {worst.amounts.change(worst.change)} on {worst.label}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, by the schema in docs/verdict.schema.json."""
        values = {"schema": SCHEMA, **asdict(self)}
        # Whoever changes the file afterwards, even by a digit, is found by `gate verify`.
        return {**values, "digest": digest_of_verdict(values)}
