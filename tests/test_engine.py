"""The grammar of a run, and rounds in which the rule cannot be applied."""

import re

import numpy as np
import pytest

from fedsim.aggregators.contract import Aggregate, aggregator, aggregators
from fedsim.engine import simulate
from fedsim.errors import RunFailed, ScenarioError
from fedsim.events import RoundEnded, RoundStarted, RunEnded, RunStarted
from fedsim.execution.pool import Pool
from fedsim.simulation.state import State
from tests.small_runs import DIGITS, GLYPHS, ends, played, registered, same, scenario, starts, verdicts

ATTACKED = '\n[[attacks]]\nname = "{}"\ncount = 3\n'
LATE = [
    'clients.latency={name="lognormal", median=1.0, device=0.5, jitter=0.7}', "clients.deadline=1.2",
    'clients.late="keep"', "clients.dropout=0.2", "rounds=5",
]  # fmt: skip
STORIES = {
    "plain": scenario(),
    "stragglers": scenario(DIGITS, *LATE),
    "everyone drops out": scenario(DIGITS, "clients.dropout=0.999999"),
    "forged": scenario(DIGITS, rest=ATTACKED.format("noise") + ATTACKED.format("sign_flip").replace("3", "2")),
    "poisoned": scenario(DIGITS, rest=ATTACKED.format("label_flip")),
    "mixed": scenario(GLYPHS, 'preaggregators=[{name="nnm", f=1}]', 'aggregator={name="krum", f=1}'),
    "seldom scored": scenario(DIGITS, "evaluation.every=2", "evaluation.validation=0"),
}
WORDS = {"RunStarted": "(", "RoundStarted": "[", "BatchTrained": "b", "UpdatesForged": "f", "Aggregated": "a",
         "RoundEnded": "]", "RunEnded": ")"}  # fmt: skip


@pytest.mark.parametrize("given", STORIES.values(), ids=STORIES)
def test_the_grammar_of_a_run(given):
    events = played(given)
    sentence = "".join(WORDS[type(event).__name__] for event in events)
    assert re.fullmatch(rf"\((\[b*f*a\]){{{given.rounds}}}\)", sentence)
    rounds = [event.round for event in events if hasattr(event, "round")]
    assert rounds == sorted(rounds)
    times = [event.time for event in events]
    assert times == sorted(times)
    assert isinstance(events[-1], RunEnded)
    assert events[-1].digest == ends(events)[-1].digest
    assert events[-1].skipped == sum(bool(verdict.skipped) for verdict in verdicts(events))


@pytest.mark.parametrize("given", STORIES.values(), ids=STORIES)
def test_what_the_events_of_a_round_say_of_each_other(given):
    events = played(given)
    for started, verdict in zip(starts(events), verdicts(events), strict=True):
        assert list(started.cohort) == sorted(set(started.cohort))
        assert set(started.byzantine) <= set(started.cohort)
        assert set(verdict.dropped) <= set(started.cohort)
        assert not set(verdict.dropped) & set(verdict.late)
        if verdict.skipped:
            assert verdict.weights == ()
        else:
            assert sum(verdict.weights) == pytest.approx(1)
            assert len(verdict.weights) == len(verdict.clients)


def test_a_round_in_which_everyone_drops_out_changes_nothing():
    events = played(scenario(DIGITS, "clients.dropout=0.999999", "server.optimizer.momentum=0.9"))
    assert {end.digest for end in ends(events)} == {events[0].digest}
    assert all(v.skipped == "no usable update arrived" and len(v.dropped) == 6 for v in verdicts(events))
    assert (events[-1].skipped, events[-1].byzantine_weight) == (3, 0.0)
    assert all(end.train_loss is None for end in ends(events))


def test_too_few_rows_for_the_rule_skip_the_round_in_the_rules_own_words():
    given = scenario(DIGITS, 'aggregator={name="krum", f=1}', "clients.sampled=5", "clients.dropout=0.3", "rounds=8")
    events = played(given)
    by_rows = {bool(v.skipped): len(v.clients) for v in verdicts(events)}
    assert by_rows[False] == 5
    skipped = [v for v in verdicts(events) if v.skipped and v.clients]
    assert skipped
    assert all(v.skipped == f"krum needs n ≥ 2f + 3: got n = {len(v.clients)}, f = 1" for v in skipped)
    digests = [events[0].digest, *(end.digest for end in ends(events))]
    for before, after, verdict in zip(digests, digests[1:], verdicts(events), strict=False):
        assert (before == after) == bool(verdict.skipped)


def test_rows_that_are_not_finite_are_caught_and_lower_f():
    rest = '\n[[attacks]]\nname = "nan"\nids = [0, 1]\n'
    given = scenario(DIGITS, "clients.population=6", 'aggregator={name="trimmed_mean", f=2}', rest=rest)
    events = played(given)
    assert all(v.nonfinite == (0, 1) and v.clients == (2, 3, 4, 5) for v in verdicts(events))
    assert all(v.weights == pytest.approx([0.25] * 4) for v in verdicts(events))  # f = 0: nothing is trimmed
    assert events[-1].byzantine_weight == 0.0


def test_a_rule_that_answers_with_views_of_its_rows_is_not_written_over():
    with registered(aggregators, "first row"):

        @aggregator("first row")
        def first_row(updates, previous, memory):
            kept.append((previous.copy(), None if memory is None else memory["row"].copy()))
            return Aggregate(updates[0], np.eye(len(updates))[0], {"row": updates[0]})

        kept = []
        given = scenario(DIGITS, 'aggregator="first row"', "rounds=4")
        kept.clear()
        state = None
        with simulate(given, Pool(1, "serial")) as simulation:
            for event in simulation:
                if isinstance(event, RoundEnded):
                    after = simulation.state
                    if event.round > 1:
                        previous, row = kept[-1]
                        np.testing.assert_array_equal(previous, state)
                        np.testing.assert_array_equal(row, state)
                    state = after.previous.copy()
        assert len(kept) == 4


def test_resuming_from_the_state_of_any_round_gives_the_same_rest():
    given = STORIES["stragglers"]
    straight, states = [], {}
    with simulate(given, Pool(1, "serial")) as simulation:
        for event in simulation:
            straight.append(event)
            if isinstance(event, RoundEnded):
                states[event.round] = simulation.state
    for round, state in states.items():
        resumed = list(simulate(given, Pool(1, "serial"), resume=state))
        rest = [e for e in straight if isinstance(e, RunStarted | RunEnded) or getattr(e, "round", 0) > round]
        assert same(resumed) == same(rest)
    assert any(state.in_flight for state in states.values())


def test_a_state_of_another_model_is_refused():
    given = scenario()
    strange = np.zeros(3, np.float32)
    with pytest.raises(RunFailed, match="3 parameters"):
        list(simulate(given, Pool(1, "serial"), resume=State(1, 0.0, strange, strange)))


def test_the_model_has_its_own_names_and_the_last_parameters():
    given = scenario()
    with simulate(given, Pool(1, "serial")) as simulation:
        with pytest.raises(RuntimeError, match="not begun"):
            simulation.model()
        for event in simulation:
            if isinstance(event, RoundStarted) and event.round == 3:
                before = simulation.model()
        after = simulation.model()
    assert {name: array.shape for name, array in after.items()} == {"1.weight": (10, 64), "1.bias": (10,)}
    assert not np.array_equal(before["1.weight"], after["1.weight"])
    flat = np.concatenate([after["1.weight"].ravel(), after["1.bias"]])
    np.testing.assert_array_equal(flat, simulation.state.parameters)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["root.size=2000"], "leave nothing"),
        (['partition={name="virtual", samples=5000}'], "examples to draw"),
        (["model=lenet5"], "at least 12×12"),
        (["clients.population=5000", "clients.sampled=5"], "."),
    ],
)
def test_what_only_the_data_can_tell_is_a_scenario_error(changes, message):
    with pytest.raises(ScenarioError, match=message):
        played(scenario(DIGITS, *changes))
