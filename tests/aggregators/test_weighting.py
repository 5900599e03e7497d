"""Rules by examples are those by rows of as many copies of each row as there are examples behind it."""

import numpy as np
import pytest

import fedsim
from fedsim.aggregators.clipping import centered_clip
from fedsim.aggregators.coordinatewise import median, trimmed_mean
from tests import oracles as by_rows
from tests.aggregators import oracles
from tests.aggregators.matrices import KINDS, plain

each_matrix = pytest.mark.parametrize("make", KINDS)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@each_matrix
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_a_median_by_examples(make, n):
    for seed in range(5):
        rows, counts = make(n, seed=seed), np.random.default_rng(seed).integers(1, 6, n)
        verdict = median(rows, counts, weighting="examples")
        close(verdict.update, by_rows.median(oracles.by_copies(rows, counts)))
        close(verdict.weights.sum(), 1)


@each_matrix
@pytest.mark.parametrize(("n", "f"), [(1, 0), (5, 0), (5, 1), (5, 2), (9, 3)])
def test_a_trimmed_mean_by_examples(make, n, f):
    for seed in range(5):
        rows, counts = make(n, seed=seed), n * np.random.default_rng(seed).integers(1, 5, n)  # f/n of them is whole
        copies = oracles.by_copies(rows, counts)
        verdict = trimmed_mean(rows, counts, f=f, weighting="examples")
        close(verdict.update, by_rows.trimmed_mean(copies, f * counts.sum() // n))
        close(verdict.weights.sum(), 1)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_centred_clip_by_examples(steps):
    rows, counts, start = plain(7), np.arange(1, 8), plain(1, seed=4)[0]
    verdict = centered_clip(rows, start, counts, radius=1.5, steps=steps, weighting="examples")
    close(verdict.update, oracles.centered_clip_by_copies(rows, counts, start, 1.5, steps))


@each_matrix
def test_equal_counts_are_rows(make):
    rows, counts = make(9), np.full(9, 7)
    close(median(rows, counts, weighting="examples").update, median(rows).update)
    close(trimmed_mean(rows, counts, f=3, weighting="examples").update, trimmed_mean(rows, f=3).update)


def test_a_client_who_claims_many_decides_alone():
    rows = plain(9)
    rows[0] = 1e6
    counts = np.array([1000, *[10] * 8])
    assert (median(rows, counts, weighting="examples").update == 1e6).all()
    assert np.abs(median(rows, counts).update).max() < 10


def test_rows_that_are_not_finite_are_set_aside():
    rows, counts = plain(7), np.arange(1, 8)
    broken = rows.copy()
    broken[3] = np.inf
    kept = [0, 1, 2, 4, 5, 6]
    for rule, keywords in (("median", {}), ("trimmed_mean", {"f": 2})):
        ours = fedsim.aggregate(rule, broken, counts=counts, weighting="examples", **keywords)
        fewer = {name: value - 1 for name, value in keywords.items()}
        close(ours, fedsim.aggregate(rule, rows[kept], counts=counts[kept], weighting="examples", **fewer))


@pytest.mark.parametrize("rule", ["median", "trimmed_mean", "centered_clip", "geometric_median"])
def test_counts_must_be_there(rule):
    keywords = {"trimmed_mean": {"f": 1}, "centered_clip": {"radius": 1.0}}.get(rule, {})
    with pytest.raises(ValueError, match=f"{rule} by examples needs a positive count for each of the 5 rows"):
        fedsim.aggregate(rule, plain(5), counts=[1, 1, 0, 1, 1], weighting="examples", **keywords)
