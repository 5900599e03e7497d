"""A rule that screens never says of rows that they are finite when they are not, and its answer stays the same."""

import numpy as np
import pytest

import fedsim
from fedsim import functional
from fedsim.aggregators.contract import aggregators
from fedsim.kernels import llvm
from fedsim.kernels.rules import ranks_compiled, sums
from fedsim.kernels.rules.finite_rows import screen, shows_finite
from tests.kernels.test_kernels_compiled import eager  # noqa: F401 - a fixture

SCREENING = [entry for entry in aggregators if entry.traits.get("screens")]
BAD = [np.nan, -np.nan, np.inf, -np.inf]
every_rule = pytest.mark.parametrize("entry", SCREENING, ids=lambda entry: entry.name)
every_bad = pytest.mark.parametrize("bad", BAD)


def settings_of(entry):
    return {"f": 2} if "f" in entry.settings else {}


def verdict(entry, rows, counts=None):
    supplied = {"updates": rows, "counts": np.arange(1, len(rows) + 1) if counts is None else counts}
    with np.errstate(over="ignore", invalid="ignore"):
        return entry.call(supplied, settings_of(entry))


def sample(n, d, dtype=np.float32):
    return np.random.default_rng(n * d).standard_normal((n, d)).astype(dtype)


def test_those_that_read_every_number_anyway_screen():
    assert {entry.name for entry in SCREENING} >= {"fedavg", "mean", "median", "trimmed_mean"}


@every_rule
@every_bad
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 1), (6, 64), (7, 1_001), (70, 333)])
@pytest.mark.parametrize("compiled", [True, False])
def test_one_bad_number_anywhere_is_seen(entry, bad, dtype, shape, compiled, request, monkeypatch):
    if compiled:
        request.getfixturevalue("eager")
    else:
        monkeypatch.setattr(llvm, "available", lambda: False)
    rows = sample(*shape, dtype)
    assert verdict(entry, rows).finite
    for row, column in {(0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 2)}:
        changed = rows.copy()
        changed[row, column] = bad
        try:
            assert not verdict(entry, changed).finite
        except ValueError as error:
            assert "must be finite" in str(error)


@pytest.mark.parametrize("n", [3, 10, 33, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_bad
def test_kernels_see_a_bad_number_in_every_row_even_where_it_is_cut_off(n, dtype, bad):
    rows = sample(n, 256, dtype)
    makers = [ranks_compiled.interpreted_kernel, *([ranks_compiled.unrolled_kernel] if n <= 33 else [])]
    for run, _ in [make(n, n // 3, n - n // 3, np.dtype(dtype)) for make in makers]:
        answer = np.empty(256, dtype)
        assert run(rows, answer)
        for row in range(n):
            changed = rows.copy()
            changed[row, 7 * row % 256] = bad
            assert not run(changed, np.empty(256, dtype))


@every_rule
@every_bad
def test_a_bad_row_is_set_aside_as_before(entry, bad):
    rows = sample(9, 1_001)
    changed = np.insert(rows, 4, rows[0], axis=0)
    changed[4, 77] = bad
    lowered = {"f": 1} if "f" in entry.settings else {}
    answer = fedsim.aggregate(entry.name, changed, **settings_of(entry))
    np.testing.assert_array_equal(answer, fedsim.aggregate(entry.name, rows, **lowered))
    with pytest.raises(ValueError, match=r"NaN or infinity in rows 4$"):
        fedsim.aggregate(entry.name, changed, nonfinite="raise", **settings_of(entry))


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite_rows_whose_sums_overflow_are_not_set_aside(entry, dtype, monkeypatch):
    rows = np.full((5, 40), np.finfo(dtype).max, dtype)
    seen = []
    monkeypatch.setattr(functional, "screen", lambda rows: seen.append(screen(rows)) or seen[-1])
    with np.errstate(over="ignore"):
        answer = fedsim.aggregate(entry.name, rows, **settings_of(entry))
        expected = verdict(entry, rows, np.ones(5)).update
    np.testing.assert_array_equal(answer, expected)
    assert all(finite.all() for finite in seen)


@every_rule
def test_finite_rows_are_read_once(entry, monkeypatch):
    monkeypatch.setattr(functional, "screen", pytest.fail)
    fedsim.aggregate(entry.name, sample(7, 300), **settings_of(entry))


def test_rows_that_no_longer_suffice_are_counted_after_screening():
    rows = sample(6, 20)
    rows[1, 3] = np.nan
    answer = fedsim.aggregate("trimmed_mean", rows, f=3)
    np.testing.assert_array_equal(answer, fedsim.aggregate("trimmed_mean", np.delete(rows, 1, axis=0), f=2))
    with pytest.raises(ValueError, match="trimmed_mean needs n > 2f: got n = 6, f = 3"):
        fedsim.aggregate("trimmed_mean", sample(6, 20), f=3)


@every_bad
def test_a_row_that_counts_for_nothing_is_screened_too(bad):
    rows = sample(4, 9)
    rows[2, 5] = bad
    counts = [1, 2, 0, 3]
    answer = fedsim.aggregate("fedavg", rows, counts=counts)
    np.testing.assert_array_equal(answer, fedsim.aggregate("fedavg", rows[[0, 1, 3]], counts=[1, 2, 3]))
    with pytest.raises(ValueError, match=r"rows 2$"):
        fedsim.aggregate("fedavg", rows, counts=counts, nonfinite="raise")


@every_bad
def test_a_weight_that_vanishes_in_single_precision_hides_nothing(bad):
    rows, weights = sample(3, 50), np.array([1.0, 1e-300, 1e-300])
    assert shows_finite(sums.weighted_sum(weights, rows), weights)
    rows[1, 8] = bad
    with np.errstate(invalid="ignore"):
        assert not shows_finite(sums.weighted_sum(weights, rows), weights)


def test_screening_warns_of_nothing():
    rows = sample(5, 30)
    rows[0, 0], rows[1, 0] = np.inf, -np.inf
    fedsim.aggregate("mean", rows)  # warnings are errors here
