import numpy as np
import pytest

from fedsim.aggregators.geometric import autogm, geometric_median
from tests import oracles
from tests.aggregators.matrices import KINDS, plain

ONES = np.ones(40)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 10])
def test_geometric_median_is_the_point_of_least_total_distance(make, n):
    for seed in range(3):
        rows = make(n, seed=seed)
        found = geometric_median(rows, ONES[:n]).update
        best = oracles.geometric_median(rows, ONES[:n])
        least = oracles.total_distance(best, rows, ONES[:n])
        assert oracles.total_distance(found, rows, ONES[:n]) <= least * (1 + 1e-9) + 1e-12
        if n > 2 and make is plain:
            np.testing.assert_allclose(found, best, atol=2e-6)


def test_examples_pull_when_asked():
    rows, counts = plain(6), np.array([9, 1, 1, 2, 3, 4])
    found = geometric_median(rows, counts, weighting="examples").update
    np.testing.assert_allclose(found, oracles.geometric_median(rows, counts.astype(float)), atol=2e-6)
    heavy = np.array([100, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(geometric_median(rows, heavy, weighting="examples").update, rows[0], atol=1e-12)


def test_a_row_that_is_the_median_is_returned_exactly():
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.1], [0.1, -1.0]])
    verdict = geometric_median(rows, ONES[:5])
    np.testing.assert_array_equal(verdict.update, rows[0])
    np.testing.assert_array_equal(verdict.weights, [1, 0, 0, 0, 0])


def test_coinciding_rows_share_the_weight():
    rows = np.array([[2.0], [2.0], [2.0], [5.0], [9.0]])
    np.testing.assert_allclose(geometric_median(rows, ONES[:5]).weights, [1 / 3, 1 / 3, 1 / 3, 0, 0])


def test_a_few_steps_are_those_of_weiszfeld_from_the_mean():
    rows = plain(7)
    point = rows.mean(axis=0)
    for _ in range(3):
        strength = 1 / np.sqrt(((rows - point) ** 2).sum(axis=1))
        point = strength @ rows / strength.sum()
    np.testing.assert_allclose(geometric_median(rows, ONES[:7], steps=3).update, point, rtol=1e-9)


@pytest.mark.parametrize("far", [1e3, 1e9, 1e30, 3e38])
def test_fewer_than_half_far_rows_move_it_by_a_bounded_distance(far):
    rows = plain(11, d=200).astype(np.float32)
    rows[:4] = far
    honest = rows[4:].astype(float)
    found = geometric_median(rows, ONES[:11]).update
    centre = honest.mean(axis=0)
    radius = np.sqrt(((honest - centre) ** 2).sum(axis=1)).max()
    assert (
        np.sqrt(((found - centre) ** 2).sum()) <= 2 * 7 / (11 - 8) * radius
    )  # Lemma of Chen, Su and Xu: 2(n−f)/(n−2f)


@pytest.mark.parametrize("far", [1e3, 1e6, 1e9])
def test_far_rows_do_not_blur_the_answer_in_float32(far):
    rows = plain(11, d=200).astype(np.float32)
    rows[:4] *= np.float32(far)
    found = geometric_median(rows, ONES[:11]).update
    best = oracles.geometric_median(rows, ONES[:11])
    assert np.sqrt(((found - best) ** 2).sum()) <= 1e-6 * np.sqrt((rows[4:] ** 2).sum(axis=1)).mean()


def test_a_large_common_part_does_not_blur_the_answer_in_float32():
    rows = (plain(10, d=500) + 1000).astype(np.float32)
    best = oracles.geometric_median(rows, ONES[:10])
    np.testing.assert_allclose(geometric_median(rows, ONES[:10]).update, best, atol=1000 * 2e-7)


def test_above_breakdown_it_follows_the_colluders():
    rows = plain(11)
    rows[:6] = 1e6
    np.testing.assert_allclose(geometric_median(rows, ONES[:11]).update, 1e6, rtol=1e-9)


def test_refuses_counts_that_cannot_pull():
    with pytest.raises(ValueError, match="positive count for each of the 3 rows"):
        geometric_median(plain(3), np.array([1, 0, 2]), weighting="examples")


@pytest.mark.parametrize("penalty", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("n", [3, 6, 9])
def test_autogm_is_the_alternation(penalty, n):
    rows = plain(n, seed=n)
    np.testing.assert_allclose(autogm(rows, penalty=penalty).update, oracles.autogm(rows, penalty), atol=1e-4)


def test_autogm_stops_trusting_far_rows():
    rows = plain(11)
    rows[:4] += 1e6
    verdict = autogm(rows, penalty=1.0)
    assert verdict.weights[:4].sum() == 0
    assert np.abs(verdict.update).max() < 5


def test_autogm_with_a_large_penalty_is_the_geometric_median():
    rows = plain(8)
    np.testing.assert_allclose(autogm(rows, penalty=1e9).update, geometric_median(rows, ONES[:8]).update, atol=1e-6)
