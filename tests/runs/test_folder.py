"""A results folder is claimed by one run, never written over, and finished the same however often it was broken off."""

import json
import shutil

import pytest

from fedsim.engine import simulate
from fedsim.errors import ResultsConflict, StorageFailed
from fedsim.events import RoundEnded
from fedsim.execution.pool import Pool
from fedsim.runs.folder import claim, folder_of, read_summary, reopen
from fedsim.runs.inventory import OURS
from fedsim.runs.reading import read_events, read_scenario
from fedsim.runs.recorder import Recorder
from tests.small_runs import DIGITS, content, held, played, run_in, same, scenario

GIVEN = scenario(
    DIGITS, "rounds=6", "output.checkpoint_every=2", "evaluation.every=2", "training.worker_momentum=0.5",
    'clients.latency={name="exponential"}', "clients.deadline=1.5", 'clients.late="keep"', "clients.dropout=0.1",
    'aggregator={name="centered_clip", radius=1.0}', rest=held(1, 2, name="sign_flip"),
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finished"
    assert run_in(folder, GIVEN) == []
    return folder


@pytest.fixture
def broken(finished, tmp_path):
    """A copy whose summary says that the run was still under way."""
    folder = tmp_path / "broken"
    shutil.copytree(finished, folder)
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"status": "running"}))
    return folder


def test_what_a_finished_folder_holds(finished):
    names = {entry.name for entry in finished.iterdir()}
    assert names == {
        *(
            "scenario.toml",
            "code.json",
            "events.jsonl",
            "metrics.csv",
            "partition.csv",
            "summary.json",
            "checkpoints",
            "model.safetensors",
        )
    }
    assert same(read_events(finished)) == same(played(GIVEN))
    assert sorted(entry.name[-1] for entry in (finished / "checkpoints").iterdir()) == ["2", "4", "6"]
    summary = read_summary(finished)
    assert (summary["status"], summary["rounds"], summary["seed"]) == ("finished", 6, 1)
    assert summary["digest"] == read_events(finished)[-1].digest
    assert set(summary["examples"]) == {"train", "root", "validation", "test"}
    assert read_scenario(finished).rounds == 6
    lines = (finished / "metrics.csv").read_text().splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("round,time,sampled,")


def test_a_finished_run_is_nothing_to_go_on_with(finished):
    with reopen(finished) as folder:
        assert folder.status == "finished"


def test_the_table_is_made_anew_from_the_events_byte_for_byte(finished, broken):
    (broken / "metrics.csv").write_text("nonsense")
    with claim(GIVEN, broken) as folder:
        state = folder.begin()
    assert state.round == 6
    assert (broken / "metrics.csv").read_bytes() == (finished / "metrics.csv").read_bytes()


def test_going_on_from_every_line_and_from_within_lines(finished, tmp_path):
    """The events end after any number of bytes, as the disk of a crashed machine may have them."""
    data = (finished / "events.jsonl").read_bytes()
    ends = [place + 1 for place, byte in enumerate(data) if byte == ord("\n")]
    places = sorted({0, 1, *ends[:-1:3], *(end - 1 for end in ends[1::4]), *(end + 1 for end in ends[2:-1:5])})
    for place in places:
        folder = tmp_path / str(place)
        shutil.copytree(finished, folder)
        (folder / "summary.json").unlink()
        (folder / "events.jsonl").write_bytes(data[:place])
        run_in(folder, GIVEN)
        assert content(folder) == content(finished), place
        shutil.rmtree(folder)


def test_every_byte_of_the_last_line_is_told_from_a_whole_one(finished, broken):
    data = (finished / "events.jsonl").read_bytes()
    last = data.rstrip(b"\n").rindex(b"\n") + 1
    for place in range(last, len(data)):
        (broken / "events.jsonl").write_bytes(data[:place])
        assert len(read_events(broken)) == data[:last].count(b"\n")
    (broken / "events.jsonl").write_bytes(data)
    assert len(read_events(broken)) == data.count(b"\n")


DAMAGES = {
    "newest gone": lambda folder: shutil.rmtree(folder / "round-00000006"),
    "all gone": shutil.rmtree,
    "arrays cut": lambda folder: cut(folder / "round-00000006" / "state.safetensors"),
    "rest cut": lambda folder: cut(folder / "round-00000006" / "state.json"),
    "rest emptied": lambda folder: (folder / "round-00000006" / "state.json").write_bytes(b""),
    "one gone": lambda folder: (folder / "round-00000006" / "state.json").unlink(),
    "two damaged": lambda folder: [cut(path / "state.json") for path in sorted(folder.iterdir())[1:]],
    "renamed": lambda folder: (folder / "round-00000006").rename(folder / "round-00000005"),
    "half written": lambda folder: shutil.copytree(folder / "round-00000004", folder / ".round-00000003.part"),
}


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_checkpoints_are_named_and_passed_over(damage, finished, broken):
    damage(broken / "checkpoints")
    notes = run_in(broken, GIVEN)
    assert content(broken) == content(finished)
    gone = damage in (DAMAGES["newest gone"], DAMAGES["all gone"], DAMAGES["half written"])
    assert bool(notes) != gone
    assert all("using the one before" in note for note in notes)
    if damage is DAMAGES["two damaged"]:
        assert [f"round-0000000{round}" in note for round, note in zip((6, 4), notes, strict=True)] == [True, True]


def test_a_checkpoint_that_the_events_do_not_lead_to_is_passed_over(finished, broken):
    text = (broken / "events.jsonl").read_text().splitlines(keepends=True)
    place = next(i for i, line in enumerate(text) if '"RoundEnded"' in line and '"round":6' in line)
    text[place] = text[place].replace('"digest":"', '"digest":"0')
    (broken / "events.jsonl").write_text("".join(text))
    notes = run_in(broken, GIVEN)
    assert notes == ["events.jsonl does not lead to checkpoint round-00000006; using the one before"]
    assert content(broken) == content(finished)


@pytest.mark.parametrize("round", range(7))
def test_broken_off_after_any_round_and_gone_on_with(round, finished, tmp_path):
    folder = tmp_path / "run"
    with claim(GIVEN, folder) as claimed:
        simulation = simulate(GIVEN, Pool(1, "serial"), resume=claimed.begin())
        recorder = Recorder(claimed, simulation)
        with simulation:
            for event in simulation:
                recorder(event)
                if getattr(event, "round", 0) == round and (round == 0 or isinstance(event, RoundEnded)):
                    break
        recorder.broken_off("interrupted")
        assert read_summary(folder)["rounds_done"] == round
    with reopen(folder) as claimed:
        assert claimed.status == "partial"
    run_in(folder, GIVEN)
    assert content(folder) == content(finished)


def test_one_run_at_a_time(tmp_path):
    with claim(GIVEN, tmp_path), pytest.raises(ResultsConflict, match="in use by another run"):
        claim(GIVEN, tmp_path)
    claim(GIVEN, tmp_path).close()


def test_another_scenario_is_refused_and_nothing_is_touched(finished, broken):
    before = content(broken)
    with pytest.raises(ResultsConflict, match="another scenario"):
        claim(scenario(DIGITS, "seed=2"), broken)
    assert content(broken) == before
    claim(scenario(DIGITS, "seed=2"), folder_of(scenario(DIGITS, f'output.folder="{broken.parent}"'))).close()


@pytest.mark.parametrize("name", ["thesis.tex", ".thesis.part", "metrics.csv", "checkpoints"])
def test_a_folder_that_holds_something_else_is_refused(tmp_path, name):
    (tmp_path / name).mkdir() if name == "checkpoints" else (tmp_path / name).write_text("mine")
    with pytest.raises(ResultsConflict, match="no results folder"):
        claim(GIVEN, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_run_killed_before_its_first_file_was_whole_does_not_block_the_folder(finished, tmp_path):
    (tmp_path / ".scenario.toml.part").write_text("rou")
    run_in(tmp_path, GIVEN)
    assert content(tmp_path) == content(finished)


def test_clearing_takes_only_what_is_ours(broken):
    (broken / "thesis.tex").write_text("mine")
    with claim(GIVEN, broken) as folder:
        folder.clear()
        assert folder.status == "new"
    assert [entry.name for entry in broken.iterdir()] == ["thesis.tex"]


def test_a_clearing_that_is_killed_can_be_gone_on_with(broken, monkeypatch):
    removed = []
    monkeypatch.setattr(shutil, "rmtree", removed.append)
    monkeypatch.setattr(type(broken), "unlink", lambda path, **_: removed.append(path))
    with claim(GIVEN, broken) as folder:
        folder.clear()
    assert removed[-1].name == "scenario.toml"
    names = {path.relative_to(broken).parts[0] for path in removed}
    assert names == {*OURS} - {"plugins", "updates", "origin"}  # there was no own code


@pytest.mark.parametrize("text", ["", "rounds = ", "rounds = 3\nmodel = 'lenet6'", "\x00", "[" * 5000])
def test_a_scenario_that_cannot_be_read_is_a_conflict(broken, text):
    (broken / "scenario.toml").write_text(text)
    for look in (read_scenario, reopen) if text else (lambda folder: claim(GIVEN, folder),):
        with pytest.raises(ResultsConflict):
            look(broken)


def test_a_summary_that_cannot_be_read_counts_as_unfinished(broken):
    for text in ("", "[]", "{", "[" * 100_000, '{"status": []}'):
        (broken / "summary.json").write_text(text)
        with claim(GIVEN, broken) as folder:
            assert folder.status == "partial"


def test_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="cannot write"):
        claim(GIVEN, tmp_path / "file")
    with pytest.raises(ResultsConflict, match="no results folder"):
        reopen(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
