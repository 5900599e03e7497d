"""What has happened so far in a run, round by round: the one record that tables, last lines and figures read."""

from typing import assert_never

from fedsim.events import (
    Aggregated,
    BatchTrained,
    Event,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    UpdatesForged,
)
from fedsim.runs.rows import Row, Rows


class History:
    """A sink that remembers what the screen and the figures need."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.ended: RunEnded | None = None
        self.rows: list[Row] = []
        self.accuracies: list[float] = []  # of the rounds that were scored
        self.trained = 0  # clients of the round at work that have finished
        self._rows = Rows()

    @property
    def current(self) -> RoundStarted | None:
        """The round at work."""
        return self._rows.current

    @property
    def verdict(self) -> Aggregated | None:
        """The rule's, in the round at work."""
        return self._rows.verdict

    def __call__(self, event: Event) -> None:
        """Remember an event."""
        row = self._rows(event)
        match event:
            case RunStarted():
                self.started = event
            case RoundStarted():
                self.trained = 0
            case BatchTrained():
                self.trained += len(event.clients)
            case UpdatesForged() | Aggregated():
                pass
            case RoundEnded():
                self.rows += [row] if row else []
                self.accuracies += [event.accuracy] if event.accuracy is not None else []
            case RunEnded():
                self.ended = event
            case _:
                assert_never(event)
