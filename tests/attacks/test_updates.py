"""Formulas of the informed attacks against slow loops in float64, and against packages that agree on them."""

import numpy as np
import pytest
from scipy.special import ndtri

from fedsim.attacks.moments import honest_mean, shifted_mean
from fedsim.attacks.updates import alie, ipm, paper_z, scale, sign_flip

HONEST = np.random.default_rng(5).normal(0.3, 2, (7, 40))


def slow_mean(rows):
    return [sum(float(row[j]) for row in rows) / len(rows) for j in range(rows.shape[1])]


def slow_deviation(rows):
    mean = slow_mean(rows)
    squares = [sum((float(row[j]) - mean[j]) ** 2 for row in rows) for j in range(rows.shape[1])]
    return [(total / (len(rows) - 1)) ** 0.5 for total in squares]


def test_sign_flip_is_the_own_row_backwards():
    np.testing.assert_array_equal(sign_flip(HONEST, scale=2.5), [[-2.5 * x for x in row] for row in HONEST])


def test_scale_is_the_own_row_enlarged():
    np.testing.assert_array_equal(scale(HONEST, factor=3.0), [[3 * x for x in row] for row in HONEST])


def test_replacement_moves_the_mean_onto_the_attackers_model():
    others, wanted = np.zeros((9, 40)), HONEST[:1]
    received = np.concatenate([others, scale(wanted, factor=10 / 0.5)])
    np.testing.assert_allclose(0.5 * received.mean(axis=0), wanted[0], rtol=1e-12)


def test_ipm_is_the_mean_backwards():
    expected = [-0.7 * x for x in slow_mean(HONEST)]
    np.testing.assert_allclose(ipm(HONEST, 3, scale=0.7), [expected] * 3, rtol=1e-12)


@pytest.mark.parametrize(("scale", "turned"), [(2.4, False), (2.6, True)])
def test_ipm_turns_a_mean_round_beyond_its_breakdown(scale, turned):
    honest, forged = HONEST[:5], ipm(HONEST[:5], 2, scale=scale)
    mean = np.concatenate([honest, forged]).mean(axis=0)
    assert (mean @ honest.mean(axis=0) < 0) == turned


@pytest.mark.parametrize("z", [1.5, 0.0, -0.5])
def test_alie_shifts_every_coordinate_by_its_deviation(z):
    expected = np.array(slow_mean(HONEST)) - z * np.array(slow_deviation(HONEST))
    np.testing.assert_allclose(alie(HONEST, 2, z=z), [expected] * 2, rtol=1e-12)


def test_alie_finds_the_papers_z_by_itself():
    h, b = 7, 2
    s = (h + b) // 2 + 1 - b
    z = ndtri((h - s) / h)
    np.testing.assert_allclose(alie(HONEST, b), alie(HONEST, b, z=z), rtol=1e-12)


def test_the_papers_own_example_of_z():
    """Fifty workers, 24 corrupted: the paper's s is 2 and z its quantile of 24 in 26."""
    assert paper_z(26, 24) == pytest.approx(ndtri(24 / 26), abs=1e-12)


@pytest.mark.parametrize(("honest", "attackers", "share"), [(2, 8, 0.75), (1, 1, 0.5), (2, 1, 0.5), (1, 0, 0.5)])
def test_z_is_finite_where_the_formula_is_not(honest, attackers, share):
    assert paper_z(honest, attackers) == pytest.approx(ndtri(share), abs=1e-12)


def test_alie_with_one_honest_row_sends_that_row():
    np.testing.assert_array_equal(alie(HONEST[:1], 2, z=3.0), [HONEST[0]] * 2)


@pytest.mark.parametrize("columns", [1, 39, 20_011])
def test_moments_are_exact_to_a_float32_despite_a_large_common_part(columns):
    rows = np.random.default_rng(1).normal(1000, 1e-2, (11, columns)).astype(np.float32)
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(honest_mean(rows), exact.mean(axis=0), rtol=1e-7)
    shift = shifted_mean(rows, 10.0).astype(np.float64)
    np.testing.assert_allclose(shift, exact.mean(axis=0) - 10 * exact.std(axis=0, ddof=1), rtol=1e-7)
