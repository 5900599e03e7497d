"""Events are played ahead of whoever takes them, and nobody can tell: state, failures and ends come in their order."""

import pytest

from fedsim.engine import simulate
from fedsim.events import BatchTrained, RoundEnded, RoundStarted, RunStarted
from fedsim.execution.arithmetic import _here
from fedsim.execution.pool import Pool
from fedsim.simulation import moments
from fedsim.simulation.moments import Moment, Moments
from tests.small_runs import DIGITS, scenario


def told(*events, failure=None):
    yield from (Moment(event, None) for event in events)
    if failure:
        raise failure


def started(round):
    return RoundStarted(0.0, round, (1,), ())


def test_a_failure_comes_after_what_happened_before_it():
    made = Moments(told(started(1), started(1), failure=ValueError("here")))
    assert [next(made).event.round for _ in range(2)] == [1, 1]
    for _ in range(2):
        with pytest.raises(ValueError, match="here"):
            next(made)


def test_an_end_is_an_end():
    made = Moments(told(started(1)))
    assert len(list(made)) == 1
    assert list(made) == []


@pytest.mark.parametrize("ahead", [0.0, 60.0])
def test_the_state_is_that_of_the_last_whole_round_however_far_ahead_it_is_played(ahead, monkeypatch):
    monkeypatch.setattr(moments, "AHEAD_SECONDS", ahead)
    given = scenario(DIGITS, "rounds=3", "clients.sampled=3")
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            assert not _here.inside  # the arithmetic is as the caller had it
            if isinstance(event, RunStarted):
                assert run.federation is not None
            if isinstance(event, RoundStarted | BatchTrained):
                assert (run.state.round, run.received) == (event.round - 1, None)
            if isinstance(event, RoundEnded):
                assert run.state.round == event.round
                assert run.received is not None


def test_a_state_put_there_after_a_round_is_gone_on_from():
    given, states = scenario(DIGITS, "rounds=4", "clients.sampled=3"), {}
    with simulate(given, Pool(1, "serial")) as run:
        again = False
        for event in run:
            if not isinstance(event, RoundEnded):
                continue
            if event.round == 3 and not again:
                again, run.state = True, states[1]
                continue
            states[event.round] = run.state
            if again:
                assert event.round >= 2
                break
        assert run.state.round == 2
