"""What every law of availability must do, what each says it is, and the messages of a trace that is none."""

import numpy as np
import pytest

from fedsim.availabilities.contract import availabilities
from fedsim.availabilities.laws import alternating, diurnal
from fedsim.availabilities.trace import trace
from fedsim.errors import ScenarioError
from fedsim.laws.check import check
from fedsim.randomness import Stream
from fedsim.scenario.load import load_scenario, parse_scenario
from tests.small_runs import DIGITS

STREAM = Stream.root(3).at("availability")
MANY = np.arange(3000)


@pytest.mark.parametrize("entry", [each for each in availabilities if each.name != "trace"], ids=lambda each: each.name)
def test_the_laws_hold(entry):
    assert {verdict.outcome for verdict in check(entry)} == {"kept"}


@pytest.mark.parametrize("time", [0.0, 7.0, 333.0])
def test_as_many_are_there_at_all_times_and_for_as_long_as_said(time):
    stays = alternating(MANY, time, STREAM, stay=30.0, away=10.0)
    there = stays[:, 0] <= time
    assert there.mean() == pytest.approx(0.75, abs=0.03)
    assert (stays[there, 1] - time).mean() == pytest.approx(30, rel=0.08)  # without memory: as long as from the start
    assert (stays[~there, 0] - time).mean() == pytest.approx(10, rel=0.12)
    assert (stays[~there, 1] - stays[~there, 0]).mean() == pytest.approx(30, rel=0.12)


def test_stays_follow_one_another_whenever_they_are_asked_for():
    time, chain = 0.0, []
    while time < 400:
        ((begin, end),) = alternating(MANY[:1], time, STREAM, stay=2.0, away=3.0)
        chain.append((begin, end))
        time = end
    for begin, end in chain:
        at = (max(begin, 0.0) + end) / 2
        assert alternating(MANY[:1], at, STREAM, stay=2.0, away=3.0).tolist() == [[begin, end]]
    assert len(chain) > 60  # over more than one lot of draws


def test_days_are_as_long_as_said_and_at_the_clients_own_time():
    given = {"period": 100.0, "share": 0.3, "peak": 0.5, "spread": 0.05}
    counts = [(diurnal(MANY, t, STREAM, **given)[:, 0] <= t).mean() for t in range(0, 300, 5)]
    assert np.mean(counts) == pytest.approx(0.3, abs=0.005)
    assert np.argmax(counts[:20]) in (9, 10, 11)
    assert counts[10] > 0.95
    assert counts[0] == 0
    np.testing.assert_allclose(counts[:20], counts[20:40])
    begins, ends = diurnal(MANY, 40.0, STREAM, **given).T
    np.testing.assert_allclose(ends - begins, 30)


LINES = "client,begin,end\n0,0,10\n1,5,8\n1,12.5,20\n2,0,3\n"


def asked(path, time, clients=(0, 1, 2), **more):
    return trace(np.array(clients), time, 3, file=str(path), **more).tolist()


def test_a_trace_says_who_is_there(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(LINES)
    assert asked(path, 0.0) == [[0, 10], [5, 8], [0, 3]]
    assert asked(path, 8.0) == [[0, 10], [12.5, 20], [np.inf, np.inf]]
    assert asked(path, 8.0, repeat=25.0) == [[0, 10], [12.5, 20], [25, 28]]
    assert asked(path, 57.0, repeat=25.0) == [[50, 60], [55, 58], [75, 78]]
    assert asked(path, 10.0, clients=[0], repeat=25.0) == [[25, 35]]  # whoever leaves now is gone


def test_a_trace_that_changes_is_read_anew(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(LINES)
    asked(path, 0.0)
    path.write_text(LINES.replace("0,0,10", "0,0,1234"))
    assert asked(path, 0.0)[0] == [0, 1234]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("who,from,to\n", "line 1: the heading is not client,begin,end"),
        ("", "line 1: the heading is not client,begin,end"),
        ("client,begin,end\n0,0,10\n1,,8\n", "line 3: begin is empty"),
        ("client,begin,end\n0,0\n", "line 2: 2 cells in place of 3: client,begin,end"),
        ("client,begin,end\n0,zero,10\n", "line 2: 0,zero,10 is not a client's number and two numbers of seconds"),
        ("client,begin,end\n0,10,10\n", "line 2: a stay begins at 0 or later and ends after that: got 10 to 10"),
        ("client,begin,end\n0,-1,10\n", "line 2: a stay begins at 0 or later and ends after that: got -1 to 10"),
        ("client,begin,end\n0,0,nan\n", "line 2: a stay begins at 0 or later and ends after that: got 0 to nan"),
        ("client,begin,end\n-2,0,1\n", "line 2: there is no client -2: they are numbered from 0"),
        (
            LINES + "0,9,11\n",
            "line 6: client 0's stay 9 to 11 overlaps the one of line 2, 0 to 10",
        ),
        (LINES + "3,0,1\n", "line 6: there is no client 3: they are numbered from 0 to 2"),
        (LINES.replace("2,0,3\n", ""), "client 2 has no line: give a stay to all from 0 to 2"),
    ],
)
def test_a_trace_that_is_none_is_told_with_its_line(tmp_path, lines, message):
    path = tmp_path / "trace.csv"
    path.write_text(lines)
    text = DIGITS.replace("population = 12\nsampled = 6", "population = 3\nsampled = 2")
    (tmp_path / "mine.toml").write_text(text + '[clients.availability]\nname = "trace"\nfile = "trace.csv"\n')
    with pytest.raises(ScenarioError) as refused:
        load_scenario(tmp_path / "mine.toml")
    (problem,) = refused.value.problems
    assert problem.where == "clients.availability"
    assert problem.message == f"{path}, {message}" if message.startswith("line") else f"{path}: {message}"


def test_a_trace_with_a_stay_beyond_its_repetition(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(LINES)
    with pytest.raises(ValueError, match="line 4: the stay ends at 20, after repeat = 15"):
        asked(path, 0.0, repeat=15.0)


def test_a_trace_that_is_not_there(tmp_path):
    with pytest.raises(ScenarioError, match=r"clients.availability: .*nowhere.csv cannot be read: No such file"):
        parse_scenario(DIGITS, [f'clients.availability={{name="trace", file="{tmp_path}/nowhere.csv"}}'])
