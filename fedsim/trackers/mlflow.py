"""MLflow: a run with parameters and metrics, in a local store or on a server."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fedsim.events import Event, RoundStarted, RunEnded, RunStarted
from fedsim.trackers.contract import Listener, numbers, tracker

MOST_AT_ONCE = 100
"""Parameters that a store takes in one call."""
MOST_LETTERS = 500
"""Letters of a parameter's value that every store takes."""
WHERE = "fedsim.folder"


class _Run:
    """Tells a store of one run; one that is gone on with is found again by its results folder."""

    def __init__(
        self, client: Any, experiment: str, name: str, folder: Path | None, settings: Mapping[str, Any]
    ) -> None:
        self._client, self._experiment, self._name = client, experiment, name
        self._where, self._settings = str(folder.resolve()) if folder else "", settings
        self._id, self._status, self._round, self._scenario = "", "KILLED", 0, ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._scenario = event.scenario
        if isinstance(event, RoundStarted):
            self._round = event.round
            self._id = self._id or self._begun(event.round)
        if isinstance(event, RunEnded):
            self._status = "FINISHED"
        if self._id and (found := numbers(event)):
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            told = [Metric(name, value, now, self._round) for name, value in found.items()]
            self._client.log_batch(self._id, metrics=told)

    def close(self) -> None:
        """Say how it ended."""
        if self._id:
            self._client.set_terminated(self._id, self._status)

    def _begun(self, round: int) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        experiment = found.experiment_id if found else self._client.create_experiment(self._experiment)
        return (self._before(experiment) if round > 1 and self._where else "") or self._new(experiment)

    def _before(self, experiment: str) -> str:
        """The run that told of the earlier rounds of this results folder; empty where there is none."""
        wanted = f"tags.`{WHERE}` = '{self._where}' and tags.`fedsim.scenario` = '{self._scenario}'"
        found = self._client.search_runs([experiment], wanted, max_results=1)
        if not found:
            return ""
        self._client.update_run(found[0].info.run_id, "RUNNING")
        return str(found[0].info.run_id)

    def _new(self, experiment: str) -> str:
        from mlflow.entities import Param

        tags = {WHERE: self._where, "fedsim.scenario": self._scenario}
        run = self._client.create_run(experiment, run_name=self._name, tags=tags).info.run_id
        known = [Param(_key(key), str(value)[:MOST_LETTERS]) for key, value in self._settings.items()]
        for start in range(0, len(known), MOST_AT_ONCE):
            self._client.log_batch(run, params=known[start : start + MOST_AT_ONCE])
        return str(run)


@tracker("mlflow", package="mlflow", extra="mlflow")
def mlflow(
    name: str,
    folder: Path | None,
    settings: Mapping[str, Any],
    *,
    uri: Annotated[str | None, "the store: a database, a folder or a server; when not given, MLflow's own"] = None,
    experiment: Annotated[str, "the experiment that the run belongs to, made if need be"] = "fedsim",
) -> Listener:
    """A run in MLflow, with the scenario's settings as parameters and each round's numbers as metrics.

    Differs:
        A run that is gone on with goes on in MLflow too, found by its results folder.
    Source:
        Zaharia et al. Accelerating the Machine Learning Lifecycle with MLflow. IEEE Data Engineering Bulletin 2018.
    """
    from mlflow import MlflowClient

    return _Run(MlflowClient(tracking_uri=uri), experiment, name, folder, settings)


def _key(path: str) -> str:
    """A setting's path in the letters that MLflow takes: attacks.0.fraction."""
    return re.sub(r"[^\w./ -]", "_", re.sub(r"\[(\d+)\]", r".\1", path))
