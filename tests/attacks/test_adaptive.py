"""Attacks that try the defence: against plain grids, and against rules whose best answer is known."""

import numpy as np
import pytest

from fedsim.attacks._search import best_factor
from fedsim.attacks.adaptive import fang_any, optimal_alie, optimal_ipm, sensitivity_curve, small_perturbation
from fedsim.functional import aggregate

HONEST = np.random.default_rng(3).normal(0.4, 1, (9, 25))
COUNT = 3


def mean(rows):
    return rows.mean(axis=0)


def median(rows):
    return np.median(rows, axis=0)


def trimmed(rows):
    return aggregate("trimmed_mean", rows, f=COUNT)


def krum(rows):
    return aggregate("krum", rows, f=COUNT)


def clipped(rows):
    return aggregate("centered_clip", rows, radius=2.0)


DEFENCES = [mean, median, trimmed, krum, clipped]


def answer(defence, row):
    return defence(np.concatenate([HONEST, np.tile(row, (COUNT, 1))]))


def slow_moments():
    return np.array([sum(c) / 9 for c in HONEST.T]), np.array([np.std(c, ddof=1) for c in HONEST.T])


def best_on_a_grid(gain, greatest):
    return max(gain(x) for x in np.linspace(-greatest, greatest, 401))


@pytest.mark.parametrize("defence", DEFENCES)
def test_optimal_ipm_moves_the_defence_as_far_as_any_factor_does(defence):
    mu, _ = slow_moments()
    row = optimal_ipm(HONEST, COUNT, defence)[0]
    assert np.linalg.matrix_rank(np.stack([row, mu]), tol=1e-9) == 1
    best = best_on_a_grid(lambda tau: np.linalg.norm(answer(defence, -tau * mu) - mu), 10)
    assert np.linalg.norm(answer(defence, row) - mu) >= 0.98 * best


@pytest.mark.parametrize("defence", DEFENCES)
def test_optimal_alie_moves_the_defence_as_far_as_any_shift_does(defence):
    mu, sigma = slow_moments()
    row = optimal_alie(HONEST, COUNT, defence)[0]
    z = (mu - row) / sigma
    np.testing.assert_allclose(z, z[0], rtol=1e-9)
    best = best_on_a_grid(lambda z: np.linalg.norm(answer(defence, mu - z * sigma) - mu), 10)
    assert np.linalg.norm(answer(defence, row) - mu) >= 0.98 * best


@pytest.mark.parametrize("defence", DEFENCES)
def test_the_directed_deviation_turns_the_defence_back_as_far_as_any_length_does(defence):
    mu, _ = slow_moments()
    step = np.sign(mu) * np.abs(mu).mean()
    row = fang_any(HONEST, COUNT, defence)[0]
    best = best_on_a_grid(lambda length: np.sign(mu) @ (mu - answer(defence, -length * step)), 10)
    assert np.sign(mu) @ (mu - answer(defence, row)) >= best - 0.02 * abs(best)


@pytest.mark.parametrize("defence", DEFENCES)
def test_one_coordinate_moves_as_far_as_any_spike_moves_it(defence):
    mu, sigma = slow_moments()
    widest = sigma.argmax()
    row = small_perturbation(HONEST, COUNT, defence)[0]
    np.testing.assert_allclose(np.delete(row, widest), np.delete(mu, widest), rtol=1e-12)
    spike = np.zeros(25)
    spike[widest] = np.sqrt((sigma**2).sum())
    best = best_on_a_grid(lambda g: abs(answer(defence, mu + g * spike) - mu)[widest], 8)
    assert abs(answer(defence, row) - mu)[widest] >= 0.98 * best


def test_the_spike_against_krum_is_the_greatest_that_krum_selects():
    row = small_perturbation(HONEST, COUNT, krum, calls=60)[0]
    mu = HONEST.mean(axis=0)
    np.testing.assert_allclose(answer(krum, row), row, rtol=1e-12)
    beyond = mu + 1.02 * (row - mu)
    assert not np.allclose(answer(krum, beyond), beyond)


@pytest.mark.parametrize("defence", [median, trimmed])
def test_of_a_coordinatewise_rule_every_coordinate_is_moved_most(defence):
    mu, sigma = slow_moments()
    row = sensitivity_curve(HONEST, COUNT, defence)[0]
    start, found = answer(defence, mu), answer(defence, row)
    sizes = [10 * 0.5 ** (k / 2) for k in range(15)]
    for j in range(25):
        most = max(abs(answer(defence, mu + s * x * sigma)[j] - start[j]) for x in sizes for s in (1, -1))
        assert abs(found[j] - start[j]) == pytest.approx(most, abs=1e-12)


@pytest.mark.parametrize("defence", [krum, clipped, mean])
def test_of_any_rule_it_moves_no_less_than_one_shift_for_all_coordinates(defence):
    mu, sigma = slow_moments()
    row = sensitivity_curve(HONEST, COUNT, defence)[0]
    start = answer(defence, mu)
    sizes = [s * 10 * 0.5 ** (k / 2) for k in range(15) for s in (1, -1)]
    most = max(np.linalg.norm(answer(defence, mu + x * sigma) - start) for x in sizes)
    assert np.linalg.norm(answer(defence, row) - start) >= most - 1e-12


def test_both_signs_are_searched():
    """A defence that ignores what lies below the mean in sum can only be moved up."""
    mu, _ = slow_moments()

    def deaf_below(rows):
        above = rows[rows.sum(axis=1) >= mu.sum()]
        return above.mean(axis=0) if len(above) else mu

    assert optimal_ipm(HONEST, COUNT, deaf_below)[0].sum() > mu.sum()
    assert optimal_ipm(HONEST, COUNT, lambda rows: -deaf_below(-rows))[0].shape == mu.shape


@pytest.mark.parametrize("peak", [0.7, -0.7, 3.3, -9.9, 10.0])
def test_the_search_finds_a_single_peak(peak):
    assert best_factor(lambda x: -abs(x - peak), 40, 10.0) == pytest.approx(peak, abs=0.05)


def test_no_gain_is_less_than_any():
    assert best_factor(lambda x: np.nan if x > 0 else x, 32, 4.0) < 0
