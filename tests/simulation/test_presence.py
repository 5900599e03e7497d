"""Rounds of whoever is there: by hand, over an interrupt, and where nobody comes any more."""

import numpy as np
import pytest

from fedsim.errors import RunFailed, ScenarioError
from fedsim.execution.pool import Pool
from fedsim.runs.code_record import other_code
from fedsim.runs.perform import perform
from fedsim.runs.verify import verify
from fedsim.scenario.guarantees import guarantees
from fedsim.scenario.load import parse_scenario, scenario_digest
from fedsim.simulation.federation import build_federation
from tests.small_runs import DIGITS, must_go_on, played, same, scenario, starts, verdicts

FEW = ["clients.population=4", "clients.sampled=2", 'aggregator="mean"']
STAYS = """client,begin,end
0,0,2.5
1,0,1
2,4,100
3,6,6.5
3,8,100
"""


@pytest.fixture
def timeline(tmp_path):
    path = tmp_path / "stays.csv"
    path.write_text(STAYS)
    return [*FEW, f'clients.availability={{name="trace", file="{path}"}}']


def test_a_timeline_by_hand(timeline):
    # rounds take a second: both of 0 and 1 at 0 (1 leaves as it answers), 0 alone at 1, 0 leaves too early at 2 ...
    events = played(scenario(DIGITS, *timeline, "rounds=6"))
    told = [
        (start.time, start.cohort, v.dropped, v.clients)
        for start, v in zip(starts(events), verdicts(events), strict=True)
    ]
    assert told == [
        (0.0, (0, 1), (), (0, 1)),
        (1.0, (0,), (), (0,)),
        (2.0, (0,), (0,), ()),
        (4.0, (2,), (), (2,)),  # nobody was there before
        (5.0, (2,), (), (2,)),
        (6.0, (2, 3), (3,), (2,)),  # 3 leaves on the way
    ]
    assert verdicts(events)[2].skipped == "no usable update arrived"


def test_a_round_waits_for_as_many_as_it_must(timeline):
    events = played(scenario(DIGITS, *timeline, "clients.at_least=2", "rounds=4"))
    assert [(start.time, start.cohort) for start in starts(events)] == [
        (0.0, (0, 1)), (6.0, (2, 3)), (8.0, (2, 3)), (9.0, (2, 3)),
    ]  # fmt: skip


def test_where_nobody_comes_any_more_the_run_ends_in_words(tmp_path):
    path = tmp_path / "stays.csv"
    path.write_text("client,begin,end\n0,0,5\n1,0,5\n2,0,3\n3,0,3\n")
    gone = [*FEW, f'clients.availability={{name="trace", file="{path}"}}', "rounds=9"]
    with pytest.raises(RunFailed, match="round 6: no client is ever there again after 5 simulated seconds"):
        played(scenario(DIGITS, *gone))
    few = "round 4: never are 3 clients \\(clients.at_least\\) there again after 3 simulated seconds"
    with pytest.raises(RunFailed, match=few):
        played(scenario(DIGITS, *gone, "clients.at_least=3"))


COMING = ['clients.availability={name="alternating", stay=2.0, away=4.0}', 'clients.latency={name="exponential"}']


def test_all_that_are_there_are_as_likely():
    counts = np.zeros(12)
    for event in starts(played(scenario(DIGITS, 'clients.availability={name="alternating"}', "rounds=1200",
                                        "training.steps=1", "evaluation.every=1200"))):  # fmt: skip
        counts[list(event.cohort)] += 1
    assert counts.min() > 0.7 * counts.mean()


def test_resumed_and_with_two_workers_it_is_the_same(tmp_path):
    given = scenario(DIGITS, *COMING, "rounds=8", "clients.deadline=3.0", 'clients.late="keep"', "execution.batch=2")
    straight = same(played(given))
    assert len({len(event["cohort"]) for event in straight if event["event"] == "RoundStarted"}) > 1
    with Pool(2) as pool:
        assert same(played(given, pool)) == straight
    must_go_on(given, straight, tmp_path, 5)


def test_a_run_verifies(tmp_path):
    list(perform(scenario(DIGITS, *COMING, "rounds=6"), tmp_path / "run"))
    assert verify(tmp_path / "run").difference is None


def test_of_many_clients_not_all_are_asked():
    text = DIGITS + '[partition]\nname = "virtual"\nsamples = 5\n'
    given = parse_scenario(text, ["clients.population=1_000_000", *COMING[:1], "rounds=2", "execution.workers=1"])
    events = played(given)
    assert [len(start.cohort) for start in starts(events)] == [6, 6]
    cohorts = [set(start.cohort) for start in starts(events)]
    assert cohorts[0] != cohorts[1]


def test_what_does_not_go_with_it_is_refused():
    for changes, where, message in (
        (["clients.at_least=3"], "clients.at_least", "means nothing where all clients are there at all times"),
        ([COMING[0], "clients.at_least=13"], "clients.at_least", "there are never more than 12 clients"),
        (
            [COMING[0], "clients.at_least=2", "clients.buffer=2"],
            "clients.at_least",
            "means nothing where the server is",
        ),
    ):
        with pytest.raises(ScenarioError) as refused:
            parse_scenario(DIGITS, changes)
        (problem,) = refused.value.problems
        assert problem.where == where
        assert problem.message.startswith(message)


ONE_AT_WORK = ["clients.population=4", "clients.sampled=1", "clients.buffer=1", 'aggregator="mean"']


def test_a_timeline_of_an_asynchronous_server_by_hand(tmp_path):
    # a second of work each; 0 leaves at its second piece of it, 2 is too short there, 1 too at its second
    path = tmp_path / "stays.csv"
    path.write_text("client,begin,end\n0,0,1.5\n2,3,3.5\n1,5,7.2\n3,10,100\n")
    given = scenario(DIGITS, *ONE_AT_WORK, f'clients.availability={{name="trace", file="{path}"}}', "rounds=4")
    events = played(given)
    told = [
        (start.time, start.cohort, v.dropped, v.clients, v.time)
        for start, v in zip(starts(events), verdicts(events), strict=True)
    ]
    assert told == [
        (0.0, (0,), (), (0,), 1.0),
        (1.0, (0, 1, 2), (0, 2), (1,), 6.0),  # 0 gone at 1.5, 2 from 3 to 3.5, 1 comes at 5
        (6.0, (1,), (), (1,), 7.0),
        (7.0, (1, 3), (1,), (3,), 11.0),
    ]
    path.write_text("client,begin,end\n0,0,1.5\n1,0,1.5\n2,0,1.5\n3,0,1.5\n")
    with pytest.raises(RunFailed, match=r"round 3: no client is ever there again after 1\.5 simulated seconds"):
        played(given)


def test_an_asynchronous_server_of_whoever_is_there_goes_on_where_it_was(tmp_path):
    given = scenario(DIGITS, *COMING, "rounds=8", "clients.buffer=2", "clients.sampled=4", "clients.population=12")
    straight = same(played(given))
    with Pool(2, "threading") as pool:
        assert same(played(given, pool)) == straight
    assert any(event.get("dropped") for event in straight)
    must_go_on(given, straight, tmp_path, 4)


def test_an_asynchronous_server_of_a_million_asks_few():
    text = DIGITS + '[partition]\nname = "virtual"\nsamples = 5\n'
    given = parse_scenario(
        text, ["clients.population=1_000_000", *COMING[:1], "clients.buffer=3", "rounds=3", "execution.workers=1"]
    )
    assert [len(verdict.clients) for verdict in verdicts(played(given))] == [3, 3, 3]


@pytest.mark.parametrize("sampling", ["stratified", "grouped"])
def test_shares_of_a_cohort_are_kept_of_whoever_is_there(sampling):
    attack = '[[attacks]]\nname = "zero"\nids = [0, 1, 2, 3]\n'
    edges = '[topology]\ngroups = 3\naggregator = "mean"\n' if sampling == "grouped" else ""
    given = parse_scenario(
        DIGITS + attack + edges, [COMING[0], f'clients.sampling="{sampling}"', "rounds=25", "aggregator='mean'"]
    )
    begun = starts(played(given))
    if sampling == "stratified":
        kinds = [[client < 4 for client in start.cohort] for start in begun]
        most = {True: 2, False: 4}
    else:
        groups = build_federation(given).groups
        kinds = [groups.of(np.array(start.cohort)).tolist() for start in begun]
        most = dict.fromkeys(range(3), 2)
    counts = [{kind: each.count(kind) for kind in most} for each in kinds]
    assert all(count[kind] <= size for count in counts for kind, size in most.items())
    assert all(any(count[kind] == size for count in counts) for kind, size in most.items())
    assert any(count[kind] < size for count in counts for kind, size in most.items())


def test_no_chances_are_told_of_whoever_will_be_there():
    attack = '[[attacks]]\nname = "zero"\ncount = 3\n'
    found = [each.text for each in guarantees(parse_scenario(DIGITS + attack, COMING[:1]))]
    assert found == ["cohorts are drawn from whoever is there (alternating): how many of them attack is not foreseen"]


def test_another_trace_is_not_gone_on_with_unasked(timeline, tmp_path):
    given = scenario(DIGITS, *timeline, "rounds=4")
    list(perform(given, tmp_path / "run"))
    assert other_code(tmp_path / "run", given) == ""
    (tmp_path / "stays.csv").write_text(STAYS.replace("2,4,100", "2,3,100"))
    assert other_code(tmp_path / "run", given) == "made from other numbers: stays.csv changed"


def test_where_a_trace_lies_is_no_part_of_what_a_run_is(timeline, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "stays.csv").write_text(STAYS)
    moved = timeline[-1].replace(str(tmp_path), str(tmp_path / "there"))
    digests = {scenario_digest(scenario(DIGITS, *FEW, trace)) for trace in (timeline[-1], moved)}
    assert len(digests) == 1
