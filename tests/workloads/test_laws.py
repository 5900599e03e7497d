"""What every law of local work must do, what each says it is, and whole runs by them."""

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.errors import RunFailed, ScenarioError
from fedsim.events import BatchTrained, RoundEnded
from fedsim.execution.pool import Pool
from fedsim.laws.check import check
from fedsim.randomness import Stream
from fedsim.scenario.labels import work_words
from fedsim.scenario.load import dump_scenario, parse_scenario
from fedsim.simulation.client_work import epochs_of
from fedsim.workloads.contract import workload, workloads
from fedsim.workloads.laws import stragglers, uniform
from tests.small_runs import DIGITS, must_go_on, played, registered, same, scenario, verdicts

STREAM = Stream.root(3).at("workload")
MANY = np.arange(4000)


@pytest.mark.parametrize("entry", list(workloads), ids=lambda entry: entry.name)
def test_the_laws_hold(entry):
    assert {verdict.outcome for verdict in check(entry)} == {"kept"}


def test_uniform_is_even_and_a_clients_own():
    drawn = uniform(MANY, 1, STREAM, low=2, high=5)
    assert np.bincount(drawn)[2:].min() > 850
    assert set(drawn.tolist()) == {2, 3, 4, 5}
    np.testing.assert_array_equal(drawn, uniform(MANY, 9, STREAM, low=2, high=5))


def test_uniform_that_is_fresh_is_drawn_in_each_round():
    first, second = (uniform(MANY[:200], r, STREAM, low=2, high=5, fresh=True) for r in (1, 2))
    assert 100 < (first != second).sum() < 190


def test_uniform_refuses_an_interval_turned_round():
    with pytest.raises(ValueError, match="uniform needs low ≤ high: got low = 5, high = 2"):
        uniform(MANY[:2], 1, STREAM, low=5, high=2)


def test_stragglers_are_as_many_as_said_and_come_as_far_as_they_come():
    drawn = stragglers(MANY, 1, STREAM, share=0.9, epochs=20)
    behind = (drawn < 20).mean()
    assert behind == pytest.approx(0.9 * 19 / 20, abs=0.02)
    assert np.bincount(drawn)[1:20].min() > 120
    assert stragglers(MANY[:9], 1, STREAM, share=0.0, epochs=7).tolist() == [7] * 9


BY_LAW = 'training.epochs={name="uniform", low=1, high=4}'


def test_a_client_with_so_many_epochs_is_one_of_a_run_with_so_many():
    rows, drawn = {}, {}
    for epochs in (BY_LAW, *(f"training.epochs={n}" for n in range(1, 5))):
        given = scenario(DIGITS, epochs, "rounds=1", 'model="mlp"', "clients.sampled=9")
        with simulate(given, Pool(1, "serial")) as run:
            list(run)
            rows[epochs] = dict(zip(run.received.clients.tolist(), run.received.matrix.copy(), strict=True))
            drawn[epochs] = epochs_of(given.training, run.federation.stream, [*rows[epochs]], 1)
    assert len(set(drawn[BY_LAW])) > 2
    assert drawn["training.epochs=2"] == [None] * 9
    for (client, row), many in zip(rows[BY_LAW].items(), drawn[BY_LAW], strict=True):
        np.testing.assert_array_equal(row, rows[f"training.epochs={many}"][client])


FRESH = 'training.epochs={name="uniform", low=1, high=3, fresh=true}'


def test_resumed_and_with_two_workers_it_is_the_same(tmp_path):
    given = scenario(DIGITS, FRESH, "rounds=4", "execution.batch=2")
    straight = same(played(given))
    with Pool(2) as pool:
        assert same(played(given, pool)) == straight
    must_go_on(given, straight, tmp_path, 2)


def test_the_servers_own_work_is_drawn_like_a_clients():
    given = scenario(DIGITS, BY_LAW, 'aggregator="fltrust"', "rounds=1")
    assert verdicts(played(given))[0].skipped == ""


def test_speed_is_by_work():
    given = scenario(
        DIGITS, BY_LAW, "training.batch_size=8", 'clients.latency={name="speed", median=2.0, device=0.0}', "rounds=2"
    )
    before = 0.0
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, BatchTrained):
                counts, clients, round = event.counts, event.clients, event.round
            if isinstance(event, RoundEnded):
                epochs = epochs_of(given.training, run.federation.stream, clients, round)
                steps = [e * -(-count // 8) for e, count in zip(epochs, counts, strict=True)]
                assert event.time - before == pytest.approx(max(steps) / 2.0)
                before = event.time


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        ("0", "training.epochs: must be ≥ 1 or the name of a law or a table, got 0"),
        ("1.5", "training.epochs: must be a whole number or the name of a law or a table, got 1.5"),
        ('"unifrom"', "training.epochs.name: unknown law of local work `unifrom`; did you mean `uniform`?"),
        ('{name="uniform", low=0}', "training.epochs.low: must be ≥ 1, got 0"),
        ('{name="uniform", low=4, high=2}', "training.epochs: uniform needs low ≤ high: got low = 4, high = 2"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(epochs, message):
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(DIGITS, [f"training.epochs={epochs}"])
    assert message in str(refused.value)


def test_one_step_has_no_epochs():
    with pytest.raises(ScenarioError, match=r"training.epochs: fedsgd makes one step in a round"):
        parse_scenario(DIGITS, ['training.algorithm="fedsgd"', 'training.epochs="uniform"'])


def test_writing_it_down_loses_nothing_and_words_are_short():
    given = scenario(DIGITS, BY_LAW)
    assert parse_scenario(dump_scenario(given)) == given
    assert work_words(given.training) == "epochs by uniform(high=4)"


def test_an_answer_that_is_none_ends_the_run_in_words():
    with registered(workloads, "none"):

        @workload("none")
        def _none(clients):
            return np.zeros(len(clients), np.int64)

        with pytest.raises(
            RunFailed, match=r"round 1: law of local work `none` .*a whole number from 1 for each client"
        ):
            played(scenario(DIGITS, 'training.epochs="none"'))
