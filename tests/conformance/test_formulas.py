"""The formulas of other packages where they are known otherwise."""

import numpy as np

from fedsim.conformance.cases import Case
from fedsim.conformance.formulas import distances_in_own_units, filtered_mean, lower_median, mean_of_nearest
from tests.aggregators import oracles

ROWS = Case(12, 2, 25).rows


def test_the_lower_median_is_the_median_of_an_odd_number():
    np.testing.assert_array_equal(lower_median(ROWS[:11]), np.median(ROWS[:11], axis=0))
    np.testing.assert_array_equal(lower_median(np.array([[4.0], [1.0], [2.0], [3.0]])), [2.0])


def test_the_values_nearest_to_the_median_are_meamed():
    np.testing.assert_allclose(mean_of_nearest(ROWS, np.median(ROWS, axis=0), 10), oracles.meamed(ROWS, 2)[0])


def test_the_filter_is_ours_where_nobody_without_weight_is_farthest():
    np.testing.assert_allclose(filtered_mean(ROWS, 1), oracles.caf(ROWS, 1))


def test_rows_of_one_unit_have_usual_distances():
    rows = np.array([[3.0, 1.0], [3.5, -2.0], [2.5, 0.25]])  # in quarters, the greatest between 2 and 4
    squares = ((rows[:, None] - rows[None]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(distances_in_own_units(rows) * 2.0**-26, squares)


def test_a_row_twice_as_long_does_not_change_the_unit_of_its_distances():
    rows = np.array([[1.5, 0.5], [3.0, 0.5]])
    np.testing.assert_allclose(distances_in_own_units(rows)[0, 1], 2.25 * 2.0**28)
