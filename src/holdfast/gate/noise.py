"""The noise floor: how much two runs of one and the same model differ.

A model that samples its answers, or that is trained again with another seed, does not score the
same twice. A limit δ below that noise asks for more than anybody can show with one run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, floor, log10

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.joining import Comparison, Key, Pair, compare
from holdfast.gate.names import apart
from holdfast.gate.reading import Side
from holdfast.gate.rules import TaskRule, label
from holdfast.gate.statistics.reruns import exceeded_difference
from holdfast.gate.units import Amounts

MOST_RUNS = 20  # every pair of runs is compared
DIGITS = 2  # to which a limit that would be enough is rounded up
SMALLEST_SCORE = 1e-12  # of which a relative limit is a share

Join = Callable[[Side, Side], Comparison]


@dataclass(frozen=True)
class NoiseFloor:
    """How much two runs of the same model differ on a task or a segment.

    Attributes:
        task: The task.
        segment: The segment, or "" for the task as a whole.
        floor: The difference of two mean scores that 5 of 100 pairs of runs exceed.
        largest: The largest difference between two of the runs at hand.
        changed: Share of the examples whose score differs between two runs.
        examples: Number of examples.
        clusters: Number of clusters, or None if examples are independent.
        runs: Number of runs.
        score: Mean score of the runs.
        is_share: Whether scores lie in [0, 1].
    """

    task: str
    segment: str
    floor: float
    largest: float
    changed: float
    examples: int
    clusters: int | None
    runs: int
    score: float = 1.0
    is_share: bool = True

    @property
    def name(self) -> str:
        """The task, or task/segment."""
        return label(self.task, self.segment)

    def amounts(self, rule: TaskRule) -> Amounts:
        """Return how differences are written beside the limit of a rule."""
        if rule.is_relative:
            return Amounts("percent", self.is_share)
        if self.is_share:
            return Amounts("points")
        return Amounts("raw", share=False)

    def in_unit_of(self, rule: TaskRule, difference: float) -> float:
        """Express a difference as the limit of a rule is expressed.

        Args:
            rule: The rule. Its limit may be a share of the champion's score.
            difference: A difference of scores.
        """
        if not rule.is_relative:
            return difference
        return difference / max(abs(self.score), SMALLEST_SCORE)


def noise_floor(runs: Sequence[Side], join: Join = compare) -> list[NoiseFloor]:
    """Measure how much two runs of one and the same model differ.

    Few runs cannot tell what moves all examples together, such as another seed of the training, so
    give five or more if that may happen. `exceeded_difference` has the formula.

    Args:
        runs: The results of two or more runs on the same examples, from `read_side`. The repeats
            of a single file become runs by `holdfast.gate.reading.repeats.split_repeats`.
        join: Joins two runs. `Gate.compare` joins them by the measures of a policy.

    Returns:
        One entry for each task and segment whose measure has a value, in the order of the results.

    Raises:
        HoldfastError: There are fewer than two runs or more than 20, a run has aggregated results,
            or the runs have different examples.

    Example:
        >>> import pandas as pd
        >>> from holdfast.gate.reading import read_side
        >>> frame = pd.DataFrame({"task": "a", "example_id": range(100), "score": 1.0})
        >>> again = frame.assign(score=[0.0, *[1.0] * 99])
        >>> [entry] = noise_floor([read_side(frame), read_side(again)])
        >>> round(entry.floor, 4), entry.changed
        (0.0196, 0.01)
    """
    if not 2 <= len(runs) <= MOST_RUNS:
        raise HoldfastError(
            f"the noise floor needs from 2 to {MOST_RUNS} runs of the same model, got {len(runs)}"
        )
    names = [run.name for run in runs]
    # Runs often have the same file name, each in a folder of its own.
    if len(set(names)) < len(names):
        names = [f"run {position + 1}" for position in range(len(runs))]
    for name, run in zip(names, runs, strict=True):
        if "examples" in run.rows:
            raise HoldfastError(
                f"{name}: the results are aggregated, but the noise floor needs one row per example"
            )
    pairs: dict[Key, list[Pair]] = {}
    for one, other in combinations(range(len(runs)), 2):
        comparison = _compared(runs[one], runs[other], join, f"{names[one]} and {names[other]}")
        for key, scores in comparison.all.items():
            # Aggregated scores were refused above, so all of them are pairs.
            if isinstance(scores, Pair) and not scores.untestable:
                pairs.setdefault(key, []).append(scores)
    return [_floor(task, segment, found, len(runs)) for (task, segment), found in pairs.items()]


def below_floor(rule: TaskRule, noise: NoiseFloor) -> str:
    """Warn if a limit lies below the noise floor.

    Args:
        rule: What the policy asks of the task or segment.
        noise: The noise floor of it.

    Returns:
        The warning as full sentences, or "" if the limit lies above the floor.

    Example:
        >>> noisy = NoiseFloor("a", "", 0.031, 0.02, 0.1, 400, None, 2)
        >>> below_floor(TaskRule(delta=0.05), noisy)
        ''
    """
    amounts = noise.amounts(rule)
    lost = noise.in_unit_of(rule, noise.floor)
    if rule.limit > lost:
        return ""
    return (
        f"{apart(noise.name)}: delta is {amounts.limit_with_unit(rule.limit)}, but 5 of 100 pairs "
        f"of runs of the same model differ by more than {amounts.size(lost)}, so a loss of that "
        "size may be noise alone. Average several repeats of each example, add examples, or "
        f"set delta above {amounts.limit_with_unit(_rounded_up(lost))}."
    )


def _rounded_up(lost: float) -> float:
    """Round up to a few digits, so that the limit that is named is enough."""
    unit = float(10.0 ** (floor(log10(lost)) - DIGITS + 1))
    return ceil(lost / unit) * unit


def _compared(one: Side, other: Side, join: Join, names: str) -> Comparison:
    """Join two runs of the same model.

    Raises:
        HoldfastError: They were not made on the same examples.
    """
    try:
        comparison = join(one, other)
    except HoldfastError as error:  # which speaks of champion and candidate
        raise HoldfastError(f"{names} cannot be compared: {error}") from None
    other_tasks = [task for task, _ in comparison.only_champion]
    for task in [*comparison.unmatched, *other_tasks, *comparison.only_candidate]:
        raise HoldfastError(
            f"{names} have different examples of task {apart(task)}; the noise floor needs runs "
            "on the same examples"
        )
    return comparison


def _floor(task: str, segment: str, pairs: Sequence[Pair], runs: int) -> NoiseFloor:
    """Compute the floor of one task or segment from every pair of runs."""
    differences = [pair.candidate - pair.champion for pair in pairs]
    clusters = None
    if pairs[0].cluster is not None:
        clusters = len(np.unique(pairs[0].cluster))
    return NoiseFloor(
        task=task,
        segment=segment,
        floor=exceeded_difference(differences, [pair.cluster for pair in pairs]),
        largest=max(abs(float(difference.mean())) for difference in differences),
        changed=float(np.mean([(difference != 0).mean() for difference in differences])),
        examples=pairs[0].examples,
        clusters=clusters,
        runs=runs,
        score=float(np.mean([pair.means for pair in pairs])),
        is_share=pairs[0].measure.is_share,
    )
