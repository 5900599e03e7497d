import numpy as np
import pytest

from fedsim.kernels import column_blocks, distances_to, mean_of_ranks, survival, weighted_sum, weighted_sums
from tests import oracles
from tests.aggregators.matrices import KINDS, plain

SIZES = [1, 2, 7, 10, 13, 33, 64, 127]


@pytest.mark.parametrize("rows", [1, 10, 77, 1000, 100_000])
@pytest.mark.parametrize("columns", [0, 1, 519, 5001, 123_457])
def test_blocks_cover_every_column_once(rows, columns):
    covered = [k for block in column_blocks(rows, columns) for k in range(block.start, block.stop)]
    assert covered == list(range(columns))


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", SIZES)
def test_means_of_ranks(make, dtype, n):
    rows = make(n, d=61).astype(dtype)
    for low, high in {(0, n), ((n - 1) // 2, n // 2 + 1), (n // 4, n - n // 4)}:
        expected = np.sort(rows.astype(float), axis=0)[low:high].mean(axis=0)
        found = mean_of_ranks(rows, low, high)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=2 * np.finfo(dtype).eps * np.abs(rows[low:high]).max())


def test_a_zero_has_no_sign():
    rows = np.array([[-0.0], [0.0], [-0.0]], np.float32)
    assert not np.signbit(mean_of_ranks(rows, 1, 2)).any()


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(("n", "low", "high"), [(1, 0, 1), (5, 2, 3), (6, 2, 4), (9, 1, 8)])
def test_survival_is_counted_per_column(make, n, low, high):
    rows = make(n, d=30)
    found = survival(rows, low, high)
    np.testing.assert_allclose(found, oracles.survival(rows, low, high))
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", SIZES)
def test_weighted_sums(n, dtype):
    rows, weights = plain(n, d=6007).astype(dtype), plain(3, d=n, seed=1)
    weights[1, : n // 2] = 0
    expected = weights @ rows.astype(float)
    tolerance = {"rtol": 0, "atol": 3e-5 if dtype == np.float32 else 1e-12}
    np.testing.assert_allclose(weighted_sums(weights, rows), expected, **tolerance)
    for k in range(3):
        np.testing.assert_allclose(weighted_sum(weights[k], rows), expected[k], **tolerance)


def means_of_most(n, d, left_out, seed=0):
    """Rows of weights that leave a few rows out each, the first row nearly always, as nearest-neighbour mixing does."""
    draw = np.random.default_rng(seed)
    kept = np.array([draw.permutation(n - 1)[: n - left_out] + 1 for _ in range(n)])
    kept[0, 0] = 0
    weights = np.zeros((n, n))
    np.put_along_axis(weights, kept, 1 / (n - left_out), axis=1)
    return weights, draw.standard_normal((n, d))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "left_out"), [(2, 1), (9, 2), (33, 6), (80, 20)])
def test_sums_with_much_in_common(n, left_out, dtype):
    weights, rows = means_of_most(n, 9001, left_out)
    found = weighted_sums(weights, rows.astype(dtype))
    np.testing.assert_allclose(found, weights @ rows, rtol=0, atol=1e-6 if dtype == np.float32 else 1e-14)


def test_a_huge_row_blurs_no_sum_that_leaves_it_out():
    weights, rows = means_of_most(20, 50, 4)
    rows[0] = 1e30
    np.testing.assert_allclose(weighted_sums(weights, rows)[1:], weights[1:, 1:] @ rows[1:], rtol=0, atol=1e-14)


def test_rows_of_weight_zero_add_nothing():
    rows = plain(4)
    rows[2] = np.nan
    assert np.isfinite(weighted_sum(np.array([0.5, 0.5, 0, 0]), rows)).all()
    np.testing.assert_array_equal(weighted_sum(np.array([0, 1.0, 0, 0]), rows), rows[1])


def test_the_sum_of_a_single_row_is_a_copy():
    rows = plain(3)
    weighted_sum(np.array([0, 1.0, 0]), rows)[:] = 7
    np.testing.assert_array_equal(rows, plain(3))


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e25, 2e38])
def test_distances_to_a_point_at_any_size(size):
    rows, point = (plain(5, d=9001) * size / 5).astype(np.float32), np.full(9001, size / 7, np.float32)
    expected = ((rows.astype(float) - point.astype(float)) ** 2).sum(axis=1)
    np.testing.assert_allclose(distances_to(point, rows) ** 2, expected, rtol=1e-6)
