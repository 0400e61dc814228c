"""How often the intervals that are printed with a confidence of 95 % hold the truth.

    python benchmarks/interval_levels.py --write benchmarks/results/interval-levels.md

Every case draws scores whose true values are known, asks Holdfast for the interval, and counts how
often the truth lies inside. All draws are made with fixed seeds. Look at the first column of
figures, which should be near 95 or above. The next two say on which side the interval misses.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import binom, t

from holdfast import metrics as h
from holdfast.metrics import AccuracyMatrix, Interval
from holdfast.planning.correlation import rank_correlation

Case = Callable[[np.random.Generator], tuple[Interval, float]]  # an interval and the truth


@dataclass
class Table:
    """One table of the page."""

    title: str
    about: str
    rows: list[str] = field(default_factory=list)

    def measure(self, name: str, case: Case, draws: int, seed: int | None = None) -> None:
        """A row: how often the interval of a case holds the truth, and how wide it is."""
        rng = np.random.default_rng(len(self.rows) if seed is None else seed)
        inside = below = above = refused = 0
        widths = []
        for _ in range(draws):
            found, truth = case(rng)
            if not found.known:
                refused += 1
                continue
            slack = 1e-9 + 1e-9 * abs(truth)
            below += truth < found.low - slack
            above += truth > found.high + slack
            widths.append(found.high - found.low)
        inside = draws - refused - below - above
        shown = draws - refused
        shares = [f"{100 * n / shown:.1f}" if shown else "–" for n in (inside, below, above)]
        width = f"{float(np.mean(widths)):.4f}" if widths else "–"
        self.rows.append(f"| {name} | {' | '.join(shares)} | {width} | {refused} of {draws} |")
        print(self.rows[-1], file=sys.stderr, flush=True)

    def text(self) -> list[str]:
        """The table as Markdown."""
        head = (
            "| case | holds the truth, % | truth lies below, % | above, % "
            "| mean width | no interval |"
        )
        return [
            f"## {self.title}",
            "",
            self.about,
            "",
            head,
            "|---|---|---|---|---|---|",
            *self.rows,
            "",
        ]


# ---- seeds


def seeds() -> Table:
    """Student's t over seeds."""
    out = Table(
        "Seeds: `seed_interval`", "Normal values; a skewed row shows what the assumption costs."
    )
    for n in (2, 3, 5, 10):
        out.measure(
            f"{n} seeds, normal", lambda rng, n=n: (h.seed_interval(rng.normal(size=n)), 0.0), 4000
        )
    for n in (3, 10):
        out.measure(
            f"{n} seeds, exponential",
            lambda rng, n=n: (h.seed_interval(rng.exponential(size=n)), 1.0),
            4000,
        )
    return out


Seeds = Callable[[np.random.Generator, int], np.ndarray]  # values of n seeds, drawn anew


def collapsing(rng: np.random.Generator, n: int) -> np.ndarray:
    """Accuracies of which one in ten is 0.3 in place of 0.9."""
    levels = np.where(rng.random(n) < 0.1, 0.3, 0.9)
    return levels + rng.normal(0, 0.01, n)


# What is drawn, its true mean, and its range.
BOUNDED: dict[str, tuple[Seeds, float, tuple[float, float]]] = {
    "middle, normal, 0.5 ± 0.05": (lambda rng, n: rng.normal(0.5, 0.05, n), 0.5, (0, 1)),
    "wide, 0.5 ± 0.35": (lambda rng, n: rng.beta(0.5, 0.5, n), 0.5, (0, 1)),
    "skewed, 0.8 ± 0.16": (lambda rng, n: rng.beta(4, 1, n), 0.8, (0, 1)),
    "near the top, 0.98 ± 0.01": (lambda rng, n: rng.beta(196, 4, n), 0.98, (0, 1)),
    "near the top, skewed, 0.98 ± 0.02": (lambda rng, n: rng.beta(49, 1, n), 0.98, (0, 1)),
    "near the bottom, 0.02 ± 0.01": (lambda rng, n: rng.beta(4, 196, n), 0.02, (0, 1)),
    "shares of 360 examples, 0.99": (lambda rng, n: rng.binomial(360, 0.99, n) / 360, 0.99, (0, 1)),
    "BWT, skewed, −0.2 ± 0.2": (lambda rng, n: -rng.beta(0.6, 2.4, n), -0.2, (-1, 1)),
    "forgetting near 1, 0.95 ± 0.05": (lambda rng, n: rng.beta(19, 1, n), 0.95, (-1, 1)),
    "one seed in ten collapses, 0.84": (collapsing, 0.84, (0, 1)),
}


def bounded() -> Table:
    """The interval that tables show, which stays inside the range, beside Student's t."""
    out = Table(
        "Seeds, inside the range of the score: `bounded_seed_interval`",
        "What tables and reports of runs show. A row names the values and their standard deviation "
        "over seeds. Below each row is the t interval of the same draws. Draws in which all seeds "
        "have one value are left out, because tables print them as equal. Two kinds of rows do not "
        "reach 95 %, and neither does the t interval there: values that are skewed far from the "
        "ends of the range, and one seed in ten that collapses. Most samples of a few seeds "
        "contain no such seed, so no interval of them can show it.",
    )
    for name, (draw, truth, limits) in BOUNDED.items():
        for n in (2, 3, 5, 10):
            for kind in ("", "t interval, "):

                def case(
                    rng: np.random.Generator,
                    n: int = n,
                    kind: str = kind,
                    draw: Seeds = draw,
                    truth: float = truth,
                    limits: tuple[float, float] = limits,
                ) -> tuple[Interval, float]:
                    values = draw(rng, n)
                    found = h.seed_interval(values)
                    if not kind:
                        found = h.bounded_seed_interval(values, limits)
                    if found.all_equal:
                        return replace(found, low=np.nan, high=np.nan), truth
                    return found, truth

                # The same seed for both, so that they are compared on the same values.
                out.measure(f"{kind}{n} seeds, {name}", case, 4000, seed=n)
    return out


# ---- one task: `transfer_interval`


def two_rows(before: np.ndarray, after: np.ndarray, clusters: np.ndarray | None = None) -> Interval:
    """The interval of a task that two models were tested on."""
    m = AccuracyMatrix(["a", "b"])
    m.record("a", after="a", results=before, clusters=clusters)
    m.record("a", after="b", results=after)
    return h.transfer_interval(m, "a")


@cache
def by_counts(lost: int, won: int, n: int) -> Interval:
    """The interval of paired 0/1 results, of which only the changed examples count."""
    before, after = np.ones(n), np.ones(n)
    after[:lost] = 0
    before[lost : lost + won] = 0
    return two_rows(before, after)


def student(lost: int, won: int, n: int) -> Interval:
    """A t interval of the differences, as it was before: without a width if nothing changed."""
    d = np.concatenate([np.full(lost, -1.0), np.full(won, 1.0), np.zeros(n - lost - won)])
    half = float(t.ppf(0.975, n - 1) * d.std(ddof=1) / np.sqrt(n))
    return Interval(
        float(d.mean()), float(d.mean()) - half, float(d.mean()) + half, 0.95, "examples", n
    )


def paired(
    n: int,
    p: float,
    q: float,
    same: float,
    interval: Callable[[int, int, int], Interval] = by_counts,
) -> Case:
    """0/1 results of two models; `same` is the share of examples on which they are surely equal."""

    def case(rng: np.random.Generator) -> tuple[Interval, float]:
        free = rng.random(n) >= same
        before, after = rng.random(n) < p, rng.random(n) < q
        lost, won = int((free & before & ~after).sum()), int((free & ~before & after).sum())
        return interval(lost, won, n), (1 - same) * (q - p)

    return case


@cache
def by_shares(before: int, n: int, after: int, m: int) -> Interval:
    """The interval from counts alone."""
    matrix = AccuracyMatrix(["a", "b"])
    matrix.record("a", after="a", score=before / n, examples=n)
    matrix.record("a", after="b", score=after / m, examples=m)
    return h.transfer_interval(matrix, "a")


def unpaired(n: int, m: int, p: float, q: float) -> Case:
    """Counts of right answers on different examples."""
    return lambda rng: (by_shares(int(rng.binomial(n, p)), n, int(rng.binomial(m, q)), m), q - p)


def clustered(sizes: np.ndarray, whole: float = 0.0) -> Case:
    """Clusters whose examples share their chance of a loss; with `whole`, all or none are lost."""
    index = np.repeat(np.arange(len(sizes)), sizes)

    def case(rng: np.random.Generator) -> tuple[Interval, float]:
        if whole:
            lost, truth = (rng.random(len(sizes)) < whole)[index], -whole
        else:
            lost, truth = rng.random(len(index)) < rng.beta(1.0, 9.0, len(sizes))[index], -0.1
        return two_rows(np.ones(len(index)), 1.0 - lost, index), truth

    return case


def real(n: int, rare: float, size: float, noise: float) -> Case:
    """Scores between 0 and 1: rare large losses among changes of a given spread."""

    def case(rng: np.random.Generator) -> tuple[Interval, float]:
        before = np.full(n, 0.9)
        drop = np.where(rng.random(n) < rare, size, rng.uniform(-noise, noise, n))
        return two_rows(before, before - drop), -rare * size

    return case


def transfers() -> list[Table]:
    """All tables of `transfer_interval`."""
    one = Table(
        "Paired results of 0 and 1: `transfer_interval`",
        "Scores of both models, and the share of examples on which they are surely equal. The last "
        "rows show how a t interval does where hardly any example changes.",
    )
    rows = [
        (30, 0.9, 0.7, 0.5),
        (200, 0.9, 0.7, 0.5),
        (1000, 0.95, 0.9, 0.9),
        (200, 0.98, 0.96, 0.95),
        (200, 0.995, 0.99, 0.99),
    ]
    for n, p, q, same in rows:
        one.measure(f"{n} examples, {p} → {q}, {same} equal", paired(n, p, q, same), 3000)
    for n, p, q, same in rows[-2:]:
        one.measure(
            f"t interval, {n} examples, {p} → {q}, {same} equal",
            paired(n, p, q, same, student),
            3000,
        )
    one.measure("200 examples, losses only, 1 → 0.99", paired(200, 1.0, 0.99, 0.0), 3000)
    two = Table("Counts alone: `transfer_interval`", "Different examples on both sides.")
    sides = [(50, 50, 0.98, 0.97), (30, 30, 0.9, 0.7), (200, 200, 0.9, 0.88)]
    for n, m, p, q in [*sides, (300, 30, 0.9, 0.9), (50, 50, 1.0, 0.99)]:
        two.measure(f"{n} and {m} examples, {p} → {q}", unpaired(n, m, p, q), 3000)
    three = Table(
        "Clusters: `transfer_interval`",
        "Each cluster has its own chance of a loss (10 % on average), unless the row says that "
        "clusters are lost as a whole.",
    )
    uneven = np.random.default_rng(5)
    kinds = {
        "2 clusters of 50": np.full(2, 50),
        "5 clusters of 40": np.full(5, 40),
        "10 clusters of 20": np.full(10, 20),
        "5 uneven clusters": np.array([100, 50, 20, 10, 5]),
        "10 uneven clusters": np.ceil(20 * uneven.pareto(2, 10) + 1).astype(int),
        "40 uneven clusters": np.ceil(10 * uneven.pareto(2, 40) + 1).astype(int),
        "one of 500 beside 29 of 10": np.array([500] + [10] * 29),
    }
    for name, sizes in kinds.items():
        three.measure(name, clustered(sizes), 200)
    for k in (5, 20, 100):
        three.measure(
            f"{k} clusters of 20, lost as a whole with chance 2 %",
            clustered(np.full(k, 20), 0.02),
            200,
        )
    three.measure("one cluster", clustered(np.array([100])), 20)
    about = "A share of the examples loses 0.9; the others change a little."
    four = Table("Scores between 0 and 1: `transfer_interval`", about)
    for n, rare, noise in [
        (100, 0.02, 0.0),
        (100, 0.02, 0.01),
        (300, 0.01, 0.0),
        (1000, 0.02, 0.05),
    ]:
        four.measure(
            f"{n} examples, {rare:.0%} lose 0.9, noise ± {noise}", real(n, rare, 0.9, noise), 200
        )
    return [one, two, three, four]


# ---- whole matrices: `example_interval`


def sequence(
    tasks: int,
    n: int,
    p: float,
    drop: float,
    same: float,
    metric: Callable[[AccuracyMatrix], float],
    days: int = 0,
) -> Case:
    """A stream whose every task starts at `p` and loses `drop` with each later task.

    With `days`, the examples of each task belong to so many clusters of its own.
    """

    def case(rng: np.random.Generator) -> tuple[Interval, float]:
        m, true = AccuracyMatrix(range(tasks)), AccuracyMatrix(range(tasks))
        for j in range(tasks):
            kept, base = rng.random(n) < same, rng.random(n) < p
            names = [f"{j}/{k % days}" for k in range(n)] if days else None
            for after in range(j, tasks):
                score = p - drop * (after - j)
                own = rng.random(n) < (score - p * same) / (1 - same)
                m.record(j, after=after, results=np.where(kept, base, own), clusters=names)
                true.record(j, after=after, score=score)
        return h.example_interval(m, metric, resamples=200), metric(true)

    return case


def rank_correlations() -> Table:
    """Spearman's ρ across random orders, as `holdfast order verify` prints it."""
    table = Table(
        "Rank correlation",
        "Predicted and realised values of random orders are drawn from a normal distribution in "
        "two dimensions. Fewer than ten orders give no interval.",
    )

    def case(n: int, r: float) -> Case:
        truth = 6 / np.pi * np.arcsin(r / 2)

        def draw(rng: np.random.Generator) -> tuple[Interval, float]:
            a, b = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], n).T
            return rank_correlation(a, b), truth

        return draw

    for n in (3, 10, 20, 40):
        for r in (0.0, 0.5, 0.9):
            table.measure(f"{n} orders, correlation {r}", case(n, r), 3000)
    return table


def matrices() -> Table:
    """Tables of metrics of a whole matrix."""
    out = Table(
        "Whole matrices: `example_interval`",
        "A row names tasks × examples, the score when learnt, the loss with each later task, and "
        "the share of examples that no later model changes. Forgetting and worst forgetting take "
        "a maximum of noisy scores, so they are measured too high. Rows without any loss are the "
        "hardest.",
    )
    wide: dict[str, Callable[[AccuracyMatrix], float]] = {
        "BWT": h.backward_transfer,
        "ACC": h.average_accuracy,
    }
    wide |= {"forgetting": h.forgetting, "worst forgetting": h.worst_forgetting}
    cases = [(3, 100, 0.9, 0.02, 0.8), (3, 100, 0.995, 0.0, 0.9), (5, 60, 0.9, 0.0, 0.5)]
    for name, f in wide.items():
        for tasks, n, p, drop, same in cases[:2] if name == "ACC" else cases:
            case = sequence(tasks, n, p, drop, same, f)
            out.measure(f"{name}, {tasks} × {n}, {p}, −{drop}, {same}", case, 100)
    for days in (1, 2, 5):
        case = sequence(3, 60, 0.9, 0.02, 0.8, h.backward_transfer, days)
        out.measure(
            f"BWT, 3 × 60, clusters of one task each, {days} per task",
            case,
            100 if days > 1 else 20,
        )
    for name in ("forgetting", "worst forgetting"):
        out.measure(
            f"{name}, 10 × 50, 0.9, −0.0, 0.5", sequence(10, 50, 0.9, 0.0, 0.5, wide[name]), 50
        )
    return out


# ---- one share: `wilson_interval`


def wilson() -> list[str]:
    """Exact coverage of Wilson's interval over true shares."""
    lines = [
        "## One share: `wilson_interval`",
        "",
        "Exact, over 199 true shares from 0.5 to 0.9999.",
        "",
    ]
    lines += ["| examples | mean, % | least, % | at the share |", "|---|---|---|---|"]
    for n in (30, 200, 1000):
        found = [h.wilson_interval(k / n, n) for k in range(n + 1)]
        low, high = np.array([i.low for i in found]), np.array([i.high for i in found])
        shares = 1 - np.geomspace(0.5, 0.0001, 199)
        levels = [
            float(binom.pmf(np.arange(n + 1), n, p)[(low <= p) & (p <= high)].sum()) for p in shares
        ]
        worst = int(np.argmin(levels))
        lines.append(
            f"| {n} | {100 * np.mean(levels):.1f} | {100 * levels[worst]:.1f} "
            f"| {shares[worst]:.4f} |"
        )
    return [*lines, ""]


INTRODUCTION = """# Levels of intervals

How often an interval with a stated confidence of 95 % holds the truth, by simulation:
`python benchmarks/interval_levels.py --write benchmarks/results/interval-levels.md`. With 3,000
draws a figure is uncertain by ± 0.8 points, with 200 by ± 3, with 100 by ± 4.3. More than 95 means
that the interval is wider than it would have to be. "No interval" counts the draws in which
Holdfast gave none and said why.
"""


def main() -> None:
    """Measure all cases and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--write", type=Path, help="Markdown file for the tables; by default they are printed."
    )
    target = parser.parse_args().write
    lines = [INTRODUCTION]
    for table in (seeds(), bounded(), rank_correlations(), *transfers(), matrices()):
        lines += table.text()
    text = "\n".join([*lines, *wilson()])
    if target is None:
        print(text)
    else:
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
