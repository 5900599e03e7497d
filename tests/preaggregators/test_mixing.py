import numpy as np
import pytest

from fedsim.preaggregators.mixing import basgd, bucketing, nnm
from fedsim.randomness import Stream
from tests import oracles
from tests.aggregators.matrices import KINDS, plain


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(("n", "f"), [(1, 0), (4, 1), (7, 2), (8, 3), (5, 4)])
def test_nnm_is_the_papers(make, n, f):
    rows = make(n)
    mixed = nnm(rows, f=f)
    np.testing.assert_allclose(mixed.updates, oracles.nnm(rows, f), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(mixed.shares @ rows, mixed.updates, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("far", [1e3, 1e30, 3e38])
def test_far_rows_do_not_reach_the_honest_means(far):
    rows = plain(10, d=200).astype(np.float32)
    rows[:3] = far
    mixed = nnm(rows, f=3)
    assert (mixed.shares[3:, :3] == 0).all()
    np.testing.assert_allclose(mixed.updates[3:], np.repeat(rows[3:].mean(axis=0)[None], 7, axis=0), atol=1e-6)


def test_a_row_is_among_its_own_neighbours_even_when_others_coincide_with_it():
    mixed = nnm(np.ones((5, 2)), f=3)
    assert (mixed.shares.diagonal() == 0.5).all()


@pytest.mark.parametrize("n", [1, 5, 6])
@pytest.mark.parametrize("s", [1, 2, 3, 9])
def test_bucketing_is_the_papers(n, s):
    rows, stream = plain(n), Stream.root(4)
    mixed = bucketing(rows, stream, s=s)
    order = stream.numpy().permutation(n)
    np.testing.assert_allclose(mixed.updates, oracles.bucketing(rows, order, s), rtol=1e-12)
    assert len(mixed.updates) == -(-n // s)


def test_every_row_falls_into_one_bucket():
    shares = bucketing(plain(11), Stream.root(1), s=3).shares
    assert ((shares > 0).sum(axis=0) == 1).all()


def test_other_streams_draw_other_buckets():
    rows = plain(12)
    assert not np.array_equal(bucketing(rows, Stream.root(1)).updates, bucketing(rows, Stream.root(2)).updates)


@pytest.mark.parametrize("buckets", [1, 3, 4, 50])
def test_basgd_is_the_papers(buckets):
    rows, clients = plain(11), np.array([0, 3, 3, 4, 7, 8, 12, 13, 21, 40, 41])
    mixed = basgd(rows, clients, buckets=buckets)
    held = {}
    for row, client in zip(rows, clients, strict=True):
        held.setdefault(int(client) % buckets, []).append(row)
    np.testing.assert_allclose(mixed.updates, [sum(held[b]) / len(held[b]) for b in sorted(held)], rtol=1e-12)
    np.testing.assert_allclose(mixed.shares @ rows, mixed.updates, rtol=1e-12)


def test_a_client_spoils_its_own_bucket_alone_however_often_it_answers():
    rows = np.ones((9, 2))
    rows[:6] = 1e6
    mixed = basgd(rows, np.array([4, 4, 4, 4, 4, 4, 0, 1, 2]), buckets=5)
    assert (mixed.updates[:, 0] > 1).sum() == 1
