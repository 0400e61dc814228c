"""Simulated releases whose true loss is known, of every kind that the duel compares.

In each case, the first test set loses nothing, exactly δ, or 2δ. If there are several test sets and
the first one loses something, the others gain a point, so that they do not keep the release from
passing.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from gate_levels import counts_of
from scipy.stats import norm

from duel.test_sets import LOSSES

Arrays = dict[str, np.ndarray]
Make = Callable[[np.random.Generator, int, float], Arrays]


@dataclass(frozen=True)
class Case:
    """A kind of releases.

    Args:
        name: Its file.
        section: The section of the page.
        title: What it is, in words.
        kind: What its test sets hold: "right" (scores of 0 or 1, given as counts), "scores",
            "clusters" (scores of 0 or 1), or "auc".
        delta: The largest loss that is allowed.
        segments: Whether the test sets are a task's segments, followed by the task as a whole.
    """

    name: str
    section: str
    title: str
    kind: str
    delta: float
    segments: bool = False


def cases() -> Iterator[tuple[Case, Make]]:
    """All cases, each with what makes its releases."""
    yield from _zero_one()
    yield from _segments()
    yield from _clusters()
    yield from _skewed()
    yield from _real()
    yield from _areas()


def write(folder: Path, runs: int) -> list[Case]:
    """Make `runs` releases of every case and size of the loss, the same ones at each call."""
    made = []
    for case, make in cases():
        np.savez(folder / f"{case.name}.npz", **made_of(case, make, runs))
        made.append(case)
    text = json.dumps([asdict(case) for case in made], indent=1)
    (folder / "cases.json").write_text(text, encoding="utf-8")
    return made


def made_of(case: Case, make: Make, runs: int) -> Arrays:
    """Make the releases of one case, the same ones at each call."""
    rng = np.random.default_rng(crc32(case.name.encode()))
    arrays = {}
    for scenario, times in LOSSES.items():
        for part, array in make(rng, runs, times * case.delta).items():
            arrays[f"{scenario}_{part}"] = array
    return arrays


def _drops(drop: float, sets: int) -> np.ndarray:
    """What each test set loses."""
    drops = np.full(sets, -0.01 if drop else 0.0)
    drops[0] = drop
    return drops


def _zero_one() -> Iterator[tuple[Case, Make]]:
    for delta, discordance, n, tasks in (
        (0.02, 0.02, 200, 1),
        (0.02, 0.02, 1000, 1),
        (0.02, 0.05, 200, 1),
        (0.02, 0.05, 1000, 1),
        (0.02, 0.05, 1000, 10),
        (0.02, 0.05, 1000, 50),
        (0.02, 0.1, 1000, 1),
        (0.02, 0.1, 1000, 10),
        (0.02, 0.2, 1000, 1),
        (0.02, 0.05, 5000, 10),
        (0.01, 0.02, 1000, 1),
        (0.01, 0.05, 5000, 1),
    ):

        def make(
            rng: np.random.Generator,
            runs: int,
            drop: float,
            discordance: float = discordance,
            n: int = n,
            tasks: int = tasks,
        ) -> Arrays:
            return {"counts": counts_of(rng, _drops(drop, tasks), discordance, n, runs)}

        title = (
            f"{_counted(tasks, 'task')} of {n:,} examples, {100 * discordance:g} % differ, "
            f"δ = {100 * delta:g} points"
        )
        name = f"right-{100 * delta:g}-{100 * discordance:g}-{n}-{tasks}"
        yield Case(name, "Right and wrong answers", title, "right", delta), make


def _segments() -> Iterator[tuple[Case, Make]]:
    for segments, n, discordance, delta in ((10, 200, 0.05, 0.05), (20, 500, 0.05, 0.05)):

        def make(
            rng: np.random.Generator,
            runs: int,
            drop: float,
            segments: int = segments,
            n: int = n,
            discordance: float = discordance,
        ) -> Arrays:
            parts = counts_of(rng, _drops(drop, segments), discordance, n, runs)
            return {"counts": np.concatenate([parts, parts.sum(1, keepdims=True)], 1)}

        title = (
            f"{segments} segments of {n} examples, {100 * discordance:g} % differ, "
            f"δ = {100 * delta:g} points"
        )
        name = f"segments-{segments}-{n}"
        yield Case(name, "Segments of one task", title, "right", delta, segments=True), make


def _clusters() -> Iterator[tuple[Case, Make]]:
    for clusters, correlation in (
        (20, 0.5),
        (50, 0.2),
        (50, 0.5),
        (200, 0.0),
        (200, 0.2),
        (200, 0.5),
    ):

        def make(
            rng: np.random.Generator,
            runs: int,
            drop: float,
            clusters: int = clusters,
            correlation: float = correlation,
        ) -> Arrays:
            return _clustered(rng, runs, drop, clusters, correlation)

        title = f"{clusters} clusters of 10, correlation {correlation:g}, δ = 5 points"
        name = f"clusters-{clusters}-{10 * correlation:g}"
        yield Case(name, "Clusters", title, "clusters", 0.05), make


def _clustered(
    rng: np.random.Generator, runs: int, drop: float, clusters: int, correlation: float
) -> Arrays:
    """Answers whose losses and gains are beta-binomial by cluster, and 10 % of which change."""
    size = 10
    lost = (max(0.1, drop) + drop) / 2
    # Gains are drawn among what is not lost, so that the expected loss is exactly `drop`.
    won = (max(0.1, drop) - drop) / 2 / (1 - lost)
    shape = (runs, clusters)
    losing = _chances(rng, lost, correlation, shape)[..., None]
    winning = _chances(rng, won, correlation, shape)[..., None]
    u = rng.random((runs, clusters, size))
    v = rng.random((runs, clusters, size))
    is_lost = u < losing
    is_won = ~is_lost & (v < winning)
    unchanged = rng.random((runs, clusters, size)) < 0.9
    champion = np.where(is_lost, True, np.where(is_won, False, unchanged))
    candidate = np.where(is_lost, False, np.where(is_won, True, unchanged))
    return {
        "champion": champion.reshape(runs, -1).astype(np.int8),
        "candidate": candidate.reshape(runs, -1).astype(np.int8),
        "clusters": np.repeat(np.arange(clusters), size),
    }


def _chances(
    rng: np.random.Generator, mean: float, correlation: float, shape: tuple[int, ...]
) -> np.ndarray:
    """Chances of clusters with a mean, of which `correlation` is the intra-cluster correlation."""
    if not correlation or not mean:
        return np.full(shape, mean)
    total = (1 - correlation) / correlation
    return rng.beta(mean * total, (1 - mean) * total, shape)


def _skewed() -> Iterator[tuple[Case, Make]]:
    for n, size, delta in ((200, 0.9, 0.02), (500, 0.9, 0.02), (1000, 0.9, 0.02), (200, 0.3, 0.02)):

        def make(
            rng: np.random.Generator,
            runs: int,
            drop: float,
            n: int = n,
            size: float = size,
            delta: float = delta,
        ) -> Arrays:
            u = rng.random((runs, n))
            lost = u < (drop or delta / 2) / size
            # If nothing is lost on average, there are as many gains.
            won = (u > 1 - delta / 2 / size) if not drop else np.zeros_like(lost)
            champion = np.where(won, 0.95 - size, 0.95)
            candidate = np.where(lost, 0.95 - size, 0.95)
            return {"champion": champion.astype("f4"), "candidate": candidate.astype("f4")}

        title = f"{n} examples, losses of {100 * size:g} points, δ = {100 * delta:g} points"
        name = f"skewed-{n}-{10 * size:g}"
        yield Case(name, "Rare large losses", title, "scores", delta), make


def _real() -> Iterator[tuple[Case, Make]]:
    for n, spread, delta in ((200, 0.1, 0.02), (1000, 0.1, 0.01)):

        def make(
            rng: np.random.Generator, runs: int, drop: float, n: int = n, spread: float = spread
        ) -> Arrays:
            champion = rng.uniform(0.4, 0.6, (runs, n))
            # Symmetric limits keep the mean, and the scores between 0 and 1.
            change = np.clip(rng.normal(0, spread, (runs, n)), -0.35, 0.35)
            candidate = champion - drop + change
            return {"champion": champion.astype("f4"), "candidate": candidate.astype("f4")}

        title = f"{n:,} examples, changes with deviation {spread:g}, δ = {100 * delta:g} points"
        yield Case(f"real-{n}", "Real-valued scores", title, "scores", delta), make


def _areas() -> Iterator[tuple[Case, Make]]:
    for n, share, delta in ((400, 0.5, 0.02), (2000, 0.1, 0.02)):

        def make(
            rng: np.random.Generator, runs: int, drop: float, n: int = n, share: float = share
        ) -> Arrays:
            return _binormal(rng, runs, drop, n, share)

        title = f"{n:,} examples, {100 * share:g} % positive, δ = {100 * delta:g} points of AUC"
        yield Case(f"auc-{n}", "Area under the ROC curve", title, "auc", delta), make


def _binormal(rng: np.random.Generator, runs: int, drop: float, n: int, share: float) -> Arrays:
    """Predictions with normal scores, whose areas are 0.9 and 0.9 minus the loss."""
    positive = np.arange(n) < share * n
    common = rng.normal(size=(runs, n))
    sides = []
    for area in (0.9, 0.9 - drop):
        # The two models share 80 % of the variance of their errors.
        error = np.sqrt(0.8) * common + np.sqrt(0.2) * rng.normal(size=(runs, n))
        distance = np.sqrt(2) * norm.ppf(area)
        sides.append(norm.cdf(error + distance * positive - distance / 2))
    return {
        "champion": sides[0].astype("f4"),
        "candidate": sides[1].astype("f4"),
        "labels": positive.astype(np.int8),
    }


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
