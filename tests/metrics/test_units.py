"""Units of a test set: what many values on a grid keep."""

import numpy as np

from holdfast.metrics.units import MOST_VALUES, units_of


def test_a_grid_of_many_values_keeps_their_mean_number_and_spread():
    values = np.random.default_rng(0).gamma(2.0, size=5000) - 1
    units = units_of(values[None], None)
    grid = units.totals[0]
    step = (values.max() - values.min()) / (MOST_VALUES - 1)
    assert (grid[0], grid[-1]) == (values.min(), values.max())
    np.testing.assert_allclose(np.diff(grid), step)
    assert (units.counts >= 0).all()
    assert units.number == 5000
    mean = grid @ units.counts / 5000
    spread = (grid - mean) ** 2 @ units.counts / 5000
    np.testing.assert_allclose(mean, values.mean())
    # A value between two neighbours on the grid adds at most a quarter of the squared step.
    assert values.var() < spread < values.var() + step**2 / 4


def test_each_value_is_shared_by_its_two_neighbours_on_the_grid():
    last = MOST_VALUES - 1.0
    values = np.concatenate([np.arange(MOST_VALUES), [2.25, last - 0.5]])
    counts = np.ones(MOST_VALUES)
    counts[[2, 3]] += (0.75, 0.25)
    counts[[-2, -1]] += (0.5, 0.5)
    units = units_of(values[None], None)
    np.testing.assert_allclose(units.totals, np.arange(MOST_VALUES)[None])
    np.testing.assert_allclose(units.counts, counts)


def test_values_keep_their_own_units_up_to_the_most():
    values = np.sort(np.random.default_rng(0).random(MOST_VALUES))
    units = units_of(np.repeat(values, 2)[None], None)
    assert units.totals[0].tolist() == values.tolist()
    assert (units.counts == 2).all()
    two_rows = np.random.default_rng(0).random((2, MOST_VALUES + 1))
    assert len(units_of(two_rows, None).counts) == MOST_VALUES + 1
