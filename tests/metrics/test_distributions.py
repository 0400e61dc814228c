"""The distributions that the gate needs are those of SciPy."""

import itertools
import math
from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

from holdfast.metrics.distributions import (
    _stirling,
    beta_cdf,
    beta_quantile,
    normal_cdf,
    normal_pdf,
    normal_quantile,
    normal_sf,
    ranks,
    student_quantile,
)

SMALL = (1e-6, 0.02, 0.5, 1, 1.5, 6.9, 7)
LARGE = (30, 500.5, 1e4, 1e6, 1e8)
SHARES = np.array([1e-12, 1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])


def test_the_normal_distribution_is_exact_in_both_tails():
    x = np.linspace(-36, 36, 721)
    np.testing.assert_allclose(normal_cdf(x), stats.norm.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(normal_sf(x), stats.norm.sf(x), rtol=1e-12)
    np.testing.assert_allclose(normal_pdf(x), stats.norm.pdf(x), rtol=1e-12)
    for share in (0.0, 1e-200, 0.05, 0.5, 0.975, 1 - 1e-15, 1.0):
        assert normal_quantile(share) == pytest.approx(stats.norm.ppf(share), rel=1e-12)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(SMALL + LARGE, repeat=2)))
def test_the_beta_distribution_is_that_of_scipy(a, b):
    reference = stats.beta(a, b)
    near = reference.mean() + np.linspace(-9, 9, 37) * reference.std()
    x = np.concatenate([np.clip(near, 0, 1), np.logspace(-12, 0, 25)])
    tolerance = 1e-12 if b < 1e6 else 2e-9
    np.testing.assert_allclose(beta_cdf(x, a, b), reference.cdf(x), rtol=1e-9, atol=tolerance)
    quantiles = beta_quantile(SHARES, a, b)
    # Nearer to 1 the quantile itself is rounded.
    inside = (quantiles > 1e-290) & (quantiles < 1 - 1e-6)
    np.testing.assert_allclose(reference.cdf(quantiles)[inside], SHARES[inside], rtol=1e-6)


def test_the_ends_of_the_beta_distribution_are_exact():
    assert beta_cdf(np.array([0.0, 1.0]), 0.5, 3).tolist() == [0.0, 1.0]
    assert beta_quantile(np.array([0.0, 1.0]), 0.5, 3).tolist() == [0.0, 1.0]


def test_a_beta_distribution_of_very_many_examples_is_a_normal_one():
    z = np.array([-3.0, -1, 0, 1, 2])
    deviation = np.sqrt(0.25 / 2e15)
    np.testing.assert_allclose(
        beta_cdf(0.5 + z * deviation, 1e15, 1e15), stats.norm.cdf(z), atol=1e-6
    )


@pytest.mark.parametrize("z", [12, 13, 20, 40])
def test_stirling_s_series_has_all_digits_from_twelve_on(z):
    # Γ(z) is a factorial here, and its logarithm is taken with 28 digits.
    pi = Decimal("3.1415926535897932384626433833")
    log_gamma = Decimal(math.factorial(z - 1)).ln()
    formula = (Decimal(z) - Decimal("0.5")) * Decimal(z).ln() - z + (2 * pi).ln() / 2
    assert _stirling(z) == pytest.approx(float(log_gamma - formula), rel=1e-14, abs=0)


@pytest.mark.parametrize("freedom", [1, 2, 4, 9.5, 30, 1e3, 1e6])
def test_quantiles_of_student_s_distribution_are_those_of_scipy(freedom):
    for share in (1e-9, 0.025, 0.6, 0.9, 0.975, 0.9999):
        assert student_quantile(share, freedom) == pytest.approx(
            stats.t.ppf(share, freedom), rel=1e-8
        )


def test_equal_values_share_the_mean_of_their_ranks():
    values = np.random.default_rng(0).integers(0, 20, 200) / 7
    assert ranks(values).tolist() == stats.rankdata(values).tolist()
