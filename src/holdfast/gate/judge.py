"""The gate: pass, fail or inconclusive, task by task and for the whole, with reasons.

Pass: every critical task and segment is shown to lose less than δ. All must show it, so nothing is
corrected. Fail: some critical task, segment or class is shown to lose more than δ (with Holm's
correction over all of them), or a rule on measured figures is broken. Inconclusive: otherwise, with
the number of examples that would decide. The mean alone never decides.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate.costs import cost_columns, cost_subjects
from holdfast.gate.formats import NOTHING_WANTED, Wanted
from holdfast.gate.joining import Comparison, compare
from holdfast.gate.joining.comparison import SCORE
from holdfast.gate.levels import levels
from holdfast.gate.looks import Look, Looks, at_look, expected_use
from holdfast.gate.measuring import measures_by, wanted_by
from holdfast.gate.policy import Policy, read_policy
from holdfast.gate.provenance import digest_of_text, provenance_of
from holdfast.gate.reading import read_side
from holdfast.gate.refusals import refuse
from holdfast.gate.release_decision import decide_release
from holdfast.gate.row_decisions import (
    POWER,
    decide_row,
    in_words,
    missing_row,
    new_task_row,
    units_needed,
)
from holdfast.gate.row_order import in_order
from holdfast.gate.subjects import Subject, subjects
from holdfast.gate.verdict import TaskVerdict, Verdict
from holdfast.metrics.releases import Standing

if TYPE_CHECKING:
    from holdfast.gate.reading import Side
    from holdfast.gate.reading.sides import Source


class Gate:
    """Judges a candidate against a champion by a policy.

    Args:
        policy: What is asked. `Policy()` has the defaults.
        name: What the policy is called in the verdict.
        digest: SHA-256 digest of the policy's text. By default, that of its fields as JSON.
        wanted: What else is asked of the readers of results, such as a format.

    Example:
        >>> import pandas as pd
        >>> scores = [1, 1, 1, 1, 0] * 200
        >>> old = pd.DataFrame({"task": "a", "example_id": range(1000), "score": scores})
        >>> Gate(Policy()).judge(old, old).decision
        'pass'
    """

    def __init__(
        self,
        policy: Policy,
        name: str = "",
        digest: str = "",
        wanted: Wanted = NOTHING_WANTED,
    ) -> None:
        self.policy = policy
        self.name = name
        self.wanted = wanted
        self.digest = digest or digest_of_text(policy.model_dump_json())

    @classmethod
    def from_policy(cls, path: str | Path) -> "Gate":
        """Make a gate with the policy of a TOML file.

        Args:
            path: The file, or the name of a shipped policy ("standard" or "simple").

        Raises:
            HoldfastError: There is no such policy, or it is not valid.
        """
        file = Path(path)
        policy = read_policy(file)
        digest = ""
        # A shipped policy has no text, and a pipe can be read only once.
        if file.is_file():
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return cls(policy, str(path), digest)

    def judge(
        self,
        champion: "Source | Side",
        candidate: "Source | Side",
        today: date | None = None,
        looks: Looks | None = None,
    ) -> Verdict:
        """Judge two models by their results.

        Args:
            champion: Results of the model in production: a file, a data frame or an accuracy matrix
                (see `read_side`), or a side from a ledger (`holdfast.ledger.sides`), which knows
                what every task lost since it was learnt.
            candidate: Results of the retrained model, in the same form.
            today: The day on which waivers must hold. None takes the current day.
            looks: When the candidate is judged, if it may be judged before all of its examples are
                evaluated. The champion's results are then the whole planned test set.

        Returns:
            The verdict.

        Raises:
            HoldfastError: The results cannot be read or compared, or the policy does not fit them.
        """
        return self.judge_and_compare(champion, candidate, today, looks)[0]

    def judge_and_compare(
        self,
        champion: "Source | Side",
        candidate: "Source | Side",
        today: date | None = None,
        looks: Looks | None = None,
    ) -> tuple[Verdict, Comparison]:
        """Judge two models, and also return the scores that were compared.

        Args:
            champion: See `judge`.
            candidate: See `judge`.
            today: See `judge`.
            looks: See `judge`.

        Returns:
            The verdict, and the scores of both sides on the same examples, which tell, for
            example, what was lost (`holdfast.gate.comment`).
        """
        champion_side = self.read(champion, "champion")
        candidate_side = self.read(candidate, "candidate")
        look: Look | None = None
        if looks is not None:
            self._refuse_looks_at_figures()
            champion_side, candidate_side, look = at_look(champion_side, candidate_side, looks)
        comparison = self.compare(champion_side, candidate_side)
        verdict = self.decide(comparison, today or date.today(), look)
        provenance = provenance_of(champion_side, candidate_side, self.digest)
        release = champion_side.release
        return replace(verdict, champion_release=release, provenance=provenance), comparison

    @property
    def asks(self) -> Wanted:
        """What is asked of a reader: what the user wants, and all columns that the policy needs."""
        return wanted_by(self.policy, self.wanted)

    def read(self, source: "Source | Side", side: str) -> "Side":
        """Read the results of one model, with all columns that the policy needs.

        Args:
            source: The results; see `holdfast.gate.read_side`.
            side: What they are called in messages.
        """
        return read_side(source, side, self.asks)

    def compare(self, champion: "Side", candidate: "Side") -> Comparison:
        """Join the results of two models by what the policy says the scores are.

        Args:
            champion: The champion's results, from `read`.
            candidate: The candidate's results.

        Raises:
            HoldfastError: They cannot be compared.
        """
        return compare(
            champion,
            candidate,
            measures_by(self.policy, champion, candidate),
            cost_columns(self.policy),
            self.policy.allow_changed,
            self.policy.repair_ids,
        )

    def _refuse_looks_at_figures(self) -> None:
        """Stop at a policy that takes measured figures for exact ones, as the first ones never are.

        Raises:
            HoldfastError: The policy decides by figures.
        """
        if self.policy.decide_by == "figures":
            raise HoldfastError(
                "the policy decides by measured figures, which nothing corrects for several looks; "
                'judge without looks, or set decide_by = "tests"'
            )

    def decide(self, found: Comparison, today: date, look: Look | None = None) -> Verdict:
        """Decide on results that were joined already.

        Args:
            found: The results of both sides, from `holdfast.gate.joining.compare`.
            today: The day on which waivers must hold.
            look: The look at which this is decided, if there may be several.

        Raises:
            HoldfastError: The policy does not fit the results.
        """
        # A comparison that cannot be judged fairly is an error, and not a failure of the candidate.
        refuse(self.policy, found, today)
        judged = self._subjects(found)
        if look is not None:
            judged = look.applied(judged)
        rows = self._tested_rows(judged, found, today)
        rows += self._one_sided_rows(found)
        if look is not None:
            rows += look.unseen_rows(self.policy)
        if self.policy.decide_by == "figures":
            # Only rules on figures count. What the tests say becomes a warning.
            rows = [_as_warning(row) for row in rows]
        # A waiver changes neither the decision nor the reason of a row, only whether it counts.
        rows = [self._with_waiver(row, today) for row in rows]
        verdict = decide_release(
            policy=self.policy,
            policy_name=self.name,
            comparison=found,
            rows=in_order(rows),
            poor_tasks=_tasks_with_poor_results(judged, found),
            today=today,
        )
        if look is None:
            return verdict
        return look.noted(verdict)

    def _subjects(self, found: Comparison) -> list[Subject]:
        """Return everything that is judged: tasks, their parts, and costs."""
        return [*subjects(self.policy, found), *cost_subjects(self.policy, found)]

    def plan(
        self, found: Comparison, power: float = POWER, looks: Looks | None = None
    ) -> Iterator[str]:
        """Say how many examples every task needs, and below it every segment and class.

        Args:
            found: Results of two models, which tell how much they differ.
            power: Chance of passing for a candidate that lost nothing, in (0, 1).
            looks: When the candidate is judged, if that is before the end of its evaluation.

        Returns:
            One line per subject, and with looks further lines on how much of the test set is used.
        """
        judged = self._subjects(found)
        # Segments and classes come after all tasks in the results, but below their task here.
        for task in dict.fromkeys(subject.task for subject in judged):
            for subject in judged:
                if subject.task == task:
                    yield self._planned(subject, power)
        if looks is not None:
            yield from self._planned_looks(judged, looks)

    def _planned_looks(self, judged: Sequence[Subject], looks: Looks) -> Iterator[str]:
        """Yield lines on how much of the test set is used if the evaluation may stop early."""
        needed = [row for row in judged if row.required and row.evidence is not None]
        if not needed:
            return
        use = expected_use(needed, looks, 1 - self.policy.confidence)
        yield from use.lines()

    def _planned(self, subject: Subject, power: float) -> str:
        """Return the line of a plan about one subject."""
        name = subject.name
        if name != subject.task:
            name = f"  {name}"  # parts are indented below their task
        rule = subject.rule
        evidence = subject.evidence
        if evidence is None:
            return f"{name}: cannot be tested, because {subject.untestable}"
        alpha = 1 - self.policy.confidence
        examples, clusters = units_needed(rule, evidence, alpha, 0.0, power)
        return (
            f"{name}: about {in_words(examples, clusters)} can show a {subject.noun} below "
            f"{subject.amounts.limit_with_unit(rule.limit)} with a chance of {100 * power:g} % if "
            f"nothing is lost; "
            f"the results have {in_words(evidence.examples, evidence.clusters)}"
        )

    def _tested_rows(
        self, judged: Sequence[Subject], comparison: Comparison, today: date
    ) -> list[TaskVerdict]:
        """Return the rows of everything that both sides were tested on."""
        _, candidate_standing = comparison.standings
        rows: list[TaskVerdict] = []
        for subject, level in zip(judged, levels(judged, self.policy, today), strict=True):
            rows.append(decide_row(subject, level, _lost(candidate_standing, subject)))
        return rows

    def _one_sided_rows(self, comparison: Comparison) -> list[TaskVerdict]:
        """Return the rows of tasks, segments and classes that only one side was tested on."""
        rows: list[TaskVerdict] = []
        # What the candidate was not tested on fails, so that leaving out a test gains nothing.
        for (task, segment), score in comparison.only_champion.items():
            rule = self.policy.rule(task, segment)
            if not segment or rule.segments != "ignore":
                measure = comparison.measures.get(task, SCORE)
                rows.append(missing_row(task, segment, score, rule, measure))
        for (task, class_label), score in comparison.only_champion_classes.items():
            rule = self.policy.rule(task)
            if rule.classes != "ignore":
                measure = comparison.measures.get(task, SCORE)
                rows.append(missing_row(task, "", score, rule, measure, class_label))
        # A new task has nothing to be compared with, so only its floor can fail it.
        for task, (score, examples) in comparison.only_candidate.items():
            measure = comparison.measures.get(task, SCORE)
            rows.append(new_task_row(task, score, examples, self.policy.rule(task), measure))
        return rows

    def _with_waiver(self, row: TaskVerdict, today: date) -> TaskVerdict:
        """Add the reason of the waiver that holds for a row, if there is one."""
        waiver = self.policy.waiver(row.task, today, row.segment)
        if waiver is None:
            return row
        return replace(row, waived=waiver.reason)


def _as_warning(row: TaskVerdict) -> TaskVerdict:
    """Make a row a warning, unless a rule on measured figures decided it."""
    if row.exact:
        return row
    return replace(row, critical=False, required=False)


def _lost(standing: Standing | None, subject: Subject) -> float:
    """Return what a task or a segment lost since it was learnt, or 0 if that is unknown."""
    # Neither a matrix nor a ledger keeps scores by class.
    if standing is None or subject.class_label:
        return 0.0
    if subject.segment:
        return standing.segments.get(subject.name, 0.0)
    return standing.forgetting.get(subject.task, 0.0)


def _tasks_with_poor_results(judged: Sequence[Subject], comparison: Comparison) -> frozenset[str]:
    """Return the tasks in which the candidate's own results may keep the test from deciding."""
    untestable = {subject.task for subject in judged if subject.candidate_prevents_test}
    return frozenset(untestable) | comparison.thinned | comparison.widened
