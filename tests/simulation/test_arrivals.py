"""Updates that arrive late are used once, in the round in which they arrive."""

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.events import RoundEnded
from fedsim.execution.pool import Pool
from tests.small_runs import DIGITS, EVERYONE, held, played, same, scenario, seen_by, starts, verdicts, witness

SLOW = ['clients.latency={name="lognormal", median=1.0, device=0.6, jitter=0.6}', "clients.deadline=1.1", "rounds=8"]
KEEP = 'clients.late="keep"'


def test_late_updates_are_thrown_away_or_kept():
    lost, kept = played(scenario(DIGITS, *SLOW)), played(scenario(DIGITS, *SLOW, KEEP))
    assert any(v.late for v in verdicts(lost))
    for started, verdict in zip(starts(lost), verdicts(lost), strict=True):
        assert set(verdict.clients) == set(started.cohort) - set(verdict.late)
    assert any(set(v.clients) - set(s.cohort) for s, v in zip(starts(kept), verdicts(kept), strict=True))


@pytest.mark.parametrize("extra", [[], ["clients.quorum=3"], ["clients.dropout=0.3"]], ids=["", "quorum", "dropout"])
def test_every_kept_update_is_used_once_or_is_still_on_its_way(extra):
    given = scenario(DIGITS, *SLOW, KEEP, *extra)
    with simulate(given, Pool(1, "serial")) as simulation:
        events = list(simulation)
        left = simulation.state.in_flight
    sent = sum(len(s.cohort) - len(v.dropped) for s, v in zip(starts(events), verdicts(events), strict=True))
    assert sum(len(v.clients) + len(v.nonfinite) for v in verdicts(events)) + len(left) == sent
    assert left


def test_a_stale_row_is_the_row_that_was_sent():
    """Nobody learns anything new: with a zero server step every client's row is the same whenever it is made."""
    with witness() as seen:
        changes = [*EVERYONE, 'aggregator="witness"', "root.size=3", "training.batch_size=1000", "server.lr=1e-30"]
        seen_by(seen, scenario(DIGITS, *changes, "rounds=1"))
        expected = dict(zip(seen[0]["clients"].tolist(), seen[0]["updates"], strict=True))
        events = seen_by(seen, scenario(DIGITS, *changes, *SLOW, KEEP))
        assert any(len(now["clients"]) > len(set(now["clients"].tolist())) for now in seen)
        rows = [(c, row) for now in seen for c, row in zip(now["clients"].tolist(), now["updates"], strict=True)]
        for client, row in rows:
            np.testing.assert_allclose(row, expected[client], atol=1e-6)
        counts = {len(now["root_logits"]) for now in seen}
        assert max(counts) > 6  # more rows than were sampled
        assert not any(v.skipped for v in verdicts(events) if v.clients)


def test_byzantine_rows_stay_byzantine_on_their_way():
    given = scenario(DIGITS, *EVERYONE, *SLOW, KEEP, rest=held(*range(6), name="zero", stop=3))
    events = played(given)
    for verdict in verdicts(events)[:3]:
        assert verdict.skipped or verdict.byzantine_weight == pytest.approx(1)
    assert 0 < verdicts(events)[3].byzantine_weight < 1  # rows of round 3 beside honest ones of round 4


def test_resumed_with_updates_on_their_way():
    given, states = scenario(DIGITS, *SLOW, KEEP), {}
    with simulate(given, Pool(1, "serial")) as simulation:
        straight = []
        for event in simulation:
            straight.append(event)
            if isinstance(event, RoundEnded):
                states[event.round] = simulation.state
    assert len(states[4].in_flight) > 0
    rest = [event for event in straight if getattr(event, "round", 0) > 4]
    assert same(list(simulate(given, Pool(1, "serial"), resume=states[4]))[1:-1]) == same(rest)


def test_momentum_of_the_workers_is_kept_between_rounds():
    with witness() as seen:
        changes = [*EVERYONE, 'aggregator="witness"', "root.size=3", "training.batch_size=1000", "server.lr=1e-30"]
        seen_by(seen, scenario(DIGITS, *changes, "rounds=1"))
        plain = seen[0]["updates"]
        given = scenario(DIGITS, *changes, "rounds=3", "training.worker_momentum=0.8")
        seen_by(seen, given)
        expected = np.zeros_like(plain)
        for now in seen:
            expected = 0.8 * expected + 0.2 * plain
            np.testing.assert_allclose(now["updates"], expected, atol=1e-6)


def test_attackers_that_do_not_train_have_no_momentum():
    given = scenario(DIGITS, *EVERYONE, "training.worker_momentum=0.5", rest=held(1, name="zero"))
    with simulate(given, Pool(1, "serial")) as simulation:
        list(simulation)
        assert sorted(simulation.state.momenta) == [0, 2, 3, 4, 5]
