"""The decision: pass, fail or inconclusive, task by task and for the whole, with reasons.

Pass: every critical task shows that it loses less than δ ("drop ≥ δ" is rejected; all must reject, so nothing is corrected).
Fail: some critical task shows that it loses more than δ ("drop ≤ δ" is rejected, Holm over tasks), or a rule on exact figures is broken.
Inconclusive otherwise, with the number of examples that would decide. Never by the mean alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from holdfast.errors import HoldfastError
from holdfast.gate.policy import Policy, TaskRule, Waiver, read_policy
from holdfast.gate.results import Comparison, Pair, Summary, compare, read_results
from holdfast.gate.statistics import Test, examples_needed, holm, paired_binary, paired_real, summarised_real, unpaired_binary

if TYPE_CHECKING:
    import pandas as pd

Decision = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class TaskVerdict:
    """What was decided on one task. Scores, drop and its interval in [−1, 1]; `needed`: examples that would decide, where inconclusive."""

    task: str
    decision: Decision
    critical: bool
    reason: str
    champion: float | None
    candidate: float | None
    drop: float | None = None
    low: float | None = None
    high: float | None = None
    delta: float | None = None
    p_not_worse: float | None = None
    p_worse: float | None = None
    examples: int = 0
    needed: int | None = None
    method: str = ""
    waived: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The decision on a release; tasks in order of drop, worst first."""

    decision: Decision
    passed: bool  # what the policy makes of it
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    tasks: tuple[TaskVerdict, ...]
    mean_change: float | None  # mean of candidate − champion over the tasks of both
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"schema": 1, **asdict(self)}


class Gate:
    """Judges a candidate against a champion by a policy.

    >>> import pandas as pd
    >>> old = pd.DataFrame({"task": "a", "example_id": range(1000), "score": [1, 1, 1, 1, 0] * 200})
    >>> Gate(Policy()).judge(old, old).decision
    'pass'
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @classmethod
    def from_policy(cls, path: str | Path) -> "Gate":
        """A gate with the policy of a TOML file."""
        return cls(read_policy(Path(path)))

    def judge(
        self,
        champion: "Path | str | pd.DataFrame",
        candidate: "Path | str | pd.DataFrame",
        today: date | None = None,
        learnt: Mapping[str, float] | None = None,
    ) -> Verdict:
        """The verdict on two sets of results (files or frames; see `read_results`).

        `learnt`: the score of each task when it was learnt (`holdfast.ledger.learnt_scores`), for `max_cumulative_drop`.
        """
        found = compare(read_results(champion, "champion"), read_results(candidate, "candidate"))
        return self.decide(found, today or date.today(), learnt)

    def decide(self, found: Comparison, today: date, learnt: Mapping[str, float] | None = None) -> Verdict:
        """The verdict on results that were joined."""
        limited = [t for t in found.tasks if self.policy.rule(t).max_cumulative_drop is not None]
        if limited and learnt is None:
            raise HoldfastError(f"max_cumulative_drop (task {limited[0]!r}) needs the releases of a ledger: give --ledger and --model")
        policy = self.policy
        unknown = [
            t
            for t in [*policy.tasks, *(w.task for w in policy.waivers)]
            if t not in {*found.tasks, *found.only_champion, *found.only_candidate}
        ]
        if unknown:
            raise HoldfastError(f"the policy names task {unknown[0]!r}, which neither side has; tasks: {', '.join(found.tasks) or 'none'}")
        if not found.tasks:
            raise HoldfastError("champion and candidate have no task in common; check the task column of both")
        if found.unmatched and policy.unmatched == "fail":
            task, n = next(iter(found.unmatched.items()))
            raise HoldfastError(
                f"task {task!r}: {n} example ids are on one side only, so the sides were not tested on the same examples; evaluate both on "
                'the same frozen test set, or set unmatched = "ignore" (which may hide hard examples)'
            )
        alpha = 1 - policy.confidence
        tests = {task: _test(scores, policy.rule(task), policy.confidence) for task, scores in found.tasks.items()}
        critical = [t for t in tests if policy.rule(t).critical]
        worse = dict(zip(critical, holm([tests[t].worse for t in critical], alpha), strict=True))
        worse |= {t: tests[t].worse <= alpha for t in tests if t not in worse}
        verdicts = [self._on_task(t, found.tasks[t], tests[t], worse[t], alpha, today, (learnt or {}).get(t)) for t in tests]
        verdicts += [_gone(t, score, policy.rule(t), policy.waiver(t, today)) for t, score in found.only_champion.items()]
        verdicts += [_new(t, score, n, policy.rule(t)) for t, (score, n) in found.only_candidate.items()]
        change = -sum(t.drop for t in tests.values()) / len(tests)
        return self._whole(verdicts, change, found, today)

    def plan(self, found: Comparison, power: float = 0.8) -> Iterator[str]:
        """A line a task: the examples it needs to pass a candidate that lost nothing, with this power, and those it has."""
        for task, scores in found.tasks.items():
            rule = self.policy.rule(task)
            needed = examples_needed(rule.delta, _spread(scores, rule), 1 - self.policy.confidence, power)
            have = len(scores.champion) if isinstance(scores, Pair) else scores.champion[2]
            yield f"{task}: {needed} examples for δ = {100 * rule.delta:g} points, {have} there"

    def _on_task(
        self, task: str, scores: Pair | Summary, test: Test, worse: bool, alpha: float, today: date, learnt: float | None
    ) -> TaskVerdict:
        rule, waiver = self.policy.rule(task), self.policy.waiver(task, today)
        a, b = scores.means
        points, needed = 100 * test.drop, None
        far = 0.0 if learnt is None else learnt - b
        if rule.floor is not None and b < rule.floor:
            decision, reason = "fail", f"score {b:.4f} is below the floor {rule.floor:g}"
        elif rule.max_cumulative_drop is not None and far > rule.max_cumulative_drop:
            limit = 100 * rule.max_cumulative_drop
            decision, reason = "fail", f"lost {100 * far:.2f} points since it was learnt, more than the {limit:g} allowed"
        elif worse:
            decision, reason = "fail", f"loses {points:.2f} points, more than the {100 * rule.delta:g} allowed"
        elif test.examples < rule.min_examples:
            needed = rule.min_examples
            decision, reason = "inconclusive", f"{test.examples} examples, at least {needed} are asked for"
        elif test.not_worse <= alpha:
            decision, reason = "pass", f"loses less than {100 * rule.delta:g} points (measured {points:+.2f})"
        else:
            needed = _needed(scores, test, rule, alpha)
            more = (
                f"about {needed} would, if that is the true drop"
                if needed
                else "more would not help: the drop is about as large as what is allowed"
            )
            decision, reason = "inconclusive", f"{test.examples} examples do not decide (measured {points:+.2f} points); {more}"
        numbers = {"drop": test.drop, "low": test.low, "high": test.high, "p_not_worse": test.not_worse, "p_worse": test.worse}
        about = {"examples": test.examples, "needed": needed, "method": test.method, "waived": waiver.reason if waiver else None}
        return TaskVerdict(task, decision, rule.critical, reason, a, b, delta=rule.delta, **numbers, **about)  # type: ignore[arg-type]

    def _whole(self, verdicts: list[TaskVerdict], change: float, found: Comparison, today: date) -> Verdict:
        policy, reasons, warnings = self.policy, [], []
        for v in verdicts:
            if v.decision != "pass":
                told = f"{v.task}: {v.reason}"
                if v.waived:
                    warnings.append(f"{told} (waived: {v.waived})")
                elif v.critical:
                    reasons.append(told)
                else:
                    warnings.append(told)
        broken = list(_figures(policy, verdicts, change))
        expired = [w for w in policy.waivers if today > w.expires]
        warnings += [f"the waiver of {w.task} expired on {w.expires}" for w in expired]
        warnings += [f"{task}: {n} example ids on one side only were left out" for task, n in found.unmatched.items()]
        counted = [v for v in verdicts if v.critical and not v.waived]
        decision: Decision = "pass"
        if broken or any(v.decision == "fail" for v in counted):
            decision = "fail"
        elif any(v.decision == "inconclusive" for v in counted):
            decision = "inconclusive"
        passed = decision == "pass" or (decision == "inconclusive" and policy.inconclusive == "pass")
        ordered = sorted(verdicts, key=lambda v: -(v.drop if v.drop is not None else -2.0))
        return Verdict(decision, passed, tuple(broken + reasons), tuple(warnings), tuple(ordered), change, policy.confidence)


def _test(scores: Pair | Summary, rule: TaskRule, confidence: float) -> Test:
    level = 2 * confidence - 1  # the two-sided interval whose ends are the two one-sided tests
    if isinstance(scores, Summary):
        (a, sa, n), (b, sb, m) = scores.champion, scores.candidate
        if sa is None or sb is None:
            return unpaired_binary(a, b, n, m, rule.delta, level)
        return summarised_real((a, sa, n), (b, sb, m), rule.delta, level)
    if not len(scores.champion):
        raise HoldfastError("a task has no example that both sides were tested on")
    if scores.binary and scores.cluster is None:
        lost = int(((scores.champion == 1) & (scores.candidate == 0)).sum())
        won = int(((scores.champion == 0) & (scores.candidate == 1)).sum())
        return paired_binary(lost, won, len(scores.champion), rule.delta, level)
    return paired_real(scores.champion - scores.candidate, rule.delta, scores.cluster, level)


def _needed(scores: Pair | Summary, test: Test, rule: TaskRule, alpha: float) -> int | None:
    """Examples that would pass it with power 0.8 if the measured drop (or none, where it gained) is the true one; None beyond δ."""
    if test.drop >= rule.delta:
        return None
    drop = max(test.drop, 0.0)
    return max(examples_needed(rule.delta, max(_spread(scores, rule), drop), alpha, drop=drop), test.examples + 1)


def _spread(scores: Pair | Summary, rule: TaskRule) -> float:
    """The mean square of differences between the sides (for 0/1 scores the share on which they differ), at least δ/2."""
    if isinstance(scores, Pair):
        spread = float(((scores.champion - scores.candidate) ** 2).mean())
    else:
        spread = sum(p * (1 - p) for p in scores.means)  # independent sides
    return min(max(spread, rule.delta / 2), 1.0)


def _gone(task: str, score: float, rule: TaskRule, waiver: Waiver | None) -> TaskVerdict:
    reason = waiver.reason if waiver else None
    return TaskVerdict(task, "fail", rule.critical, "the candidate was not tested on it", score, None, waived=reason)


def _new(task: str, score: float, examples: int, rule: TaskRule) -> TaskVerdict:
    low = rule.floor is not None and score < rule.floor
    reason = f"new; score {score:.4f} is below the floor {rule.floor:g}" if low else "new: the champion was not tested on it"
    return TaskVerdict(task, "fail" if low else "pass", rule.critical, reason, None, score, examples=examples)


def _figures(policy: Policy, verdicts: list[TaskVerdict], change: float) -> Iterator[str]:
    """Rules on exact figures that are broken."""
    whole = policy.whole
    if whole.lowest_transfer is not None and change < whole.lowest_transfer:
        yield f"mean change over tasks {100 * change:+.2f} points is below {100 * whole.lowest_transfer:+.2f}"
    if whole.least_gain is not None:
        if whole.new_task is None:
            raise HoldfastError("whole.least_gain needs whole.new_task: the task that the candidate was trained for")
        of = next((v for v in verdicts if v.task == whole.new_task), None)
        if of is None or of.candidate is None:
            raise HoldfastError(f"whole.new_task {whole.new_task!r} is not among the candidate's tasks")
        gain = of.candidate - (of.champion or 0.0)
        if gain < whole.least_gain:
            yield f"{of.task}: gain {100 * gain:+.2f} points is below {100 * whole.least_gain:+.2f}"
