"""Random rows have the law they say, each client its own."""

import numpy as np
import pytest

from fedsim.attacks.noise import gaussian, noise, random_weights
from fedsim.randomness import Stream

STREAM = Stream.root(11)
D = 20_000  # the mean of a row is good to 0.7 % of its deviation, the deviation to 0.5 %
CLIENTS = np.arange(40)
THETA = np.full(D, 3.0, np.float32)
OWN = np.full((len(CLIENTS), D), 5.0, np.float32)


def test_random_weights_are_weights_and_not_an_update():
    weights = random_weights(THETA, CLIENTS, STREAM, deviation=0.5) + THETA
    spread = weights.std(axis=1)
    np.testing.assert_allclose(weights.mean(axis=1), 0, atol=0.03)
    assert 0 < spread.min() < 0.1
    assert 0.4 < spread.max() < 0.5 * 1.02
    assert 0.2 < spread.mean() < 0.3


def test_noise_has_its_deviation_for_a_mean():
    rows = noise(OWN, CLIENTS, STREAM, greatest=0.1)
    level = rows.std(axis=1)
    np.testing.assert_allclose(rows.mean(axis=1), level, atol=0.004)
    assert level.max() < 0.1 * 1.02
    assert 0.04 < level.mean() < 0.06


def test_noise_on_ones_own_update_is_the_same_noise():
    added = noise(OWN, CLIENTS, STREAM, mode="own") - OWN
    np.testing.assert_allclose(added, noise(OWN, CLIENTS, STREAM), atol=1e-6)


def test_gaussian_has_the_moments_asked_for():
    rows = gaussian(THETA, CLIENTS, STREAM, mean=-2.0, deviation=7.0)
    np.testing.assert_allclose(rows.mean(axis=1), -2, atol=7 * 0.035)
    np.testing.assert_allclose(rows.std(axis=1), 7, rtol=0.03)


@pytest.mark.parametrize("forge", [lambda: random_weights(THETA, CLIENTS, STREAM), lambda: noise(OWN, CLIENTS, STREAM)])
def test_coordinates_of_two_clients_are_not_correlated(forge):
    correlation = np.corrcoef(forge().astype(np.float64)) - np.eye(len(CLIENTS))
    assert np.abs(correlation).max() < 0.04


def test_the_draws_never_change_silently():
    row = gaussian(np.zeros(3, np.float32), np.array([7]), Stream.root(1))[0]
    np.testing.assert_array_equal(row, Stream.root(1).at("client", 7).numpy().standard_normal(3, dtype=np.float32))
