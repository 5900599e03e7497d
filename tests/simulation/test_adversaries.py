"""A draw of clients that is never listed is a draw all the same."""

import numpy as np
import pytest

from fedsim.randomness import Stream
from fedsim.simulation import adversaries as controlled
from fedsim.simulation.adversaries import Order, draw_controlled

STREAM = Stream.root(4)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 17, 1000, 4097])
def test_an_order_is_a_permutation(size):
    order = Order(size, STREAM.numpy().integers(0, 2**64, 8, np.uint64))
    places = order.places(np.arange(size))
    assert sorted(places.tolist()) == list(range(size))
    backwards = order.places(np.arange(size)[::-1])
    np.testing.assert_array_equal(backwards[::-1], places)  # each number's place is its own


def test_places_are_evenly_spread():
    """Where one client and two neighbours stand, over many orders: chi-square against the uniform law."""
    size, orders = 12, 6_000
    found = np.array([
        Order(size, STREAM.at(k).numpy().integers(0, 2**64, 8, np.uint64)).places(np.arange(3)) for k in range(orders)
    ]).astype(int)  # fmt: skip
    for client in range(3):
        counts = np.bincount(found[:, client], minlength=size)
        assert ((counts - orders / size) ** 2 / (orders / size)).sum() < 35  # 11 degrees of freedom
    pairs = np.bincount(found[:, 0] * size + found[:, 1], minlength=size**2).reshape(size, size)
    assert np.diag(pairs).sum() == 0
    expected = orders / (size * (size - 1))
    off = pairs[~np.eye(size, dtype=bool)]
    assert ((off - expected) ** 2 / expected).sum() < 200  # 131 degrees of freedom


@pytest.mark.parametrize("many", [0, 10_000], ids=["never listed", "listed"])
def test_exactly_as_many_as_wanted_and_nobody_twice(many, monkeypatch):
    monkeypatch.setattr(controlled, "LISTED_CLIENTS", many)
    found, free = draw_controlled([None, (4, 2), None, None], [10, 2, 0, 25], 60, STREAM)
    held = [np.flatnonzero(holder.among(np.arange(60))).tolist() for holder in found]
    assert [len(holder) for holder in found] == [len(clients) for clients in held] == [10, 2, 0, 25]
    assert held[1] == [2, 4]
    assert len({client for clients in held for client in clients}) == 37
    assert sorted(sum(held, np.flatnonzero(free.among(np.arange(60))).tolist())) == list(range(60))
    for holder, clients in zip(found, held, strict=True):
        assert sorted(holder.ranks(np.array(clients, np.int64)).tolist()) == list(range(len(clients)))
    again, _ = draw_controlled([None, (4, 2), None, None], [10, 2, 0, 25], 60, STREAM)
    assert [np.flatnonzero(holder.among(np.arange(60))).tolist() for holder in again] == held
    other, _ = draw_controlled([None], [10], 60, STREAM.at("other"))
    assert np.flatnonzero(other[0].among(np.arange(60))).tolist() != held[0]


def test_all_of_them(monkeypatch):
    monkeypatch.setattr(controlled, "LISTED_CLIENTS", 0)
    (everyone,), nobody = draw_controlled([None], [50], 50, STREAM)
    assert everyone.among(np.arange(50)).all()
    assert len(nobody) == 0


def test_a_billion():
    (fifth,), others = draw_controlled([None], [200_000_000], 10**9, STREAM)
    asked = STREAM.numpy().integers(0, 10**9, 20_000)
    assert fifth.among(asked).mean() == pytest.approx(0.2, abs=0.015)
    for stratum in (fifth, others):
        drawn = stratum.draw(1_000, STREAM.at("draw").numpy())
        assert stratum.among(drawn).all()
        assert len(set(drawn.tolist())) == 1_000
        assert (stratum.ranks(drawn) < len(stratum)).all()


@pytest.mark.parametrize("many", [0, 10_000], ids=["never listed", "listed"])
def test_each_client_of_a_stratum_is_drawn_as_often(many, monkeypatch):
    monkeypatch.setattr(controlled, "LISTED_CLIENTS", many)
    (_, fixed, other), free = draw_controlled([None, (4, 2), None], [10, 2, 5], 40, STREAM)
    for stratum, size in ((fixed, 2), (other, 5), (free, 23)):
        drawn = np.concatenate([stratum.draw(2, STREAM.at("often", k).numpy()) for k in range(3_000)])
        counts = np.bincount(drawn, minlength=40)
        assert counts[counts > 0].size == size
        expected = 6_000 / size
        assert ((counts[counts > 0] - expected) ** 2 / expected).sum() < 60  # at most 22 degrees of freedom


@pytest.mark.parametrize("size", [1, 2, 3, 17, 1000, 4097])
def test_the_way_back_from_a_place(size):
    order = Order(size, STREAM.numpy().integers(0, 2**64, 8, np.uint64))
    np.testing.assert_array_equal(order.numbers(order.places(np.arange(size))), np.arange(size))
