"""The decision: pass, fail or inconclusive, task by task and for the whole, with reasons.

Pass: every critical task and segment is shown to lose less than δ. All must show it, so nothing is
corrected. Fail: some critical task, segment or class is shown to lose more than δ (Holm's correction
over all of them), or a rule on exact figures is broken. Inconclusive otherwise, with the number of
examples that would decide. Never by the mean alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.gate import rows
from holdfast.gate.joining import Comparison, Mean, Summary, compare
from holdfast.gate.policy import LONGEST_WAIVER, Policy, TaskRule, label, read_policy
from holdfast.gate.reading import read_side
from holdfast.gate.rows import Level
from holdfast.gate.statistics import holm
from holdfast.gate.subjects import Subject, subjects
from holdfast.gate.verdict import Decision, TaskVerdict, Verdict
from holdfast.gate.whole import broken_rules, mean_change, one_sided, warnings
from holdfast.metrics.releases import Standing

if TYPE_CHECKING:
    from holdfast.gate.reading import Side
    from holdfast.gate.reading.sides import Source


class Gate:
    """Judges a candidate against a champion by a policy.

    Args:
        policy: What is asked; `Policy()` has the defaults.
        name: What the policy is called in the verdict.

    Example:
        >>> import pandas as pd
        >>> old = pd.DataFrame({"task": "a", "example_id": range(1000), "score": [1, 1, 1, 1, 0] * 200})
        >>> Gate(Policy()).judge(old, old).decision
        'pass'
    """

    def __init__(self, policy: Policy, name: str = "") -> None:
        self.policy = policy
        self.name = name

    @classmethod
    def from_policy(cls, path: str | Path) -> "Gate":
        """A gate with the policy of a TOML file, or a shipped one by its name (standard, simple).

        Raises:
            HoldfastError: There is no such policy, or it is not valid.
        """
        return cls(read_policy(Path(path)), str(path))

    def judge(
        self,
        champion: "Source | Side",
        candidate: "Source | Side",
        today: date | None = None,
    ) -> Verdict:
        """Judge two models by their results.

        Args:
            champion: Results of the model in production: a file, a data frame or an accuracy matrix (see
                `read_side`), or a side from a ledger (`holdfast.ledger.sides`, which knows what every task
                lost since it was learnt).
            candidate: Results of the retrained model, in the same form.
            today: The day on which waivers must hold (None: today).

        Returns:
            The verdict.

        Raises:
            HoldfastError: The results cannot be read or compared, or the policy does not fit them.
        """
        a, b = read_side(champion, "champion"), read_side(candidate, "candidate")
        verdict = self.decide(compare(a, b), today or date.today())
        return replace(verdict, champion_release=a.release)

    def decide(self, found: Comparison, today: date) -> Verdict:
        """The verdict on results that were joined."""
        refuse(self.policy, found, today)
        judged = list(subjects(self.policy, found))
        levels = self._levels(judged, today)
        verdicts = [
            rows.decide(subject, level, _lost(found.standings[1], subject))
            for subject, level in zip(judged, levels, strict=True)
        ]
        for (task, segment), score in found.only_champion.items():
            rule = self.policy.rule(task, segment)
            if not segment or rule.segments != "ignore":
                verdicts.append(rows.missing(task, segment, score, rule))
        for (task, class_label), score in found.only_champion_classes.items():
            rule = self.policy.rule(task)
            if rule.classes != "ignore":
                verdicts.append(rows.missing(task, "", score, rule, class_label))
        for task, (score, examples) in found.only_candidate.items():
            verdicts.append(rows.new_task(task, score, examples, self.policy.rule(task)))
        if self.policy.decide_by == "figures":
            # Only exact rules count; the tests say what they say, as warnings.
            verdicts = [
                v if v.exact else replace(v, critical=False, required=False) for v in verdicts
            ]
        verdicts = [self._waived(v, today) for v in verdicts]
        kept = {s.task for s in judged if s.candidates_doing} | found.thinned | found.widened
        return self._whole(in_order(verdicts), found, frozenset(kept), today)

    def plan(self, found: Comparison, power: float = rows.POWER) -> Iterator[str]:
        """A line for every task, and for its segments below it: the examples that it needs.

        Args:
            found: Results of two models, which tell how much they differ.
            power: Chance of passing a candidate that lost nothing, in (0, 1).
        """
        alpha = 1 - self.policy.confidence
        judged = list(subjects(self.policy, found))
        nested = [s for task in found.tasks for s in judged if s.task == task]
        for subject in nested:
            name = f"  {subject.name}" if subject.name != subject.task else subject.task
            if subject.evidence is None:
                yield f"{name}: {subject.untestable}"
                continue
            rule, evidence = subject.rule, subject.evidence
            enough = rows.units(*rows.needed(rule, evidence, alpha, 0.0, power))
            there = rows.units(evidence.examples, evidence.clusters)
            yield (
                f"{name}: about {enough} show a loss below {100 * rule.delta:g} points with a "
                f"chance of {100 * power:g} % if nothing is lost; {there} are there"
            )

    def _levels(self, judged: Sequence[Subject], today: date) -> list[Level | None]:
        """The level of every subject. Those that count and those that only warn are corrected apart."""
        alpha = 1 - self.policy.confidence
        out: list[Level | None] = [None] * len(judged)
        counts, warns = list[int](), list[int]()
        for k, subject in enumerate(judged):
            if subject.evidence is None:
                continue
            waived = self.policy.waiver(subject.task, today, subject.segment)
            (counts if subject.rule.critical and not waived else warns).append(k)
        for family in (counts, warns):
            tested = [(k, e) for k in family if (e := judged[k].evidence) is not None]
            p_values = [e.p_loses_more(judged[k].rule.delta) for k, e in tested]
            for (k, _), corrected in zip(tested, holm(p_values, alpha), strict=True):
                out[k] = Level(alpha, corrected, len(family))
        return out

    def _waived(self, row: TaskVerdict, today: date) -> TaskVerdict:
        waiver = self.policy.waiver(row.task, today, row.segment)
        return replace(row, waived=waiver.reason) if waiver else row

    def _thinned(self, row: TaskVerdict, found: Comparison) -> bool:
        """Whether nothing is shown about a part of a task because of what the candidate gave or left out."""
        few = row.examples < self.policy.rule(row.task, row.segment).min_examples
        return row.task in found.widened or (row.task in found.thinned and few)

    def _whole(
        self, verdicts: Sequence[TaskVerdict], found: Comparison, kept: frozenset[str], today: date
    ) -> Verdict:
        policy = self.policy
        counted = [v for v in verdicts if v.critical and not v.waived]
        failing = [v for v in counted if v.decision == "fail"]
        open_rows = [
            v
            for v in counted
            if v.decision == "inconclusive" and (v.required or self._thinned(v, found))
        ]
        broken = list(broken_rules(policy, found))
        decision: Decision = "pass"
        if broken or failing:
            decision = "fail"
        elif open_rows:
            decision = "inconclusive"
        # Whoever leaves out examples must not gain from it that nothing is shown.
        unfounded = [v for v in open_rows if v.task in kept]
        passed = decision == "pass"
        if decision == "inconclusive" and policy.inconclusive == "pass":
            passed = not unfounded
        reasons = [f"{v.label}: {v.reason}" for v in by_size([*failing, *open_rows])]
        if policy.inconclusive == "pass":
            reasons += [
                f"{v.label}: the candidate's own results lack what the test needs, so being inconclusive does not pass"
                for v in unfounded
            ]
        warned = list(warnings(policy, found, verdicts, today))
        if policy.decide_by == "figures":
            warned.insert(
                0, "decided on measured figures, as if they were true ones; the tests are warnings"
            )
        return Verdict(
            decision=decision,
            passed=passed,
            reasons=(*broken, *reasons),
            warnings=tuple(warned),
            tasks=tuple(verdicts),
            mean_change=mean_change(found),
            confidence=policy.confidence,
            decided_by=policy.decide_by,
            policy=self.name,
            champion=found.names[0],
            candidate=found.names[1],
            champion_release="",
            judged=today.isoformat(),
            champion_standing=found.standings[0],
            candidate_standing=found.standings[1],
        )


def by_size(verdicts: Sequence[TaskVerdict]) -> list[TaskVerdict]:
    """Rows with the largest loss first; what was not tested at all comes before."""
    return sorted(verdicts, key=lambda v: -2.0 if v.change is None else v.change)


def in_order(verdicts: Sequence[TaskVerdict]) -> list[TaskVerdict]:
    """Tasks by their worst change, that of their segments and classes included; each followed by its parts."""
    groups: dict[str, list[TaskVerdict]] = {}
    for v in verdicts:
        groups.setdefault(v.task, []).append(v)

    def worst(group: list[TaskVerdict]) -> float:
        if any(v.decision == "fail" and v.change is None for v in group):
            return -2.0
        return min((v.change for v in group if v.change is not None), default=2.0)

    out = list[TaskVerdict]()
    for group in sorted(groups.values(), key=worst):
        out += [v for v in group if not v.nested]
        out += by_size([v for v in group if v.segment])
        out += by_size([v for v in group if v.class_label])
    return out


def _lost(standing: Standing | None, subject: Subject) -> float:
    """What a task or a segment lost since it was learnt; 0 if that is not known."""
    if standing is None or subject.class_label:
        return 0.0
    if subject.segment:
        return standing.segments.get(subject.name, 0.0)
    return standing.forgetting.get(subject.task, 0.0)


def refuse(policy: Policy, found: Comparison, today: date) -> None:
    """Refuse a comparison that cannot be judged, or a policy that does not fit it.

    Raises:
        HoldfastError: With what is wrong and what to do.
    """
    if not found.tasks:
        raise HoldfastError(
            "champion and candidate have no task in common; check the task column of both"
        )
    _refuse_names(policy, found)
    _refuse_idle(policy, found)
    for waiver in policy.waivers:
        if waiver.expires > today + timedelta(days=LONGEST_WAIVER):
            raise HoldfastError(
                f"the waiver of {waiver.name} holds until {waiver.expires}, but a waiver may hold for a year at most; "
                "give an earlier day and renew it if it is still needed"
            )
    if found.unmatched and policy.unmatched == "fail":
        task = next(iter(found.unmatched))
        raise HoldfastError(
            f"task {task!r}: {one_sided(found, task)}, so the sides were not tested on the same examples; evaluate "
            'both on the same frozen test set, or set unmatched = "ignore" in the policy (which may hide hard examples)'
        )
    limited = [
        f"max_cumulative_drop ({label(*key)!r})"
        for key in found.all
        if policy.rule(*key).max_cumulative_drop is not None
    ]
    limited += [
        f"whole.{name}"
        for name in ("worst_forgetting", "largest_transfer_drop")
        if getattr(policy.whole, name) is not None
    ]
    if limited and None in found.standings:
        raise HoldfastError(
            f"{limited[0]} asks what was lost since a task was learnt, which results of two models do not tell; give "
            "accuracy matrices, or use --ledger and --model"
        )


def _refuse_names(policy: Policy, found: Comparison) -> None:
    keys = [*found.all, *found.only_champion]
    known = {label(*key) for key in keys} | set(found.only_candidate)
    tasks = {task for task, _ in keys} | set(found.only_candidate)
    named = [*policy.tasks, *(w.name for w in policy.waivers)]
    for name in named:
        if name not in known:
            raise HoldfastError(
                f"the policy names task {name!r}, which neither side has; tasks: {', '.join(sorted(tasks))}"
            )
    meant = Counter(label(*key) for key in {*keys, *((task, "") for task in tasks)})
    loose = [*policy.tasks, *(w.task for w in policy.waivers if not w.segment)]
    for name in loose:
        if meant[name] > 1:
            raise HoldfastError(
                f"the policy names {name!r}, which may mean several tasks or segments; give a waiver the field "
                "segment, or rename one of them"
            )


def _refuse_idle(policy: Policy, found: Comparison) -> None:
    """A policy that no candidate can fail is a mistake.

    It is held against a candidate without a single right answer, after a champion with half of them.
    """
    bad = Summary(Mean(0.5, None, 0), Mean(0.0, None, 0))
    useless = replace(
        found,
        tasks=dict.fromkeys(found.tasks, bad),
        only_candidate={t: (0.0, n) for t, (_, n) in found.only_candidate.items()},
    )
    rules = [policy.rule(*key) for key in found.all]
    asked = any(rule.critical and _asks(rule, policy) for rule in rules)
    if asked or policy.whole.limits_history or any(broken_rules(policy, useless)):
        return
    why = "makes no task critical and sets no rule under [whole]"
    if policy.decide_by == "figures":
        why = 'says decide_by = "figures", but sets no rule on figures that a bad candidate breaks'
    elif any(rule.critical for rule in rules):
        why = "allows losses of half of all answers and more"
    raise HoldfastError(
        f"the policy {why}, so every candidate would pass, even one without a single right answer; set limits that a bad candidate breaks"
    )


def _asks(rule: TaskRule, policy: Policy) -> bool:
    """Whether a candidate without a right answer would break the rule."""
    if rule.floor or rule.max_cumulative_drop:
        return True
    return policy.decide_by == "tests" and rule.delta < 0.5
