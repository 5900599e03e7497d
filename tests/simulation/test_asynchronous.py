"""An asynchronous server: timelines worked out by hand, and whole runs that repeat."""

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.errors import ScenarioError
from fedsim.events import Aggregated, RoundEnded
from fedsim.execution.pool import Pool
from fedsim.functional import preaggregate
from fedsim.latencies.contract import latencies, latency
from fedsim.simulation.clock import Arrival, fill_buffer
from tests.small_runs import DIGITS, ends, played, registered, same, scenario, starts, verdicts

BUFFER = ["clients.population=40", "clients.sampled=4", "clients.buffer=3", "rounds=6"]
SLOW = 'clients.latency={name="exponential", mean=1.0, least=0.2}'


class Clients:
    """One client after another, each with its seconds."""

    def __init__(self, round, *seconds):
        self.round, self.left = round, list(seconds)
        self.begun = []

    def begin(self, time):
        if not self.left:
            return None
        client, seconds = self.left.pop(0)
        self.begun.append((client, time))
        return Arrival(time + seconds, client, self.round)


def test_a_timeline_by_hand():
    # two at work, a step every two updates
    first = Clients(1, (1, 3.0), (2, 1.0), (3, 1.0))
    step = fill_buffer(0.0, [], 2, 2, first.begin)
    assert first.begun == [(1, 0.0), (2, 0.0), (3, 1.0)]  # 3 follows 2 at once, with the same parameters
    assert [arrival[:2] for arrival in step.arrived] == [(1.0, 2), (2.0, 3)]
    assert (step.time, step.late) == (2.0, (Arrival(3.0, 1, 1),))
    second = Clients(2, (4, 5.0), (5, 1.0))
    step = fill_buffer(step.time, step.late, 1, 2, second.begin)
    assert second.begun == [(4, 2.0), (5, 3.0)]  # 4 takes the place of 3, with what the step made
    assert step.arrived == (Arrival(3.0, 1, 1), Arrival(4.0, 5, 2))  # 1 is a step old
    assert (step.time, step.late) == (4.0, (Arrival(7.0, 4, 2),))


def test_ties_go_to_the_lower_client_and_an_empty_world_stands_still():
    clients = Clients(1, (7, 1.0), (3, 1.0), (5, 0.0))
    assert [a.client for a in fill_buffer(0.0, [], 2, 2, clients.begin).arrived] == [3, 5]  # 5 is as early as 7
    assert clients.begun[2] == (5, 1.0)
    assert fill_buffer(4.0, [], 3, 2, Clients(1).begin) == (4.0, (), ())


def test_a_buffer_of_one_steps_at_every_update():
    events = played(scenario(DIGITS, *BUFFER, "clients.buffer=1", SLOW))
    assert [len(verdict.clients) for verdict in verdicts(events)] == [1] * 6
    assert [len(each.cohort) for each in starts(events)] == [4, 1, 1, 1, 1, 1]
    times = [verdict.time for verdict in verdicts(events)]
    assert times == sorted(times)


def test_as_many_are_at_work_all_the_time_and_none_of_them_twice():
    states, given = [], scenario(DIGITS, *BUFFER, SLOW, "clients.dropout=0.3", "rounds=12")
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, RoundEnded):
                states.append([update.arrival.client for update in run.state.in_flight])
            if isinstance(event, Aggregated):
                assert len(set(event.clients)) == len(event.clients) == 3
                assert event.late == ()
    assert all(len(set(each)) == len(each) == 3 for each in states)  # the fourth begins with what the step made


def test_every_step_is_the_mean_of_what_is_in_shortened_by_its_age():
    given = scenario(DIGITS, *BUFFER, SLOW, 'preaggregators=["staleness_scaling"]', 'aggregator="mean"')
    ages = []
    with simulate(given, Pool(1, "serial")) as run:
        before = None
        for event in run:
            if isinstance(event, Aggregated):
                matrix, age = run.received.matrix.copy(), run.received.staleness.copy()
                before, ages = run.state.parameters, [*ages, *age.tolist()]
            if isinstance(event, RoundEnded):
                wanted = before + (matrix / np.sqrt(1 + age)[:, None]).mean(axis=0)
                np.testing.assert_allclose(run.state.parameters, wanted, atol=1e-6)
    assert max(ages) >= 2


@pytest.mark.parametrize(
    ("settings", "factors"),
    [
        ({}, [1, 1 / np.sqrt(2), 1 / np.sqrt(6)]),
        ({"a": 1.0}, [1, 1 / 2, 1 / 6]),
        ({"law": "hinge", "a": 10.0, "b": 4.0}, [1, 1, 1 / 11]),
    ],
)
def test_laws_of_staleness(settings, factors):
    rows = np.arange(6.0).reshape(3, 2)
    found = preaggregate("staleness_scaling", rows, staleness=np.array([0, 1, 5]), **settings)
    np.testing.assert_allclose(found, rows * np.array(factors)[:, None])


def test_bits_do_not_depend_on_the_workers_and_a_run_goes_on_where_it_was():
    given = scenario(DIGITS, *BUFFER, SLOW, "training.worker_momentum=0.5", 'aggregator="median"')
    straight, states = played(given), {}
    with Pool(2, "threading") as pool:
        assert same(simulate(given, pool)) == same(straight)
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, RoundEnded):
                states[event.round] = run.state
    tail = ends(simulate(given, Pool(1, "serial"), resume=states[3]))
    assert [each.digest for each in tail] == [each.digest for each in ends(straight)[3:]]


def test_who_answers_fastest_is_heard_most_often():
    fast = 'attacks=[{name="noise", count=8, latency={name="constant", seconds=0.01}}]'
    slow = fast.replace("0.01", "9.0")
    attacks = {"fast": fast, "usual": fast.replace(', latency={name="constant", seconds=0.01}', ""), "slow": slow}
    share = {}
    for name, attack in attacks.items():
        rounds = verdicts(played(scenario(DIGITS, *BUFFER, SLOW, "rounds=20", attack)))
        share[name] = sum(np.isin(each.clients, _held(attack)).sum() for each in rounds)
    assert share["slow"] < share["usual"] < share["fast"]


def _held(attack):
    given = scenario(DIGITS, *BUFFER, SLOW, attack)
    with simulate(given, Pool(1, "serial")) as run:
        next(run)
        return run.federation.controlled[0].clients


def test_an_adversary_may_come_too_late_on_purpose_in_rounds_too():
    attack = 'attacks=[{name="noise", ids=[0, 1], latency={name="constant", seconds=5.0}}]'
    given = scenario(DIGITS, "clients.population=6", "clients.sampled=6", "clients.deadline=2.0", attack)
    assert {verdict.late for verdict in verdicts(played(given))} == {(0, 1)}


def test_a_law_of_latency_is_asked_for_each_client_at_its_address():
    @latency("by_number")
    def by_number(clients, *, seconds: float = 1.0):
        return np.asarray(clients) * seconds + 0.5

    with registered(latencies, "by_number"):
        events = played(scenario(DIGITS, *BUFFER, 'clients.latency="by_number"'))
    begun = set(starts(events)[0].cohort)
    first = verdicts(events)[0]
    assert first.clients[0] == min(begun)
    assert first.time >= min(begun) + 0.5


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        (["clients.buffer=38"], "clients.buffer", "with 4 of 40 clients at work there are at most 36 others"),
        (["clients.quorum=2"], "clients.quorum", "means nothing where the server is asynchronous"),
        (["clients.deadline=2.0"], "clients.deadline", "means nothing where the server is asynchronous"),
        (['clients.late="keep"'], "clients.late", "every update is kept"),
        (['clients.sampling="stratified"'], "clients.sampling", "has no cohorts"),
        (
            ['attacks=[{name="noise", per_round=1, latency={name="constant"}}]'],
            "attacks[0].latency",
            "give count, fraction or ids",
        ),
        (
            ['attacks=[{name="noise", count=1, latency={name="uniform", low=3.0, high=1.0}}]'],
            "attacks[0].latency",
            "low ≤ high",
        ),
        (['aggregator={name="krum", f=1}'], "aggregator.f", "got n = 3, f = 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_its_place(changes, place, words):
    with pytest.raises(ScenarioError) as refused:
        scenario(DIGITS, *BUFFER, *changes)
    assert place in str(refused.value)
    assert words in str(refused.value)
