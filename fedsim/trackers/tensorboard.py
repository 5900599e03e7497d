"""TensorBoard: curves in event files on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fedsim.events import Event, RoundStarted, RunEnded
from fedsim.trackers.contract import Listener, numbers, tracker

FOLDER = "tensorboard"


class _Curves:
    """Writes event files; rounds that were written before and are played again take the places of the old."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._make, self._folder, self._settings = SummaryWriter, folder, settings
        self._writer: Any = None
        self._round = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RoundStarted):
            self._round = event.round
            if self._writer is None:
                self._writer = self._make(str(self._folder), purge_step=event.round)
                self._writer.add_text("scenario", _listed(self._settings), event.round)
        for name, value in numbers(event).items() if self._writer else ():
            self._writer.add_scalar(f"end/{name}" if isinstance(event, RunEnded) else name, value, self._round)

    def close(self) -> None:
        """Write what is still held."""
        if self._writer:
            self._writer.close()


@tracker("tensorboard", package="tensorboard", extra="tensorboard")
def tensorboard(
    name: str,
    folder: Path | None,
    settings: Mapping[str, Any],
    *,
    into: Annotated[
        str | None, "folder of event files, one below it a run; when not given, in the results folder"
    ] = None,
) -> Listener:
    """Curves for TensorBoard, in event files.

    Assumes:
        A results folder, or `into`: else there is no place for the files.
    Differs:
        A run that is gone on with adds a file; TensorBoard drops of the older ones what is played again.
    Source:
        Abadi et al. TensorFlow: A System for Large-Scale Machine Learning. OSDI 2016.
    """
    if folder is None and into is None:
        raise ValueError("nothing is kept, so that there is no folder for its files: give `into`")
    return _Curves(Path(into).expanduser() / name if into is not None else Path(str(folder)) / FOLDER, settings)


def _listed(settings: Mapping[str, Any]) -> str:
    """The settings as a table of Markdown, which TensorBoard shows."""
    return "\n".join(["| setting | value |", "|---|---|", *(f"| {key} | {value} |" for key, value in settings.items())])
