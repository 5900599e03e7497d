"""A fork with nothing changed is the run to the bit, one with a change a run from the same state, and both repeat."""

import json
import shutil
from dataclasses import replace

import pytest

import fedsim
from fedsim.engine import simulate
from fedsim.errors import ResultsConflict, ScenarioError
from fedsim.events import RoundEnded
from fedsim.execution.pool import Pool
from fedsim.proof.fork import begin_fork, fork
from fedsim.runs.code_record import write_code
from fedsim.runs.course import carried_over, forgotten
from fedsim.runs.folder import claim, reopen
from fedsim.runs.fork_file import Fork, read_fork
from fedsim.runs.perform import perform, played
from fedsim.runs.reading import read_events, read_scenario
from fedsim.runs.verify import verify
from tests.small_runs import DIGITS, content, held, run_in, same, scenario, starts, trained, verdicts

GIVEN = scenario(
    DIGITS, "rounds=6", "output.checkpoint_every=2", "training.worker_momentum=0.5", "clients.dropout=0.1",
    "aggregator=afa", 'clients.latency={name="exponential",mean=1.0}', "clients.deadline=1.5", 'clients.late="keep"',
    rest=held(1, 2, 3, name="sign_flip"),
)  # fmt: skip
SERIAL = Pool(1, "serial")
CHANGE = ["aggregator=median"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "mine"
    run_in(folder, GIVEN)
    return folder


@pytest.fixture(scope="module")
def changed(run):
    folder = run.parent / "changed"
    list(fork(run, 3, CHANGE, folder, SERIAL))
    return folder


@pytest.fixture
def copy(changed, tmp_path):
    shutil.copytree(changed, tmp_path / "copy")
    return tmp_path / "copy"


def state_after(given, round):
    with simulate(given, SERIAL) as simulation:
        next(event for event in simulation if isinstance(event, RoundEnded) and event.round == round)
        return simulation.state


@pytest.mark.parametrize(("at", "pool"), [(1, SERIAL), (3, Pool(2, "threading")), (4, SERIAL), (5, SERIAL)])
def test_with_nothing_changed_it_is_the_run(run, tmp_path, at, pool):
    events = list(fork(run, at, (), tmp_path / "fork", pool))
    assert [event.round for event in events if isinstance(event, RoundEnded)] == list(range(at + 1, 7))
    assert same(read_events(tmp_path / "fork")) == same(read_events(run))
    assert (tmp_path / "fork/model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    assert (tmp_path / "fork/scenario.toml").read_bytes() == (run / "scenario.toml").read_bytes()


def test_with_a_change_it_is_a_run_from_the_same_state(run, changed):
    before, after = state_after(GIVEN, 3), read_scenario(changed)
    assert after == replace(GIVEN, aggregator=after.aggregator)
    assert after.aggregator.name == "median"
    straight = list(simulate(after, SERIAL, resume=carried_over(before, GIVEN, after)))
    events = read_events(changed)
    assert same([each for each in events if getattr(each, "round", 0) > 3]) == same(straight)[1:-1]
    assert same(events)[-1] == same(straight)[-1]
    assert same([each for each in events if 0 < getattr(each, "round", 0) <= 3]) == same(
        [each for each in read_events(run) if 0 < getattr(each, "round", 0) <= 3]
    )
    assert [each.cohort for each in starts(events)] == [each.cohort for each in starts(read_events(run))]


def test_where_it_comes_from_is_on_record(run, changed):
    assert read_fork(changed) == Fork(str(run), 3, ("aggregator=median",))
    assert (changed / "origin/scenario.toml").read_bytes() == (run / "scenario.toml").read_bytes()
    assert (changed / "origin/code.json").read_bytes() == (run / "code.json").read_bytes()
    assert read_fork(run) is None


def test_it_repeats_from_the_first_round(changed):
    verdict = verify(changed)
    assert verdict.difference is None
    assert (verdict.first, verdict.last, verdict.played) == (1, 6, 6)
    for rounds in ((2, 2), (3, 4), (5, 6)):
        assert verify(changed, rounds).difference is None


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_change_of_the_record_is_found(copy, place):
    path = copy / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    round = 2 if place == "before" else 5
    number = next(i for i, line in enumerate(lines) if '"Aggregated"' in line and f'"round":{round},' in line)
    event = json.loads(lines[number])
    event["norm"] *= 1.5
    lines[number] = json.dumps(event, separators=(",", ":")) + "\n"
    path.write_text("".join(lines))
    assert verify(copy).difference.round == round


def test_another_origin_is_found(copy):
    path = copy / "origin/scenario.toml"
    path.write_text(path.read_text().replace("seed = 1", "seed = 2"))
    assert verify(copy).difference is not None


def test_the_state_it_began_with_stays_and_is_compared(copy):
    assert sorted(path.name for path in (copy / "checkpoints").iterdir()) == [
        f"round-{round:08d}" for round in (3, 4, 6)
    ]
    shutil.rmtree(copy / "checkpoints/round-00000003")
    assert "checkpoints/round-00000003" in {each.file for each in verify(copy).differences}


def test_an_interrupted_fork_goes_on_to_the_same_bytes(run, changed, tmp_path):
    folder = tmp_path / "fork"
    for event in fork(run, 3, CHANGE, folder, SERIAL):
        if isinstance(event, RoundEnded) and event.round == 5:
            break
    assert verify(folder).difference is None
    assert len(list(fedsim.load_run(folder).resume())) > 1
    wall = {"summary.json", "metrics.csv", "events.jsonl"}
    assert {k: v for k, v in content(folder).items() if k not in wall} == {
        k: v for k, v in content(changed).items() if k not in wall | {"accuracy.png"}
    }
    assert same(read_events(folder)) == same(read_events(changed))


def test_a_fork_of_a_fork(changed, tmp_path):
    folder = tmp_path / "again"
    list(fork(changed, 4, {"aggregator": "mean"}, folder, SERIAL))
    assert read_fork(folder / "origin").at == 3
    assert verify(folder).difference is None
    assert verify(folder, (5, 5)).difference is None
    with pytest.raises(ResultsConflict, match=r"is a fork itself, after round 3: fork .*mine after round 2"):
        begin_fork(changed, 2)


def test_a_client_that_had_been_absent(run, tmp_path):
    events = read_events(run)
    client = next(iter(trained(events, 5)))
    list(fork(run, 3, [f"clients.absent=[{client}]"], tmp_path / "fork", SERIAL))
    without = read_events(tmp_path / "fork")
    assert [each.cohort for each in starts(without)] == [each.cohort for each in starts(events)]
    for round in range(1, 7):
        gone = {client} if round > 3 else set()
        assert trained(without, round) == trained(events, round) - gone
    assert client in verdicts(without)[4].dropped
    assert verify(tmp_path / "fork").difference is None


def test_more_rounds_than_the_run_had(run, tmp_path):
    list(fork(run, 6, ["rounds=8"], tmp_path / "fork", SERIAL))
    longer = list(simulate(replace(GIVEN, rounds=8), SERIAL))
    assert same(read_events(tmp_path / "fork"))[1:] == same(longer)[1:]


def test_another_algorithm_begins_without_a_past():
    before = scenario(DIGITS, "aggregator=afa", "training.worker_momentum=0.5", "server.optimizer=adam")
    state = state_after(before, 2)
    assert set(state.memories) == {"aggregator", "server"}
    other = scenario(DIGITS, "aggregator=foolsgold")
    assert forgotten(state, before, other) == ["aggregator", "server", "training"]
    same_rule = scenario(DIGITS, 'aggregator={name="afa",step=0.2}', "training.worker_momentum=0.9")
    assert set(carried_over(state, before, same_rule).memories) == {"aggregator"}
    kept = carried_over(state, before, same_rule).momenta
    assert {client: row.tobytes() for client, row in kept.items()} == {
        client: row.tobytes() for client, row in state.momenta.items()
    }
    assert forgotten(state, before, before) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seed=2", "seed: cannot be changed in a fork: rounds 1 to 3 rest on it too"),
        ("data=glyphs", "data: cannot be changed in a fork"),
        ("data.test_fraction=0.3", "data: cannot be changed in a fork"),
        ("model=mlp", "model: cannot be changed in a fork"),
        ("partition=shards", "partition: cannot be changed in a fork"),
        ("clients.population=13", "clients.population: cannot be changed in a fork"),
        ("root.size=30", "root.size: cannot be changed in a fork"),
        ('evaluation.metrics=["balanced_accuracy"]', "evaluation.metrics: cannot be changed in a fork"),
        ("rounds=3", "rounds: leaves nothing to play after round 3"),
        ("aggregator=medan", "unknown rule `medan`; did you mean `median`?"),
        ("clients.absent=[12]", "there is no client 12: they are numbered from 0 to 11"),
    ],
)
def test_changes_that_cannot_be_made(run, tmp_path, change, message):
    with pytest.raises(ScenarioError) as caught:
        list(fork(run, 3, [change], tmp_path / "fork"))
    assert message in str(caught.value)
    assert f"(from the override {change})" in str(caught.value)
    assert not (tmp_path / "fork").exists()


@pytest.mark.parametrize(("at", "message"), [(0, "own: fedsim run"), (7, "holds rounds 1 to 6: it cannot be forked")])
def test_a_round_that_is_not_there(run, tmp_path, at, message):
    with pytest.raises(ResultsConflict, match=message):
        list(fork(run, at, CHANGE, tmp_path / "fork"))
    assert not (tmp_path / "fork").exists()


def test_from_which_checkpoint_it_goes_on_is_told(run, tmp_path):
    with begin_fork(run, 5, CHANGE, tmp_path / "five", SERIAL) as folder:
        assert folder.notes[0] == (
            "there is no checkpoint after round 5: rounds 5 to 5 were played again from the checkpoint after round 4"
        )
        assert folder.notes[1] == "without a past, as another stands there now: aggregator"
    with begin_fork(run, 4, (), tmp_path / "four", SERIAL) as folder:
        assert folder.notes == [f"the state after round 4 is a checkpoint of {run}"]
    with begin_fork(run, 1, (), tmp_path / "one", SERIAL) as folder:
        assert "rounds 1 to 1 were played again from the beginning" in folder.notes[0]
        assert len(list(played(folder, SERIAL))) > 1


def test_a_run_that_does_not_repeat_is_not_forked(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    path = tmp_path / "copy/events.jsonl"
    path.write_text(path.read_text().replace('"Aggregated","time":1.5,"round":5', '"Aggregated","time":1.25,"round":5'))
    lines = path.read_text().splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if '"Aggregated"' in line and '"round":5,' in line)
    event = json.loads(lines[number])
    event["norm"] *= 1.5
    lines[number] = json.dumps(event, separators=(",", ":")) + "\n"
    path.write_text("".join(lines))
    with pytest.raises(ResultsConflict, match="does not repeat, first in round 5, aggregation: norm; fedsim verify"):
        list(fork(tmp_path / "copy", 5, CHANGE, tmp_path / "fork", SERIAL))
    assert not (tmp_path / "fork").exists()


def test_a_fork_is_not_taken_for_a_run_of_its_scenario(changed, tmp_path):
    after = read_scenario(changed)
    for take in (lambda: claim(after, changed), lambda: list(perform(after, changed))):
        with pytest.raises(ResultsConflict, match=r"holds a fork of .*mine after round 3; choose another --out"):
            take()
    with reopen(changed) as folder:
        assert folder.status == "finished"


def test_a_folder_that_is_taken(run, changed):
    with pytest.raises(ResultsConflict, match=r"holds a fork of .* after round 3, finished; choose another --out"):
        list(fork(run, 3, CHANGE, changed))
    with pytest.raises(ResultsConflict, match="holds the results of another scenario"):
        list(fork(run, 3, CHANGE, run))
    with pytest.raises(ResultsConflict, match="holds a run of this scenario, finished; choose another --out"):
        list(fork(run, 3, (), run))


def test_a_fork_whose_states_are_lost_does_not_begin_anew(run, tmp_path):
    begin_fork(run, 3, CHANGE, tmp_path / "fork", SERIAL).close()
    (tmp_path / "fork/checkpoints/round-00000003/state.json").write_text("{}")
    with reopen(tmp_path / "fork") as folder, pytest.raises(ResultsConflict, match=r"no checkpoint .* is whole; fork"):
        folder.begin()


@pytest.mark.parametrize(
    "text", ["", "{}", '{"run": "a", "at": 0, "changes": []}', '{"run": 1, "at": 2, "changes": []}']
)
def test_a_damaged_fork_file_is_told(copy, text):
    (copy / "fork.json").write_text(text)
    with pytest.raises(ResultsConflict, match=r"fork\.json"):
        verify(copy)


def test_other_code_is_refused_unless_allowed(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    path = tmp_path / "copy/code.json"
    table = json.loads(path.read_text())
    table["fedsim"]["fedsim/engine.py"] = "0" * 64
    path.write_text(json.dumps(table))
    with pytest.raises(ResultsConflict, match=r"made by other code: fedsim/engine\.py changed; .* --other-code"):
        list(fork(tmp_path / "copy", 3, CHANGE, tmp_path / "fork"))
    assert list(fork(tmp_path / "copy", 3, CHANGE, tmp_path / "fork", SERIAL, other_code=True))
    write_code(tmp_path / "copy", GIVEN)


def test_it_goes_where_its_scenario_says(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    list(fork(run, 5, CHANGE, pool=SERIAL))
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("-from-5")
