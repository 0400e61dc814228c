"""Bounds against exact distributions, levels by enumeration, and known identities."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.stats import beta, binom, fisher_exact, multinomial, norm

from holdfast.errors import HoldfastError
from holdfast.gate.statistics import Aggregated, Paired, holm
from holdfast.gate.statistics.aggregated import _smallest_factor
from holdfast.gate.statistics.gaffke import p_loses_less
from holdfast.gate.statistics.gamma_sums import gamma_tail
from holdfast.gate.statistics.melding import p_difference
from holdfast.gate.statistics.sample_size import _tilted, planned_units, units_needed
from holdfast.gate.statistics.units import Units, on_a_grid

ALPHA = 0.05
ONE = np.ones(1)


def paired(losses: int, gains: int, n: int) -> Paired:
    champion, candidate = np.ones(n), np.ones(n)
    candidate[:losses] = 0
    champion[losses : losses + gains] = 0
    return Paired(champion, candidate)


def exact_tail(values: np.ndarray, counts: np.ndarray) -> float:
    """P(Σ values · Gamma(counts) ≥ 0) by integrating the characteristic function (Imhof 1961)."""
    x, weight = leggauss(64)
    a = values / np.sqrt((counts * values**2).sum())
    end = 1.0
    while 0.5 * (counts * np.log1p((a * end) ** 2)).sum() < 25:
        end *= 1.5
    edges, total = np.concatenate([[0], np.geomspace(min(0.5, end / 2), end, 60)]), 0.0
    for low, high in pairwise(edges):
        u = (high - low) / 2 * x + (high + low) / 2
        angle = (counts[:, None] * np.arctan(a[:, None] * u)).sum(0)
        size = 0.5 * (counts[:, None] * np.log1p((a[:, None] * u) ** 2)).sum(0)
        total += ((high - low) / 2 * weight * np.sin(angle) / u * np.exp(-size)).sum()
    return 0.5 + total / np.pi


@pytest.mark.parametrize("seed", range(20))
def test_the_chance_of_a_weighted_sum_is_exact_and_its_approximation_close(seed):
    """Samples of 2 to 300 differences, at limits that make p about 70, 10, 5, 1 and 0.01 %."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 300)) if seed > 8 else seed + 1
    kinds = [
        (rng.random(n) < 0.02) * 1.0,
        (rng.random(n) < 0.05) * rng.random(n),
        np.clip(rng.normal(0, 0.1, n), -1, 1),
        rng.choice([-1.0, 0.0, 1.0], n, p=[0.05, 0.9, 0.05]),
    ]
    losses = kinds[seed % 4]
    evidence = Paired(np.clip(losses, 0, 1), np.clip(-losses, 0, 1))
    for level in (0.7, 0.1, 0.05, 0.01, 1e-4):
        limit = -evidence.interval(level, level)[0]
        values, counts = np.append(losses - limit, 1 - limit), np.ones(n + 1)
        assert float(gamma_tail(values, counts)) == pytest.approx(
            exact_tail(values, counts), rel=1e-5, abs=1e-7
        )
        assert evidence.p_loses_less(limit) == pytest.approx(level, rel=0.05 if n < 3 else 2e-3)
        rough = float(gamma_tail(values, counts, near=2.0)) if level > 0.001 else level
        assert rough == pytest.approx(level, rel=0.15), (
            "the approximation, which simulations use away from the level"
        )


@pytest.mark.parametrize(
    ("k", "n", "share"),
    [(0, 149, 0.02), (1, 200, 0.03), (5, 200, 0.05), (50, 1000, 0.06), (3, 10_000, 0.0008)],
)
def test_for_losses_alone_the_bound_is_that_of_clopper_and_pearson(k, n, share):
    p = float(p_loses_less(np.array([1.0, 0.0]), np.ones(2), np.array([k, n - k]), share))
    exact = beta.sf(share, k + 1, n - k)
    assert p == pytest.approx(exact, rel=1e-7)
    assert exact == pytest.approx(binom.cdf(k, n, share)), "which is the exact test of a binomial"


@pytest.mark.parametrize("n", [30, 60, 150, 200, 1000])
@pytest.mark.parametrize("limit", [0.01, 0.02, 0.05, 0.1, 0.2])
def test_pure_losses_at_the_limit_pass_in_at_most_five_per_cent(n, limit):
    """Exactly, by enumeration: losses are binomial at the limit, there are no gains."""
    k = np.arange(n + 1)
    counts, values = np.stack([k, n - k], -1), np.array([1.0, 0.0])
    weights = binom.pmf(k, n, limit)
    passed = p_loses_less(np.broadcast_to(values, counts.shape), np.ones(2), counts, limit) <= ALPHA
    failed = (
        p_loses_less(np.broadcast_to(-values, counts.shape), np.ones(2), counts, -limit) <= ALPHA
    )
    assert weights[passed].sum() <= ALPHA
    assert weights[failed].sum() <= ALPHA


@pytest.mark.parametrize("n", [100, 150, 200, 300, 500, 1000])
@pytest.mark.parametrize("limit", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("size", [0.9, 0.5, 0.2])
def test_rare_large_losses_of_real_scores_pass_in_at_most_five_per_cent(n, limit, size):
    """Exactly, by enumeration: a binomial number of examples lose `size`, on average the limit."""
    k = np.arange(n + 1)
    counts, values = np.stack([k, n - k], -1), np.array([size, 0.0])
    weights = binom.pmf(k, n, limit / size)
    for sign, bound in ((1, limit), (-1, -limit)):
        claimed = (
            p_loses_less(np.broadcast_to(sign * values, counts.shape), np.ones(2), counts, bound)
            <= ALPHA
        )
        assert weights[claimed].sum() <= ALPHA


@pytest.mark.parametrize("k", [5, 10, 20, 50, 100, 200])
@pytest.mark.parametrize("limit", [0.02, 0.05])
def test_clusters_that_are_lost_as_a_whole_pass_in_at_most_five_per_cent(k, limit):
    """Exactly, by enumeration, for clusters of 50."""
    lost = np.arange(k + 1)
    counts, sums = np.stack([lost, k - lost], -1), np.array([50.0, 0.0])
    passed = (
        p_loses_less(np.broadcast_to(sums, counts.shape), np.full(2, 50.0), counts, limit) <= ALPHA
    )
    assert binom.pmf(lost, k, limit)[passed].sum() <= ALPHA


@pytest.mark.parametrize(
    ("discordance", "limit"), [(0.05, 0.02), (0.1, 0.03), (0.2, 0.05), (0.03, 0.03)]
)
def test_levels_by_enumeration_of_all_outcomes(discordance, limit):
    """At a true loss of exactly the limit, both claims are made in at most 5 % of outcomes."""
    n = 200
    share = np.array([(discordance + limit) / 2, (discordance - limit) / 2, 1 - discordance])
    b, c = (grid.ravel() for grid in np.meshgrid(np.arange(60), np.arange(50)))
    counts = np.stack([b, c, n - b - c], -1)
    weights = multinomial.pmf(counts, n, share)
    values = np.broadcast_to(np.array([1.0, -1.0, 0.0]), counts.shape)
    passed = weights[p_loses_less(values, np.ones(3), counts, limit) <= ALPHA].sum()
    failed = weights[p_loses_less(-values, np.ones(3), counts, -limit) <= ALPHA].sum()
    assert 0.005 < passed <= ALPHA
    assert failed <= ALPHA


@pytest.mark.parametrize(("n", "m"), [(30, 30), (60, 25), (25, 60)])
def test_melded_bounds_without_a_limit_are_fishers_exact_test(n, m):
    for a, b in ((n // 2, m // 3), (n - 3, m - 6), (n, m - 2), (5, 0)):
        p = float(p_difference((1 - a / n, None, n), (b / m, None, m), np.array(0.0)))
        table = [[a, n - a], [b, m - b]]
        assert p == pytest.approx(fisher_exact(table, alternative="less").pvalue, abs=2e-6)


@pytest.mark.parametrize(("n", "m"), [(30, 30), (300, 30), (30, 300), (200, 200)])
@pytest.mark.parametrize("right", [0.98, 0.6])
def test_unpaired_shares_of_any_sizes_hold_their_level_by_enumeration(n, m, right):
    limit = 0.05
    a = np.flatnonzero(binom.pmf(np.arange(n + 1), n, right) > 1e-5)
    b = np.flatnonzero(binom.pmf(np.arange(m + 1), m, right - limit) > 1e-5)
    passed = failed = 0.0
    step = max(1, len(a) * len(b) // 500)  # a part of the champion's outcomes, weighted to one
    kept = a[:: max(1, step)]
    weights = binom.pmf(kept, n, right)
    weights /= weights.sum()
    for i, w in zip(kept, weights, strict=True):
        for j in b:
            evidence = Aggregated((i / n, None, n), (j / m, None, m))
            weight = w * binom.pmf(j, m, right - limit)
            passed += weight * (evidence.p_loses_less(limit) <= ALPHA)
            failed += weight * (evidence.p_loses_more(limit) <= ALPHA)
    assert passed <= ALPHA
    assert failed <= ALPHA


@pytest.mark.parametrize("seed", range(20))
def test_a_mean_and_its_deviation_are_never_more_certain_than_the_scores_themselves(seed):
    """Whatever the scores were, the summary assumes the worst sample with this mean and spread."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 200))
    scores = rng.beta(*rng.uniform(0.2, 4, 2), n) if seed % 2 else 0.9 * (rng.random(n) > 0.05)
    mean, deviation = float(scores.mean()), float(scores.std(ddof=1))
    for share in (0.01, 0.03, 0.1):
        limit = float(beta.ppf(share, n * mean, n * (1 - mean) + 1))
        whole = float(p_loses_less(1 - scores, np.ones(n), np.ones(n), 1 - limit))
        summary = float(p_difference((0.0, 0.0, 1e12), (mean, deviation, n), np.array(1 - limit)))
        assert summary >= 0.98 * whole


def test_swapping_the_sides_turns_a_test_around():
    a, b = paired(9, 4, 300), paired(4, 9, 300)
    assert a.change == -b.change
    assert a.p_loses_less(0.02) == pytest.approx(b.p_loses_more(-0.02))
    assert a.interval(0.05, 0.01) == pytest.approx(
        [-x for x in b.interval(0.01, 0.05)][::-1], abs=1e-5
    )
    c, d = (
        Aggregated((0.9, None, 200), (0.8, 0.2, 300)),
        Aggregated((0.8, 0.2, 300), (0.9, None, 200)),
    )
    assert c.p_loses_less(0.05) == pytest.approx(d.p_loses_more(-0.05))


def test_an_interval_holds_the_changes_that_are_not_rejected():
    for evidence in (
        paired(15, 6, 400),
        Aggregated((0.9, None, 400), (0.88, 0.3, 500)),
        paired(0, 0, 50),
    ):
        low, high = evidence.interval(0.025, 0.01)
        assert -1 <= low <= evidence.change <= high <= 1
        assert evidence.p_loses_less(-low) == pytest.approx(0.025, abs=1e-3)
        assert evidence.p_loses_more(-high) == pytest.approx(0.01, abs=1e-3)


@pytest.mark.parametrize("scores", [np.zeros(1), np.ones(1), np.zeros(5), np.full(5, 0.5)])
def test_the_smallest_and_the_most_uniform_samples_have_finite_intervals(scores):
    low, high = Paired(scores, scores, np.zeros(len(scores))).interval(0.05, 0.05)
    assert -1 <= low < 0 < high <= 1
    low, high = Paired(np.ones(40), np.zeros(40)).interval(0.05, 0.05)
    assert low == -1
    assert -1 < high < -0.85


def test_clusters_never_make_a_result_more_certain():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = int(rng.integers(20, 200))
        before, after = (rng.random(n) < 0.9).astype(float), (rng.random(n) < 0.9).astype(float)
        plain = Paired(before, after)
        clusters = rng.integers(0, rng.integers(1, n + 1), n)
        by_cluster = Paired(before, after, clusters)
        assert by_cluster.p_loses_less(0.05) >= plain.p_loses_less(0.05)
        assert by_cluster.p_loses_more(0.05) >= plain.p_loses_more(0.05)
        assert Paired(before, after, np.arange(n)).p_loses_less(0.05) == plain.p_loses_less(0.05)


def test_clusters_that_are_alike_are_counted_if_there_are_very_many():
    rng = np.random.default_rng(0)
    losses = rng.choice([-1.0, 0.0, 1.0], 6000, p=[0.01, 0.98, 0.01])
    clusters = rng.integers(0, 1500, 6000)
    many = Units.of_clusters(losses, clusters)
    assert len(many.losses) < 50
    assert many.counts.sum() == len(np.unique(clusters))
    one_by_one = np.array([losses[clusters == name].sum() for name in np.unique(clusters)])
    sizes = np.array([(clusters == name).sum() for name in np.unique(clusters)]).astype(float)
    each = Units(one_by_one, sizes, np.ones(len(sizes)))
    limits = np.array([0.01, 0.02])
    assert many.p_loses_less(limits) == pytest.approx(each.p_loses_less(limits), rel=1e-8)
    assert Paired(np.clip(losses, 0, 1), np.clip(-losses, 0, 1), clusters).clusters == len(sizes)


def test_a_dominating_cluster_decides_nothing():
    sizes = np.array([1000, *[10] * 29])
    clusters = np.repeat(np.arange(30), sizes)
    for lost in (0.0, 1.0):
        before, after = np.ones(len(clusters)), np.where(clusters == 0, 1 - lost, 1.0)
        evidence = Paired(before, after, clusters)
        assert evidence.p_loses_less(0.02) > ALPHA
        assert evidence.p_loses_more(0.02) > ALPHA


def test_many_values_on_a_grid_keep_their_mean_and_only_gain_spread():
    values = np.random.default_rng(0).normal(0, 0.1, 50_000).clip(-1, 1)
    grid, counts = on_a_grid(values, 4096)
    assert counts.sum() == pytest.approx(len(values))
    assert (grid * counts).sum() == pytest.approx(values.sum())
    assert (grid**2 * counts).sum() >= (values**2).sum()
    evidence = Paired(values.clip(0, 1), (-values).clip(0, 1))
    every = float(p_loses_less(values, np.ones(len(values)), np.ones(len(values)), 0.001))
    assert evidence.p_loses_less(0.001) == pytest.approx(every, rel=0.01)


@pytest.mark.parametrize(("distinct", "kept"), [(16, 16), (17, 17), (512, 512), (513, 512)])
def test_few_losses_are_remembered_and_very_many_are_put_on_a_grid(distinct, kept):
    units = Units.of_examples(np.geomspace(0.01, 1, distinct))
    assert len(units.losses) == kept
    assert units.is_small == (distinct <= 16)


def test_sums_of_one_sign_are_certain():
    assert gamma_tail(np.array([1.0, 2.0]), np.ones(2)) == 1
    assert gamma_tail(np.array([-1.0, -2.0]), np.ones(2)) == 0
    assert gamma_tail(np.array([0.0, 0.0]), np.ones(2)) == 1
    assert gamma_tail(np.array([0.0, -1.0]), np.ones(2)) == 0
    assert gamma_tail(np.array([-1.0, 5.0]), np.array([1.0, 0.0])) == 0, (
        "a factor that never occurs"
    )
    assert gamma_tail(np.array([1.0, -1.0]), np.ones(2)) == pytest.approx(0.5)


def test_a_sum_with_mean_zero_has_a_close_approximation_too():
    # P(2 G ≥ H) with G ~ Gamma(1) and H ~ Gamma(2) is E[exp(-H / 2)] = (1 + 1 / 2) ** -2.
    values, counts = np.array([2.0, -1.0]), np.array([1.0, 2.0])
    assert gamma_tail(values, counts) == pytest.approx(4 / 9, rel=1e-9)
    assert gamma_tail(values, counts, near=1e-6) == pytest.approx(4 / 9, rel=0.005)
    assert gamma_tail(-values, counts, near=1e-6) == pytest.approx(5 / 9, rel=0.005)


def test_a_size_that_does_not_occur_completes_no_sample():
    losses, sizes = np.array([0.0, 0.0]), np.array([1.0, 50.0])
    p = p_loses_less(losses, sizes, np.array([150.0, 0.0]), 0.02)
    assert p == pytest.approx(0.98**150)


def test_a_model_that_is_always_right_may_have_lost_everything():
    assert Aggregated((1.0, None, 50), (0.0, None, 50)).p_loses_less(1.0) == 1


def test_holm_is_less_strict_than_bonferroni_and_never_stricter_than_no_correction():
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = list(rng.random(6) ** 3)
        found = holm(p, 0.05)
        assert all(f.rejected for f, v in zip(found, p, strict=True) if v <= 0.05 / 6)
        assert not any(f.rejected for f, v in zip(found, p, strict=True) if v > 0.05)
        assert all(
            (f.p <= 0.05) == f.rejected == (v <= f.level) for f, v in zip(found, p, strict=True)
        )
    assert holm([], 0.05) == []
    assert [found.p for found in holm([0.9, 0.4], 0.05)] == [0.9, 0.8]
    assert [found.p for found in holm([0.9, 0.6, 1.0], 0.05)] == [1, 1, 1]
    assert holm([0.05], 0.05)[0].rejected, "a p-value that reaches its level is small enough"


@pytest.mark.parametrize(
    ("evidence", "limit", "draw"),
    [
        (paired(25, 25, 1000), 0.02, "discordant"),
        (paired(50, 50, 1000), 0.01, "discordant"),
        (Aggregated((0.9, None, 1000), (0.9, None, 1000)), 0.03, "unpaired"),
    ],
)
def test_the_planned_number_of_examples_has_the_planned_power(evidence, limit, draw):
    n, clusters = evidence.needed(limit, ALPHA, 0.0, 0.8)
    assert clusters is None
    rng = np.random.default_rng(1)
    if draw == "discordant":
        share = evidence.interval(0.5, 0.5) and (0.025 if limit == 0.02 else 0.05)
        counts = rng.multinomial(n, [share, share, 1 - 2 * share], size=600)
        values = np.broadcast_to(np.array([1.0, -1.0, 0.0]), counts.shape)
        power = (p_loses_less(values, np.ones(3), counts, limit) <= ALPHA).mean()
    else:
        right = rng.binomial(n, 0.9, size=(300, 2)) / n
        power = np.mean(
            [Aggregated((a, None, n), (b, None, n)).p_loses_less(limit) <= ALPHA for a, b in right]
        )
    assert 0.77 < power < 0.97


@pytest.mark.parametrize("threshold", [3e-6, 0.02, 0.4, 0.9, 1.0, 1.1, 2.5, 4.0, 1000.0, 7e8])
def test_a_plan_finds_the_smallest_factor_whatever_the_number_of_examples_is_now(threshold):
    asked = []

    def passes(factor):
        asked.append(factor)
        return factor >= threshold

    assert _smallest_factor(passes) == pytest.approx(threshold, rel=1e-6)
    assert passes(_smallest_factor(passes))
    assert len(asked) < 150


def test_a_plan_for_good_luck_stops_at_a_candidate_that_is_always_right():
    evidence = Aggregated((1.0, None, 100), (0.99, None, 100))
    # With nothing lost in any of n examples, 0.98^n is below 5 % from 149 on.
    assert 140 <= evidence.needed(0.02, ALPHA, 0.0, 0.3)[0] <= 149


def test_a_plan_without_any_hope_ends_at_the_largest_factor():
    assert 1e9 <= _smallest_factor(lambda factor: False) <= 2e9
    assert 2e-7 <= _smallest_factor(lambda factor: True) <= 1e-6


@pytest.mark.parametrize(
    ("loss", "limit", "power"), [(0.2, 0.5, 0.8), (0.2, 0.5, 0.5), (0.02, 0.05, 0.9)]
)
def test_the_planned_number_of_pure_losses_is_that_of_clopper_and_pearson(loss, limit, power):
    """Of so many examples the share that is lost is known, so only luck is planned for."""
    known = Units(np.array([1.0, 0.0]), np.ones(2), 1e12 * np.array([loss, 1 - loss]))

    def passes(n):
        unlucky = n * loss + norm.ppf(power) * np.sqrt(n * loss * (1 - loss))
        return unlucky < n * limit and beta.sf(limit, unlucky + 1, n - unlucky) <= ALPHA

    smallest = next(n for n in np.arange(1, 1000, 0.1) if passes(n))
    # The search goes in steps of 2 %, and its chances are approximations.
    assert units_needed(known, limit, ALPHA, loss, power) == pytest.approx(
        smallest, rel=0.05, abs=1
    )


@pytest.mark.parametrize("seed", range(6))
def test_planned_units_have_the_assumed_mean_and_a_spread_that_allows_for_chance(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, 30).astype(float)
    # Some clusters lose all they have, so a wider spread has to come from more such clusters.
    losses = sizes * np.where(rng.random(30) < 0.2, 1.0, rng.normal(0, 0.2, 30).clip(-1, 1))
    excess, shares = planned_units(Units(losses, sizes, np.ones(30)), 0.05, 0.01)
    planned_sizes = np.append(sizes, [sizes.max()] * (len(shares) - 30))
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    assert excess @ shares == pytest.approx((0.01 - 0.05) * (planned_sizes @ shares))
    residual = losses - losses.sum() / sizes.sum() * sizes
    variance = (residual**2).mean()
    error = np.sqrt(((residual**4).mean() / variance**2 - 1) / 30)
    planned = excess + (0.05 - 0.01) * planned_sizes
    wanted = variance * (1 + norm.ppf(0.9) * error)
    assert (planned**2) @ shares == pytest.approx(wanted, rel=2e-3)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_tilted_shares_have_the_means_that_are_asked_for(unit):
    values = unit * np.array([-0.3, -0.1, 0.2, 1.0])
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    targets = unit * np.array([-0.25, -0.01, 0.0, 0.6])
    tilted = _tilted(values, shares, targets)
    np.testing.assert_allclose(tilted.sum(1), 1)
    np.testing.assert_allclose(tilted @ values, targets, atol=1e-9 * unit)
    # An exponential tilt: log(tilted / share) is a straight line in the values.
    slopes = np.diff(np.log(tilted / shares), axis=1) / np.diff(values)
    np.testing.assert_allclose(slopes, slopes[:, :1].repeat(3, 1), atol=1e-6 / unit)


def test_planned_clusters_hold_as_many_examples_as_those_at_hand():
    lost = np.repeat([1.0, 0.0], [30, 270])
    evidence = Paired(np.ones(300), 1 - lost, np.arange(300) // 6)
    examples, clusters = evidence.needed(0.3, ALPHA, 0.1, 0.8)
    assert examples == 6 * clusters
    # The 30 losses are five whole clusters, so a cluster counts as one example.
    alone, _ = Paired(np.ones(50), 1 - lost[::6]).needed(0.3, ALPHA, 0.1, 0.8)
    assert clusters == alone


def test_the_planned_number_of_clusters_has_the_planned_power():
    """Twenty clusters of 100 with effects of sd 0.1: the planned number must have its power."""
    rng = np.random.default_rng(2)
    passed = []
    for _ in range(25):
        effects = rng.normal(0, 0.1, 20)
        losses = np.repeat(effects, 100) + rng.normal(0, 0.01, 2000)
        clusters = np.repeat(np.arange(20), 100)
        evidence = Paired(losses.clip(0, 1), (-losses).clip(0, 1), clusters)
        _, needed = evidence.needed(0.05, ALPHA, 0.0, 0.8)
        sums = 100 * rng.normal(0, 0.1, (40, needed))
        passed.append(
            (p_loses_less(sums, np.full(needed, 100.0), np.ones(needed), 0.05) <= ALPHA).mean()
        )
    assert np.mean(passed) > 0.78


def test_nonsense_is_refused():
    with pytest.raises(HoldfastError, match="one score of each model per example"):
        Paired(np.ones(3), np.ones(4))
    with pytest.raises(HoldfastError, match="scores must be numbers from 0 to 1"):
        Paired(np.array([0.5, np.nan]), np.ones(2))
    for score in ((0.5, None, 0), (1.5, None, 5), (-0.1, None, 5), (0.5, -0.1, 5)):
        with pytest.raises(HoldfastError, match="a mean from 0 to 1, a standard deviation of at"):
            Aggregated(score, (0.5, None, 5))
    assert Aggregated((1.0, 0.0, 1), (0.0, 0.0, 1)).change == -1, "the least that there can be"
    with pytest.raises(HoldfastError, match="scores must be numbers from 0 to 1"):
        Paired(np.ones(2), np.array([0.5, 1.5]))
    with pytest.raises(HoldfastError, match=r"shapes \(2, 1\) and \(2, 1\)"):
        Paired(np.ones((2, 1)), np.ones((2, 1)))
    with pytest.raises(HoldfastError, match="one cluster label per example"):
        Paired(np.ones(3), np.ones(3), np.ones(2))
