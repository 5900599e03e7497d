"""Weights & Biases: a run with its configuration and history, sent to the service or kept offline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from fedsim.events import Event, RoundEnded, RoundStarted, RunEnded
from fedsim.trackers.contract import Listener, numbers, tracker


class _Run:
    """Tells of each round once it is over."""

    def __init__(self, run: Any) -> None:
        self._run, self._round, self._ended = run, 0, False
        self._told: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunEnded):
            self._ended = True
            self._run.summary.update(numbers(event))
            return
        if isinstance(event, RoundStarted):
            self._round, self._told = event.round, {}
        self._told |= numbers(event)
        if isinstance(event, RoundEnded):
            self._run.log(self._told, step=self._round)

    def close(self) -> None:
        """Say how it ended, and wait until it is sent."""
        self._run.finish(exit_code=0 if self._ended else 1)


@tracker("wandb", package="wandb", extra="wandb")
def wandb(
    name: str,
    folder: Path | None,
    settings: Mapping[str, Any],
    *,
    project: Annotated[str, "the project that the run belongs to"] = "fedsim",
    entity: Annotated[str | None, "the user or the team; when not given, the one who is logged in"] = None,
    mode: Annotated[Literal["online", "offline"] | None, "offline keeps it here; when not given, wandb's own"] = None,
) -> Listener:
    """A run in Weights & Biases, with the scenario's settings as its configuration and a step a round.

    Differs:
        A run that is gone on with is another run there, of the same group: its steps go on from the last round.
    Source:
        Biewald. Experiment Tracking with Weights and Biases. 2020, wandb.com.
    """
    import wandb as service

    kept = str(folder) if folder is not None else None
    run = service.init(
        project=project, entity=entity, name=name, group=name, config=dict(settings), mode=mode, dir=kept,
        settings=service.Settings(silent=True, console="off"), reinit="create_new",
    )  # fmt: skip
    return _Run(run)
