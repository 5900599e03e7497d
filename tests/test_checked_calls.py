"""An algorithm of one's own with a slip ends the run in its own name; only a refusal of the rows skips a round."""

import re

import numpy as np
import pytest

import fedsim
from fedsim.aggregators.contract import Aggregate, aggregator, aggregators
from fedsim.attacks.contract import attack, attacks
from fedsim.errors import RowsDoNotSuffice, RunFailed, ScenarioError
from fedsim.latencies.contract import latencies, latency
from fedsim.preaggregators.contract import Mixed, preaggregator, preaggregators
from tests.small_runs import DIGITS, EVERYONE, held, played, registered, scenario, verdicts

PLAIN = np.full(6, 1 / 6)


def in_a_run(updates):
    """Whether it is the run that calls, and not the dry run on six coordinates."""
    return updates.shape[1] > 6


@pytest.mark.parametrize("kind", [ValueError, TypeError, KeyError, ZeroDivisionError, MemoryError])
def test_a_slip_of_a_rule_ends_the_run_in_its_name(kind):
    with registered(aggregators, "mine"):

        @aggregator("mine")
        def mine(updates, *, power: int = 2):
            if in_a_run(updates):
                raise kind("no such thing")
            return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))

        with pytest.raises(
            RunFailed, match=rf"^round 1: rule `mine` raised {kind.__name__}: .*no such.*test_checked_calls.py:\d+"
        ):
            played(scenario(DIGITS, 'aggregator="mine"'))


def test_a_refusal_of_the_rows_skips_the_round():
    with registered(aggregators, "mine"):

        @aggregator("mine")
        def mine(updates, stream):
            if in_a_run(updates):
                raise RowsDoNotSuffice("mine wants other rows")
            return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))

        events = played(scenario(DIGITS, 'aggregator="mine"'))
    assert [verdict.skipped for verdict in verdicts(events)] == ["mine wants other rows"] * 3


ANSWERS = {
    "update must be a numpy array of float32 or float64: got list": lambda u: Aggregate(list(u[0]), PLAIN),
    "update must be a numpy array of float32 or float64: got an array of int64": (
        lambda u: Aggregate(np.ones(u.shape[1], int), PLAIN)
    ),
    "update must have shape (650,): got (6, 650)": lambda u: Aggregate(np.array(u), PLAIN),
    "weights must have shape (6,): got (5,)": lambda u: Aggregate(u[0], np.full(5, 0.2)),
    "weights must sum to 1: got 6": lambda u: Aggregate(u[0], np.ones(6)),
    "weights must be finite and not negative": lambda u: Aggregate(u[0], np.array([2, -1.0, 0, 0, 0, 0])),
    "weights must be finite": lambda u: Aggregate(u[0], np.full(6, np.nan)),
    "factors must have shape (6,): got (5,)": lambda u: Aggregate(u[0], PLAIN, factors=np.ones(5)),
    "factors must be finite and not negative": lambda u: Aggregate(u[0], PLAIN, factors=np.full(6, -1.0)),
    "memory must map names to arrays": lambda u: Aggregate(u[0], PLAIN, {"past": [1, 2]}),
    "memory must be a mapping": lambda u: Aggregate(u[0], PLAIN, u[0]),
    "returned ndarray, not Aggregate": lambda u: u.mean(axis=0),
    "assignment destination is read-only": lambda u: u.__setitem__(0, 0),
}


@pytest.mark.parametrize("message", ANSWERS)
def test_a_wrong_answer_of_a_rule_is_told(message):
    with registered(aggregators, "mine"):

        @aggregator("mine")
        def mine(updates):
            plain = Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))
            return ANSWERS[message](updates) if in_a_run(updates) else plain

        with pytest.raises(RunFailed, match=r"round 1: rule `mine`.*" + re.escape(message)):
            played(scenario(DIGITS, *EVERYONE, 'aggregator="mine"'))


def test_an_attack_cannot_write_to_what_it_knows_and_answers_in_shape():
    for slip, message in [
        (lambda honest: honest.__setitem__(0, 0), "read-only"),
        (lambda honest: honest[0], r"rows must have shape \(1, 650\): got \(650,\)"),
        (lambda honest: [honest[0]], "rows must be a numpy array of float32 or float64: got list"),
    ]:
        with registered(attacks, "mine"):

            @attack("mine")
            def mine(honest, count):
                return slip(honest) if in_a_run(honest) else np.array(honest[:count])  # noqa: B023

            with pytest.raises(RunFailed, match=rf"round 1: attack `mine` .*{message}"):
                played(scenario(DIGITS, *EVERYONE, rest=held(0, name="mine")))


def test_a_preaggregator_and_a_latency_law_are_held_to_their_contracts():
    with registered(preaggregators, "mine"):

        @preaggregator("mine")
        def mine(updates):
            return Mixed(updates, np.ones((len(updates), len(updates)))) if in_a_run(updates) else updates

        with pytest.raises(RunFailed, match=r"pre-aggregator `mine` .*shares must sum to 1: got 6"):
            played(scenario(DIGITS, 'preaggregators=["mine"]'))
    with registered(latencies, "mine"):

        @latency("mine")
        def seconds(clients, round):
            return np.full(len(clients), -1.0 if len(clients) > 2 else 1.0)

        with pytest.raises(RunFailed, match=r"round 1: latency law `mine` .*seconds must be finite and not negative"):
            played(scenario(DIGITS, 'clients.latency="mine"'))


@pytest.mark.parametrize("kind", [TypeError, IndexError, ValueError])
def test_a_slip_in_the_dry_run_is_a_problem_of_the_scenario(kind):
    with registered(aggregators, "mine"):

        @aggregator("mine")
        def mine(updates):
            raise kind("a slip")

        with pytest.raises(
            ScenarioError, match=rf"aggregator.name: `mine` raised {kind.__name__}: a slip \(test_checked_calls"
        ):
            scenario(DIGITS, 'aggregator="mine"')


def test_in_the_library_an_own_rule_fails_with_its_own_traceback():
    with registered(aggregators, "mine"):

        @aggregator("mine")
        def mine(updates):
            return {}["past"]

        with pytest.raises(KeyError):
            fedsim.aggregate("mine", np.ones((3, 2)))
