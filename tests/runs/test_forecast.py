"""What a run will take is told before it is begun, and is what it then takes."""

import json

import pytest

from fedsim.runs import forecast as telling
from fedsim.runs.forecast import forecast
from fedsim.study.effort import folder_bytes
from tests.small_runs import DIGITS, run_in, scenario

MOMENTA = 'training.algorithm={name="fedsgd", momentum=0.9}'
SMALL = ["rounds=20", "output.checkpoint_every=5", "model=mlp"]


@pytest.mark.parametrize(
    "extra",
    [[], ['output.record="updates"'], [MOMENTA], ["output.checkpoint_every=1", "output.checkpoints_kept='all'"]],
)
def test_the_disk_is_enough_and_not_much_too_much(tmp_path, extra):
    given = scenario(DIGITS, *SMALL, *extra)
    run_in(tmp_path / "run", given)
    took, told = folder_bytes(tmp_path / "run"), forecast(given).disk
    assert told / 3 < took < told + 100_000  # what does not grow: the record of the code


def test_the_time_is_that_of_rounds_played_or_of_clients_trained(monkeypatch):
    found = forecast(scenario(DIGITS), pace=True)
    assert found.pace.whole
    assert 0 < found.pace.seconds < 60
    assert (found.clients, found.classes, found.pace.clients) == (12, 10, 6)
    monkeypatch.setattr(telling, "PATIENCE", 0.0)
    part = forecast(scenario(DIGITS, "clients.sampled=12", "execution.batch=1", "training.epochs=200"), pace=True)
    assert not part.pace.whole
    assert 0 < part.pace.clients < 12


def test_it_is_asked_for_at_the_terminal(tmp_path, monkeypatch, capsys):
    from tests.cli.recorded_run import ask

    path = tmp_path / "small.toml"
    path.write_text(DIGITS.lstrip() + "[execution]\nworkers = 1\n")
    answer = ask(capsys, "check", str(path), "--time")
    assert answer.code == 0
    for word in ("memory", "disk", "time", "3 rounds of", "1 process"):
        assert word in answer.out
    answer = ask(capsys, "check", str(path), "--data", "--json")
    built = json.loads(answer.out)[0]["built"]
    assert built["clients"] == 12
    assert built["pace"] is None
    from fedsim.simulation import footprint

    monkeypatch.setattr(footprint, "free_memory", lambda: 10**6)
    answer = ask(capsys, "check", str(path), "--data")
    assert answer.code == 2
    assert "memory" in answer.err
