"""Score tests against numerical maxima of likelihood, levels by enumeration, and known identities."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, multinomial

from holdfast.errors import HoldfastError
from holdfast.gate.statistics import (
    _farrington_manning_variance,
    examples_needed,
    holm,
    paired_binary,
    paired_real,
    summarised_real,
    tango_z,
    unpaired_binary,
)


@pytest.mark.parametrize(
    ("b", "c", "n", "delta"), [(12, 5, 200, 0.03), (0, 3, 150, 0.02), (7, 0, 400, 0.01), (40, 35, 300, 0.1), (5, 9, 80, -0.05)]
)
def test_the_statistic_of_tango_is_at_the_constrained_maximum_of_likelihood(b, c, n, delta):
    def minus_log(q):
        p = q + delta
        rest = 1 - p - q
        if min(q, p, rest) <= 0:
            return 1e9
        return -(b * np.log(p) + c * np.log(q) + (n - b - c) * np.log(rest))

    low = max(0, -delta)
    found = minimize_scalar(minus_log, bounds=(low + 1e-9, (1 - delta) / 2 - 1e-9), method="bounded", options={"xatol": 1e-12})
    q = found.x
    expected = (b - c - n * delta) / (n * (2 * q + delta - delta**2)) ** 0.5
    assert float(tango_z(b, c, n, delta)) == pytest.approx(expected, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("p1", "p2", "n1", "n2", "delta"),
    [(0.9, 0.85, 200, 300, 0.02), (0.5, 0.5, 100, 80, 0.1), (0.97, 0.99, 400, 400, 0.03), (0.2, 0.4, 90, 150, -0.1)],
)
def test_the_variance_of_farrington_and_manning_is_at_the_constrained_maximum(p1, p2, n1, n2, delta):
    def minus_log(q1):
        q2 = q1 - delta
        if not (0 < q1 < 1 and 0 < q2 < 1):
            return 1e9
        return -sum(n * (p * np.log(q) + (1 - p) * np.log(1 - q)) for p, q, n in ((p1, q1, n1), (p2, q2, n2)))

    found = minimize_scalar(minus_log, bounds=(max(0, delta) + 1e-9, 1 + min(0, delta) - 1e-9), method="bounded", options={"xatol": 1e-12})
    q1 = found.x
    expected = q1 * (1 - q1) / n1 + (q1 - delta) * (1 - q1 + delta) / n2
    assert _farrington_manning_variance(p1, p2, n1, n2, delta) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n", [200, 1000])
@pytest.mark.parametrize("margin", [0.01, 0.02, 0.03, 0.05])
def test_pure_losses_at_the_margin_pass_in_at_most_five_per_cent(n, margin):
    """Exactly, by enumeration: losses are binomial at δ, there are no gains."""
    passes = sum(binom.pmf(b, n, margin) for b in range(n + 1) if paired_binary(b, 0, n, margin).not_worse <= 0.05)
    assert passes <= 0.05


@pytest.mark.parametrize(("discordance", "margin"), [(0.05, 0.02), (0.1, 0.03), (0.2, 0.05), (0.03, 0.03)])
def test_levels_by_enumeration_of_all_outcomes(discordance, margin):
    """At drop = δ non-inferiority is claimed, and at drop = δ a loss of more than δ is claimed, in at most 5 % of outcomes."""
    n = 200
    p = np.array([(discordance + margin) / 2, (discordance - margin) / 2, 1 - discordance])
    passed = failed = 0.0
    for b in range(60):
        for c in range(50):
            weight = multinomial.pmf([b, c, n - b - c], n, p)
            if weight > 1e-12:
                result = paired_binary(b, c, n, margin)
                passed += weight * (result.not_worse <= 0.05)
                failed += weight * (result.worse <= 0.05)
    assert passed <= 0.0525
    assert failed <= 0.0525
    assert passed > 0.005, "nor is it idle"


def test_swapping_the_sides_turns_a_test_around():
    a, b = paired_binary(9, 4, 300, 0.02), paired_binary(4, 9, 300, -0.02)
    assert a.drop == -b.drop
    assert (a.low, a.high) == (pytest.approx(-b.high), pytest.approx(-b.low))
    assert a.not_worse == pytest.approx(b.worse)
    c, d = unpaired_binary(0.9, 0.8, 200, 300, 0.05), unpaired_binary(0.8, 0.9, 300, 200, -0.05)
    assert c.not_worse == pytest.approx(d.worse)


def test_intervals_hold_the_margins_that_are_not_rejected():
    result = paired_binary(15, 6, 400, 0.02)
    for bound, p in ((result.high, "not_worse"), (result.low, "worse")):
        assert getattr(paired_binary(15, 6, 400, bound), p) == pytest.approx(0.025, abs=1e-3)


def test_real_scores_by_cluster_are_means_of_cluster_sums():
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(40), 10)
    d = rng.normal(size=40)[cluster] * 0.1 + rng.normal(size=400) * 0.01
    plain, by_cluster = paired_real(d, 0.02), paired_real(d, 0.02, cluster)
    assert by_cluster.high - by_cluster.low > 2.5 * (plain.high - plain.low)
    means = d.reshape(40, 10).mean(1)
    assert by_cluster.high - by_cluster.drop == pytest.approx(2.0227 * means.std(ddof=1) / 40**0.5, rel=1e-3)


def test_equal_differences_are_not_certain():
    assert paired_real(np.zeros(20), 0.02).not_worse > 0.05
    assert paired_real(np.zeros(2000), 0.02).not_worse < 0.001


def test_summaries_of_zero_one_scores_agree_with_shares():
    p, n = 0.9, 4000
    sd = (p * (1 - p)) ** 0.5
    a, b = summarised_real((p, sd, n), (0.89, (0.89 * 0.11) ** 0.5, n), 0.02), unpaired_binary(p, 0.89, n, n, 0.02)
    assert a.not_worse == pytest.approx(b.not_worse, abs=5e-3)


def test_holm_is_less_strict_than_bonferroni_and_never_stricter():
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = rng.random(6) ** 3
        found = holm(list(p), 0.05)
        assert all(f for f, v in zip(found, p, strict=True) if v <= 0.05 / 6)
        assert not any(f for f, v in zip(found, p, strict=True) if v > 0.05)


@pytest.mark.parametrize(("margin", "discordance"), [(0.02, 0.05), (0.01, 0.1), (0.05, 0.2)])
def test_the_planned_number_of_examples_has_the_planned_power(margin, discordance):
    n, rng = examples_needed(margin, discordance), np.random.default_rng(1)
    draws = rng.multinomial(n, [discordance / 2, discordance / 2, 1 - discordance], size=2000)
    power = np.mean([paired_binary(int(b), int(c), n, margin).not_worse <= 0.05 for b, c, _ in draws])
    assert 0.77 < power < 0.88


def test_nonsense_is_refused():
    with pytest.raises(HoldfastError, match="fit together"):
        paired_binary(5, 5, 8, 0.01)
    with pytest.raises(HoldfastError, match="margin above the drop"):
        examples_needed(0.01, 0.05, drop=0.02)
