import numpy as np
import pytest

from fedsim.preaggregators.clipping import clip
from tests import oracles
from tests.aggregators.matrices import KINDS, plain


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("norm", [0.1, 2.5, 1e9])
def test_clip_is_the_formula(make, norm):
    rows = make(6)
    np.testing.assert_allclose(clip(rows, norm=norm).updates, oracles.clip(rows, norm), rtol=1e-12)


def test_rows_within_the_norm_keep_their_bits():
    rows = plain(6).astype(np.float32)
    np.testing.assert_array_equal(clip(rows, norm=100.0).updates, rows)


@pytest.mark.parametrize("far", [1e20, 3e38])
def test_rows_too_long_for_float32_squares_are_clipped_right(far):
    rows = np.full((3, 400), far, np.float32)
    np.testing.assert_allclose(np.sqrt((clip(rows, norm=2.0).updates.astype(float) ** 2).sum(axis=1)), 2.0, rtol=1e-6)
