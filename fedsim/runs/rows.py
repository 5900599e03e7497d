"""A round's events made into one row: the record that tables, figures, last lines and `metrics.csv` read."""

from dataclasses import dataclass

from fedsim.events import Aggregated, Event, RoundEnded, RoundStarted, Scores

LOST_SHARE = 0.1
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
    scores: Scores  # none where the round was not scored
    train_loss: float | None
    norm: float
    distance: float
    missing: tuple[int, int, int]  # clients that dropped out, were late, sent rows that are not finite
    skipped: str
    digest: str
    seconds: float
    broken: bool = False  # whether more Byzantine rows came than the server is set up to bear

    @property
    def accuracy(self) -> float | None:
        """On the test examples."""
        return self.scores.get("accuracy")

    @property
    def loss(self) -> float | None:
        """On the test examples."""
        return self.scores.get("loss")

    @property
    def lost(self) -> bool:
        """Whether attackers clearly got more weight than their share of the rows."""
        return not self.skipped and self.weight - self.share > max(LOST_SHARE / 2, LOST_SHARE * (1 - self.share))


class Rows:
    """Follows a run and makes a row when a round ends."""

    def __init__(self) -> None:
        self.current: RoundStarted | None = None  # the round at work
        self.verdict: Aggregated | None = None  # in that round

    def __call__(self, event: Event) -> Row | None:
        """The finished row, or None while a round is under way."""
        if isinstance(event, RoundStarted):
            self.current, self.verdict = event, None
        elif isinstance(event, Aggregated):
            self.verdict = event
        elif isinstance(event, RoundEnded):
            return self._row(event)
        return None

    def _row(self, ended: RoundEnded) -> Row:
        started, verdict = self.current, self.verdict
        if started is None or verdict is None:
            raise ValueError(f"round {ended.round} ended before it was aggregated")
        self.current = None
        attackers, seen = set(started.byzantine), len(verdict.clients)
        return Row(
            number=ended.round,
            time=ended.time,
            byzantine=len(attackers),
            cohort=len(started.cohort),
            weight=verdict.byzantine_weight,
            share=sum(client in attackers for client in verdict.clients) / seen if seen else 0.0,
            scores=ended.scores,
            train_loss=ended.train_loss,
            norm=verdict.norm,
            distance=verdict.distance,
            missing=(len(verdict.dropped), len(verdict.late), len(verdict.nonfinite)),
            skipped=verdict.skipped,
            digest=ended.digest,
            seconds=ended.seconds,
            broken=bool(verdict.guarantee),
        )
