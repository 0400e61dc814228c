"""The decision: pass, fail or inconclusive, task by task and for the whole, with reasons.

Pass: every critical task shows that it loses less than δ ("drop ≥ δ" is rejected; all must reject, so nothing is corrected).
Fail: some critical task shows that it loses more than δ ("drop ≤ δ" is rejected, Holm over tasks), or a rule on exact figures is broken.
Inconclusive otherwise, with the number of examples that would decide. Never by the mean alone.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from holdfast.errors import HoldfastError
from holdfast.gate.policy import Policy, TaskRule, label, read_policy
from holdfast.gate.reading import Side, read_side
from holdfast.gate.results import Comparison, Key, Pair, Summary, compare
from holdfast.gate.statistics import Test, examples_needed, holm, paired_binary, paired_real, summarised_real, unpaired_binary
from holdfast.metrics import AccuracyMatrix
from holdfast.metrics.releases import Standing

if TYPE_CHECKING:
    import pandas as pd

Decision = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class TaskVerdict:
    """What was decided on one task, or on a segment of it. Scores, drop and its interval in [−1, 1].

    `needed`: examples that would decide, where inconclusive. `exact`: a rule on exact figures decided, not a test.
    """

    task: str
    decision: Decision
    critical: bool
    reason: str
    champion: float | None
    candidate: float | None
    segment: str = ""
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
    exact: bool = False

    @property
    def label(self) -> str:
        """The task, or task/segment."""
        return label(self.task, self.segment)


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
    decided_by: Literal["tests", "figures"]
    champion: str  # where the results came from
    candidate: str
    judged: str  # the day, ISO 8601
    champion_standing: Standing | None = None  # ACC, BWT, forgetting, where matrices or a ledger tell
    candidate_standing: Standing | None = None

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
        """A gate with the policy of a TOML file, or a shipped one by its name (standard, simple)."""
        return cls(read_policy(Path(path)))

    def judge(
        self,
        champion: "Path | str | pd.DataFrame | AccuracyMatrix | Side",
        candidate: "Path | str | pd.DataFrame | AccuracyMatrix | Side",
        today: date | None = None,
    ) -> Verdict:
        """The verdict on two models' results: files, frames or accuracy matrices (see `read_side`), or sides from a ledger
        (`holdfast.ledger.sides`, which knows what every task lost since it was learnt)."""
        return self.decide(compare(read_side(champion, "champion"), read_side(candidate, "candidate")), today or date.today())

    def decide(self, found: Comparison, today: date) -> Verdict:
        """The verdict on results that were joined."""
        policy = self.policy
        _check(policy, found)
        alpha = 1 - policy.confidence
        rules = {key: policy.rule(*key) for key in found.all}
        judged = {key: s for key, s in found.all.items() if not key[1] or rules[key].segments != "ignore"}
        tests = {key: _test(scores, rules[key], policy.confidence) for key, scores in judged.items()}
        critical = [k for k, test in tests.items() if rules[k].critical and test]
        worse = dict(zip(critical, holm([test.worse for k in critical if (test := tests[k])], alpha), strict=True))
        worse |= {k: test.worse <= alpha for k, test in tests.items() if test and k not in worse}
        lost = found.standings[1].forgetting if found.standings[1] else {}
        verdicts = [self._on_task(key, judged[key], tests[key], worse.get(key, False), alpha, lost.get(key[0], 0.0)) for key in tests]
        verdicts += [
            TaskVerdict(t, "fail", policy.rule(t, s).critical, "the candidate was not tested on it", score, None, s, exact=True)
            for (t, s), score in found.only_champion.items()
        ]
        verdicts += [_new(t, score, n, policy.rule(t)) for t, (score, n) in found.only_candidate.items()]
        return self._whole([self._waived(v, today) for v in verdicts], found, today)

    def plan(self, found: Comparison, power: float = 0.8) -> Iterator[str]:
        """A line a task: the examples it needs to pass a candidate that lost nothing, with this power, and those it has."""
        for task, scores in found.tasks.items():
            rule = self.policy.rule(task)
            needed = examples_needed(rule.delta, _spread(scores, rule), 1 - self.policy.confidence, power)
            yield f"{task}: {needed} examples for δ = {100 * rule.delta:g} points, {scores.examples or 'unknown'} there"

    def _on_task(self, key: Key, scores: Pair | Summary, test: Test | None, worse: bool, alpha: float, lost: float) -> TaskVerdict:
        rule, (a, b), (task, segment) = self.policy.rule(*key), scores.means, key
        points, allowed, needed, exact = 100 * (a - b), 100 * rule.delta, None, False
        decision: Decision
        if rule.floor is not None and b < rule.floor:
            decision, reason, exact = "fail", f"score {b:.4f} is below the floor {rule.floor:g}", True
        elif rule.max_cumulative_drop is not None and lost > rule.max_cumulative_drop:
            limit = 100 * rule.max_cumulative_drop
            decision, reason, exact = "fail", f"lost {100 * lost:.2f} points since it was learnt, more than the {limit:g} allowed", True
        elif test is None:
            decision, reason = "inconclusive", f"measured drop {points:+.2f} points, {_untestable(scores)}"
        elif worse:
            decision, reason = "fail", f"loses {points:.2f} points, more than the {allowed:g} allowed"
        elif segment and rule.segments == "worse":
            decision, reason = "pass", f"not shown to lose more than {allowed:g} points (measured {points:+.2f})"
        elif test.examples < rule.min_examples:
            needed = rule.min_examples
            decision, reason = "inconclusive", f"{test.examples} examples, at least {needed} are asked for"
        elif test.not_worse <= alpha:
            decision, reason = "pass", f"loses less than {allowed:g} points (measured {points:+.2f})"
        else:
            needed = _needed(scores, test, rule, alpha)
            more = f"about {needed} would, if that is the true drop" if needed else "more would not help: the drop is about what is allowed"
            decision, reason = "inconclusive", f"{test.examples} examples do not decide (measured {points:+.2f} points); {more}"
        about: dict[str, Any] = {"segment": segment, "drop": a - b, "delta": rule.delta, "needed": needed, "exact": exact}
        about["examples"] = scores.examples
        if test is not None:
            about |= {"low": test.low, "high": test.high, "p_not_worse": test.not_worse, "p_worse": test.worse, "method": test.method}
        return TaskVerdict(task, decision, rule.critical, reason, a, b, **about)

    def _waived(self, v: TaskVerdict, today: date) -> TaskVerdict:
        waiver = self.policy.waiver(v.task, today, v.segment)
        return replace(v, waived=waiver.reason) if waiver else v

    def _whole(self, verdicts: list[TaskVerdict], found: Comparison, today: date) -> Verdict:
        policy, reasons, warnings = self.policy, list[str](), list[str]()
        by_figures = policy.decide_by == "figures"
        if by_figures:
            told = [f"{v.label}: the tests would say {v.decision}: {v.reason}" for v in verdicts if v.decision != "pass" and not v.exact]
            warnings += ["decided on measured figures, as if they were true ones", *told]
            verdicts = [v if v.exact else replace(v, decision="pass", reason=f"{v.reason} (not counted)") for v in verdicts]
        for v in verdicts:
            if v.decision != "pass":
                told_of = f"{v.label}: {v.reason}{f' (waived: {v.waived})' if v.waived else ''}"
                (reasons if v.critical and not v.waived else warnings).append(told_of)
        change = -sum(a - b for a, b in (s.means for s in found.tasks.values())) / len(found.tasks)
        broken = list(_figures(policy, found, change))
        warnings += [f"the waiver of {w.task} expired on {w.expires}" for w in policy.waivers if today > w.expires]
        warnings += [f"{task}: {n} example ids on one side only were left out" for task, n in found.unmatched.items()]
        counted = [v for v in verdicts if v.critical and not v.waived]
        decision: Decision = "pass"
        if broken or any(v.decision == "fail" for v in counted):
            decision = "fail"
        elif any(v.decision == "inconclusive" for v in counted):
            decision = "inconclusive"
        passed = decision == "pass" or (decision == "inconclusive" and policy.inconclusive == "pass")
        ordered = tuple(sorted(verdicts, key=lambda v: -(v.drop if v.drop is not None else -2.0)))
        about = (policy.decide_by, *found.names, today.isoformat(), *found.standings)
        return Verdict(decision, passed, tuple(broken + reasons), tuple(warnings), ordered, change, policy.confidence, *about)


def _check(policy: Policy, found: Comparison) -> None:
    """What keeps a comparison from being judged at all."""
    if not found.tasks:
        raise HoldfastError("champion and candidate have no task in common; check the task column of both")
    known = {label(*key) for key in [*found.all, *found.only_champion]} | set(found.only_candidate)
    strange = [t for t in [*policy.tasks, *(w.task for w in policy.waivers)] if t not in known]
    if strange:
        raise HoldfastError(f"the policy names task {strange[0]!r}, which neither side has; tasks: {', '.join(found.tasks)}")
    if found.unmatched and policy.unmatched == "fail":
        task, n = next(iter(found.unmatched.items()))
        raise HoldfastError(
            f"task {task!r}: {n} example ids are on one side only, so the sides were not tested on the same examples; evaluate both on "
            'the same frozen test set, or set unmatched = "ignore" (which may hide hard examples)'
        )
    limited = [f"max_cumulative_drop (task {t!r})" for t in found.tasks if policy.rule(t).max_cumulative_drop is not None]
    limited += [f"whole.{name}" for name in ("worst_forgetting", "largest_transfer_drop") if getattr(policy.whole, name) is not None]
    if limited and None in found.standings:
        raise HoldfastError(
            f"{limited[0]} asks what was lost since a task was learnt, which results of two models do not tell: give accuracy matrices, "
            "or --ledger and --model"
        )


def _test(scores: Pair | Summary, rule: TaskRule, confidence: float) -> Test | None:
    level = 2 * confidence - 1  # the two-sided interval whose ends are the two one-sided tests
    if isinstance(scores, Summary):
        if _untestable(scores):
            return None
        a, b = scores.champion, scores.candidate
        if a.sd is None and b.sd is None:
            return unpaired_binary(a.score, b.score, a.examples, b.examples, rule.delta, level)
        sides = [(m.score, (m.score * (1 - m.score)) ** 0.5 if m.sd is None else m.sd, m.examples) for m in (a, b)]
        return summarised_real(sides[0], sides[1], rule.delta, level)
    if not scores.examples:
        raise HoldfastError("a task has no example that both sides were tested on")
    if scores.binary and scores.cluster is None:
        lost = int(((scores.champion == 1) & (scores.candidate == 0)).sum())
        won = int(((scores.champion == 0) & (scores.candidate == 1)).sum())
        return paired_binary(lost, won, scores.examples, rule.delta, level)
    return paired_real(scores.champion - scores.candidate, rule.delta, scores.cluster, level)


def _untestable(scores: Pair | Summary) -> str:
    """Why aggregated scores cannot be tested; empty where they can."""
    sides = (scores.champion, scores.candidate) if isinstance(scores, Summary) else ()
    if any(not m.examples for m in sides):
        return "no number of examples is given"
    if any(m.sd is None and not m.share for m in sides):
        return "but the scores are not shares of right answers (score × examples is no whole number): give their standard deviations as sd"
    if any(m.sd is not None and m.examples < 2 for m in sides):
        return "and one example has no spread"
    return ""


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
    else:  # independent sides
        spread = sum(m.score * (1 - m.score) if m.sd is None else m.sd**2 for m in (scores.champion, scores.candidate))
    return min(max(spread, rule.delta / 2), 1.0)


def _new(task: str, score: float, examples: int, rule: TaskRule) -> TaskVerdict:
    low = rule.floor is not None and score < rule.floor
    reason = f"new; score {score:.4f} is below the floor {rule.floor:g}" if low else "new: the champion was not tested on it"
    return TaskVerdict(task, "fail" if low else "pass", rule.critical, reason, None, score, examples=examples, exact=low)


def _figures(policy: Policy, found: Comparison, change: float) -> Iterator[str]:
    """Rules on exact figures that are broken."""
    whole, (champion, candidate) = policy.whole, found.standings
    old = [b - a for t, s in found.tasks.items() if t != whole.new_task for a, b in [s.means]]
    transfer = sum(old) / len(old) if old else 0.0
    if whole.lowest_transfer is not None and transfer < whole.lowest_transfer:
        yield f"mean change over old tasks {100 * transfer:+.2f} points is below {100 * whole.lowest_transfer:+.2f}"
    if whole.largest_accuracy_drop is not None and -change > whole.largest_accuracy_drop:
        yield f"ACC over the tasks of both is {-100 * change:.2f} points lower, more than the {100 * whole.largest_accuracy_drop:g} allowed"
    if candidate is not None and champion is not None:
        worst = max(candidate.forgetting, key=lambda t: candidate.forgetting[t], default=None)
        if whole.worst_forgetting is not None and worst is not None and candidate.forgetting[worst] > whole.worst_forgetting:
            lost = 100 * candidate.forgetting[worst]
            yield f"{worst}: lost {lost:.2f} points since it was learnt, more than the {100 * whole.worst_forgetting:g} allowed"
        fell = (champion.transfer or 0.0) - (candidate.transfer or 0.0)
        if whole.largest_transfer_drop is not None and fell > whole.largest_transfer_drop:
            yield f"BWT is {100 * fell:.2f} points lower than the champion's, more than the {100 * whole.largest_transfer_drop:g} allowed"
    if whole.least_gain is not None:
        yield from _gain(whole.new_task, whole.least_gain, found)


def _gain(task: str | None, least: float, found: Comparison) -> Iterator[str]:
    if task is None:
        raise HoldfastError("whole.least_gain needs whole.new_task: the task that the candidate was trained for")
    if task not in found.tasks and task not in found.only_candidate:
        raise HoldfastError(f"whole.new_task {task!r} is not among the candidate's tasks")
    before, after = found.tasks[task].means if task in found.tasks else (0.0, found.only_candidate[task][0])
    if after - before < least:
        yield f"{task}: gain {100 * (after - before):+.2f} points is below {100 * least:+.2f}"
