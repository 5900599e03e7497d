"""A state there and back to the last bit; a checkpoint that was cut or changed is noticed."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedsim.errors import ResultsConflict
from fedsim.events import Scores
from fedsim.runs.checkpoints import checkpoint_round, checkpoints, load_checkpoint, prune_checkpoints, save_checkpoint
from fedsim.simulation.clock import Arrival
from fedsim.simulation.state import InFlight, State, Tally


def state_of(round=7):
    draw = np.random.default_rng(round)
    row = draw.standard_normal((6, 9)).astype(np.float32)
    row[0, :3] = [np.nan, np.inf, -0.0]
    return State(
        round, 0.1 + 0.2, row[0], row[1],
        {
            "aggregator": {"matrix": row[3:5], "count": np.asarray(3), "mask": row[3] > 0},
            "attacks[1].updates[0].clients[7]": {"empty": np.zeros((0, 4)), "a|b.c": row.T[:2]},
            "preaggregators[0]": {},
        },
        {5: row[4], 10**9: row[5]},
        (InFlight(Arrival(1e-9 + round, 3, 2), row[1], 40, True), InFlight(Arrival(9.0, 3, 7), row[2], 1, False)),
        Tally(Scores({"loss": float("inf"), "accuracy": 0.1}), 0.3, 2, None, None, None, 0.125, 3, 4),
    )  # fmt: skip


def same_array(first, second):
    assert (first.dtype, first.shape) == (second.dtype, second.shape)
    assert first.tobytes() == second.tobytes()


def test_there_and_back(tmp_path):
    state = state_of()
    path = save_checkpoint(tmp_path / "checkpoints", state)
    again = load_checkpoint(path)
    for name in ("parameters", "previous"):
        same_array(getattr(again, name), getattr(state, name))
    assert again.memories.keys() == state.memories.keys()
    for path, memory in state.memories.items():
        assert again.memories[path].keys() == memory.keys()
        for name, array in memory.items():
            same_array(again.memories[path][name], array)
    assert set(again.momenta) == {5, 10**9}
    for client, array in state.momenta.items():
        same_array(again.momenta[client], array)
    for before, now in zip(state.in_flight, again.in_flight, strict=True):
        assert (now.arrival, now.examples, now.byzantine) == (before.arrival, before.examples, before.byzantine)
        same_array(now.row, before.row)
    assert (again.round, again.time, again.tally) == (7, 0.1 + 0.2, state.tally)
    assert list(again.tally.scores) == ["loss", "accuracy"]  # in their order


@pytest.mark.parametrize("memory", [{}, {"aggregator": {}}])
def test_no_memory_and_an_empty_one_are_two_things(tmp_path, memory):
    row = np.zeros(2)
    path = save_checkpoint(tmp_path, State(1, 0.0, row, row, memory))
    assert load_checkpoint(path).memories == memory


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("saved"), state_of())


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_file_that_is_cut_or_changed_anywhere_is_noticed(saved, tmp_path, name, data):
    copy = tmp_path / saved.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(saved, copy)
    content = bytearray((copy / name).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:place]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    (copy / name).write_bytes(content)
    with pytest.raises(ResultsConflict, match="round-00000007"):
        load_checkpoint(copy)


def test_what_is_missing_is_named(saved, tmp_path):
    for name in ("state.json", "state.safetensors"):
        copy = tmp_path / name / saved.name
        shutil.copytree(saved, copy)
        (copy / name).unlink()
        with pytest.raises(ResultsConflict, match="No such file"):
            load_checkpoint(copy)
    with pytest.raises(ResultsConflict, match="cannot be read"):
        load_checkpoint(tmp_path / "round-00000001")


def test_a_checkpoint_under_another_rounds_name_is_refused(saved, tmp_path):
    copy = tmp_path / "round-00000009"
    shutil.copytree(saved, copy)
    with pytest.raises(ResultsConflict, match="it is of round 7"):
        load_checkpoint(copy)


def test_another_format_is_refused(saved, tmp_path, monkeypatch):
    from fedsim.runs import checkpoints as module

    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    with pytest.raises(ResultsConflict, match=rf"format {module.FORMAT - 1}, not {module.FORMAT}"):
        load_checkpoint(saved)


def test_newest_first_and_pruned_to_the_schedule(tmp_path):
    for round in (10, 20, 27, 30, 40, 43):
        save_checkpoint(tmp_path, state_of(round))
    (tmp_path / "notes").mkdir()
    assert [checkpoint_round(path) for path in checkpoints(tmp_path)] == [43, 40, 30, 27, 20, 10]
    assert [checkpoint_round(path) for path in checkpoints(tmp_path, at_most=29)] == [27, 20, 10]
    prune_checkpoints(tmp_path, 10)
    assert [checkpoint_round(path) for path in checkpoints(tmp_path)] == [40, 30, 20]
    prune_checkpoints(tmp_path, 0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes"]
    (tmp_path / "notes").rmdir()
    prune_checkpoints(tmp_path, 0)
    assert not tmp_path.exists()
    prune_checkpoints(tmp_path, 10)


def test_nothing_is_unpickled(saved):
    outer = json.loads((saved / "state.json").read_bytes())
    assert json.loads(outer["body"])["round"] == 7
    assert (saved / "state.safetensors").read_bytes()[8:9] == b"{"
