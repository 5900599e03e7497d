"""Arrays that workers elsewhere know by name."""

import pickle

import numpy as np
import pytest

from fedsim.execution.cluster.arrays import (
    PAGE,
    ScatteredArena,
    Sheets,
    is_still,
    laid_out,
    noting,
    owned,
    zeros,
)


@pytest.fixture
def arena():
    forgotten = []
    made = ScatteredArena(forgotten.extend)
    yield made
    made.close()
    assert not any(name in owned for name in forgotten)


def test_the_owner_reads_and_writes_its_own(arena):
    shared, array = arena.empty((2, 3))
    shared.open()[1] = 7
    assert array.tolist() == [[0, 0, 0], [7, 7, 7]]
    given = np.arange(4)
    fixed = arena.of(given)
    given[0] = 9
    assert fixed.open().tolist() == [0, 1, 2, 3]
    assert (fixed.shape, fixed.dtype) == ((4,), given.dtype.str)


def test_a_worker_opens_what_its_job_was_given(arena):
    shared, _ = arena.empty((2,))
    there = pickle.loads(pickle.dumps(shared))  # noqa: S301
    with laid_out({shared.name: np.ones(2)}):
        assert there.open().tolist() == [1, 1]
    assert there.open().tolist() == [0, 0]


def test_the_names_that_a_job_knows_are_noted(arena):
    one, two = arena.of(np.zeros(1)), arena.of(np.ones(1))
    with noting() as names:
        pickle.dumps([two, {"one": one}, two])
    assert list(names) == [two.name, one.name]


def test_a_change_is_seen_whatever_it_is(arena):
    shared, array = arena.empty((2,))
    before = array.copy()
    array[0] = -0.0
    assert not is_still(shared.name, before)
    array[0] = np.nan
    assert is_still(shared.name, array.copy())


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (5, 7)])
def test_arrays_land_on_pages_and_stay_what_they_are(shape):
    for dtype in ("float32", "uint8", "int64"):
        given = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
        buffers = []
        data = pickle.dumps(Sheets({"a": given}), protocol=5, buffer_callback=buffers.append)
        (landed,) = pickle.loads(data, buffers=buffers).arrays.values()  # noqa: S301
        np.testing.assert_array_equal(landed, given)
        assert landed.dtype == given.dtype
        assert landed.ctypes.data % PAGE == 0 or not landed.size
        assert landed.flags.writeable
        landed[...] = 1
    assert zeros((2, 2), "float32").sum() == 0
