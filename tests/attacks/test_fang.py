"""The attacks on Krum and on the trimmed mean, against the paper's formulas as slow loops."""

import math

import numpy as np
import pytest

from fedsim.attacks.fang import fang_krum, fang_trim
from fedsim.randomness import Stream
from tests.oracles import krum, krum_scores

HONEST = np.random.default_rng(8).normal(0.2, 1, (9, 20))
STREAM = Stream.root(2)
CLIENTS = np.array([4, 11])


def norm(row):
    return math.sqrt(math.fsum(x * x for x in row))


def slow_bound(honest, k):
    h, d = honest.shape
    sums = []
    for i in range(h):
        gaps = sorted(norm(honest[i] - honest[j]) for j in range(h) if j != i)
        sums.append(math.fsum(gaps[: h - 2]))
    return min(sums) / ((h - k - 1) * math.sqrt(d)) + max(map(norm, honest)) / math.sqrt(d)


def slow_length(honest, signs, k, floor=1e-5):
    length = slow_bound(honest, k)
    while length > floor:
        rows = np.concatenate([honest, np.tile(-length * signs, (k, 1))])
        scores = krum_scores(rows, k)
        if scores.index(min(scores)) >= len(honest):
            return length
        length /= 2
    return None


def krum_row(honest, f):
    return krum(honest, f)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_full_knowledge_halves_the_papers_bound_until_krum_is_taken_in(seed, count):
    honest = np.random.default_rng(seed).normal(0.2, 1, (9, 20))
    signs = np.sign(krum_row(honest, count))
    rows = fang_krum(honest, count, CLIENTS[:count], STREAM, "all", radius=0.0)
    length = slow_length(honest, signs, count)
    np.testing.assert_allclose(rows, [-(length or 1e-5) * signs] * count, rtol=1e-9)


def test_krum_chooses_what_was_forged():
    rows = fang_krum(HONEST, 2, CLIENTS, STREAM, "all", radius=0.0)
    assert norm(rows[0]) > 1e-3
    np.testing.assert_array_equal(krum(np.concatenate([HONEST, rows]), 2), rows[0])


def test_partial_knowledge_adds_copies_until_one_is_chosen():
    known = HONEST[:4]
    signs = np.sign(sum(known) / 4)
    found = next(length for k in (1, 2, 3) if (length := slow_length_few(known, signs, k)))
    rows = fang_krum(known, 3, np.array([1, 2, 3]), STREAM, "colluders", radius=0.0)
    np.testing.assert_allclose(rows[0], -found * signs, rtol=1e-9)


def slow_length_few(known, signs, k):
    """With h known rows and k copies Krum sums h − 2 distances."""
    h, d = known.shape
    sums = [sum(sorted(norm(known[i] - u) for u in known)[1 : h - 1]) for i in range(h)]
    length = min(sums) / (max(h - k - 1, 1) * math.sqrt(d)) + max(map(norm, known)) / math.sqrt(d)
    while length > 1e-5:
        rows = np.concatenate([known, np.tile(-length * signs, (k, 1))])
        scores = []
        for i in range(len(rows)):
            gaps = sorted(norm(rows[i] - rows[j]) ** 2 for j in range(len(rows)) if j != i)
            scores.append(sum(gaps[: h - 2]))
        if min(scores[h:]) < min(scores[:h]):
            return length
        length /= 2
    return None


def test_the_other_attackers_are_near_the_first_and_not_equal():
    rows = fang_krum(HONEST, 4, np.arange(4), STREAM, "all", radius=0.01)
    gaps = [norm(row - rows[0]) for row in rows[1:]]
    assert all(0 < gap <= 0.01 for gap in gaps)
    assert len(set(gaps)) == 3


def test_beyond_the_outermost_honest_value_against_the_sum():
    rows = fang_trim(HONEST, np.arange(50), STREAM, "all", spread=3.0)
    for j in range(20):
        total, low, high = sum(HONEST[:, j]), min(HONEST[:, j]), max(HONEST[:, j])
        if total > 0:
            base, other = low, low / 3 if low > 0 else low * 3
        else:
            base, other = high, high * 3 if high > 0 else high / 3
        assert (rows[:, j] >= min(base, other)).all()
        assert (rows[:, j] <= max(base, other)).all()
        assert np.ptp(rows[:, j]) > 0.7 * abs(base - other)  # fifty draws fill the interval
        assert ((rows[:, j] - base) * total <= 0).all()


@pytest.mark.parametrize("shift", [5.0, -5.0])
def test_a_value_of_the_directions_own_sign_is_divided(shift):
    honest = HONEST + shift * 10
    rows = fang_trim(honest, np.arange(5), STREAM, "all")
    edge = honest.min(axis=0) if shift > 0 else honest.max(axis=0)
    assert (np.abs(rows) <= np.abs(edge)).all()
    assert (np.abs(rows) >= np.abs(edge) / 2).all()


def test_partial_knowledge_draws_three_to_four_deviations_away():
    rows = fang_trim(HONEST, np.arange(50), STREAM, "colluders")
    for j in range(20):
        mu, sigma = sum(HONEST[:, j]) / 9, np.std(HONEST[:, j], ddof=1)
        away = (rows[:, j] - mu) / sigma * (-1 if mu > 0 else 1)
        assert away.min() >= 3 - 1e-9
        assert away.max() <= 4 + 1e-9
        assert np.ptp(away) > 0.7
