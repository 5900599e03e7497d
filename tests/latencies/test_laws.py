"""What every law of latency must do, and what each of them says it is."""

import numpy as np
import pytest

from fedsim.latencies.contract import latencies
from fedsim.latencies.laws import constant, exponential, lognormal, speed, uniform
from fedsim.randomness import Stream
from fedsim.scenario.validation import check_settings

STREAM = Stream.root(2).at("latency")
MANY = np.arange(4000)
every_law = pytest.mark.parametrize("entry", list(latencies), ids=lambda entry: entry.name)


def seconds(entry, clients, number=1, stream=STREAM):
    ids = np.asarray(clients, np.int64)
    supplies = {"clients": ids, "round": number, "stream": stream, "steps": 1 + ids % 7}
    return entry.function(*(supplies[item] for item in entry.supplied), **check_settings(entry, {})[0])


@every_law
def test_one_time_a_client_finite_and_not_negative(entry):
    for clients in ([], [5], range(50)):
        times = seconds(entry, clients)
        assert times.shape == (len(clients),)
        assert times.dtype == np.float64
        assert np.isfinite(times).all()
        assert (times >= 0).all()


@every_law
def test_a_clients_time_does_not_depend_on_who_else_was_asked(entry):
    together = seconds(entry, [3, 7, 9], number=4)
    assert seconds(entry, [9, 7], number=4).tolist() == together[[2, 1]].tolist()


@every_law
def test_the_same_address_gives_the_same_time(entry):
    assert seconds(entry, range(9)).tolist() == seconds(entry, range(9)).tolist()


@pytest.mark.parametrize("name", ["uniform", "exponential", "lognormal"])
def test_a_random_law_differs_between_clients_rounds_and_seeds(name):
    entry = latencies[name]
    draws = [seconds(entry, range(9), n, s) for n in (1, 2) for s in (STREAM, Stream.root(3))]
    assert len({float(time) for times in draws for time in times}) == 36


def test_speed_is_steps_by_the_devices_pace():
    once, twice = (speed(MANY, np.full(len(MANY), k), STREAM, median=5.0, device=0.5, network=2.0) - 2 for k in (3, 6))
    np.testing.assert_allclose(twice, 2 * once)
    assert np.median(once) == pytest.approx(3 / 5, rel=0.05)
    assert np.log(once).std() == pytest.approx(0.5, rel=0.05)


def test_constant_is_constant():
    assert constant(np.arange(3), seconds=2.5).tolist() == [2.5] * 3


def test_uniform_fills_its_interval_evenly():
    counts, _ = np.histogram(uniform(MANY, 1, STREAM, low=2.0, high=4.0), bins=10, range=(2, 4))
    assert counts.sum() == len(MANY)
    assert np.abs(counts - 400).max() < 100  # five standard deviations


def test_uniform_of_one_point_is_that_point():
    assert uniform(np.arange(3), 1, STREAM, low=2.0, high=2.0).tolist() == [2.0] * 3


def test_uniform_refuses_an_interval_turned_round():
    with pytest.raises(ValueError, match=r"uniform needs low ≤ high: got low = 3.0, high = 2.0"):
        uniform(np.arange(3), 1, STREAM, low=3.0, high=2.0)


def test_exponential_has_its_floor_its_mean_and_no_memory():
    above = exponential(MANY, 1, STREAM, mean=3.0, least=5.0) - 5
    assert above.min() >= 0
    assert above.mean() == pytest.approx(3, rel=0.08)
    later = above[above > 2] - 2
    assert later.mean() == pytest.approx(3, rel=0.12)


def test_lognormal_has_its_median_and_both_its_spreads():
    rounds = np.log([lognormal(MANY[:1000], r, STREAM, median=2.0, device=0.5, jitter=0.2) for r in range(30)])
    assert np.median(rounds) == pytest.approx(np.log(2), abs=0.06)
    assert rounds.mean(axis=0).std() == pytest.approx(np.hypot(0.5, 0.2 / np.sqrt(30)), rel=0.1)
    assert rounds.std(axis=0, ddof=1).mean() == pytest.approx(0.2, rel=0.05)


def test_a_device_without_jitter_is_the_same_every_round():
    first, second = (lognormal(MANY[:9], r, STREAM, jitter=0.0) for r in (1, 2))
    assert first.tolist() == second.tolist()
    assert len(set(first)) == 9
