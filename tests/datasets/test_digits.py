import numpy as np
import pytest

from fedsim.datasets.digits import digits
from fedsim.datasets.splitting import held_out
from fedsim.randomness import Stream


def test_real_digits_in_bytes():
    data = digits(Stream.root(0))
    assert len(data.train) + len(data.test) == 1797
    assert data.shape == (1, 8, 8)
    assert (data.train.inputs.min(), data.train.inputs.max()) == (0, 255)


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
def test_the_same_share_of_every_class_is_held_out(fraction):
    data = digits(Stream.root(0), test_fraction=fraction)
    train, test = np.bincount(data.train.targets), np.bincount(data.test.targets)
    np.testing.assert_array_equal(test, np.rint(fraction * (train + test)))


def test_never_none_and_never_all_of_a_class():
    labels = np.repeat([0, 1], 3)
    for fraction, count in ((1e-9, 1), (1 - 1e-9, 2)):
        assert list(np.bincount(labels[held_out(labels, fraction, Stream.root(0))])) == [count, count]
