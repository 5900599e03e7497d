"""Rules with a past: what they remember of clients that come and go, and what they make of it."""

import numpy as np
import pytest

from fedsim.aggregators._curvature import hessian_product
from fedsim.aggregators._history import known, table
from fedsim.aggregators._scores import deviations, splits, upper_of_two
from fedsim.aggregators.prediction import fldetector
from fedsim.aggregators.reputation import afa, foolsgold
from fedsim.errors import RowsDoNotSuffice
from fedsim.randomness import Stream
from tests.aggregators import oracles
from tests.aggregators.matrices import plain

STREAM = Stream.root(4)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def test_tables_by_client():
    memory = {"clients": np.array([2, 5, 9]), "score": np.array([1.0, 2.0, 3.0])}
    everyone, places = known(memory, np.array([9, 3, 3]))
    assert everyone.tolist() == [2, 3, 5, 9]
    assert places.tolist() == [3, 1, 1]
    assert table(memory, "score", everyone, -1.0).tolist() == [1.0, -1.0, 2.0, 3.0]
    assert table(None, "score", everyone, [0.0, 1.0]).shape == (4, 2)


def test_foolsgold_judges_by_all_that_a_client_ever_sent():
    draw, memory, sums = np.random.default_rng(0), None, {}
    for _ in range(5):
        clients = np.sort(draw.choice(12, 6, replace=False))
        rows = draw.standard_normal((6, 9)) + 0.5
        for client, row in zip(clients, rows, strict=True):
            sums[int(client)] = sums.get(int(client), 0) + row
        verdict = foolsgold(rows, clients, memory)
        update, alphas = oracles.foolsgold(rows, [sums[int(client)] for client in clients])
        close(verdict.update, update)
        close(verdict.weights, np.array(alphas) / sum(alphas))
        memory = verdict.memory
    assert memory["clients"].tolist() == sorted(sums)
    close(memory["history"], [sums[client] for client in sorted(sums)])


def test_foolsgold_drops_copies_and_keeps_a_client_who_comes_twice():
    rows = np.abs(plain(6, d=30)) * np.eye(6, 30)[:, ::-1] + 0.01
    rows[3:] = rows[3]
    assert not foolsgold(rows, np.arange(6), None).weights[3:].any()
    twice = foolsgold(rows[:4], np.array([0, 1, 2, 2]), None)
    assert twice.weights[2] == twice.weights[3] > 0


def test_foolsgold_where_all_are_copies_takes_no_step():
    verdict = foolsgold(np.ones((4, 3)), np.arange(4), None)
    assert not verdict.update.any()
    assert verdict.memory["history"].shape == (4, 3)


def test_afa_is_the_papers_round_after_round():
    draw, memory = np.random.default_rng(1), None
    good, bad = np.full(15, 3.0), np.full(15, 3.0)
    for _ in range(8):
        clients = np.sort(draw.choice(15, 9, replace=False))
        rows, counts = draw.standard_normal((9, 20)) + 1, draw.integers(1, 30, 9)
        rows[clients < 4] *= -1
        blocked = [c for c in clients if _sure(good[c], bad[c])]
        sought = [i for i, c in enumerate(clients) if c not in blocked]
        verdict = afa(rows, counts, clients, memory)
        mean, kept = oracles.afa(rows[sought], counts[sought], good[clients[sought]], bad[clients[sought]])
        close(verdict.update, mean)
        assert np.flatnonzero(verdict.weights).tolist() == [sought[i] for i in kept]
        for i, row in enumerate(sought):
            (good if i in kept else bad)[clients[row]] += 1
        memory = verdict.memory
    met = memory["clients"]
    close(memory["good"], good[met])
    close(memory["bad"], bad[met])


def _sure(good, bad):
    from scipy.stats import beta

    return beta.cdf(0.5, good, bad) > 0.95


def test_afa_blocks_for_good_and_says_when_nobody_is_left():
    memory = {"clients": np.array([1, 2]), "good": np.array([1.0, 3.0]), "bad": np.array([20.0, 3.0])}
    verdict = afa(plain(2), np.ones(2), np.array([1, 2]), memory)
    assert verdict.weights.tolist() == [0, 1]
    assert verdict.memory["bad"].tolist() == [20.0, 3.0]
    with pytest.raises(RowsDoNotSuffice, match="afa has blocked every client of this round"):
        afa(plain(1), np.ones(1), np.array([1]), memory)


@pytest.mark.parametrize("pairs", [1, 2, 4])
def test_the_hessian_is_that_of_l_bfgs(pairs):
    draw = np.random.default_rng(pairs)
    root = draw.standard_normal((8, 8))
    curvature = root @ root.T + np.eye(8)
    steps = draw.standard_normal((pairs, 8))
    for sign in (1, -1):  # updates go against the gradient
        changes, v = sign * steps @ curvature, draw.standard_normal(8)
        close(hessian_product(steps, changes, v), oracles.hessian_product(steps, changes, v))


def test_a_hessian_without_a_step():
    assert not hessian_product(np.zeros((1, 4)), np.ones((1, 4)), np.ones(4)).any()


def _rounds(rounds, window=4, start=6, bad=(0, 1), drops=()):
    """Clients with quadratic losses; the bad ones send noise."""
    draw, memory, base = np.random.default_rng(2), None, np.ones(10)
    own, verdicts = 1 + 0.1 * draw.standard_normal((9, 10)), []
    for number in range(rounds):
        clients = np.array([c for c in range(9) if (number, c) not in drops])
        rows = np.array([-0.1 * own[c] * base for c in clients])
        rows[np.isin(clients, bad)] += 0.3 * draw.standard_normal((np.isin(clients, bad).sum(), 10))
        verdict = fldetector(rows, clients, base, memory, STREAM.at(number), window=window, start=start)
        verdicts.append((rows, verdict))
        base, memory = base + verdict.update, verdict.memory
    return verdicts


def test_fldetector_is_the_mean_until_it_finds_who_cannot_be_predicted():
    verdicts = _rounds(8)
    for rows, verdict in verdicts[:5]:
        close(verdict.update, rows.mean(axis=0))
    assert not verdicts[-1][1].weights[:2].any()
    close(verdicts[-1][1].update, verdicts[-1][0][2:].mean(axis=0))


def test_fldetectors_errors_are_the_papers():
    verdicts = _rounds(6, bad=(0,))
    rows = [rows for rows, _ in verdicts]
    memory = verdicts[-2][1].memory
    base = [np.ones(10)]
    for _, verdict in verdicts:
        base.append(base[-1] + verdict.update)
    steps = [base[k] - base[k - 1] for k in range(1, 5)]
    changes = [verdicts[k][1].update - verdicts[k - 1][1].update for k in range(1, 5)]
    close(memory["steps"], steps[-4:])
    close(memory["changes"], changes[-4:])
    expected = oracles.hessian_product(np.array(steps[-4:]), np.array(changes[-4:]), base[5] - base[4])
    errors = np.array([oracles.length(rows[4][i] + expected - rows[5][i]) for i in range(9)])
    np.testing.assert_allclose(verdicts[-1][1].memory["errors"][:, -1], errors / errors.sum(), rtol=1e-4)


def test_a_client_that_was_not_there_last_time_is_not_judged_anew():
    verdicts = _rounds(5, drops={(3, 5)})
    before, after = (verdicts[k][1].memory["errors"][5] for k in (2, 4))
    np.testing.assert_array_equal(before, after)
    assert np.isfinite(after).sum() < np.isfinite(verdicts[4][1].memory["errors"][4]).sum()


def test_nobody_is_dropped_where_all_are_alike():
    for rows, verdict in _rounds(9, bad=()):
        assert np.count_nonzero(verdict.weights) >= len(rows) // 2


@pytest.mark.parametrize("seed", range(5))
def test_clusters_on_a_line_are_the_best_of_all(seed):
    values = np.random.default_rng(seed).standard_normal(8)
    low, high = oracles.two_means(values[:, None])
    cost = sum(((values[part] - values[part].mean()) ** 2).sum() for part in (low, high))
    found = splits(values, 3)
    close(found[:2], [((values - values.mean()) ** 2).sum(), cost])
    assert found[2] < found[1]
    upper = set(np.flatnonzero(upper_of_two(values)))
    assert upper in (set(low), set(high))
    assert values[list(upper)].min() > np.delete(values, list(upper)).max()


def test_deviations():
    scores = np.array([1.0, 2.0, 4.0])
    close(deviations(scores), np.abs(scores - 2) / scores.std())
    assert deviations(np.ones(4)).tolist() == [0] * 4
    close(deviations(1e300 * scores), deviations(scores))
