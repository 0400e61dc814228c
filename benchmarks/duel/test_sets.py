"""The test sets of simulated releases, as an adapter gets them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LOSSES = {"at": 1, "none": 0, "twice": 2}  # how often the first test set loses δ
RIGHT = 0.9  # the champion's share of right answers
PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"


@dataclass(frozen=True)
class TestSet:
    """Results of both models on one test set.

    Args:
        champion: Scores of the champion, shape (N,), higher is better. With `labels`, its
            predicted probability of the class 1.
        candidate: The same of the candidate, for the same examples.
        clusters: What each example belongs to, shape (N,), or None.
        labels: The true classes, 0 or 1, shape (N,), or None if the scores speak for themselves.
        counts: Losses, gains and unchanged examples if all scores are 0 or 1 and examples are
            independent. Such test sets are the same for every tool if their counts are.
    """

    champion: np.ndarray
    candidate: np.ndarray
    clusters: np.ndarray | None = None
    labels: np.ndarray | None = None
    counts: tuple[int, int, int] | None = None


def from_counts(lost: int, won: int, same: int) -> TestSet:
    """Make a test set of right and wrong answers from its counts."""
    right = min(same, max(0, round(RIGHT * (lost + won + same)) - lost))
    unchanged = np.repeat([1.0, 0.0], [right, same - right])
    champion = np.concatenate([np.ones(lost), np.zeros(won), unchanged])
    candidate = np.concatenate([np.zeros(lost), np.ones(won), unchanged])
    return TestSet(champion, candidate, counts=(lost, won, same))


def read_cases(folder: Path) -> list[dict]:
    """Read what the cases are: name, title, section, kind and δ."""
    return json.loads((folder / "cases.json").read_text(encoding="utf-8"))


def releases(folder: Path, case: dict, scenario: str) -> Iterator[list[TestSet]]:
    """Read the releases of a case, each with its test sets."""
    with np.load(folder / f"{case['name']}.npz") as arrays:
        parts = {
            name.removeprefix(f"{scenario}_"): arrays[name]
            for name in arrays.files
            if name.startswith(f"{scenario}_")
        }
    if "counts" in parts:
        for release in parts["counts"]:
            yield [from_counts(*map(int, counts)) for counts in release]
        return
    clusters = parts.get("clusters")
    labels = parts.get("labels")
    for champion, candidate in zip(parts["champion"], parts["candidate"], strict=True):
        yield [TestSet(champion.astype(float), candidate.astype(float), clusters, labels)]


def each(judge: Callable[[TestSet, float], str]) -> Callable[[list[TestSet], float], str]:
    """Make the decision on a release from one decision for each of its test sets.

    A tool without tasks is run once for each test set, as a pipeline would do. The release fails if
    one run fails, and passes if all runs pass.
    """
    known: dict[tuple[object, float], str] = {}

    def remembered(test_set: TestSet, delta: float) -> str:
        if test_set.counts is None:
            return judge(test_set, delta)
        key = (test_set.counts, delta)
        if key not in known:
            known[key] = judge(test_set, delta)
        return known[key]

    def decide(release: list[TestSet], delta: float) -> str:
        decisions = set()
        for test_set in release:
            decisions.add(remembered(test_set, delta))
            if FAIL in decisions:
                return FAIL
        return INCONCLUSIVE if INCONCLUSIVE in decisions else PASS

    return decide


def by_interval(low: float, high: float, delta: float) -> str:
    """Decide by an interval of the change, candidate minus champion."""
    if low > -delta:
        return PASS
    return FAIL if high < -delta else INCONCLUSIVE
