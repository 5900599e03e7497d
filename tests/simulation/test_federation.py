"""What is settled before the first round, and what a million clients cost."""

import itertools
import time
import tracemalloc

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.errors import ScenarioError
from fedsim.execution.pool import Pool
from fedsim.scenario.load import parse_scenario
from fedsim.simulation.adversaries import Held
from fedsim.simulation.federation import build_federation
from fedsim.simulation.sampling import holders
from tests.small_runs import DIGITS, EVERYONE, held, played, registered, scenario, starts

VIRTUAL = ['partition={name="virtual", samples=20}', "clients.sampled=6", "rounds=3"]
FIFTH = '\n[[attacks]]\nname = "sign_flip"\nfraction = 0.2\n\n[[attacks]]\nname = "zero"\ncount = 2\n'


def test_four_sets_of_examples_share_nothing():
    federation = build_federation(scenario(DIGITS, "root.size=50", "evaluation.validation=70"))
    parts = [federation.root, federation.validation, federation.held]
    assert [len(part) for part in parts[:2]] == [50, 70]
    assert sorted(np.concatenate(parts)) == list(range(len(federation.train)))
    clients = np.concatenate([federation.examples_of(client) for client in range(federation.population)])
    assert sorted(clients) == federation.held.tolist()
    assert len(federation.test) == 100


def test_the_limit_spreads_over_the_test_set():
    whole, few = (build_federation(scenario(DIGITS, f"evaluation.limit={limit}")).test for limit in (10_000, 10))
    assert len(few) == 10
    np.testing.assert_array_equal(few.inputs[[0, -1]], whole.inputs[[0, -1]])


def held_in(federation):
    """Clients of each attack."""
    everyone = np.arange(federation.population)
    return [everyone[holder.among(everyone)].tolist() for holder in federation.controlled]


def test_each_draw_has_its_own_address():
    worlds = [
        build_federation(scenario(DIGITS, *change, rest=FIFTH)) for change in ([], ["root.size=21"], ["model=mlp"])
    ]
    assert held_in(worlds[0]) == held_in(worlds[1]) == held_in(worlds[2])
    np.testing.assert_array_equal(worlds[0].parameters, worlds[1].parameters)
    np.testing.assert_array_equal(worlds[0].held, worlds[2].held)
    other = build_federation(scenario(DIGITS, "seed=2", rest=FIFTH))
    assert not np.array_equal(other.parameters, worlds[0].parameters)


def test_attackers_are_as_many_as_asked_for_and_nobody_is_held_twice():
    federation = build_federation(scenario(DIGITS, "clients.population=40", rest=FIFTH + held(3, 7, name="nan")))
    found = held_in(federation)
    assert [len(clients) for clients in found] == [8, 2, 2]
    assert found[2] == [3, 7]
    assert len({client for clients in found for client in clients}) == 12
    expected = {client: place for place, clients in enumerate(found) for client in clients}
    acting = holders(federation, np.arange(40), 1)
    assert {client: held.adversary for client, held in acting.items()} == expected
    assert holders(federation, np.array([3, 7]), 1) == {3: Held(2, 0, 2), 7: Held(2, 1, 2)}


def test_every_client_may_be_an_attacker():
    rest = '\n[[attacks]]\nname = "zero"\nfraction = 0.5\n'
    found = [held_in(build_federation(scenario(DIGITS, f"seed={seed}", rest=rest)))[0] for seed in range(12)]
    assert {client for clients in found for client in clients} == set(range(12))


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (held(3, name="zero") + '\n[[attacks]]\nname = "nan"\ncount = 100\n', "want 101 clients"),
        (held(100, name="zero"), "ids up to 100"),
    ],
)
def test_more_attackers_than_clients_are_refused_also_where_only_the_partition_knows_them(rest, message):
    text = DIGITS.replace("population = 12\n", "")
    with pytest.raises(ScenarioError, match=message):
        build_federation(scenario(text, rest=rest))


def measured(population):
    given = scenario(DIGITS, *VIRTUAL, f"clients.population={population}", rest=FIFTH)
    events = simulate(given, Pool(1, "serial"))
    tracemalloc.start()
    begin = time.process_time()
    cohorts = [start.cohort for start in starts(events)]
    seconds = time.process_time() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak, cohorts


def test_a_million_clients_cost_what_a_hundred_do():
    measured(100)
    small = [measured(100) for _ in range(3)]
    large = [measured(1_000_000) for _ in range(3)]
    assert min(run[0] for run in large) < 2 * min(run[0] for run in small) + 0.05
    assert large[0][1] < 2 * small[0][1]
    assert max(itertools.chain(*large[0][2])) > 10_000


def test_a_billion_clients_can_be_asked():
    events = played(scenario(DIGITS, *VIRTUAL, "clients.population=1000000000", "rounds=1", rest=FIFTH))
    assert events[0].byzantine == 200_000_002


@pytest.mark.parametrize("population", [1, 2])
def test_the_smallest_federations(population):
    given = scenario(DIGITS, f"clients.population={population}", f"clients.sampled={population}")
    events = played(given)
    assert all(start.cohort == tuple(range(population)) for start in starts(events))
    assert events[-1].final > 0.3


def test_one_attacker_alone():
    events = played(scenario(DIGITS, "clients.population=1", "clients.sampled=1", rest=held(0, name="sign_flip")))
    assert events[-1].byzantine_weight == pytest.approx(1)


def test_no_attackers_at_all():
    assert played(scenario(DIGITS, *EVERYONE))[0].byzantine == 0
    rest = '\n[[attacks]]\nname = "zero"\nfraction = 0.01\n'
    assert played(scenario(DIGITS, *EVERYONE, rest=rest))[0].byzantine == 0


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ([0, 1, 1], "no partition"),
        ([0, 1], "no partition"),
        ([0, 1, 3], "not among 0 to 2"),
        ([0.5, 1, 2], "not among"),
    ],
)
def test_a_split_that_is_no_partition_is_refused(order, words):
    from fedsim.partitions.contract import Split, check_shares

    split = Split(np.array(order), np.array([0, len(order)]))
    with pytest.raises(ValueError, match=words):
        check_shares(split, 3, shared=False)


def test_a_dataset_with_fewer_images_than_labels_is_refused_in_words(monkeypatch):
    from fedsim.datasets.contract import Dataset, Examples, dataset, datasets

    datasets.names()
    monkeypatch.setattr(datasets, "_entries", dict(datasets._entries))

    @dataset("short")
    def short(stream):
        """Labels without images."""
        whole = Examples(np.zeros((9, 1, 8, 8), np.uint8), np.zeros(9, np.int64))
        return Dataset(Examples(whole.inputs[:5], whole.targets), whole, 10)

    with pytest.raises(ScenarioError, match="train labels"):
        build_federation(
            parse_scenario('data = "short"\nroot.size = 1\nevaluation.validation = 1\nclients.sampled = 2')
        )


def test_a_trigger_outside_of_images_of_which_nothing_was_known_is_refused_with_its_place():
    from fedsim.datasets.contract import Dataset, Examples, dataset, datasets

    with registered(datasets, "dark"):

        @dataset("dark")
        def _dark():
            examples = Examples(np.zeros((60, 1, 5, 9), np.uint8), np.arange(60) % 3, None)
            return Dataset(examples, examples, classes=3)

        rest = held(1, name="backdoor_pixel") + held(2, name="backdoor_pixel", top=0, left=0, target=3)
        given = scenario(DIGITS, 'data="dark"', "root.size=0", "evaluation.validation=0", 'model="mlp"', rest=rest)
        given_fits = scenario(
            DIGITS, 'data="dark"', "root.size=0", 'model="mlp"', rest=held(1, name="backdoor_pixel", top=1)
        )
        with pytest.raises(ScenarioError) as refused:
            build_federation(given)
        (problem,) = refused.value.problems
        assert problem.path == ("attacks", 1, "name")
        assert "0 … 2 here: got 3" in problem.message
        assert build_federation(given_fits).kind.classes == 3
