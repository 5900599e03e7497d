"""Two levels of servers: by hand in slow loops, over an interrupt, and with any number of workers."""

import numpy as np
import pytest

from fedsim.aggregators.contract import Aggregate, aggregator, aggregators
from fedsim.attacks.contract import attack, attacks
from fedsim.engine import simulate
from fedsim.events import BROKEN, Aggregated, RoundEnded, RoundStarted
from fedsim.execution.pool import Pool
from fedsim.proof.counterfactual import replay
from fedsim.proof.fork import fork
from fedsim.runs.course import carried_over, forgotten
from fedsim.runs.event_json import event_line, read_event
from fedsim.runs.perform import perform
from fedsim.runs.verify import verify
from fedsim.scenario.load import parse_scenario
from fedsim.simulation.federation import build_federation
from tests.small_runs import DIGITS, GLYPHS, held, must_go_on, played, registered, same, scenario, verdicts

ALL = ["clients.population=12", "clients.sampled=12"]
TRIMMED = "topology={groups=3, aggregator={name='trimmed_mean', f=1}}"
MEDIAN = 'aggregator="median"'


def rows_of(given):
    """Each round's rows, verdict and the groups of its clients."""
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, Aggregated):
                groups = run.federation.groups.of(np.array(event.clients, np.int64))
                yield event, run.received, groups, run.state.parameters.copy()
            if isinstance(event, RoundEnded):
                yield run.state.parameters.copy()


def trimmed(rows, f):
    """(n, d) -> (d,), coordinate by coordinate."""
    out = np.zeros(rows.shape[1])
    for j in range(rows.shape[1]):
        column = sorted(float(x) for x in rows[:, j])
        out[j] = np.mean(column[f : len(column) - f])
    return out


def middle(rows):
    return np.array([np.median(rows[:, j].astype(np.float64)) for j in range(rows.shape[1])])


def test_every_group_answers_by_its_rule_and_the_top_by_its_own():
    told = rows_of(scenario(DIGITS, *ALL, TRIMMED, MEDIAN, "rounds=2"))
    for (_, received, groups, before), after in zip(told, told, strict=True):
        assert groups.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
        answers = np.array([trimmed(received.matrix[groups == group], 1) for group in range(3)])
        np.testing.assert_allclose(after, before + middle(answers), atol=2e-6)


def test_weights_are_the_products_of_both_levels():
    rules = "topology={groups=4, assignment='random', aggregator={name='krum', f=0, variant='blanchard2017'}}"
    for event, received, groups, _ in skip_ends(rows_of(scenario(DIGITS, *ALL, rules, 'aggregator="fedavg"'))):
        examples = np.array([received.counts[groups == group].sum() for group in range(4)])
        for group in range(4):
            mine = np.array(event.weights)[groups == group]
            assert np.count_nonzero(mine) == 1  # Krum takes one of its group's
            np.testing.assert_allclose(mine.sum(), examples[group] / examples.sum())  # the mean by examples above it


def skip_ends(told):
    return (each for each in told if isinstance(each, tuple))


def test_means_of_means_by_examples_are_the_mean():
    two, one = (
        played(scenario(DIGITS, *ALL, *more))[-1] for more in (["topology.groups=3", 'aggregator="fedavg"'], [])
    )
    assert two.final == pytest.approx(one.final, abs=0.011)
    weights = [verdicts(played(scenario(DIGITS, *ALL, *more)))[0].weights for more in (["topology.groups=3"], [])]
    np.testing.assert_allclose(*weights)


@pytest.mark.parametrize("assignment", ["contiguous", "random"])
def test_grouped_sampling_takes_as_many_of_each_group(assignment):
    grouped = ["clients.sampled=7", "clients.sampling='grouped'", f"topology={{groups=3, assignment='{assignment}'}}"]
    with simulate(scenario(DIGITS, *grouped, "rounds=6"), Pool(1, "serial")) as run:
        cohorts = [event.cohort for event in run if isinstance(event, RoundStarted)]
        homes = [np.bincount(run.federation.groups.of(np.array(cohort))).tolist() for cohort in cohorts]
    assert homes == [[3, 2, 2]] * 6
    assert len(set(cohorts)) == 6


def test_groups_at_random_are_as_large_and_drawn_once():
    groups = [build_federation(scenario(DIGITS, f"seed={seed}", *RANDOM)).groups for seed in (1, 1, 2)]
    homes = [each.of(np.arange(12)).tolist() for each in groups]
    assert homes[0] == homes[1] != homes[2]
    assert np.bincount(homes[0]).tolist() == [3, 2, 3, 2, 2]
    assert homes[0] != sorted(homes[0])
    assert sorted(np.concatenate([groups[0].members(group) for group in range(5)]).tolist()) == [*range(12)]


RANDOM = ["clients.population=12", "topology={groups=5, assignment='random'}"]


@pytest.mark.parametrize("assignment", ["contiguous", "random"])
def test_of_many_clients_nobody_makes_a_list(assignment):
    text = DIGITS + f'[topology]\ngroups = 7\nassignment = "{assignment}"\n[partition]\nname = "virtual"\nsamples = 5\n'
    groups = build_federation(parse_scenario(text, ["clients.population=100_000"])).groups
    home = groups.of(np.arange(100_000))
    assert not hasattr(groups, "group")
    assert np.ptp(np.bincount(home)) == 1
    for group in range(7):
        np.testing.assert_array_equal(groups.members(group), np.flatnonzero(home == group))


def test_listed_groups_are_those_listed():
    lists = [[11, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9, 10]]
    groups = build_federation(scenario(DIGITS, f"topology.groups={lists}")).groups
    assert [groups.members(group).tolist() for group in range(3)] == [sorted(each) for each in lists]
    assert groups.of(np.array([11, 3, 10])).tolist() == [0, 1, 2]


def test_a_row_that_is_not_finite_lowers_the_f_of_its_group_alone():
    nan = held(0, name="nan") + held(5, name="zero")
    (verdict, *_) = verdicts(played(scenario(DIGITS, *ALL, TRIMMED, MEDIAN, "rounds=1", rest=nan)))
    assert verdict.nonfinite == (0,)
    weights = dict(zip(verdict.clients, verdict.weights, strict=True))
    assert all(weights[client] > 0 for client in (1, 2, 3))  # f = 0: nobody of them is trimmed away
    assert sum(weights.values()) == pytest.approx(1)
    assert verdict.guarantee == ""


def test_a_group_of_which_nothing_finite_arrived_is_set_aside_at_the_top():
    gone = held(0, 1, 2, 3, name="nan")
    top = "aggregator={name='trimmed_mean', f=1}"
    (verdict, *_) = verdicts(played(scenario(DIGITS, *ALL, TRIMMED, top, "rounds=1", rest=gone)))
    assert verdict.skipped == ""
    assert (verdict.silent, len(verdict.clients)) == ((), 8)  # two rows at the top, of which f = 0 are trimmed away
    weights = np.array(verdict.weights)
    assert weights[:4].sum() == pytest.approx(0.5)


def test_a_group_with_too_few_rows_is_silent_and_says_so():
    few = ["clients.absent=[0, 1]", TRIMMED, MEDIAN]
    (verdict, *_) = verdicts(played(scenario(DIGITS, *ALL, *few, "rounds=1")))
    assert verdict.silent == (0,)
    assert verdict.weights[:2] == (0.0, 0.0)
    assert sum(verdict.weights) == pytest.approx(1)
    assert read_event(event_line(verdict)) == verdict


def test_a_round_without_any_answer_is_skipped_with_the_reason():
    few = ["clients.absent=[1, 2, 3, 5, 6, 7, 9, 10, 11]", TRIMMED, MEDIAN]
    told = verdicts(played(scenario(DIGITS, *ALL, *few)))
    assert {v.skipped for v in told} == {"no group answered: in group 0, trimmed_mean needs n > 2f: got n = 1, f = 1"}
    top = "aggregator={name='trimmed_mean', f=1}"
    told = verdicts(played(scenario(DIGITS, *ALL, "clients.absent=[0, 1]", TRIMMED, top)))
    assert {v.skipped for v in told} == {"of the 2 groups that answered: trimmed_mean needs n > 2f: got n = 2, f = 1"}


@pytest.mark.parametrize(
    ("attackers", "broken"),
    [((0, 1, 2, 3), False), ((0, 4, 8), False), ((0, 1, 4, 5), True), ((0, 1, 2, 4, 8), False)],
)
def test_the_guarantee_is_broken_by_too_many_lost_groups(attackers, broken):
    given = scenario(DIGITS, *ALL, TRIMMED, MEDIAN, "rounds=1", rest=held(*attackers, name="sign_flip"))
    assert [verdict.guarantee == BROKEN for verdict in verdicts(played(given))] == [broken]


@pytest.fixture
def remembering():
    """A rule that counts its calls and the rows that it saw of each client."""
    with registered(aggregators, "counting"):

        @aggregator("counting")
        def _counting(updates, clients, memory):
            calls = np.asarray(1 if memory is None else memory["calls"] + 1)
            weights = np.full(len(updates), 1 / len(updates))
            last = {"calls": calls, "clients": clients.copy()}
            return Aggregate((updates.mean(axis=0) / calls).astype(updates.dtype), weights, last)

        yield


COUNTING = ["topology={groups=3, assignment='random', aggregator='counting'}", 'aggregator="counting"', "rounds=5"]


def test_each_group_has_a_memory_of_its_own(remembering):
    with simulate(scenario(DIGITS, "clients.sampled=3", *COUNTING), Pool(1, "serial")) as run:
        asked = []
        for event in run:
            if isinstance(event, Aggregated):
                asked += np.unique(run.federation.groups.of(np.array(event.clients))).tolist()
        memories = run.state.memories
    for group in set(asked):
        kept = memories[f"topology.groups[{group}].aggregator"]
        assert int(kept["calls"]) == asked.count(group)
        assert set(kept["clients"].tolist()) <= set(run.federation.groups.members(group).tolist())
    assert int(memories["aggregator"]["calls"]) == 5
    assert set(memories["aggregator"]["clients"].tolist()) <= {0, 1, 2}  # a group is a client of the top


@pytest.mark.parametrize("at", [1, 3])
def test_a_run_that_goes_on_remembers(remembering, tmp_path, at):
    given = scenario(DIGITS, *COUNTING)
    straight = same(played(given))
    must_go_on(given, straight, tmp_path, at)


BUCKETS = "topology={groups=3, preaggregators=['bucketing'], aggregator={name='centered_clip', radius=1.0}}"


def test_one_worker_and_two_are_equal():
    given = scenario(GLYPHS, *ALL, BUCKETS, MEDIAN, "training.steps=1", "execution.batch=4")
    with Pool(2) as pool:
        assert same(played(given, pool)) == same(played(given))


def test_draws_of_groups_have_addresses_of_their_own():
    given = scenario(DIGITS, *ALL, BUCKETS, MEDIAN, "rounds=1")
    with registered(aggregators, "drawing"):
        drawn = []

        @aggregator("drawing")
        def _drawing(updates, stream):
            drawn.append(stream.key)
            return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))

        played(scenario(DIGITS, *ALL, "topology={groups=3, aggregator='drawing'}", 'aggregator="drawing"', "rounds=2"))
    assert len(set(drawn[-8:])) == 8
    assert same(played(given)) == same(played(given))


def test_attackers_that_know_the_defence_try_both_levels():
    with registered(attacks, "knowing"):
        seen = []

        @attack("knowing")
        def _knowing(own, honest, honest_clients, clients, defence):
            seen.append((np.concatenate([honest, own]), np.concatenate([honest_clients, clients]), defence))
            answer = defence(seen[-1][0])
            seen[-1] = (*seen[-1][:2], answer, defence(own), own)
            return own

        given = scenario(DIGITS, *ALL, TRIMMED, MEDIAN, "rounds=1", rest=held(0, 4, 5, name="knowing"))
        played(given)
    rows, clients, answer, of_own, own = seen[-1]
    groups = clients // 4
    by_hand = np.array([trimmed(rows[groups == group], 1) for group in range(3)])
    np.testing.assert_allclose(answer, middle(by_hand), atol=2e-6)
    assert not of_own.any()  # one row of group 0 and two of group 1 are too few for their rules
    assert own.any()


def test_verify_replay_and_fork(remembering, tmp_path):
    given = scenario(DIGITS, *ALL, TRIMMED, MEDIAN, 'output.record="updates"', rest=held(0, 1, name="sign_flip"))
    folder = tmp_path / "run"
    list(perform(given, folder))
    assert verify(folder).difference is None
    answer = replay(folder, 2, ["fedavg", "trimmed_mean(f=1)"])
    assert answer.own.rule == "trimmed_mean in 3 groups → median"
    assert answer.notes == ()
    assert [outcome.skipped for outcome in answer.outcomes] == ["", ""]
    other = tmp_path / "fork"
    list(fork(folder, 1, ["topology.aggregator.f=0"], other))
    assert verify(other).difference is None


def test_a_fork_forgets_what_groups_remember_where_they_are_others(remembering):
    with simulate(scenario(DIGITS, *COUNTING), Pool(1, "serial")) as run:
        list(run)
        state, before = run.state, run.scenario
    same_groups = scenario(DIGITS, *COUNTING, "aggregator=median")
    kept = {path for path in state.memories if path.startswith("topology.groups[")}
    assert len(kept) == 3
    assert set(carried_over(state, before, same_groups).memories) == kept
    assert forgotten(state, before, same_groups) == ["aggregator"]
    for change in ("topology.groups=4", "topology.assignment=contiguous", "topology.aggregator=median"):
        other = scenario(DIGITS, *COUNTING, change)
        assert set(carried_over(state, before, other).memories) == {"aggregator"}
        assert forgotten(state, before, other) == ["topology.aggregator"]
