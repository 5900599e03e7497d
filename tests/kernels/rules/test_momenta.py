"""A step of momentum has the same bits by the kernel as by numpy, and those of the formula."""

import numpy as np
import pytest

from fedsim.kernels import llvm
from fedsim.kernels.rules import momenta

SIZES = [1, 15, 16, 17, 1000, 2**16 + 3]


@pytest.fixture(params=["numpy", "kernel"])
def way(request, monkeypatch):
    monkeypatch.setattr(llvm, "repaid", lambda *_: request.param == "kernel")


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("share", "beta", "rate"), [(0.1, 0.9, 0.75), (1.0, 0.99, 1.0)])
@pytest.mark.parametrize("size", SIZES)
def test_a_step_is_the_formula_rounded_at_each_operation(way, size, share, beta, rate, in_place):
    draw = np.random.default_rng(size)
    rows, kept = draw.normal(size=(2, 3, size)).astype(np.float32)
    row, before = rows[1], kept[1]
    after = before if in_place else np.full(size, 7, np.float32)
    share, beta, rate = np.float32([share, beta, rate])
    wanted = beta * before + share * row
    around = rows[[0, 2]].copy(), kept[[0, 2]].copy()
    momenta.step(row, before, after, momenta.Factors(float(share), float(beta), float(rate)))
    np.testing.assert_array_equal(after, wanted)
    np.testing.assert_array_equal(row, rate * wanted)
    np.testing.assert_array_equal(rows[[0, 2]], around[0])  # nothing is written beyond the row
    np.testing.assert_array_equal(kept[[0, 2]], around[1])


def test_the_first_step_begins_at_nothing(way):
    row, after = np.array([1, -2, 3], np.float32), np.empty(3, np.float32)
    momenta.step(row, None, after, momenta.Factors(0.5, 0.9, 4.0))
    assert after.tolist() == [0.5, -1, 1.5]
    assert row.tolist() == [2, -4, 6]


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, 1e38])
def test_what_is_no_number_is_kept(way, strange):
    row, before = np.array([strange, 1] * 9, np.float32), np.ones(18, np.float32)
    after = np.empty(18, np.float32)
    with np.errstate(all="ignore"):
        wanted = np.float32(0.9) * before + np.float32(10) * row
        momenta.step(row, before, after, momenta.Factors(10.0, float(np.float32(0.9)), 1.0))
    np.testing.assert_array_equal(after, wanted)
