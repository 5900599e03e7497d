"""The exact searches, against all sets there are."""

import time

import numpy as np
import pytest

from fedsim.aggregators._covers import Covers, TooManySteps, closest_together
from fedsim.aggregators._spreads import Search
from fedsim.aggregators.subsets import mda, smea
from fedsim.errors import SearchGivenUp
from fedsim.kernels.rules.distances import squared_distances
from tests.aggregators import oracles
from tests.aggregators.matrices import KINDS, plain

each_matrix = pytest.mark.parametrize("make", KINDS)
each_size = pytest.mark.parametrize(("n", "f"), [(1, 0), (3, 1), (6, 2), (7, 3), (10, 4)])


@each_matrix
@each_size
def test_mda_finds_the_first_set_of_least_diameter(make, n, f):
    for seed in range(3):
        rows = make(n, seed=seed)
        verdict = mda(rows, f=f)
        assert tuple(np.flatnonzero(verdict.weights)) == oracles.mda(rows, f)
        np.testing.assert_allclose(verdict.update, rows[verdict.weights > 0].mean(axis=0), rtol=1e-12, atol=1e-12)


@each_matrix
@each_size
@pytest.mark.parametrize("d", [1, 2, 7])
def test_smea_finds_the_least_spread(make, n, f, d):
    for seed in range(3):
        rows = make(n, d, seed)
        verdict = smea(rows, f=f)
        chosen = rows[verdict.weights > 0]
        assert len(chosen) == n - f
        np.testing.assert_allclose(oracles.spread(chosen), oracles.smea(rows, f), rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(verdict.update, chosen.mean(axis=0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_covers_are_those_of_all_choices(seed):
    draw = np.random.default_rng(seed)
    n = int(draw.integers(3, 10))
    pairs = np.triu(draw.random((n, n)) < draw.random(), 1)
    pairs |= pairs.T
    masks = [sum(1 << int(v) for v in np.flatnonzero(row)) for row in pairs]
    sizes = [
        bin(left_out).count("1")
        for left_out in range(2**n)
        if not any(pairs[i, j] for i in range(n) for j in range(n) if not (left_out >> i & 1 or left_out >> j & 1))
    ]
    for budget in range(n):
        assert Covers(10_000).exists(masks, 2**n - 1, budget) == (budget >= min(sizes))


def test_searches_go_much_farther_than_trying_all_sets():
    rows = plain(60, d=50)
    rows[:20] += 3
    assert set(np.flatnonzero(mda(rows, f=20).weights)) == set(range(20, 60))
    assert set(np.flatnonzero(smea(rows, f=20).weights)) == set(range(20, 60))


def test_a_search_that_does_not_end_is_refused_with_its_count():
    begin = time.perf_counter()
    with pytest.raises(SearchGivenUp) as refusal:
        smea(plain(60, d=6), f=24)
    assert "there are 3.61e+16 sets of 36 of 60 rows" in str(refusal.value)
    assert "a smaller f, fewer rows as bucketing makes them, or caf" in str(refusal.value)
    assert time.perf_counter() - begin < 120


def test_steps_are_counted():
    with pytest.raises(TooManySteps):
        closest_together(squared_distances(plain(12)), 7, steps=3)
    with pytest.raises(TooManySteps):
        Search(plain(12) @ plain(12).T, 7, steps=2).run()


@pytest.mark.parametrize("rule", [mda, smea])
def test_far_rows_are_left_out_whatever_their_length(rule):
    for far in (1e5, 1e100, 1e300):
        rows = plain(9)
        rows[2], rows[7] = far, -far
        assert not rule(rows, f=2).weights[[2, 7]].any()
