"""What has happened so far in a run, round by round: the one record that tables, last lines and figures read."""

from dataclasses import dataclass, field
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

CLEARLY = 0.1
"""A rule has lost a round when it gave attackers this part of what was left for honest rows, beyond their share."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finished round."""

    number: int
    time: float
    byzantine: int  # attackers in the cohort
    cohort: int
    weight: float  # of the aggregate that went to attackers
    share: float  # of the rows the rule saw that were attackers'
    accuracy: float | None
    loss: float | None
    validation: float | None  # accuracy on validation examples
    train_loss: float | None
    norm: float
    distance: float
    missing: tuple[int, int, int]  # clients that dropped out, were late, were caught with rows that are not finite
    skipped: str
    digest: str
    seconds: float

    @property
    def lost(self) -> bool:
        """Whether attackers clearly got more weight than their share of the rows."""
        return not self.skipped and self.weight - self.share > max(CLEARLY / 2, CLEARLY * (1 - self.share))


@dataclass(slots=True)
class History:
    """A sink that remembers what the screen and the figures need."""

    started: RunStarted | None = None
    ended: RunEnded | None = None
    rows: list[Row] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)  # of the rounds that were scored
    current: RoundStarted | None = None  # the round at work
    trained: int = 0  # clients of it that have finished
    verdict: Aggregated | None = None

    def __call__(self, event: Event) -> None:
        """Remember an event."""
        match event:
            case RunStarted():
                self.started = event
            case RoundStarted():
                self.current, self.trained, self.verdict = event, 0, None
            case BatchTrained():
                self.trained += len(event.clients)
            case UpdatesForged():
                pass
            case Aggregated():
                self.verdict = event
            case RoundEnded():
                self._finish(event)
            case RunEnded():
                self.ended = event
            case _:
                assert_never(event)

    def _finish(self, event: RoundEnded) -> None:
        if self.current is None or self.verdict is None:
            raise ValueError(f"round {event.round} ended before it was aggregated")
        self.rows.append(_row(self.current, self.verdict, event))
        if event.accuracy is not None:
            self.accuracies.append(event.accuracy)
        self.current = None


def _row(started: RoundStarted, verdict: Aggregated, ended: RoundEnded) -> Row:
    attackers = set(started.byzantine)
    seen = len(verdict.clients)
    return Row(
        number=ended.round,
        time=ended.time,
        byzantine=len(attackers),
        cohort=len(started.cohort),
        weight=verdict.byzantine_weight,
        share=sum(client in attackers for client in verdict.clients) / seen if seen else 0.0,
        accuracy=ended.accuracy,
        loss=ended.loss,
        validation=ended.validation_accuracy,
        train_loss=ended.train_loss,
        norm=verdict.norm,
        distance=verdict.distance,
        missing=(len(verdict.dropped), len(verdict.late), len(verdict.nonfinite)),
        skipped=verdict.skipped,
        digest=ended.digest,
        seconds=ended.seconds,
    )
