"""What the three packages keep of a run, read back with their own readers; skipped where they are not installed."""

import json
import math
import warnings

import pytest

from fedsim.events import RoundEnded
from fedsim.runs.inventory import strangers
from fedsim.runs.perform import perform, resume
from fedsim.scenario.load import load_scenario, scenario_digest
from tests.trackers.test_tracking import SMALL, folder, written

__all__ = ["folder"]

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),  # the packages' own
]


def played(path, *, broken_off_after=None):
    """Play it into `run`, or a part of it; the digests of its rounds."""
    digests = []
    for event in perform(path, "run", say=pytest.fail):
        if isinstance(event, RoundEnded):
            digests.append(event.digest)
            if event.round == broken_off_after:
                return digests
    return digests


@pytest.mark.parametrize("broken_off_after", [None, 3])
def test_tensorboard_files(folder, broken_off_after):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    plain = [event.digest for event in perform(written(folder, "[]"), "plain") if isinstance(event, RoundEnded)]
    digests = played(written(folder, '["tensorboard"]'), broken_off_after=broken_off_after)
    if broken_off_after:
        digests += [event.digest for event in resume(folder / "run") if isinstance(event, RoundEnded)]
    assert digests == plain
    found = EventAccumulator(str(folder / "run/tensorboard"))
    found.Reload()
    assert [point.step for point in found.Scalars("accuracy")] == [2, 4]
    assert [point.step for point in found.Scalars("norm")] == [1, 2, 3, 4]
    summary = json.loads((folder / "run/summary.json").read_text())
    assert found.Scalars("end/final")[-1].value == pytest.approx(summary["final"])
    assert b"aggregator.name | median" in found.Tensors("scenario/text_summary")[0].tensor_proto.string_val[0]
    assert list(strangers(folder / "run")) == []


def test_tensorboard_in_a_folder_of_its_own(folder):
    pytest.importorskip("tensorboard")
    path = written(folder, '[{ name = "tensorboard", into = "boards" }]')
    played(path)
    name = f"s-{scenario_digest(load_scenario(path))[:8]}"
    assert list((folder / "boards" / name).glob("events.out.tfevents.*"))


@pytest.mark.parametrize("store", ["sqlite:///{}/runs.db", "file:{}/mlruns"])
def test_mlflow_store(folder, store, monkeypatch):
    pytest.importorskip("mlflow")
    if store.startswith("sqlite"):
        pytest.importorskip("sqlalchemy")
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = store.format(folder)
    path = written(folder, f'[{{ name = "mlflow", uri = "{uri}", experiment = "robust" }}]')
    played(path, broken_off_after=3)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("robust").experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["KILLED"]
    list(resume(folder / "run"))
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FINISHED"
    assert run.data.params["aggregator.name"] == "median"
    assert run.data.params["attacks.0.per_round"] == "1"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "accuracy")] == [2, 4]
    assert sorted({point.step for point in client.get_metric_history(run.info.run_id, "norm")}) == [1, 2, 3, 4]
    summary = json.loads((folder / "run/summary.json").read_text())
    assert run.data.metrics["final"] == pytest.approx(summary["final"])


def test_wandb_offline(folder, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    told = []
    kept = wandb.sdk.wandb_run.Run.log
    monkeypatch.setattr(
        "wandb.sdk.wandb_run.Run.log", lambda run, data, step: (told.append((step, data)), kept(run, data, step=step))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        played(written(folder, '[{ name = "wandb", project = "robust" }]'))
    (file,) = (folder / "run/wandb").glob("offline-run-*/run-*.wandb")
    assert file.stat().st_size > 1000
    assert [step for step, _ in told] == [1, 2, 3, 4]
    assert not math.isnan(told[-1][1]["accuracy"])
    assert list(strangers(folder / "run")) == []


def test_nothing_is_kept_and_no_place_given(folder, capsys):
    pytest.importorskip("tensorboard")
    from tests.cli.recorded_run import ask

    answer = ask(capsys, "run", written(folder, '["tensorboard"]', SMALL), "--no-save", "-q")
    assert answer.code == 0
    assert "tracking by tensorboard failed and is left out" in answer.err
    assert "give `into`" in answer.err
