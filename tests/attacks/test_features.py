"""Noise on the inputs: its size, whom it meets, and that labels are left."""

import numpy as np
import pytest

from fedsim.attacks.features import feature_noise
from fedsim.randomness import Stream

STREAM = Stream.root(3)
PLACES = np.arange(300)


@pytest.mark.parametrize("deviation", [0.1, 2.0])
def test_noise_on_features_has_its_deviation_and_no_mean(deviation):
    rows = np.full((300, 40), 7.0, np.float32)
    noisy, targets = feature_noise(rows, PLACES % 3, PLACES, STREAM, deviation=deviation)
    noise = noisy.astype(float) - 7
    assert noise.std() == pytest.approx(deviation, rel=0.05)
    assert abs(noise.mean()) < 5 * deviation / np.sqrt(noise.size)
    np.testing.assert_array_equal(targets, PLACES % 3)


def test_noise_on_bytes_is_a_share_of_255_and_stays_among_bytes():
    grey, black = np.full((300, 1, 6, 6), 128, np.uint8), np.zeros((300, 1, 6, 6), np.uint8)
    noisy = feature_noise(grey, PLACES, PLACES, STREAM, deviation=0.1)[0].astype(float)
    assert (noisy - 128).std() == pytest.approx(25.5, rel=0.05)
    dark = feature_noise(black, PLACES, PLACES, STREAM, deviation=3.0)[0]
    assert (dark == 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (dark == 255).mean() == pytest.approx(0.37, abs=0.03)  # P(N(0, 1) > 1/3)


def test_a_share_of_the_examples_is_met():
    rows = np.zeros((300, 5))
    noisy, _ = feature_noise(rows, PLACES, PLACES, STREAM, share=0.4)
    assert 90 <= (noisy != 0).any(axis=1).sum() <= 150
