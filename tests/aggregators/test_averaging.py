import numpy as np
import pytest

from fedsim.aggregators.averaging import fedavg, mean
from tests import oracles
from tests.aggregators.matrices import KINDS, plain


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_fedavg_is_the_mean_over_examples(make, n):
    rows, counts = make(n), np.arange(n) + 1
    verdict = fedavg(rows, counts)
    np.testing.assert_allclose(verdict.update, oracles.fedavg(rows, counts), rtol=1e-12)
    np.testing.assert_allclose(verdict.weights, counts / counts.sum())


def test_a_client_without_examples_does_not_count():
    verdict = fedavg(plain(3), np.array([0, 4, 0]))
    np.testing.assert_array_equal(verdict.update, plain(3)[1])


@pytest.mark.parametrize("counts", [[1, 2], [0, 0, 0], [3, -1, 1]])
def test_fedavg_refuses_counts_that_cannot_be(counts):
    with pytest.raises(ValueError, match="fedavg needs"):
        fedavg(plain(3), np.array(counts))


def test_mean_of_many_float32_rows_keeps_its_digits():
    rows = (plain(1000, 50) + 100).astype(np.float32)
    np.testing.assert_allclose(mean(rows).update, rows.astype(float).mean(axis=0), rtol=3e-7)


def test_one_bad_row_moves_the_mean_without_bound():
    rows = plain(9)
    rows[0] = 1e12
    assert np.abs(mean(rows).update).min() > 1e10
