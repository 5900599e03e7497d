"""Rules for servers that do not wait: each step after step against its formula in slow float64."""

import math

import numpy as np
import pytest

from fedsim.aggregators._scores import upper_of_three
from fedsim.aggregators.asynchronous import async_filter, kardam
from fedsim.aggregators.reference import zeno_plus
from tests.aggregators import oracles
from tests.aggregators.matrices import KINDS, plain


def close(ours, theirs, scale=1.0):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(("penalty", "slack"), [(0.0, 0.0), (0.3, 0.0), (0.3, 2.0), (1.0, 0.0), (0.5, 1e9)])
def test_zeno_plus_is_the_papers(make, penalty, slack):
    for seed in range(4):
        rows, trusted = make(8, seed=seed), plain(1, seed=seed + 20)[0]
        verdict = zeno_plus(rows, trusted, penalty=penalty, slack=slack)
        close(verdict.update, oracles.zeno_plus(rows, trusted, penalty, slack))


def test_zeno_plus_scales_by_the_paper_in_the_units_of_gradients():
    rate, rho, epsilon = 0.1, 0.004, 0.5
    gradients, validation = plain(9, d=6), plain(1, d=6, seed=3)[0]
    taken = []
    for gradient in gradients:
        scaled = gradient * oracles.length(validation) / oracles.length(gradient)
        if rate * (validation @ scaled) - rho * (scaled @ scaled) >= -rate * epsilon:
            taken.append(scaled)
    assert 0 < len(taken) < 9
    verdict = zeno_plus(-rate * gradients, -rate * validation, penalty=rho / rate, slack=rate**2 * epsilon)
    close(verdict.update, -rate * np.mean(taken, axis=0))


def test_zeno_plus_where_nobody_goes_along_takes_no_step():
    trusted = np.array([1.0, 0.0])
    verdict = zeno_plus(np.array([[-1.0, 0.0], [0.0, 0.0], [0.0, 3.0]]), trusted)
    assert not verdict.update.any()
    close(verdict.weights, np.full(3, 1 / 3))
    one = zeno_plus(np.array([[-1.0, 0.0], [0.0, 0.0], [3.0, 3.0]]), trusted)
    assert one.weights.tolist() == [0, 0, 1]
    close(one.factors[2], 1 / math.sqrt(18))


def test_zeno_plus_of_huge_and_tiny_rows():
    rows, trusted = plain(7), plain(1, seed=5)[0]
    expected = zeno_plus(rows, trusted).update
    close(zeno_plus(rows * 2.0**900, trusted * 2.0**-900).update * 2.0**900, expected)
    assert not zeno_plus(rows, 0 * trusted).update.any()


LAWS = {"exponential": lambda age: math.exp(-0.3 * age), "inverse": lambda age: 1 / (1 + age), "none": lambda _: 1.0}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.3])
@pytest.mark.parametrize("size", [1, 5])
def test_kardam_is_the_papers(law, share, size):
    draw, memory, theirs = np.random.default_rng(7), None, oracles.Kardam(share, LAWS[law])
    parameters, refused = draw.standard_normal(9), 0
    for _ in range(60 if size == 1 else 15):
        clients = np.sort(draw.integers(0, 20, size))
        rows = 1 + 0.3 * draw.standard_normal((size, 9))
        rows[clients < 4] *= 20
        ages = draw.integers(0, 5, size)
        verdict = kardam(rows, ages, clients, parameters, memory, share=share, dampening=law, alpha=0.3)
        update, kept = theirs.step(rows, ages, clients, parameters)
        close(verdict.update, update)
        if kept:
            assert np.flatnonzero(verdict.weights).tolist() == kept
        refused += size - len(kept)
        memory, parameters = verdict.memory, parameters + 0.1 * verdict.update
    assert refused if share else not refused
    assert memory["senders"].tolist() == theirs.senders[-2 * len(theirs.met) :]


def test_kardam_hears_more_honest_clients_than_others():
    """Of 2f + 1 rows accepted in a row f + 1 are honest at least, also where attackers answer all the time."""
    draw, memory, parameters = np.random.default_rng(3), None, np.zeros(4)
    accepted = []
    for number in range(300):
        client = int(draw.integers(0, 2)) if draw.random() < 0.7 else int(draw.integers(2, 10))
        row = np.ones((1, 4)) + 0.01 * draw.standard_normal((1, 4))
        verdict = kardam(row, np.zeros(1), np.array([client]), parameters, memory, share=0.2)
        if verdict.update.any():
            accepted.append(client)
        memory, parameters = verdict.memory, parameters + verdict.update
        if number == 40:
            met = len(accepted)
    late = accepted[met:]  # all ten are known
    assert memory["clients"].tolist() == list(range(10))
    assert len(late) > 50
    for begin in range(len(late) - 4):
        assert sum(client < 2 for client in late[begin : begin + 5]) <= 2


def test_kardam_compares_with_nothing_where_the_server_did_not_move():
    rows, clients = plain(3), np.arange(3)
    first = kardam(rows, np.zeros(3), clients, np.zeros(7), None, share=0.3)
    still = kardam(100 * rows, np.zeros(3), clients + 3, np.zeros(7), first.memory, share=0.3)
    close(still.update, 100 * rows.mean(axis=0))
    assert np.isnan(still.memory["coefficients"]).all()


@pytest.mark.parametrize("seed", range(20))
def test_three_clusters_on_a_line_are_the_best_of_all(seed):
    values = np.random.default_rng(seed).standard_normal(9) * np.array([1, 1, 1, 50, 1, 50, 1e6, 1, 1])
    assert np.flatnonzero(upper_of_three(values)).tolist() == oracles.three_clusters(values.tolist())


def test_three_clusters_of_few_values():
    assert upper_of_three(np.array([1.0, 1.0])).tolist() == [False, False]
    assert upper_of_three(np.array([1.0, 2.0, 1.0, 2.0])).tolist() == [False, True, False, True]
    assert upper_of_three(np.array([3.0, 1.0, 2.0])).tolist() == [True, False, False]


def test_async_filter_is_the_authors():
    draw, memory, theirs = np.random.default_rng(11), None, oracles.AsyncFilter()
    refused = 0
    for number in range(1, 13):
        ages = np.minimum(draw.integers(0, 4, 11), number - 1)
        rows = ages[:, None] + draw.standard_normal((11, 8))
        rows[:2] *= -5
        counts = draw.integers(1, 30, 11)
        verdict = async_filter(rows, counts, ages, number, memory)
        update, kept = theirs.step(number, rows, counts, ages.tolist())
        close(verdict.update, update)
        assert np.flatnonzero(verdict.weights).tolist() == kept
        refused, memory = refused + 11 - len(kept), verdict.memory
    assert refused >= 12
    assert memory["steps"].tolist() == sorted(theirs.judged)
    assert memory["numbers"].sum() == sum(map(len, theirs.judged.values()))


def test_async_filter_forgets_and_passes_small_groups():
    rows = plain(6)
    rows[5] = 1e6
    ages = np.array([0, 0, 1, 1, 2, 3])
    assert async_filter(rows, np.ones(6), ages, 9, None).weights.all()
    memory = async_filter(rows, np.ones(6), np.zeros(6, int), 9, None, window=2).memory
    assert memory["steps"].tolist() == [9]
    memory = async_filter(rows, np.ones(6), np.zeros(6, int), 10, memory, window=2).memory
    assert memory["steps"].tolist() == [9, 10]
    memory = async_filter(rows, np.ones(6), np.zeros(6, int), 11, memory, window=2).memory
    assert memory["steps"].tolist() == [10, 11]


def test_async_filter_refuses_nobody_of_equal_rows_and_the_one_beyond_all_numbers():
    assert async_filter(np.ones((5, 3)), np.ones(5), np.zeros(5, int), 1, None).weights.all()
    rows = plain(7)
    rows[2] = 1e200
    assert async_filter(rows, np.ones(7), np.zeros(7, int), 1, None).weights[2] == 0
