import numpy as np
import pytest

from fedsim.aggregators.coordinatewise import median, trimmed_mean
from tests import oracles
from tests.aggregators.matrices import KINDS, plain

each_matrix = pytest.mark.parametrize("make", KINDS)


@each_matrix
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 10, 13])
def test_median_is_the_papers(make, n):
    rows = make(n)
    verdict = median(rows)
    np.testing.assert_array_equal(verdict.update, oracles.median(rows))
    np.testing.assert_allclose(verdict.weights, oracles.survival(rows, (n - 1) // 2, n // 2 + 1))


@each_matrix
@pytest.mark.parametrize(("n", "f"), [(1, 0), (3, 1), (4, 0), (5, 2), (7, 2), (10, 3), (10, 4)])
def test_trimmed_mean_is_the_papers(make, n, f):
    rows = make(n)
    verdict = trimmed_mean(rows, f=f)
    np.testing.assert_allclose(verdict.update, oracles.trimmed_mean(rows, f), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(verdict.weights, oracles.survival(rows, f, n - f))


def test_trimming_the_most_leaves_the_median():
    rows = plain(9)
    np.testing.assert_array_equal(trimmed_mean(rows, f=4).update, median(rows).update)


def test_both_middle_rows_of_an_even_number_count_half():
    rows = np.array([[1.0], [2.0], [3.0], [9.0]])
    np.testing.assert_array_equal(median(rows).weights, [0, 0.5, 0.5, 0])


@pytest.mark.parametrize("extreme", [1e30, -3e38, np.inf])
def test_fewer_than_half_bad_rows_leave_every_coordinate_between_honest_values(extreme):
    rows = plain(11).astype(np.float32)
    rows[:5] = extreme
    for update in (median(rows).update, trimmed_mean(rows, f=5).update):
        assert (update >= rows[5:].min(axis=0)).all()
        assert (update <= rows[5:].max(axis=0)).all()


def test_more_bad_rows_than_f_carry_the_coordinates_away():
    rows = plain(11)
    rows[:6] = 1e9
    assert (median(rows).update == 1e9).all()
    assert (trimmed_mean(rows, f=5).update == 1e9).all()
    assert (trimmed_mean(rows, f=4).update > 1e8).all()


def test_huge_values_that_are_kept_do_not_overflow():
    rows = np.full((6, 3), 3e38, np.float32)
    np.testing.assert_array_equal(median(rows).update, rows[0])
    np.testing.assert_array_equal(trimmed_mean(rows, f=1).update, rows[0])


def test_wide_matrices_are_counted_on_a_spread_sample():
    rows = plain(5, d=50_000)
    exact = oracles.survival(rows[:, ::25], 1, 4)
    np.testing.assert_allclose(trimmed_mean(rows, f=1).weights, exact, atol=0.02)
