"""Who attacks and when, what attackers are shown, and what becomes of what they send."""

import numpy as np
import pytest

from fedsim.aggregators.contract import Aggregate, aggregator, aggregators
from fedsim.attacks.contract import attack, attacks
from fedsim.errors import RunFailed
from fedsim.events import BatchTrained
from tests.small_runs import (
    DIGITS,
    EVERYONE,
    forged,
    held,
    played,
    registered,
    same,
    scenario,
    seen_by,
    starts,
    trained,
    verdicts,
    witness,
)


@pytest.fixture
def rule():
    with witness() as seen:
        yield seen


@pytest.fixture
def spy():
    """An attack that notes what it is shown and sends row 7, 7, 7, ..."""
    with registered(attacks, "spy"):
        seen = []

        @attack("spy")
        def _spy(honest, own, count, parameters, previous, clients, stream):
            seen.append((honest.copy(), own.copy(), count, parameters, previous, tuple(clients), stream.key))
            return np.full((count, len(parameters)), 7, np.float32)

        yield seen


def test_attackers_that_know_all_see_every_honest_row_and_their_own(spy, rule):
    given = scenario(DIGITS, *EVERYONE, 'aggregator="witness"', "rounds=1", rest=held(1, 4))
    spy.clear()
    seen, _ = rule, seen_by(rule, given)
    honest, own, count, _, previous, clients, _ = spy[0]
    rows = seen[0]["updates"]
    np.testing.assert_array_equal(honest, rows[[0, 2, 3, 5]])
    assert (rows[[1, 4]] == 7).all()
    assert not (own == 7).any()
    assert own.any(axis=1).all()
    assert (count, clients) == (2, (1, 4))
    assert not previous.any()


def test_colluders_see_their_own_rows_and_loners_one_each(spy):
    given = scenario(DIGITS, *EVERYONE, "rounds=1", rest=held(1, 4, knowledge="colluders"))
    spy.clear()
    together = forged(played(given))
    (honest, own, count, _, _, clients, _) = spy[0]
    np.testing.assert_array_equal(honest, own)
    assert (count, clients) == (2, (1, 4))
    given = scenario(DIGITS, *EVERYONE, "rounds=1", rest=held(1, 4, knowledge="own"))
    spy.clear()
    alone = forged(played(given))
    assert [(len(h), c, who) for h, _, c, _, _, who, _ in spy] == [(1, 1, (1,)), (1, 1, (4,))]
    np.testing.assert_array_equal(np.concatenate([entry[1] for entry in spy]), own)
    assert together == alone == [(1, "spy", (1, 4))]


def test_where_nobody_is_honest_attackers_know_what_they_would_have_sent(spy):
    given = scenario(DIGITS, *EVERYONE, "rounds=1", rest=held(*range(6)))
    spy.clear()
    events = played(given)
    np.testing.assert_array_equal(spy[0][0], spy[0][1])
    assert verdicts(events)[0].byzantine_weight == pytest.approx(1)
    assert np.isnan(verdicts(events)[0].distance)


def test_several_attacks_act_each_through_its_own_clients():
    rest = held(0, name="zero") + held(1, 2, name="sign_flip") + held(3, name="label_flip")
    events = played(scenario(DIGITS, *EVERYONE, "rounds=2", rest=rest))
    assert forged(events) == [(r, n, c) for r in (1, 2) for n, c in (("zero", (0,)), ("sign_flip", (1, 2)))]
    assert all(start.byzantine == (0, 1, 2, 3) for start in starts(events))
    assert 0 not in trained(events, 1)  # nobody looks at what it would have sent
    assert {1, 2, 3, 4, 5} <= trained(events, 1)


def test_an_attack_acts_from_start_to_stop_every_so_many_rounds(spy):
    given = scenario(DIGITS, *EVERYONE, "rounds=9", rest=held(2, start=2, stop=7, every=3))
    events = played(given)
    assert [round for round, _, _ in forged(events)] == [2, 5]
    assert [start.round for start in starts(events) if start.byzantine] == [2, 5]


def test_an_attack_is_shown_the_last_aggregate_and_a_stream_of_its_own(spy):
    given = scenario(DIGITS, *EVERYONE, "rounds=3", rest=held(2) + held(3))
    spy.clear()
    played(given)
    assert len({entry[6] for entry in spy}) == 6
    for before, after in zip(spy[::2], spy[2::2], strict=False):
        np.testing.assert_allclose(before[3] + after[4], after[3], atol=1e-6)  # θ + aggregate = next θ


def test_a_data_attack_poisons_the_training_of_its_clients_only():
    clean = played(scenario(DIGITS, *EVERYONE, "rounds=1"))
    dirty = played(scenario(DIGITS, *EVERYONE, "rounds=1", rest=held(2, name="label_flip")))
    losses = [
        {c: x for e in run if isinstance(e, BatchTrained) for c, x in zip(e.clients, e.losses, strict=True)}
        for run in (clean, dirty)
    ]
    assert {client for client in range(6) if losses[0][client] != losses[1][client]} == {2}
    assert verdicts(dirty)[0].byzantine_weight == pytest.approx(1 / 6, abs=0.01)
    late = played(scenario(DIGITS, *EVERYONE, "rounds=1", rest=held(2, name="label_flip", start=2)))
    assert same(late)[1:] == same(clean)[1:]


def test_the_defence_is_what_the_server_would_do_and_changes_nothing():
    """Trial rows of an attack must not reach the clients' rows, whatever the rule asks for."""
    with registered(attacks, "prober", "quiet"), registered(aggregators, "asker"):

        @aggregator("asker")
        def asker(updates, trusted, root_logits):
            weights = 1 / (1 + ((root_logits - root_logits.mean(axis=0)) ** 2).sum(axis=(1, 2)))
            weights /= weights.sum()
            return Aggregate((weights @ updates + 0 * trusted).astype(updates.dtype), weights)

        @attack("prober")
        def prober(honest, count, parameters, defence):
            answers.extend(defence(np.concatenate([honest, s * honest[:count]])) for s in (1, 10, 100))
            return np.zeros((count, len(parameters)), np.float32)

        @attack("quiet")
        def quiet(honest, count, parameters):
            return np.zeros((count, len(parameters)), np.float32)

        answers = []
        runs = [
            played(scenario(DIGITS, *EVERYONE, 'aggregator="asker"', "root.size=5", rest=held(0, name=name)))
            for name in ("prober", "quiet")
        ]
        assert [e for e in same(runs[0]) if e["event"] == "Aggregated"] == [
            e for e in same(runs[1]) if e["event"] == "Aggregated"
        ]
        assert not np.array_equal(answers[-1], answers[-3])


def test_the_defence_is_zero_where_the_server_would_skip_the_round_and_sets_rows_aside_as_the_server_does():
    with registered(attacks, "prober"):

        @attack("prober")
        def prober(own, parameters, defence):
            broken = np.full((1, len(parameters)), np.nan, np.float32)
            answers.append((defence(own[:1]), defence(np.concatenate([np.eye(6, len(parameters)), broken]))))
            return own

        answers = []
        given = scenario(
            DIGITS, *EVERYONE, 'aggregator={name="trimmed_mean", f=2}', "rounds=1", rest=held(0, name="prober")
        )
        answers.clear()
        played(given)
        few, screened = answers[0]
        assert not few.any()
        assert few.shape == screened.shape
        assert not screened.any()  # f = 1 still trims the ones away


def test_an_attack_that_cannot_make_its_rows_ends_the_run_in_words():
    with registered(attacks, "picky"):

        @attack("picky")
        def picky(count, parameters, clients):
            if 5 in clients:
                raise ValueError("picky does not like 5")
            return np.zeros((count, len(parameters)), np.float32)

        with pytest.raises(RunFailed, match=r"round 1: attack `picky` raised ValueError: picky does not like 5"):
            played(scenario(DIGITS, *EVERYONE, rest=held(5, name="picky")))
