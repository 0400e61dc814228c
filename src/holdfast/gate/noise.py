"""The noise floor: how much two runs of one and the same model differ.

A model that samples its answers, or that is trained again with another seed, does not score the
same twice. A limit δ below that noise asks for more than anybody can show with one run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.gate.joining import Comparison, Key, Pair, compare
from holdfast.gate.names import apart
from holdfast.gate.reading import Side
from holdfast.gate.rules import TaskRule, label
from holdfast.gate.statistics.reruns import exceeded_difference

MOST_RUNS = 20  # every pair of runs is compared
DIGITS = 3  # to which a limit that would be enough is rounded up


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
    """

    task: str
    segment: str
    floor: float
    largest: float
    changed: float
    examples: int
    clusters: int | None
    runs: int

    @property
    def name(self) -> str:
        """The task, or task/segment."""
        return label(self.task, self.segment)


def noise_floor(runs: Sequence[Side]) -> list[NoiseFloor]:
    """Measure how much two runs of one and the same model differ.

    Few runs cannot tell what moves all examples together, such as another seed of the training, so
    give five or more if that may happen. `exceeded_difference` has the formula.

    Args:
        runs: The results of two or more runs on the same examples, from `read_side`.

    Returns:
        One entry for each task and segment, in the order of the results.

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
    if len(set(names)) < len(names):
        names = [f"run {position + 1}" for position in range(len(runs))]
    for name, run in zip(names, runs, strict=True):
        if "examples" in run.rows:
            raise HoldfastError(
                f"{name}: the results are aggregated, but the noise floor needs one row per example"
            )
    pairs: dict[Key, list[Pair]] = {}
    for one, other in combinations(range(len(runs)), 2):
        comparison = _compared(runs[one], runs[other], f"{names[one]} and {names[other]}")
        for key, scores in comparison.all.items():
            # Aggregated scores were refused above, so all of them are pairs.
            if isinstance(scores, Pair):
                pairs.setdefault(key, []).append(scores)
    return [_floor(task, segment, found, len(runs)) for (task, segment), found in pairs.items()]


def below_floor(rule: TaskRule, floor: NoiseFloor) -> str:
    """Warn if a limit lies below the noise floor.

    Args:
        rule: What the policy asks of the task or segment.
        floor: The noise floor of it.

    Returns:
        The warning as full sentences, or "" if the limit lies above the floor.

    Example:
        >>> noisy = NoiseFloor("a", "", 0.031, 0.02, 0.1, 400, None, 2)
        >>> below_floor(TaskRule(delta=0.05), noisy)
        ''
    """
    if rule.limit > floor.floor:
        return ""
    enough = ceil(floor.floor * 10**DIGITS) / 10**DIGITS
    return (
        f"{apart(floor.name)}: delta is {100 * rule.limit:g} points, but 5 of 100 pairs of runs of "
        f"the same model differ by more than {100 * floor.floor:.2f} points. A candidate that is "
        f"the same model would often look worse than allowed. Average several repeats of each "
        f"example, add examples, or set delta above {enough:g}."
    )


def _compared(one: Side, other: Side, names: str) -> Comparison:
    """Join two runs of the same model.

    Raises:
        HoldfastError: They were not made on the same examples.
    """
    try:
        comparison = compare(one, other)
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
    )
