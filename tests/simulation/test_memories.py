"""Whatever acts every round may remember, also over an interrupt."""

import numpy as np
import pytest

from fedsim.aggregators.contract import Aggregate, aggregator, aggregators
from fedsim.attacks.contract import Forged, attack, attacks
from fedsim.engine import simulate
from fedsim.errors import RunFailed
from fedsim.execution.pool import Pool
from fedsim.functional import aggregate, preaggregate
from fedsim.functional import attack as forge
from fedsim.preaggregators.contract import Mixed, preaggregator, preaggregators
from tests.small_runs import DIGITS, EVERYONE, held, must_go_on, played, registered, same, scenario


@pytest.fixture
def remembering():
    """A rule, a pre-aggregator and an attack, each of which counts its calls in its memory and acts on the count."""
    with (
        registered(aggregators, "aged"),
        registered(preaggregators, "fading"),
        registered(attacks, "growing"),
    ):

        def count(memory):
            return np.asarray(1 if memory is None else memory["calls"] + 1)

        @aggregator("aged")
        def _aged(updates, memory):
            calls = count(memory)
            weights = np.full(len(updates), 1 / len(updates))
            return Aggregate((updates.mean(axis=0) / calls).astype(updates.dtype), weights, {"calls": calls})

        @preaggregator("fading")
        def _fading(updates, memory):
            calls = count(memory)
            mixed = (updates / np.float32(1 + calls)).astype(updates.dtype)
            return Mixed(mixed, np.eye(len(updates)), {"calls": calls})

        @attack("growing")
        def _growing(own, memory, round, defence):
            calls = count(memory)
            defence(own)  # trying the defence changes nobody's memory
            return Forged((own * np.float32(calls * round)).astype(own.dtype), {"calls": calls, "last": own[0]})

        yield


CHANGES = (*EVERYONE, 'aggregator="aged"', 'preaggregators=["fading", "fading"]', "rounds=4")


def rest():
    return held(1, 4, name="growing") + held(0, 2, name="growing", knowledge="own", start=2)


def test_each_has_a_memory_of_its_own(remembering):
    simulation = simulate(scenario(DIGITS, *CHANGES, rest=rest()), Pool(1, "serial"))
    list(simulation)
    calls = {path: int(memory["calls"]) for path, memory in simulation.state.memories.items()}
    assert calls == {
        "aggregator": 4, "preaggregators[0]": 4, "preaggregators[1]": 4, "attacks[0]": 4,
        "attacks[1].clients[0]": 3, "attacks[1].clients[2]": 3,
    }  # fmt: skip


@pytest.mark.parametrize("at", [1, 3])
def test_a_run_that_goes_on_from_a_checkpoint_remembers(remembering, tmp_path, at):
    given = scenario(DIGITS, *CHANGES, rest=rest())
    straight = same(played(given))
    must_go_on(given, straight, tmp_path, at)


def test_memory_cannot_be_written_to(remembering):
    with registered(attacks, "vandal"):

        @attack("vandal")
        def _vandal(own, memory):
            if memory is not None:
                memory["sum"] += 1
            return Forged(own, {"sum": np.zeros(2)})

        with pytest.raises(RunFailed, match=r"round 2: attack `vandal` wrote to its input `memory` .*read-only"):
            played(scenario(DIGITS, *EVERYONE, "rounds=3", rest=held(1, name="vandal")))


def test_what_is_no_memory_is_refused():
    with registered(preaggregators, "forgetful"):

        @preaggregator("forgetful")
        def _forgetful(updates):
            return Mixed(updates, np.eye(len(updates)), {"list": [1, 2]})

        with pytest.raises(TypeError, match="pre-aggregator `forgetful`: memory must map names to arrays of numbers"):
            preaggregators["forgetful"].function(np.zeros((2, 3)))


def test_a_round_that_is_skipped_changes_no_memory_of_the_server(remembering):
    given = scenario(DIGITS, *CHANGES, rest=held(*range(6), name="nan", start=2, stop=3))
    simulation = simulate(given, Pool(1, "serial"))
    list(simulation)
    assert int(simulation.state.memories["aggregator"]["calls"]) == 2


def test_details_of_the_functions_on_a_matrix(remembering):
    rows = np.ones((4, 3), np.float32)
    first = aggregate("aged", rows, details=True)
    second = aggregate("aged", rows, details=True, memory=first.memory)
    np.testing.assert_array_equal(second.update, np.full(3, 0.5))
    np.testing.assert_allclose(second.weights, 0.25)
    assert int(second.memory["calls"]) == 2
    assert aggregate("median", rows, details=True).memory is None
    mixed = preaggregate("fading", rows, details=True, memory={"calls": np.asarray(4)})
    assert (mixed.updates.shape, mixed.shares.shape, int(mixed.memory["calls"])) == ((4, 3), (4, 4), 5)
    sent = forge("growing", rows, count=1, own=rows[:1], defence=lambda r: r.mean(axis=0), round=3, details=True)
    np.testing.assert_array_equal(sent.updates, np.full((1, 3), 3.0))


def test_details_of_a_tensor_are_tensors_and_the_memory_may_be_given_back(remembering):
    torch = pytest.importorskip("torch")
    rows = torch.ones(4, 3)
    first = aggregate("aged", rows, details=True)
    assert all(isinstance(part, torch.Tensor) for part in (first.update, first.weights))
    again = aggregate("aged", rows, details=True, memory=first.memory)
    assert int(again.memory["calls"]) == 2
