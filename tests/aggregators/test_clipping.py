import numpy as np
import pytest

from fedsim.aggregators.clipping import centered_clip
from tests import oracles
from tests.aggregators.matrices import KINDS, plain


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("n", [1, 4, 9])
@pytest.mark.parametrize(("radius", "steps"), [(0.5, 1), (2.0, 3), (1e9, 1)])
def test_centered_clip_is_the_papers(make, n, radius, steps):
    rows, previous = make(n), plain(1, seed=5)[0]
    found = centered_clip(rows, previous, radius=radius, steps=steps)
    np.testing.assert_allclose(
        found.update, oracles.centered_clip(rows, previous, radius, steps), rtol=1e-11, atol=1e-13
    )


def test_a_row_at_the_centre_counts_fully():
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    verdict = centered_clip(rows, np.zeros(2), radius=1.0)
    np.testing.assert_allclose(verdict.update, [0.3, 0.4])
    np.testing.assert_allclose(verdict.weights, [5 / 6, 1 / 6])


@pytest.mark.parametrize("far", [1e6, 1e30, 3e38])
def test_far_rows_move_a_step_by_their_share_of_the_radius_at_most(far):
    rows = plain(10, d=100).astype(np.float32)
    attacked = rows.copy()
    attacked[:3] = far
    without = centered_clip(rows, np.zeros(100), radius=5.0).update
    within = centered_clip(attacked, np.zeros(100), radius=5.0).update
    assert np.sqrt(((without - within) ** 2).sum()) <= 2 * 0.3 * 5.0 + 1e-6


def test_no_radius_bounds_what_the_mean_would_do():
    rows = plain(10)
    rows[0] = 1e9
    assert np.abs(centered_clip(rows, np.zeros(7), radius=1e12).update).min() > 1e7
