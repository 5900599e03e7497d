import pickle
import sys
import time

import numpy as np
import pytest

from fedsim.partitions.virtual import virtual
from fedsim.randomness import Stream

STREAM = Stream.root(8)
LABELS = np.arange(5000) % 10


def test_a_million_clients_cost_what_a_hundred_do():
    shares = virtual(LABELS, 10, 1_000_000, STREAM, samples=50)
    start = time.perf_counter()
    assert len(shares[999_999]) == 50
    assert time.perf_counter() - start < 0.5
    assert len(shares) == 1_000_000
    assert sum(sys.getsizeof(part) for part in vars(shares).values()) < 200_000


def test_a_client_is_the_same_in_any_population():
    small, large = (virtual(LABELS, 10, clients, STREAM, alpha=0.3) for clients in (10, 10**6))
    np.testing.assert_array_equal(small[7], large[7])
    np.testing.assert_array_equal(small[np.int64(7)], pickle.loads(pickle.dumps(small))[7])  # noqa: S301


def test_no_example_twice_in_one_client():
    for alpha in (None, 1e-6, 0.1, 1e9):
        shares = virtual(LABELS, 10, 100, STREAM, samples=700, alpha=alpha)
        for client in range(20):
            assert len(np.unique(shares[client])) == 700


def test_iid_draws_are_uniform():
    shares = virtual(LABELS, 10, 1000, STREAM, samples=100)
    counts = np.bincount(np.concatenate([shares[c] for c in range(1000)]), minlength=5000)
    assert counts.mean() == 20
    assert counts.var() == pytest.approx(20 * (1 - 100 / 5000), rel=0.1)


def test_label_laws_have_the_dirichlet_variance():
    shares = virtual(LABELS, 10, 2000, STREAM, samples=100, alpha=0.5)
    laws = np.array([np.bincount(LABELS[shares[c]], minlength=10) / 100 for c in range(2000)])
    between = 0.1 * 0.9 / (10 * 0.5 + 1)
    assert laws.var() == pytest.approx(between + (0.1 * 0.9 - between) / 100, rel=0.05)
    assert laws.mean(axis=0) == pytest.approx(np.full(10, 0.1), abs=0.01)


def test_a_label_that_is_absent_is_never_drawn_and_one_that_runs_out_is_made_up_for():
    targets = np.array([0] * 5 + [2] * 95)
    shares = virtual(targets, 4, 50, STREAM, samples=20, alpha=0.01)
    counts = np.array([np.bincount(targets[shares[c]], minlength=4) for c in range(50)])
    assert counts[:, 0].max() == 5
    assert set(counts.sum(axis=1)) == {20}


def test_more_samples_than_examples_are_refused():
    with pytest.raises(ValueError, match="10 examples to draw samples = 11 from"):
        virtual(np.zeros(10, int), 1, None, STREAM, samples=11)


@pytest.mark.parametrize("client", [-1, 5, 10**9])
def test_a_client_outside_the_population_is_an_index_error(client):
    with pytest.raises(IndexError, match="of 5"):
        virtual(LABELS, 10, 5, STREAM)[client]


def test_no_clients_is_refused():
    with pytest.raises(ValueError, match="clients ≥ 1: got 0"):
        virtual(LABELS, 10, 0, STREAM)
