import numpy as np
import pytest

from fedsim.kernels import products_about
from fedsim.kernels.rules.distances import central_row, squared_distances
from tests.aggregators.matrices import KINDS

each_width = pytest.mark.parametrize("columns", [500, 70_001])


def exact(rows):
    rows = rows.astype(float)
    return np.array([[((left - right) ** 2).sum() for right in rows] for left in rows])


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    ("n", "d"), [(1, 9), (2, 70_001), (3, 5), (7, 66_003), (13, 70_001), (33, 1013), (64, 67), (127, 1013)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_are_those_of_the_definition(make, n, d, dtype):
    rows = make(n, d=d).astype(dtype)
    np.testing.assert_allclose(squared_distances(rows), exact(rows), rtol=1e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("common", [0.0, 1.0, 1e3])
def test_a_common_part_costs_no_digits(common):
    rows = (np.random.default_rng(0).standard_normal((10, 200_003)) + common).astype(np.float32)
    np.testing.assert_allclose(squared_distances(rows), exact(rows), rtol=1e-6)


@pytest.mark.parametrize("far", [1e2, 1e6, 1e30, 3e38])
@each_width
def test_clusters_far_from_each_other_keep_their_inner_distances(far, columns):
    rows = np.random.default_rng(0).standard_normal((12, columns)).astype(np.float32)
    rows[:4] *= 1e-3
    rows[:4] += np.float32(far)
    rows[4:6] = -np.float32(far)
    np.testing.assert_allclose(squared_distances(rows), exact(rows), rtol=1e-6)
    assert squared_distances(rows)[4, 5] == 0


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e30])
@each_width
def test_sizes_whose_squares_float32_cannot_hold(scale, columns):
    rows = (np.random.default_rng(0).standard_normal((6, columns)) * scale).astype(np.float32)
    np.testing.assert_allclose(squared_distances(rows), exact(rows), rtol=1e-6)


def test_nested_clusters_end():
    rows = np.array([[10.0**k, 0.0] for k in range(0, 36, 3)], np.float32)
    np.testing.assert_allclose(squared_distances(rows), exact(rows), rtol=1e-6)


def test_equal_rows_are_at_distance_zero():
    rows = np.repeat(np.random.default_rng(0).standard_normal((3, 777)).astype(np.float32), 4, axis=0)
    distances = squared_distances(rows)
    assert (distances == distances.T).all()
    for group in (slice(0, 4), slice(4, 8), slice(8, 12)):
        assert (distances[group, group] == 0).all()


def test_the_centre_is_one_of_the_many():
    rows = np.random.default_rng(0).standard_normal((9, 20_000))
    rows[:4] += 50
    assert central_row(rows) >= 4


def test_products_about_a_row():
    rows = np.random.default_rng(0).standard_normal((5, 8000))
    gaps = rows - rows[2]
    np.testing.assert_allclose(products_about(rows, 2), gaps @ gaps.T, rtol=1e-11, atol=1e-11)
