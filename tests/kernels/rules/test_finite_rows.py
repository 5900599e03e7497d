"""A row is screened out when one of its numbers is no number, and never because it is large."""

import tracemalloc

import numpy as np
import pytest

from fedsim.kernels.rules.finite_rows import COLUMNS, screen

WIDTHS = [1, 2, COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 17]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_bad_number_anywhere_is_enough(width, bad, dtype):
    places = sorted({0, width // 2, width - 1})
    rows = np.random.default_rng(0).normal(size=(len(places) + 1, width)).astype(dtype)
    for row, place in enumerate(places):
        rows[row, place] = bad
    assert screen(rows).tolist() == [False] * len(places) + [True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_and_smallest_numbers_pass(dtype):
    limits = np.finfo(dtype)
    extremes = [limits.max, limits.min, limits.tiny, limits.smallest_subnormal, 0.0, -0.0]
    rows = np.repeat(np.array(extremes, dtype)[:, np.newaxis], 12_345, axis=1)
    assert screen(rows).all()


def test_infinities_that_would_cancel_do_not():
    assert not screen(np.array([[np.inf, -np.inf, np.inf]], np.float32))[0]


def test_read_only_and_strided_rows_are_as_good():
    rows = np.ones((6, 8), np.float32)
    rows[2, 3] = np.inf
    rows.flags.writeable = False
    assert screen(rows).tolist() == [True, True, False, True, True, True]
    assert screen(rows[::2, ::3]).tolist() == [True, False, True]
    assert screen(rows[::2, ::2]).tolist() == [True, True, True]
    assert screen(np.asfortranarray(rows)).tolist() == [True, True, False, True, True, True]


def test_no_rows_and_no_columns_are_fine():
    assert screen(np.empty((0, 5), np.float32)).shape == (0,)
    assert screen(np.empty((3, 0), np.float32)).tolist() == [True] * 3


def test_it_needs_no_second_matrix():
    rows = np.ones((20, 100_000), np.float32)
    tracemalloc.start()
    screen(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows.nbytes / 50
