"""Recorded updates are what the rule was given, are compared by verify, and are refused before they are too many."""

import io
import json
import shutil

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.errors import ResultsConflict, ScenarioError, StorageFailed
from fedsim.events import Aggregated
from fedsim.execution.pool import Pool
from fedsim.runs import recorded_updates
from fedsim.runs.folder import claim
from fedsim.runs.perform import perform
from fedsim.runs.recorded_updates import load_updates, recorded_rounds
from fedsim.runs.verify import verify
from tests.small_runs import DIGITS, content, held, run_in, scenario

RECORD = ('output.record="updates"', "output.checkpoint_every=2", "rounds=5")
GIVEN = scenario(DIGITS, *RECORD, "clients.dropout=0.2", rest=held(1, 2, name="inf") + held(3, 4, name="sign_flip"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run_in(folder, GIVEN)
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_record_is_what_the_rule_was_given(finished):
    assert recorded_rounds(finished) == [1, 2, 3, 4, 5]
    simulation = simulate(GIVEN, Pool(1, "serial"))
    for event in simulation:
        if isinstance(event, Aggregated):
            record, received, before = load_updates(finished, event.round), simulation.received, simulation.state
            assert record.received.matrix.tobytes() == received.matrix.tobytes()
            assert record.received.clients.tolist() == list(event.clients)
            assert record.received.nonfinite == event.nonfinite
            assert set(record.received.clients[record.received.byzantine]) <= {3, 4}
            assert record.parameters.tobytes() == before.parameters.tobytes()
            assert record.previous.tobytes() == before.previous.tobytes()
    assert any(load_updates(finished, round).received.nonfinite for round in range(1, 6))


def test_the_matrix_is_plain_and_mapped(finished):
    matrix = load_updates(finished, 2).received.matrix
    assert isinstance(matrix, np.memmap)
    assert np.array_equal(matrix, np.load(finished / "updates/round-00000002/updates.npy", allow_pickle=False))


def test_recording_changes_nothing_else(finished, tmp_path):
    run_in(tmp_path / "plain", scenario(DIGITS, *RECORD[1:], "clients.dropout=0.2",
                                        rest=held(1, 2, name="inf") + held(3, 4, name="sign_flip")))  # fmt: skip
    assert [line.partition(',"wall"')[0] for line in (tmp_path / "plain/events.jsonl").read_text().splitlines()] == [
        line.partition(',"wall"')[0] for line in (finished / "events.jsonl").read_text().splitlines()
    ]
    assert not (tmp_path / "plain/updates").exists()
    assert "record" not in (tmp_path / "plain/scenario.toml").read_text()


def test_a_run_that_was_interrupted_records_the_same(finished, tmp_path):
    folder = tmp_path / "mine"
    for event in perform(GIVEN, folder, Pool(1, "serial")):
        if isinstance(event, Aggregated) and event.round == 4:
            break  # the rows of round 4 are written, the round is not over
    assert recorded_rounds(folder) == [1, 2, 3]
    run_in(folder, GIVEN)
    names = {name for name in content(finished) if name.startswith("updates")}
    assert len(names) == 10
    assert {name: content(folder)[name] for name in names} == {name: content(finished)[name] for name in names}


def test_only_every_so_many_rounds(tmp_path):
    run_in(tmp_path / "mine", scenario(DIGITS, *RECORD, "output.record_every=2"))
    assert recorded_rounds(tmp_path / "mine") == [2, 4]
    with pytest.raises(ResultsConflict, match=r"round 3 was not recorded in .*: recorded are the rounds 2, 4"):
        load_updates(tmp_path / "mine", 3)


def test_starting_over_forgets_what_was_recorded(copy):
    with claim(GIVEN, copy) as folder:
        folder.clear()
    assert list(copy.iterdir()) == [copy / "accuracy.png"] or not list(copy.iterdir())


@pytest.mark.parametrize("file", ["updates.npy", "server.safetensors"])
def test_verify_finds_a_changed_number(copy, file):
    path = copy / "updates/round-00000003" / file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    (difference,) = verify(copy).differences
    assert (difference.round, difference.file, difference.field) == (3, "updates/round-00000003", file)


def test_verify_says_what_is_no_longer_there(copy):
    shutil.rmtree(copy / "updates/round-00000003")
    verdict = verify(copy)
    assert verdict.difference is None
    assert any("updates of 1 recorded rounds" in each for each in verdict.not_compared)


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def damage(path, way):
    if way == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    elif way == "gone":
        path.unlink()
    elif way == "a folder":
        path.unlink()
        path.mkdir()
    elif way == "other rows":
        path.write_bytes(saved(np.zeros((2, 3), np.float32)))
    elif way == "pickled":
        path.write_bytes(saved(np.array([{}], object)))
    else:
        path.write_bytes(b"nonsense")


@pytest.mark.parametrize("way", ["cut", "gone", "nonsense", "other rows", "pickled"])
@pytest.mark.parametrize("file", ["updates.npy", "server.safetensors"])
def test_damage_is_told(copy, file, way):
    damage(copy / "updates/round-00000003" / file, way)
    with pytest.raises(ResultsConflict, match=r"updates in .* are damaged"):
        load_updates(copy, 3)


def test_a_stranger_or_a_link_among_them_is_refused(copy):
    (copy / "updates/round-00000003/more").write_text("")
    with pytest.raises(ResultsConflict, match="which no run put there"):
        verify(copy)
    (copy / "updates/round-00000003/more").unlink()
    (copy / "updates/round-00000003/updates.npy").unlink()
    (copy / "updates/round-00000003/updates.npy").symlink_to("/etc/hostname")
    with pytest.raises(ResultsConflict, match="is a link, not a file"):
        verify(copy)


def test_more_than_the_limit_is_refused_before_the_first_round(tmp_path):
    given = scenario(DIGITS, *RECORD, "output.record_limit=0.00002")
    with pytest.raises(ScenarioError) as caught:
        list(perform(given, tmp_path / "mine"))
    (problem,) = caught.value.problems
    assert problem.path == ("output", "record")
    assert "5 recorded rounds of 6 rows of 650 numbers take 126 kB, and output.record_limit is 20 kB" in problem.message
    assert "raise it" in problem.message
    assert not (tmp_path / "mine").exists()


def test_the_message_names_a_stride_that_fits(tmp_path):
    given = scenario(DIGITS, *RECORD, "rounds=100", "output.record_limit=0.0005")
    with pytest.raises(ScenarioError, match=r"record fewer rounds with output\.record_every=\d+") as caught:
        list(perform(given, tmp_path / "mine"))
    stride = caught.value.problems[0].message.rpartition("=")[2]
    fits = scenario(DIGITS, *RECORD, "rounds=100", "output.record_limit=0.0005", f"output.record_every={stride}")
    events = perform(fits, tmp_path / "mine", Pool(1, "serial"))
    next(events)
    events.close()


def test_more_than_the_disk_holds_is_refused_before_the_first_round(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded_updates.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 0, 50_000))
    with pytest.raises(StorageFailed, match=r"take 126 kB, and the disk of .* has 50 kB left: make room, or record"):
        list(perform(GIVEN, tmp_path / "mine"))
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("key", ["record_every=2", "record_limit=1.5"])
def test_settings_of_a_recording_without_one(key):
    with pytest.raises(ScenarioError, match=f"output.{key.partition('=')[0]}: means nothing where nothing is recorded"):
        scenario(DIGITS, f"output.{key}")


def test_a_folder_says_that_nothing_was_recorded(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ResultsConflict, match="holds no recorded updates: run it again with --record updates"):
        load_updates(tmp_path / "a", 1)
    assert json.dumps(recorded_rounds(tmp_path)) == "[]"
