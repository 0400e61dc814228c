"""How often the gate errs about metrics other than a score in [0, 1].

    python benchmarks/measure_levels.py --runs 20000 --write benchmarks/results/measure-levels.md

A release is drawn from a known population, in which the candidate loses exactly what is allowed: δ
is the difference between the true values of both models. This is the hardest case for both
decisions, so a pass and a failure are both false, and each may happen in at most 5 of 100 releases.
Power is the share of releases that pass if both models are equally good and δ is the same. A
release is inconclusive if neither is shown, or if the gate refuses to test it, for example because
a class is too rare.

Every release is judged by the code of the gate itself, from the answers of both models to the
p-values. Only the values of the metrics come from short functions of this script in place of
scikit-learn, which takes most of the time; each process compares both first. True values come from
closed forms or from numerical integration.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import integrate, stats

from holdfast.gate.costs import Cost, _subject
from holdfast.gate.evidence_of_pairs import obstacle_of_pair, paired_evidence
from holdfast.gate.joining import Pair
from holdfast.gate.joining.grouping import JoinedAnswers, TextColumn
from holdfast.gate.measures import (
    Answers,
    Column,
    Measure,
    confusion,
    measure_named,
    ranking,
    regression,
)
from holdfast.gate.rules import CostRule, TaskRule

ALPHA = 0.05
GOOD = 1.6  # by how many standard deviations the champion separates two classes
WORSE = 1.3  # and the candidate, in the case in which it loses δ
CORRELATED = 0.8  # correlation of the noise of both models
SLOPE = 1.2  # of the probabilities in the score


@dataclass(frozen=True)
class Release:
    """The answers of both models to the same examples.

    Attributes:
        champion: Answers of the champion.
        candidate: Answers of the candidate.
        cluster: Cluster of each example, shape (N,), or None.
    """

    champion: Answers
    candidate: Answers
    cluster: np.ndarray | None


@dataclass(frozen=True)
class Case:
    """A population, and the limit at which its candidate lies.

    Attributes:
        name: What the table calls it.
        metric: The metric.
        size: Number of examples.
        delta: The allowed loss, which is the true one.
        relative: Whether it is a share of the champion's value.
        draw: Draws a release: a random generator, and whether the candidate loses δ.
        counts: Whether the level must hold. Some rows show what lies outside of an assumption.
    """

    name: str
    metric: str
    size: str
    delta: float
    relative: bool
    draw: Callable[[np.random.Generator, bool], Release | Pair]
    counts: bool = True


# ---- two classes


def _noise(
    rng: np.random.Generator, cluster: np.ndarray, icc: float
) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal noise of both models, which examples of a cluster share in part."""
    effects = rng.normal(size=(2, int(cluster.max()) + 1))[:, cluster]
    own = rng.normal(size=(2, len(cluster)))
    noise = icc**0.5 * effects + (1 - icc) ** 0.5 * own
    candidate = CORRELATED * noise[0] + (1 - CORRELATED**2) ** 0.5 * noise[1]
    return noise[0], candidate


def _clusters(rng: np.random.Generator, count: int, mean_size: int) -> np.ndarray:
    """Clusters of uneven sizes."""
    sizes = rng.integers(max(mean_size // 2, 1), 3 * mean_size // 2 + 1, count)
    return np.repeat(np.arange(count), sizes)


def two_classes(
    size: int, share: float, clusters: int = 0, icc: float = 0.0
) -> Callable[[np.random.Generator, bool], Release]:
    """A classifier whose score is normal in both classes, with a threshold between them."""

    def draw(rng: np.random.Generator, loses: bool) -> Release:
        cluster = np.arange(size)
        if clusters:
            cluster = _clusters(rng, clusters, size // clusters)
        noise_b, noise_c = _noise(rng, cluster, icc)
        truth = (rng.random(len(cluster)) < share).astype(int)
        after = WORSE if loses else GOOD
        before = GOOD * truth + noise_b
        scores = (before, after * truth + noise_c)
        sides = []
        for score in scores:
            probability = 1 / (1 + np.exp(-SLOPE * (score - GOOD / 2)))
            sides.append(
                Answers(
                    len(cluster),
                    ("0", "1"),
                    truth,
                    (score > GOOD / 2).astype(int),
                    probability,
                    positive=1,
                )
            )
        return Release(sides[0], sides[1], cluster if clusters else None)

    return draw


def true_value(metric: str, separation: float, share: float) -> float:
    """The value of a metric in the population of `two_classes`."""
    middle = GOOD / 2
    hit = float(stats.norm.sf(middle - separation))  # of the positive class
    alarm = float(stats.norm.sf(middle))
    precision = share * hit / (share * hit + (1 - share) * alarm)
    negative_recall = 1 - alarm
    negative_precision = (
        (1 - share) * negative_recall / ((1 - share) * negative_recall + share * (1 - hit))
    )
    f1 = 2 * precision * hit / (precision + hit)
    negative_f1 = 2 * negative_precision * negative_recall / (negative_precision + negative_recall)
    values = {
        "auc": float(stats.norm.cdf(separation / 2**0.5)),
        "recall": hit,
        "precision": precision,
        "f1": f1,
        "f1_macro": (f1 + negative_f1) / 2,
        "balanced_accuracy": (hit + negative_recall) / 2,
        "accuracy": share * hit + (1 - share) * negative_recall,
    }
    if metric in values:
        return values[metric]

    def density(score: float, mean: float) -> float:
        return float(stats.norm.pdf(score - mean))

    if metric == "ap":

        def precision_at(score: float) -> float:
            above = share * stats.norm.sf(score - separation)
            return float(above / (above + (1 - share) * stats.norm.sf(score)))

        return float(
            integrate.quad(lambda s: precision_at(s) * density(s, separation), -9, 12, limit=400)[0]
        )

    def loss(score: float, positive: bool) -> float:
        logit = SLOPE * (score - middle)
        if metric == "log_loss":
            return float(np.logaddexp(0, -logit if positive else logit))
        probability = 1 / (1 + np.exp(-logit))
        return float((probability - positive) ** 2)

    parts = [
        share * integrate.quad(lambda s: loss(s, True) * density(s, separation), -9, 12)[0],
        (1 - share) * integrate.quad(lambda s: loss(s, False) * density(s, 0.0), -9, 12)[0],
    ]
    return float(sum(parts))


# ---- numbers


def numbers(
    size: int, errors: str, factor: float = 1.15, clusters: int = 0, icc: float = 0.0
) -> Callable[[np.random.Generator, bool], Release]:
    """A regression with normal, skewed or heavy errors; the candidate's are `factor` as large."""

    def draw(rng: np.random.Generator, loses: bool) -> Release:
        cluster = np.arange(size)
        if clusters:
            cluster = _clusters(rng, clusters, size // clusters)
        count = len(cluster)
        truth = rng.normal(size=count)
        noise = _noise(rng, cluster, icc)
        sides = []
        for place, values in enumerate(noise):
            if errors == "skewed":  # a log-normal error, above zero
                values = np.exp(values)
            elif errors == "heavy":  # Student's t with 4 degrees of freedom
                values = stats.t.ppf(stats.norm.cdf(values), 4)
            scale = factor if loses and place else 1.0
            sides.append(0.5 * scale * values)
        # The encoding of the gate: distinct values of labels and predictions by name.
        all_values = np.concatenate([truth, truth + sides[0], truth + sides[1]])
        names = [repr(float(value)) for value in all_values]
        places = np.arange(3 * count).reshape(3, count)
        before, after = (Answers(count, names, places[0], places[k]) for k in (1, 2))
        return Release(before, after, cluster if clusters else None)

    return draw


SQUARES = {"normal": 1.0, "skewed": float(np.exp(2)), "heavy": 2.0}  # E e² of unit errors
ABSOLUTES = {  # E |e|
    "normal": float((2 / np.pi) ** 0.5),
    "skewed": float(np.exp(0.5)),
    "heavy": float(stats.t(4).expect(abs)),
}


def error_value(metric: str, errors: str, factor: float) -> float:
    """The value of a metric in the population of `numbers`."""
    if metric == "mae":
        return 0.5 * factor * ABSOLUTES[errors]
    square = 0.25 * factor**2 * SQUARES[errors]
    if metric == "rmse":
        return square**0.5
    return 1 - square


# ---- columns and costs without a known range


def column(
    size: int, kind: str, clusters: int = 0, icc: float = 0.0
) -> Callable[[np.random.Generator, bool], Pair]:
    """A cost per example of both models, of which lower ones are better."""

    def draw(rng: np.random.Generator, loses: bool) -> Pair:
        cluster = np.arange(size)
        if clusters:
            cluster = _clusters(rng, clusters, size // clusters)
        before, after = (np.exp(SPREADS[kind] * values) for values in _noise(rng, cluster, icc))
        if kind == "jumps":
            jump = np.exp(rng.normal(size=len(cluster))) * JUMP
            after = before + loses * (rng.random(len(cluster)) < RARE) * jump
        elif loses:
            after = after * RATIO
        largest = float(max(before.max(), after.max()))
        measure = Column("cost", 0.0, None, higher_is_better=False)
        return Pair(before, after, cluster if clusters else None, measure=measure, span=largest)

    return draw


RATIO = 1.1
SPREADS = {"log-normal, σ 0.5": 0.5, "log-normal, σ 1": 1.0, "log-normal, σ 2": 2.0, "jumps": 0.5}
RARE = 0.003  # share of examples that jump
JUMP = 10.0  # size of a typical jump, several times the dearest usual example


def column_delta(kind: str) -> float:
    """The true loss of `column`, as a share of the champion's mean (or a number, for jumps)."""
    if kind == "jumps":
        return RARE * JUMP * float(np.exp(0.5))
    return RATIO - 1


# ---- judging


class Quick:
    """The functions of scikit-learn that measures call, without the checks of their arguments."""

    @staticmethod
    def roc_auc_score(truth: np.ndarray, score: np.ndarray, sample_weight: object) -> float:
        count = int(truth.sum())
        wins = stats.rankdata(score)[truth].sum() - count * (count + 1) / 2
        return float(wins / (count * (len(truth) - count)))

    @staticmethod
    def average_precision_score(
        truth: np.ndarray, score: np.ndarray, sample_weight: object
    ) -> float:
        # Scores are continuous, so there are no ties.
        ordered = truth[np.argsort(-score)]
        precision = np.cumsum(ordered) / np.arange(1, len(truth) + 1)
        return float(precision[ordered].mean())

    @staticmethod
    def precision_score(truth: np.ndarray, predicted: np.ndarray, sample_weight: object) -> float:
        return float((truth & predicted).sum() / predicted.sum())

    @staticmethod
    def f1_score(
        truth: np.ndarray,
        predicted: np.ndarray,
        sample_weight: object,
        labels: list[int] | None = None,
        average: str | None = "binary",
        zero_division: int = 0,
    ) -> object:
        if labels is None:
            return float(2 * (truth & predicted).sum() / (truth.sum() + predicted.sum()))
        values = [Quick.f1_score(truth == k, predicted == k, None) for k in labels]
        return np.array(values)

    @staticmethod
    def recall_score(
        truth: np.ndarray,
        predicted: np.ndarray,
        labels: list[int],
        average: str,
        sample_weight: object,
    ) -> float:
        return float(np.mean([(predicted[truth == k] == k).mean() for k in labels]))

    @staticmethod
    def r2_score(truth: np.ndarray, predicted: np.ndarray, sample_weight: object) -> float:
        return float(1 - ((truth - predicted) ** 2).mean() / truth.var())


def use_quick_values() -> None:
    """Let measures take their values from `Quick`, after a comparison with scikit-learn."""
    rng = np.random.default_rng(0)
    releases = [two_classes(300, 0.3)(rng, True), numbers(300, "normal")(rng, True)]
    for kind, names in ((0, CLASSIFYING), (1, ("r2",))):
        for name in names:
            measure = _measure(name)
            answers = releases[kind].champion
            expected = measure.values(answers).value
            _set_values(lambda: Quick)
            found = measure.values(answers).value
            _set_values(SLOW)
            if abs(found - expected) > 1e-12:
                raise SystemExit(f"{name}: {found} is not what scikit-learn computes: {expected}")
    _set_values(lambda: Quick)


def _set_values(source: Callable[[], object]) -> None:
    for module in (confusion, ranking, regression):
        module.sklearn_metrics = source


SLOW = confusion.sklearn_metrics
CLASSIFYING = ("auc", "ap", "f1", "f1_macro", "precision", "balanced_accuracy")


def judged(case: Case, release: Release | Pair) -> tuple[bool, bool, bool]:
    """Whether a release passes, fails, and can be tested at all."""
    delta: float | str = case.delta
    if case.relative:
        delta = f"{100 * case.delta:.12f}%"
    if case.metric.startswith(("p50", "p95")):
        share = float(case.metric[1:3]) / 100
        cost = Cost("cost", "percentile", share)
        subject = _subject(case.metric, cost, CostRule(max_increase=delta), _as_pair(release))
        evidence = subject.evidence
    else:
        rule = TaskRule(metric="cost", delta=delta)
        if isinstance(release, Pair):
            pair = release
        else:
            pair = _pair(release, _measure(case.metric))
        if pair.untestable or obstacle_of_pair(pair, rule):
            return False, False, False
        evidence = paired_evidence(pair, rule)
    if evidence is None:
        return False, False, False
    at_limit = np.array([case.delta])
    passes = evidence.p_values(at_limit, worse=False, near=ALPHA)[0] <= ALPHA
    # Both cannot be shown at once, and the second test takes as long as the first.
    fails = not passes and evidence.p_values(at_limit, worse=True, near=ALPHA)[0] <= ALPHA
    return bool(passes), bool(fails), True


def _as_pair(release: Release | Pair) -> Pair:
    if isinstance(release, Pair):
        return release
    raise TypeError("percentiles are those of a column")


def _measure(metric: str) -> Measure:
    measure = measure_named(metric)
    if measure is None:
        raise TypeError(metric)
    return measure


def _pair(release: Release, measure: Measure) -> Pair:
    count = release.champion.count
    joined = JoinedAnswers(
        release.champion,
        release.candidate,
        release.cluster,
        TextColumn(np.zeros(count, dtype=int), ["task"]),
        {"task": measure},
        {"task": 1} if release.champion.positive is not None else {},
    )
    return joined.pair(np.arange(count), "task")


def measured(work: tuple[int, int]) -> tuple[float, float, float, float]:
    """False passes, false failures, power and untestable releases of one case."""
    number, runs = work
    if confusion.sklearn_metrics is SLOW:
        use_quick_values()
    case = all_cases()[number]
    rng = np.random.default_rng([7, number])
    passes, fails, tested, power = 0, 0, 0, 0
    for _ in range(runs):
        passed, failed, testable = judged(case, case.draw(rng, True))
        passes += passed
        fails += failed
        tested += testable
    equal = max(runs // 10, 1)
    for _ in range(equal):
        power += judged(case, case.draw(rng, False))[0]
    return passes / runs, fails / runs, power / equal, 1 - tested / runs


# ---- the cases


def cases() -> Iterator[Case]:
    """Yield every population in the order of the table."""
    loss = RATIO - 1
    for metric in (*CLASSIFYING, "recall"):
        # Areas and F1 are what most people choose, so they get more cases.
        more = metric in ("auc", "f1")
        sizes = ((100, 0.3), (1000, 0.02), *(((500, 0.05),) if more else ()))
        for size, share in sizes:
            delta = true_value(metric, GOOD, share) - true_value(metric, WORSE, share)
            name = f"{100 * share:g} % positive"
            yield Case(name, metric, str(size), delta, False, two_classes(size, share))
        delta = true_value(metric, GOOD, 0.3) - true_value(metric, WORSE, 0.3)
        if more or metric == "ap":
            for clusters, size, icc in ((20, 1000, 0.5), (200, 1000, 0.2)):
                name = f"30 % positive, ICC {icc:g}"
                draw = two_classes(size, 0.3, clusters, icc)
                yield Case(name, metric, f"{clusters} clusters, {size}", delta, False, draw)
        if more:
            share_lost = delta / true_value(metric, GOOD, 0.3)
            draw = two_classes(500, 0.3)
            yield Case("30 % positive, relative δ", metric, "500", share_lost, True, draw)
    for metric in ("brier", "log_loss"):
        for size, share in ((100, 0.3), (1000, 0.05)):
            before, after = (true_value(metric, s, share) for s in (GOOD, WORSE))
            name = f"{100 * share:g} % positive"
            yield Case(name, metric, str(size), after - before, False, two_classes(size, share))
        before, after = (true_value(metric, s, 0.3) for s in (GOOD, WORSE))
        in_clusters = two_classes(1000, 0.3, 50, 0.5)
        yield Case("ICC 0.5", metric, "50 clusters, 1000", after - before, False, in_clusters)
        yield Case("relative δ", metric, "500", after / before - 1, True, two_classes(500, 0.3))
    for metric in ("rmse", "mae", "r2"):
        for errors, size in (("normal", 100), ("skewed", 300), ("heavy", 300)):
            before, after = (error_value(metric, errors, f) for f in (1.0, 1.15))
            draw = numbers(size, errors)
            yield Case(f"{errors} errors", metric, str(size), abs(after - before), False, draw)
    before, after = (error_value("rmse", "normal", f) for f in (1.0, 1.15))
    in_clusters = numbers(500, "normal", clusters=50, icc=0.5)
    yield Case("normal, ICC 0.5", "rmse", "50 clusters, 500", after - before, False, in_clusters)
    yield Case("relative δ", "rmse", "300", after / before - 1, True, numbers(300, "normal"))
    for kind, size in (
        ("log-normal, σ 0.5", 100),
        ("log-normal, σ 1", 1000),
        ("log-normal, σ 2", 300),
    ):
        yield Case(kind, "column", str(size), loss, True, column(size, kind))
    kind = "log-normal, σ 0.5"
    in_cluster_column = column(1000, kind, 50, 0.5)
    yield Case(f"{kind}, ICC 0.5", "column", "50 clusters, 1000", loss, True, in_cluster_column)
    yield Case(kind, "p95", "1000", loss, True, column(1000, kind))
    outside = column(1000, "jumps")
    name = "jumps above all that was seen (outside of the assumption)"
    yield Case(name, "column", "1000", column_delta("jumps"), False, outside, counts=False)


@lru_cache
def all_cases() -> tuple[Case, ...]:
    """Return every population once, since their true values take seconds to compute."""
    return tuple(cases())


def main() -> None:
    """Measure all cases, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    start = time.monotonic()
    found = all_cases()
    work = [(number, options.runs) for number in range(len(found))]
    with ProcessPoolExecutor(options.processes) as pool:
        results = []
        for case, row in zip(found, pool.map(measured, work), strict=True):
            results.append(row)
            print(case.metric, case.name, case.size, row, file=sys.stderr, flush=True)
    levels = [x for case, row in zip(found, results, strict=True) if case.counts for x in row[:2]]
    error = 3 * (ALPHA * (1 - ALPHA) / options.runs) ** 0.5
    beyond = sum(level > ALPHA + error for level in levels)
    lines = [
        "# How often the gate errs about any metric",
        "",
        "`python benchmarks/measure_levels.py`",
    ]
    lines += ["", *(__doc__ or "").split("\n\n", 2)[2].strip().splitlines(), ""]
    lines += [
        f"A row is measured on {options.runs:,} releases, and shares are in per cent. Of "
        f"{len(levels)} shares of false decisions the largest is {100 * max(levels):.2f} %, and "
        f"{beyond} exceed 5 % by more than three simulation errors ({100 * error:.2f} points).",
        "",
        "| metric | population | examples | δ | false passes | false fails | power | untestable |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, row in zip(found, results, strict=True):
        delta = f"{100 * case.delta:.1f} %" if case.relative else f"{case.delta:.3f}"
        shares = " | ".join(f"{100 * share:.1f}" for share in row)
        lines.append(f"| {case.metric} | {case.name} | {case.size} | {delta} | {shares} |")
    print("\n".join(lines))
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    if options.write:
        options.write.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if beyond:
        sys.exit(1)


if __name__ == "__main__":
    main()
