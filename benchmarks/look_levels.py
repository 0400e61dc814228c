"""Measure how often the gate errs at several looks, at any time, and with repeats.

    python benchmarks/look_levels.py --write benchmarks/results/look-levels.md

A release passes falsely if it passes at any look although a task loses exactly what is allowed
(δ). It fails falsely if it is called a failure at any look although nothing is lost, or, in the
columns "fails at δ", although every task loses exactly δ. Both may happen in at most 5 of 100
releases, over all looks together. Power is the share of releases without any loss that pass at some
look. "Fixed power" is that of a single test of the whole test set. "Used" is the mean share of the
test set that is evaluated until the release is decided.

All tasks must show a loss below δ at the same look, and a task fails by Holm's correction over all
tasks. All cases are decided at a confidence of 95 %.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gate_levels import ALPHA, SIGNS, Section
from scipy.stats import binom

from holdfast.gate.statistics import Spending
from holdfast.gate.statistics.betting import log_capital
from holdfast.gate.statistics.gaffke import p_loses_less
from holdfast.gate.statistics.reruns import exceeded_difference

BLOCK = 3_000_000  # numbers that one block of runs may hold
HALF = (0.5, 0.75, 1.0)
FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


# ---- planned looks: what one look shows, and what a series decides


@dataclass
class Sample:
    """Units of R samples at one look; all arrays have the shape (R, J) or (J,)."""

    losses: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray

    def p_values(self, delta: float, near: float) -> np.ndarray:
        """The p-values of "loses less" and of "loses more", exact near a level; shape (2, R)."""
        less = p_loses_less(self.losses, self.sizes, self.counts, delta, near=near)
        more = p_loses_less(-self.losses, self.sizes, self.counts, -delta, near=near)
        return np.stack([less, more])


@dataclass
class Outcome:
    """What a series of looks decided on R releases: passes, fails, and the share that was used."""

    passed: np.ndarray
    failed: np.ndarray
    used: np.ndarray


def decided(p_values: np.ndarray, design: Spending) -> Outcome:
    """Decide releases by the p-values (K looks, 2, R, T tasks) of each look alone."""
    looks, _, runs, tasks = p_values.shape
    passed, failed = np.zeros(runs, bool), np.zeros(runs, bool)
    used = np.ones(runs)
    for look in range(looks):
        less, more = p_values[look]
        passes = (less <= design.nominal(ALPHA, look + 1)).all(1)
        # Holm rejects something exactly if it rejects the smallest p-value.
        fails = more.min(1) <= design.nominal(ALPHA / tasks, look + 1)
        is_open = ~passed & ~failed
        # The gate calls a release a failure if both are shown, which hardly ever happens.
        failed |= is_open & fails
        passed |= is_open & passes & ~fails
        used[is_open & (passes | fails)] = design.shares[look]
    return Outcome(passed, failed, used)


def unfair(p_values: np.ndarray) -> float:
    """The share of releases that pass at any look if every look tests at 5 %."""
    return float((p_values[:, 0] <= ALPHA).all(2).any(0).mean())


PLANNED = [
    *("false passes", "false fails", "fails at δ", "power", "fixed power"),
    *("used at 0", "used at δ", "used at 2δ", "5 % at each look: false passes"),
]


def planned_row(at: np.ndarray, none: np.ndarray, all_at: np.ndarray, twice: np.ndarray,
                design: Spending) -> tuple[list[float], list[float]]:  # fmt: skip
    """The cells of `PLANNED` from p-values in four cases, and those that must be 5 % at most."""
    false_pass, at_none = decided(at, design), decided(none, design)
    at_delta, at_twice = decided(all_at, design), decided(twice, design)
    errors = [false_pass.passed, at_none.failed, at_delta.failed]
    shares = [float(error.mean()) for error in errors]
    fixed = (none[-1, 0] <= ALPHA).all(1)
    cells = [*shares, float(at_none.passed.mean()), float(fixed.mean())]
    cells += [float(outcome.used.mean()) for outcome in (at_none, at_delta, at_twice)]
    return [*cells, unfair(at)], shares


def counted(
    runs: int,
    rng: np.random.Generator,
    drops: np.ndarray,
    changed: float,
    n: int,
    delta: float,
    design: Spending,
    size: float = 1.0,
) -> np.ndarray:
    """P-values (K, 2, R, T) of examples that keep their score, lose `size` or gain it.

    The mean losses of the T tasks are `drops`, and `changed` is the share of examples that change.
    """
    drops = drops / size
    wide = np.maximum(changed, np.abs(drops))
    chances = np.stack([(wide + drops) / 2, (wide - drops) / 2, 1 - wide], -1)
    counts = np.zeros((runs, len(drops), 3))
    found, before = [], 0
    for look, share in enumerate(design.shares, 1):
        count = int(np.ceil(share * n))
        counts = counts + rng.multinomial(count - before, chances, (runs, len(drops)))
        before = count
        distinct, index = np.unique(counts.reshape(-1, 3), axis=0, return_inverse=True)
        sample = Sample(np.broadcast_to(size * SIGNS, distinct.shape), np.ones(3), distinct)
        less, _ = sample.p_values(delta, design.nominal(ALPHA, look))
        _, more = sample.p_values(delta, design.nominal(ALPHA / len(drops), look))
        both = np.stack([less[index], more[index]])
        found.append(both.reshape(2, runs, len(drops)))
    return np.array(found)


def zero_one(runs: int, rng: np.random.Generator) -> Section:
    """Paired scores of 0 and 1, by counts."""
    out = Section(
        "Planned looks, paired scores of 0 and 1",
        "`discordance` is the share of examples on which the two models differ. If it equals δ, "
        'all of them are losses. For "false passes", one task loses δ and the others gain a point.',
        ["looks", "δ", "discordance", "n", "tasks", *PLANNED],
    )
    cases = [(HALF, 0.02, d, n) for d in (0.02, 0.05, 0.2) for n in (300, 1000, 5000)]
    cases += [(FIFTHS, 0.02, d, n) for d in (0.02, 0.1) for n in (1000, 5000)]
    cases += [(HALF, 0.01, 0.1, 10000), ((0.5, 1.0), 0.05, 0.1, 300)]
    for looks, delta, discordance, n in cases:
        design = Spending(looks)
        for tasks in (1, 10):
            better = np.full(tasks, -0.01)
            at, twice = better.copy(), better.copy()
            at[0], twice[0] = delta, 2 * delta
            four = (at, np.zeros(tasks), np.full(tasks, delta), twice)
            found = [counted(runs, rng, drops, discordance, n, delta, design) for drops in four]
            cells, level = planned_row(*found, design)
            name = f"{100 * discordance:g} %"
            where = (_listed(looks), f"{100 * delta:g}", name, n, tasks)
            out.add(*where, *cells, level=level)
    return out


def enumerated() -> Section:
    """Pure 0/1 losses, for which the chances can be computed exactly."""
    out = Section(
        "Planned looks, pure losses of 0 and 1, computed exactly",
        "These shares are not simulated, but computed over all numbers of losses. A row covers the "
        "losses 0.01, 0.02, 0.05 and 0.2 and 60 numbers of examples from 60 to 6,000, and gives "
        "the largest share of errors in all of them.",
        ["looks", "level", "false passes, largest", "fails at δ, largest", "false passes, mean"],
    )
    numbers = np.unique(np.geomspace(60, 6000, 60).astype(int))
    for looks in ((0.5, 1.0), HALF, FIFTHS, (0.9, 1.0), (0.1, 0.2, 1.0)):
        for alpha in (0.05, 0.005):
            design = Spending(looks)
            found = np.array([
                [_exact(int(n), loss, design, alpha, passing) for passing in (True, False)]
                for loss in (0.01, 0.02, 0.05, 0.2)
                for n in numbers
            ])  # fmt: skip
            largest = found.max(0)
            cells = [f"{100 * share:.3f}" for share in (*largest, found[:, 0].mean())]
            level = largest.tolist() if alpha == ALPHA else (largest * ALPHA / alpha).tolist()
            out.add(_listed(looks), f"{100 * alpha:g} %", *cells, level=level)
    return out


def _exact(n: int, loss: float, design: Spending, alpha: float, passing: bool) -> float:
    """The chance that a sample with this mean loss is rejected at any look."""
    chances, before, total = np.ones(1), 0, 0.0
    for look, share in enumerate(design.shares, 1):
        count = int(np.ceil(share * n))
        new = np.arange(count - before + 1)
        chances = np.convolve(chances, binom.pmf(new, count - before, loss))
        lost = np.arange(count + 1)
        # For pure losses, Gaffke's bound is that of Clopper and Pearson.
        p = binom.cdf(lost, count, loss) if passing else binom.sf(lost - 1, count, loss)
        rejected = p <= design.nominal(alpha, look)
        total += chances[rejected].sum()
        chances[rejected] = 0
        before = count
    return float(total)


# ---- skewed losses and clusters

SPREADS = ("normal, sd 0.2", "beta losses")
Draw = Callable[[int, float], tuple[np.ndarray, np.ndarray]]  # runs, drop → losses and sizes (R, J)


def rare(n: int, size: float, delta: float, rng: np.random.Generator) -> Draw:
    """A few examples lose `size`; without a loss, as many gain it."""

    def draw(runs: int, drop: float) -> tuple[np.ndarray, np.ndarray]:
        changed = max(delta, drop) / size
        u = rng.random((runs, n))
        lost = u < (changed + drop / size) / 2
        won = u > 1 - (changed - drop / size) / 2
        return size * (1.0 * lost - won), np.ones((runs, n))

    return draw


def spread(n: int, kind: str, rng: np.random.Generator) -> Draw:
    """Losses of a normal distribution, or of a beta distribution with most of its mass at 0."""

    def draw(runs: int, drop: float) -> tuple[np.ndarray, np.ndarray]:
        if kind == SPREADS[0]:
            losses = rng.normal(drop, 0.2, (runs, n))
        else:
            losses = rng.beta(0.05, 0.95, (runs, n)) * (drop / 0.05)
        return np.clip(losses, -1, 1), np.ones((runs, n))

    return draw


def correlated(k: int, rho: float, delta: float, sizes: str, rng: np.random.Generator) -> Draw:
    """Clusters with beta-binomial losses of an intra-cluster correlation."""
    odds = (1 - rho) / rho

    def lost(share: float, n: np.ndarray) -> np.ndarray:
        if share <= 0:
            return np.zeros(n.shape)
        chance = rng.beta(share * odds, (1 - share) * odds, n.shape)
        return rng.binomial(n.astype(int), chance).astype(float)

    def draw(runs: int, drop: float) -> tuple[np.ndarray, np.ndarray]:
        n = np.full((runs, k), 20.0)
        if sizes != "equal":
            n = np.ceil(5 * (1 + rng.pareto(1.5, (runs, k)))).clip(1, 500)
        if sizes == "largest first":
            n = -np.sort(-n, axis=1)
        changed = max(delta, drop)
        return lost((changed + drop) / 2, n) - lost((changed - drop) / 2, n), n

    return draw


def blocks(runs: int, cells: int) -> Iterator[int]:
    """Sizes of blocks of runs that fit into memory."""
    most = max(1, BLOCK // cells)
    for start in range(0, runs, most):
        yield min(most, runs - start)


def unequal(runs: int, rng: np.random.Generator) -> Section:
    """Skewed losses and clusters at planned looks."""
    out = Section(
        "Planned looks, skewed losses and clusters",
        "The looks are at 50, 75 and 100 % of the units. With rare losses, a few examples lose "
        "`size`. Clusters have beta-binomial losses with the intra-cluster correlation of the row, "
        "and 20 examples each or sizes from a Pareto distribution, in random order or with the "
        "largest first, which no random order would give.",
        ["δ", "units", "kind", *PLANNED],
    )
    design = Spending(HALF)
    for n, size in ((150, 0.9), (300, 0.9), (300, 0.3), (600, 0.3)):
        share = 0.02 / size
        found = [
            counted(runs, rng, np.array([drop]), share, n, 0.02, design, size)
            for drop in (0.02, 0.0, 0.04)
        ]
        cells, level = planned_row(found[0], found[1], found[0], found[2], design)
        out.add("2", n, f"rare, size {size}", *cells, level=level)

    cases = [(200, kind, spread(200, kind, rng)) for kind in SPREADS]
    for k in (20, 50, 200):
        for rho in (0.05, 0.2, 0.5):
            kind = f"clusters of 20, correlation {rho}"
            cases.append((k, kind, correlated(k, rho, 0.05, "equal", rng)))
    for sizes in ("random order", "largest first"):
        for k in (50, 200):
            kind = f"clusters of Pareto sizes, {sizes}, correlation 0.2"
            cases.append((k, kind, correlated(k, 0.2, 0.05, sizes, rng)))
    for units, kind, draw in cases:
        found = [_looked(draw, units, 0.05, drop, runs, design) for drop in (0.05, 0.0, 0.1)]
        cells, level = planned_row(found[0], found[1], found[0], found[2], design)
        out.add("5", units, kind, *cells, level=level)
    return out


def _looked(
    draw: Draw, units: int, delta: float, drop: float, runs: int, design: Spending
) -> np.ndarray:
    """P-values (K, 2, R, 1) of samples that lose `drop`."""
    found = []
    for block in blocks(runs, units):
        losses, sizes = draw(block, drop)
        at_looks = []
        for look, share in enumerate(design.shares, 1):
            count = int(np.ceil(share * units))
            sample = Sample(losses[:, :count], sizes[:, :count], np.ones(count))
            at_looks.append(sample.p_values(delta, design.nominal(ALPHA, look)))
        found.append(np.array(at_looks)[..., None])
    return np.concatenate(found, 2)


def late_parts(runs: int, rng: np.random.Generator) -> Section:
    """Segments whose examples come early or late in the test set."""
    out = Section(
        "Planned looks, segments that come early or late",
        "A segment of 5,000 examples loses δ = 2 points, with a discordance of 10 %. The looks are "
        "at 50, 75 and 100 % of the test set, but the segment has other shares of its examples by "
        "then. The gate computes its levels with these shares. The last column ignores them.",
        ["shares of the segment", "false passes", "fails at δ", "false passes if ignored"],
    )
    chances = np.array([0.06, 0.04, 0.9])
    for shares in ((0.5, 0.75, 1.0), (0.1, 0.5, 1.0), (0.1, 0.3, 1.0), (0.9, 0.95, 1.0)):
        design = Spending(HALF, shares)
        counts, before, found = np.zeros((runs, 3)), 0, []
        for look, share in enumerate(shares, 1):
            counts = counts + rng.multinomial(int(share * 5000) - before, chances, runs)
            before = int(share * 5000)
            distinct, index = np.unique(counts, axis=0, return_inverse=True)
            sample = Sample(np.broadcast_to(SIGNS, distinct.shape), np.ones(3), distinct)
            found.append(sample.p_values(0.02, design.nominal(ALPHA, look))[:, index, None])
        outcome = decided(np.array(found), design)
        errors = [float(outcome.passed.mean()), float(outcome.failed.mean())]
        ignored = float(decided(np.array(found), Spending(HALF)).passed.mean())
        out.add(_listed(shares), *errors, ignored, level=errors)
    return out


# ---- at any time


def any_time(runs: int, rng: np.random.Generator) -> Section:
    """Continuous monitoring: every example is a look."""
    out = Section(
        "At any time",
        "Somebody looks after every example (or cluster) and stops as soon as the release is "
        'decided. "Fixed power" is that of a single test of all n by Gaffke\'s bound.',
        ["δ", "n", "tasks", "kind", "false passes", "false fails", "fails at δ", "power",
         "fixed power", "used at 0", "used at δ", "used at 2δ"],
    )  # fmt: skip

    def zero_one_losses(discordance: float, n: int) -> Draw:
        def draw(block: int, drop: float) -> tuple[np.ndarray, np.ndarray]:
            wide = max(discordance, abs(drop))
            u = rng.random((block, n), dtype=np.float32)
            losses = (u < (wide + drop) / 2) * 1.0 - (u > 1 - (wide - drop) / 2)
            return losses, np.ones(n)

        return draw

    cases: list[tuple[float, int, int, str, Draw]] = []
    for discordance, n in ((0.02, 500), (0.02, 1000), (0.1, 3000)):
        kind = f"0/1, discordance {100 * discordance:g} %"
        cases.append((0.02, n, 1, kind, zero_one_losses(discordance, n)))
    cases.append((0.05, 600, 5, "0/1, discordance 10 %", zero_one_losses(0.1, 600)))
    cases.append((0.02, 600, 1, "rare, size 0.9", rare(600, 0.9, 0.02, rng)))
    cases.append((0.02, 600, 1, "rare, size 0.3", rare(600, 0.3, 0.02, rng)))
    cases += [(0.05, 600, 1, kind, spread(600, kind, rng)) for kind in SPREADS]
    for k, rho in ((50, 0.2), (200, 0.05), (200, 0.5)):
        kind = f"clusters of 20, correlation {rho}"
        cases.append((0.05, k, 1, kind, correlated(k, rho, 0.05, "equal", rng)))
    kind = "clusters of Pareto sizes, correlation 0.2"
    cases.append((0.05, 200, 1, kind, correlated(200, 0.2, 0.05, "random order", rng)))
    for delta, n, tasks, kind, draw in cases:
        at, none, twice = (
            _watched(draw, n, delta, drop, runs, tasks) for drop in (delta, 0.0, 2 * delta)
        )
        fixed = _fixed_power(draw, n, delta, min(runs, 4000), tasks)
        errors = [float(outcome.mean()) for outcome in (at.passed, none.failed, at.failed)]
        used = [float(outcome.used.mean()) for outcome in (none, at, twice)]
        cells = [*errors, float(none.passed.mean()), fixed, *used]
        out.add(f"{100 * delta:g}", n, tasks, kind, *cells, level=errors)
    return out


def _watched(draw: Draw, n: int, delta: float, drop: float, runs: int, tasks: int) -> Outcome:
    """Watch releases whose first task loses `drop`; the others lose nothing."""
    found = []
    for block in blocks(runs, 4 * n):
        passes, fails = np.zeros(block, int), np.full(block, n)
        for task in range(tasks):
            losses, sizes = draw(block, drop if task == 0 else 0.0)
            less = log_capital(losses, sizes, delta) >= -np.log(ALPHA)
            more = log_capital(-losses, sizes, -delta) >= -np.log(ALPHA / tasks)
            # The release passes when the last task does, and fails when the first one does.
            passes = np.maximum(passes, _first(less))
            fails = np.minimum(fails, _first(more))
        found.append(np.stack([passes, fails]))
    passes, fails = np.concatenate(found, 1)
    used = np.minimum(np.minimum(passes, fails) + 1, n) / n
    return Outcome((passes < n) & (passes < fails), (fails < n) & (fails <= passes), used)


def _first(reached: np.ndarray) -> np.ndarray:
    """The first position at which something is true in each row, or the length if nowhere."""
    return np.where(reached.any(1), reached.argmax(1), reached.shape[1])


def _fixed_power(draw: Draw, n: int, delta: float, runs: int, tasks: int) -> float:
    """The share of releases without any loss that a single test of everything passes."""
    passed = []
    for block in blocks(runs, n):
        losses, sizes = draw(block, 0.0)
        passed.append(p_loses_less(losses, sizes, np.ones(n), delta, near=ALPHA) <= ALPHA)
    return float(np.concatenate(passed).mean()) ** tasks


# ---- repeats and noise


def repeats(runs: int, rng: np.random.Generator) -> Section:
    """Several answers to each example."""
    out = Section(
        "Repeats",
        "Each example is answered 5 times. Some examples are hard for the candidate: it loses each "
        "answer to them with the chance of the row, and no other. On average, it loses δ. The gate "
        'averages the answers. "As rows" counts every answer as an example.',
        ["δ", "examples", "chance", "false passes", "fails at δ",
         "as rows: false passes", "as rows: fails at δ"],
    )  # fmt: skip
    values = np.arange(6) / 5
    for delta, n in ((0.02, 200), (0.02, 1000), (0.05, 200), (0.05, 1000)):
        for chance in (1.0, 0.5, 0.2):
            hard = delta / chance
            shares = hard * binom.pmf(np.arange(6), 5, chance)
            shares[0] += 1 - hard
            counts = rng.multinomial(n, shares, runs)
            answers = np.stack([counts @ (5 * values), counts @ (5 - 5 * values)], -1)
            averaged = _rejected(np.broadcast_to(values, counts.shape), counts, delta)
            single = _rejected(np.broadcast_to([1.0, 0.0], answers.shape), answers, delta)
            out.add(f"{100 * delta:g}", n, chance, *averaged, *single, level=averaged)
    return out


def _rejected(losses: np.ndarray, counts: np.ndarray, delta: float) -> list[float]:
    """The shares of samples that pass and that fail."""
    distinct, index = np.unique(counts, axis=0, return_inverse=True)
    sample = Sample(losses[: len(distinct)], np.ones(losses.shape[1]), distinct)
    p_values = sample.p_values(delta, ALPHA)[:, index]
    return [float(share) for share in (p_values <= ALPHA).mean(1)]


def noise(runs: int, rng: np.random.Generator) -> Section:
    """How often two new runs differ by more than the floor that other runs gave."""
    out = Section(
        "The noise floor",
        "The floor is computed from the runs of the row, and then two new runs of the same model "
        "are compared with it. By its definition, 5 of 100 pairs exceed it. In the last rows, "
        "every run also moves all examples together, as another seed of the training may. Few runs "
        "cannot tell how large this movement is, so the floor is then too low. A row is measured "
        "on a tenth of the runs.",
        [
            "examples",
            "runs",
            "movement of all examples",
            "new pairs beyond the floor",
            "mean floor",
        ],
    )
    for n, moved in ((200, 0.0), (1000, 0.0), (1000, 0.02)):
        for number in (2, 3, 5, 10):
            beyond, floors = _floors(n, number, moved, runs // 10, rng)
            out.add(n, number, f"sd {moved:g}", beyond, floors, level=[])
    return out


def _floors(
    n: int, number: int, moved: float, runs: int, rng: np.random.Generator
) -> tuple[float, float]:
    """The share of new pairs beyond the floor, and the mean floor."""
    beyond, floors = np.zeros(runs, bool), np.zeros(runs)
    first, second = np.triu_indices(number, 1)
    for trial in range(runs):
        chance = rng.beta(2, 1, n) * 0.8 + 0.1
        shift = moved * rng.normal(size=(number + 2, 1))
        right = (rng.random((number + 2, n)) < chance + shift).astype(float)
        floors[trial] = exceeded_difference(right[first] - right[second], [None] * len(first))
        beyond[trial] = abs(right[-1].mean() - right[-2].mean()) > floors[trial]
    return float(beyond.mean()), float(floors.mean())


def _listed(shares: tuple[float, ...]) -> str:
    return ", ".join(f"{100 * share:g}" for share in shares) + " %"


def sections(runs: int) -> Iterator[Section]:
    """All tables; each has a seed of its own, so that one can be made again alone."""
    yield zero_one(runs, np.random.default_rng(0))
    yield enumerated()
    yield unequal(runs, np.random.default_rng(5))
    yield late_parts(runs, np.random.default_rng(1))
    yield any_time(runs, np.random.default_rng(2))
    yield repeats(runs, np.random.default_rng(3))
    yield noise(runs, np.random.default_rng(4))


def page(found: list[Section], runs: int) -> tuple[list[str], bool]:
    """The lines of the page, and whether every level is held."""
    shares = [share for section in found for share in section.level]
    # The largest of many shares that are exactly 5 % exceeds it by chance, so three errors are
    # allowed for.
    error = 3 * (ALPHA * (1 - ALPHA) / runs) ** 0.5
    beyond = sum(share > ALPHA + error for share in shares)
    lines = ["# How often the gate errs if it looks several times", ""]
    lines += ["`python benchmarks/look_levels.py`", ""]
    lines += [*(__doc__ or "").split("\n\n", 2)[2].strip().splitlines(), ""]
    lines += [
        f"A row is measured on {runs:,} releases, and shares are in per cent. Of {len(shares)} "
        f"shares of errors, the largest is {100 * max(shares):.2f} %, and {beyond} exceed 5 % by "
        f"more than three simulation errors ({100 * error:.2f} points).",
        "",
    ]
    for section in found:
        lines += [f"## {section.title}", "", section.about, ""]
        lines += ["| " + " | ".join(section.head) + " |", "|---" * len(section.head) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in section.rows] + [""]
    return lines, beyond == 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    start = time.monotonic()
    lines, held = page(list(sections(options.runs)), options.runs)
    print("\n".join(lines))
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    if options.write:
        options.write.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    if not held:
        sys.exit(1)


if __name__ == "__main__":
    main()
