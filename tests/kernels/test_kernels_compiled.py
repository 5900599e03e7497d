"""The compiled kernels: the same bits as numpy, and no compilation before it pays."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from fedsim import checked_calls
from fedsim.kernels import distances_to, llvm, mean_of_ranks, survival, surviving_mean, weighted_sum, weighted_sums
from fedsim.kernels.rules import measures, mixtures, ranks_compiled, sums
from fedsim.kernels.rules.measures_source import products
from fedsim.kernels.rules.ranks import by_sorting
from fedsim.kernels.rules.sorting_network import halvings, selection
from tests import oracles
from tests.kernels.test_kernels import means_of_most

FLOAT32 = np.dtype(np.float32)


def sample(n, d, dtype, seed=0):
    """Values of all sizes, many ties, both zeros, some infinite."""
    draw = np.random.default_rng(seed)
    rows = draw.standard_normal((n, d)) * 10.0 ** draw.integers(-3, 4, d)
    rows[:, ::3] = draw.integers(-2, 3, rows[:, ::3].shape) * draw.choice([-1.0, 1.0], rows[:, ::3].shape)
    rows[draw.random((n, d)) < 0.01] = np.inf
    return rows.astype(dtype)


@pytest.mark.parametrize("n", range(1, 13))
def test_the_network_sorts_every_pattern_of_zeros_and_ones(n):
    patterns = np.array(np.meshgrid(*[[0, 1]] * n)).reshape(n, -1)  # the 0-1 principle: these decide for all values
    for low, high, _, _ in selection(n, 0, n):
        patterns[[low, high]] = np.sort(patterns[[low, high]], axis=0)
    assert (np.diff(patterns, axis=0) >= 0).all()


def test_pruning_leaves_out_what_the_median_does_not_need():
    assert len(selection(10, 4, 6)) < len(selection(10, 0, 10)) == 32
    assert len(selection(50, 10, 40)) == 385


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12, 33])
def test_halves_add_every_place_once(count):
    terms = {place: [place] for place in range(5, 5 + count)}
    for into, addend in halvings(5, 5 + count):
        terms[into] += terms.pop(addend)
    assert sorted(terms.pop(5)) == list(range(5, 5 + count))
    assert not terms


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 7, 10, 13, 20, 33, 64, 127])
def test_every_path_gives_the_same_bits(n, dtype):
    rows = sample(n, 333, dtype)
    for first, last in {((n - 1) // 2, n // 2 + 1), (0, n), (n // 4, n - n // 4)}:
        sorting = np.empty(333, dtype)
        fit = by_sorting(rows, first, last, sorting)
        assert fit == (np.isfinite(rows).all() and np.isfinite(sorting).all())
        makers = [ranks_compiled.interpreted_kernel, *([ranks_compiled.unrolled_kernel] if n <= 33 else [])]
        for run, lanes in [make(n, first, last, np.dtype(dtype)) for make in makers]:
            whole = 333 - 333 % lanes
            out = np.empty(whole, dtype)
            assert run(rows, out) == (np.isfinite(rows[:, :whole]).all() and np.isfinite(sorting[:whole]).all())
            np.testing.assert_array_equal(out.view(np.uint8), sorting[:whole].view(np.uint8))


@pytest.fixture
def eager(monkeypatch):
    """Everything is compiled at once."""
    monkeypatch.setattr(llvm, "_saved", Counter())
    monkeypatch.setattr(llvm, "START", 0.0)
    monkeypatch.setattr(measures, "DISTANCE_COST", 0.0)
    monkeypatch.setattr(sums, "COST", 0.0)
    monkeypatch.setattr(ranks_compiled, "INTERPRETER", 0.0)
    monkeypatch.setattr(ranks_compiled, "WRITTEN_OUT", 0.0)
    monkeypatch.setattr(ranks_compiled, "WRITTEN_EXCHANGE", 0.0)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("d", [1, 15, 64, 1001])
@pytest.mark.parametrize("n", [7, 90])
def test_views_tails_and_overflow_are_no_different_compiled(n, d, monkeypatch):
    wide = sample(n, 2 * d, np.float32)
    wide[:, 0] = 3e38
    unaligned = np.frombuffer(b"x" + wide.tobytes(), np.uint8)[1:].view(np.float32).reshape(wide.shape)
    views = (wide, wide[:, :d], wide[:, d:], wide[:, ::2], wide[::-1], np.asfortranarray(wide), unaligned)
    found = [mean_of_ranks(rows, 2, n - 2) for rows in views]
    monkeypatch.setattr(llvm, "available", lambda: False)
    for rows, answer in zip(views, found, strict=True):
        np.testing.assert_array_equal(answer, mean_of_ranks(rows, 2, n - 2))
    np.testing.assert_allclose(found[0][0], 3e38, rtol=1e-6)


def test_kernels_are_compiled_once_they_repay_it(monkeypatch):
    monkeypatch.setattr(llvm, "_saved", Counter())
    kinds = []
    monkeypatch.setattr(llvm, "loaded", lambda: any(kinds))
    kinds.extend(ranks_compiled.kernel(10, 4, 6, FLOAT32, 10**6) for _ in range(9))
    assert kinds[0] is None
    assert kinds[2] == ranks_compiled.interpreted_kernel(10, 4, 6, FLOAT32)
    assert kinds[8] == ranks_compiled.unrolled_kernel(10, 4, 6, FLOAT32)
    assert ranks_compiled.kernel(ranks_compiled.TALLEST + 1, 4, 6, FLOAT32, 10**9) is None


def test_without_a_compiler_numpy_does_it_all(monkeypatch):
    monkeypatch.setattr(llvm, "available", lambda: False)
    assert ranks_compiled.kernel(20, 5, 15, FLOAT32, 10**9) is None


def test_a_small_matrix_does_not_load_the_compiler():
    code = (
        "import sys, numpy, fedsim.aggregators.coordinatewise as rules\n"
        "rules.median(numpy.ones((20, 100_000), numpy.float32))\n"
        "sys.exit('llvmlite' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("d", [1, 1023, 1024, 9000])
@pytest.mark.parametrize("n", [1, 7, 64])
def test_compiled_distances_have_the_bits_of_numpys(n, d, monkeypatch):
    draw = np.random.default_rng(n)
    wide, point = draw.standard_normal((n, 2 * d)).astype(np.float32), draw.standard_normal(d).astype(np.float32)
    views = (wide[:, :d], wide[::-1, d:])
    found = [distances_to(point, rows) for rows in views]
    monkeypatch.setattr(llvm, "available", lambda: False)
    for rows, answer in zip(views, found, strict=True):
        np.testing.assert_array_equal(answer, distances_to(point, rows))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("d", [1, 127, 128, 40_001])
@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 150])
def test_compiled_sums_have_the_bits_of_numpys(n, d, monkeypatch):
    draw = np.random.default_rng(n)
    rows, point = sample(n, d, np.float32), draw.standard_normal(d).astype(np.float32)
    rows[~np.isfinite(rows)] = -0.0
    weights = draw.choice([0.0, 0.3, -2.0], n)
    found = weighted_sum(weights, rows), weighted_sum(weights, rows[::-1], point, 0.7)
    monkeypatch.setattr(llvm, "available", lambda: False)
    expected = weighted_sum(weights, rows), weighted_sum(weights, rows[::-1], point, 0.7)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.view(np.uint8), theirs.view(np.uint8))
    exact = weights @ rows[::-1].astype(float) + 0.7 * point
    np.testing.assert_allclose(found[1], exact, rtol=0, atol=3e-6 * np.abs(rows).max(initial=1))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("n", "d"), [(9, 255), (33, 256), (70, 9001)])
def test_compiled_differences_have_the_bits_of_numpys(n, d, monkeypatch):
    weights, rows = means_of_most(n, d, n // 6)
    wide = np.repeat(rows.astype(np.float32), 2, axis=0)
    views = (wide[:n], wide[::2], wide[::-2])
    found = [weighted_sums(weights, view) for view in views]
    monkeypatch.setattr(llvm, "available", lambda: False)
    for view, answer in zip(views, found, strict=True):
        np.testing.assert_array_equal(answer, weighted_sums(weights, view))


@pytest.mark.parametrize(("m", "n", "d"), [(1, 2, 512), (3, 5, 513), (4, 4, 1000), (13, 13, 7850), (7, 64, 1023)])
def test_sums_made_side_by_side_have_the_bits_of_single_ones(m, n, d):
    draw = np.random.default_rng(m)
    rows = draw.standard_normal((2 * n, d + 7)).astype(np.float32)[::2, 3 : 3 + d]
    weights = draw.choice([0.0, 0.3, 0.9], (m, n)) + np.eye(m, n)
    assert mixtures.dense(weights, rows)
    single = [weighted_sum(each, rows) for each in weights]
    np.testing.assert_array_equal(mixtures.mixed(weights, rows), single)


def test_sums_of_few_rows_and_narrow_ones_are_not_made_side_by_side():
    rows = np.ones((9, 512), np.float32)
    assert mixtures.dense(np.ones((9, 9)), rows)
    assert not mixtures.dense(np.eye(9), rows)
    assert not mixtures.dense(np.ones((9, 9)), rows[:, 1:])


def test_a_finite_answer_is_looked_at_to_its_last_number(monkeypatch):
    monkeypatch.setattr(checked_calls, "NUMBERS_AT_ONCE", 10)
    rows = np.ones((7, 4))
    checked_calls.finite_answer("rows", rows, rows)
    for place in ((0, 0), (3, 1), (6, 3)):
        answer = rows.copy()
        answer[place] = np.nan
        with pytest.raises(ValueError, match="1 of 28 numbers"):
            checked_calls.finite_answer("rows", answer, rows)


@pytest.mark.parametrize("tile", [(4, 4), (3, 2), (1, 1)])
@pytest.mark.parametrize(("n", "d"), [(7, 70_001), (13, 66_560), (33, 65_537)])
def test_compiled_products_whatever_the_tile(n, d, tile, monkeypatch):
    rows = np.random.default_rng(n).standard_normal((n, d)).astype(np.float32) + 5
    monkeypatch.setattr(measures, "COMPILE_FROM_NUMBERS", 0)
    usual = measures.products_about(rows, 2)
    function = llvm.compiled(products(*tile), [*[llvm.POINTER] * 3, *[llvm.INTEGER] * 3, *[llvm.POINTER] * 2])
    monkeypatch.setattr(measures, "_product_kernel", lambda: (function, tile[0] * tile[1]))
    np.testing.assert_array_equal(measures.products_about(rows, 2), usual)
    gaps = rows.astype(float) - rows[2]
    np.testing.assert_allclose(usual, gaps @ gaps.T, rtol=0, atol=1e-7 * (gaps[0] @ gaps[0]))


def test_compiled_products_of_some_rows_of_a_view(monkeypatch):
    wide = np.random.default_rng(0).standard_normal((9, 140_000)).astype(np.float32)
    rows, chosen = wide[::-1, 70_000:], np.array([1, 4, 8])
    monkeypatch.setattr(measures, "COMPILE_FROM_NUMBERS", 0)
    gaps = (rows[chosen] - rows[4]).astype(float)
    np.testing.assert_allclose(measures.products_about(rows, 4, chosen), gaps @ gaps.T, rtol=1e-6, atol=1e-3)


def test_whether_products_are_compiled_depends_on_the_matrix_alone():
    rows = np.random.default_rng(0).standard_normal((64, 100_000)).astype(np.float32)
    first = measures.products_about(rows, 3)
    for _ in range(3):
        np.testing.assert_array_equal(measures.products_about(rows, 3), first)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["all apart", "many ties", "infinite", "equal rows"])
@pytest.mark.parametrize(
    ("n", "d", "f"), [(3, 7, 1), (5, 1003, 2), (13, 4321, 3), (20, 260, 0), (50, 777, 12), (64, 200, 31)]
)
def test_survivors_are_counted_as_numpy_counts_them(monkeypatch, n, d, f, kind, dtype):
    rows = np.random.default_rng(n).standard_normal((n, d)).astype(dtype)
    if kind == "many ties":
        rows = np.round(rows)
    elif kind == "equal rows":
        rows[: n // 2 + 1] = rows[0]
    elif kind == "infinite":
        rows[0], rows[-1] = (-np.inf, np.inf) if f else (0, 1)
    wanted = np.empty(d, dtype)
    by_sorting(rows, f, n - f, wanted)
    shares = survival(rows, f, n - f)
    monkeypatch.setattr(llvm, "repaid", lambda *_: True)
    found, counted, _ = surviving_mean(rows, f, n - f)
    np.testing.assert_array_equal(counted, shares)
    if kind != "infinite" or f:
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(counted, oracles.survival(rows, f, n - f), atol=1e-9)
