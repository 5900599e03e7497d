"""Delayed momentum: the rule inside sees what every client sent last."""

import numpy as np
import pytest

from fedsim.aggregators.clustering import clipped_clustering
from fedsim.aggregators.delayed import delayed_momentum
from fedsim.errors import RowsDoNotSuffice
from fedsim.randomness import Stream
from tests import oracles as plain_oracles
from tests.aggregators.matrices import plain

STREAM, ZEROS = Stream.root(2), np.zeros(7)


def asked(rows, clients, memory=None, counts=None, **settings):
    counts = np.ones(len(rows), np.int64) if counts is None else counts
    return delayed_momentum(rows, counts, np.asarray(clients), ZEROS, ZEROS, memory, STREAM, **settings)


@pytest.mark.parametrize(
    ("settings", "formula"),
    [
        ({}, lambda rows, _: plain_oracles.median(rows)),
        (
            {"rule": "trimmed_mean", "share": 0.29},
            lambda rows, _: plain_oracles.trimmed_mean(rows, int(0.29 * len(rows))),
        ),
        ({"rule": "krum", "share": 0.2}, lambda rows, _: plain_oracles.krum(rows, len(rows) // 5)),
        ({"rule": "fedavg"}, plain_oracles.fedavg),
    ],
)
def test_the_rule_is_given_the_last_row_of_everybody(settings, formula):
    draw, memory, last = np.random.default_rng(1), None, {}
    for number in range(12):
        clients = np.sort(draw.choice(20, 6, replace=False))
        rows, counts = plain(6, seed=number), draw.integers(1, 9, 6)
        last |= {int(c): (row, count) for c, row, count in zip(clients, rows, counts, strict=True)}
        verdict = asked(rows, clients, memory, counts, **settings)
        everyone = [last[client] for client in sorted(last)]
        expected = formula(np.array([row for row, _ in everyone]), np.array([count for _, count in everyone]))
        np.testing.assert_allclose(verdict.update, expected, rtol=1e-9, atol=1e-12)
        assert verdict.weights.sum() == pytest.approx(1)
        memory = verdict.memory
    assert memory["clients"].tolist() == sorted(last)


def test_a_round_full_of_attackers_does_not_move_it():
    honest = asked(1 + 0.1 * plain(10), range(10))
    attacked = asked(np.full((4, 7), 1e6), range(10, 14), honest.memory)
    assert np.abs(attacked.update - 1).max() < 0.5


def test_of_a_client_who_comes_twice_the_last_row_counts():
    rows = plain(4)
    verdict = asked(rows, [3, 5, 5, 8], rule="fedavg")
    np.testing.assert_allclose(verdict.update, rows[[0, 2, 3]].mean(axis=0))
    np.testing.assert_allclose(verdict.weights, [1 / 3, 0, 1 / 3, 1 / 3])


def test_where_only_absent_clients_count_those_at_hand_are_weighed_alike():
    first = asked(plain(5) * 1e-3, range(5), rule="krum")
    second = asked(plain(2) + 1e3, [7, 8], first.memory, rule="krum")
    assert second.weights.tolist() == [0.5, 0.5]


def test_it_keeps_the_memory_of_the_rule_inside():
    rows = plain(5)
    first = asked(rows, range(5), rule="clipped_clustering")
    assert set(first.memory) == {"clients", "rows", "counts", "rule/norms"}
    second = asked(2 * rows, range(5), first.memory, rule="clipped_clustering")
    alone = clipped_clustering(2 * rows, clipped_clustering(rows, None).memory)
    np.testing.assert_allclose(second.update, alone.update)
    np.testing.assert_allclose(second.factors, alone.factors)


def test_what_cannot_be_inside():
    with pytest.raises(ValueError, match="delayed_momentum cannot apply fedmi, which asks for root_logits"):
        asked(plain(4), range(4), rule="fedmi")
    with pytest.raises(ValueError, match="delayed_momentum: unknown rule `krumm`"):
        asked(plain(4), range(4), rule="krumm")
    with pytest.raises(RowsDoNotSuffice, match="krum needs n ≥ 2f \\+ 3: got n = 5, f = 2"):
        asked(plain(5), range(5), rule="krum", share=0.4)
