import numpy as np
import pytest

from fedsim.partitions.dealing import fill_up
from fedsim.partitions.dirichlet import dirichlet
from fedsim.randomness import Stream

LABELS = np.arange(20_000) % 10


def proportions(alpha, clients=20, seed=0):
    split = dirichlet(LABELS, 10, clients, Stream.root(seed), alpha=alpha)
    counts = np.array([np.bincount(LABELS[split[client]], minlength=10) for client in range(clients)])
    return counts / counts.sum(axis=1, keepdims=True), counts


def test_a_large_alpha_comes_near_iid():
    shares, counts = proportions(1e6)
    assert np.abs(shares - 0.1).max() < 0.01
    assert np.abs(counts - 100).max() <= 3


def test_a_small_alpha_gives_a_client_few_labels():
    shares, _ = proportions(0.01)
    assert np.median(shares.max(axis=1)) > 0.9


def test_skew_falls_with_alpha():
    spreads = [proportions(alpha)[0].std() for alpha in (0.01, 0.1, 1, 10, 1000)]
    assert spreads == sorted(spreads, reverse=True)


def test_shares_have_the_dirichlet_variance():
    clients, alpha = 10, 0.5
    shares = np.concatenate([proportions(alpha, clients, seed)[1] / 2000 for seed in range(60)])
    expected = (1 / clients) * (1 - 1 / clients) / (clients * alpha + 1)
    assert shares.var() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("alpha", [1e-6, 1e-3, 0.1])
def test_many_clients_and_a_tiny_alpha_still_end(alpha):
    split = dirichlet(LABELS, 10, 1000, Stream.root(1), alpha=alpha, min_size=10)
    sizes = np.diff(split.offsets)
    assert sizes.min() == 10
    assert sizes.sum() == len(LABELS)


def test_the_least_size_is_kept_by_redrawing_or_moving():
    for seed in range(20):
        split = dirichlet(np.arange(50) % 2, 2, 10, Stream.root(seed), alpha=0.2, min_size=5)
        assert set(np.diff(split.offsets)) == {5}


def test_an_impossible_least_size_is_refused():
    with pytest.raises(ValueError, match="min_size = 6 for 10 clients of 50 examples: at most 5"):
        dirichlet(np.arange(50) % 2, 2, 10, Stream.root(0), alpha=1.0, min_size=6)


def test_filling_up_takes_from_those_who_hold_most():
    owner = np.array([0] * 10 + [1] * 4 + [2])
    fill_up(owner, 4, 2, Stream.root(0))
    assert list(np.bincount(owner, minlength=4)) == [7, 4, 2, 2]
