"""The live table: a fixed stretch of the terminal in which the last rounds scroll."""

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from cli.history import History, Row
from cli.rounds import Table, table_for
from cli.wording import clock, sparkline
from fedsim.events import Event, RoundEnded, RunStarted

AROUND = 4
"""Lines of the live part that are not rounds: heading, sparkline, progress, and the cursor's own."""
LEAST_ROWS = 3
REFRESH = 5
"""Redraws a second, however many rounds pass."""
PACE = 20
"""Rounds over which the time left is judged."""


class LiveTable:
    """A screen and a sink: draws what the history holds, in a height that never changes."""

    def __init__(
        self,
        console: Console,
        history: History,
        *,
        above: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console, self.history, self.now = console, history, now
        self.above = above  # lines printed before, which should stay in sight
        self.activity = ""  # what is being done, where that is not training
        self.finishes: deque[float] = deque(maxlen=PACE)
        self._table: Table | None = None
        self._live: Live | None = None

    def __call__(self, event: Event) -> None:
        """Follow the run; the screen itself is redrawn by its own clock."""
        if isinstance(event, RunStarted):
            self._table = table_for(event, self.console.width)
            self.finishes.append(self.now())
            self._live = Live(self, console=self.console, refresh_per_second=REFRESH, redirect_stdout=False)
            self._live.start()
        elif isinstance(event, RoundEnded):
            self.activity = ""
            self.finishes.append(self.now())

    def progress(self, what: str, done: int, total: int) -> None:
        """Show what the engine is busy with between events."""
        self.activity = f"{what} {done:,}/{total:,}" if done < total else ""

    def __enter__(self) -> "LiveTable":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Draw the last state and give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.picture()

    def picture(self) -> Group:
        """The table as it stands: heading, last rounds, sparkline, progress."""
        if self._table is None or self.history.started is None:
            return Group()
        height = self.height(self.history.started.rounds)
        rows = self.history.rows[-height:]
        lines = [Text(self._table.heading(), style="bold"), *(self._line(self._table, row) for row in rows)]
        lines += [Text("")] * (height - len(rows))
        return Group(*lines, self._sparkline(), self._progress(self.history.started))

    def height(self, rounds: int) -> int:
        """Rows to show: what fits below the opening lines, and no more than there are rounds."""
        room = self.console.height - AROUND - self.above
        if room < LEAST_ROWS:
            room = self.console.height - AROUND
        return max(1, min(rounds, room))

    def _line(self, table: Table, row: Row) -> Text:
        style = "red" if row.lost else "yellow" if row.skipped else ""
        return Text(table.line(row), style=style, no_wrap=True, overflow="crop")

    def _sparkline(self) -> Text:
        width = max(10, min(60, self.console.width - 20))
        bars = sparkline(self.history.accuracies, width)
        return Text.assemble(" ", (bars, "cyan"), "  accuracy" if bars else "", no_wrap=True)

    def _progress(self, started: RunStarted) -> Text:
        done, total = len(self.history.rows), started.rounds
        first = self.history.rows[0].number - 1 if self.history.rows else 0  # a resumed run begins later
        done += first
        figures = f"  {done:>{len(str(total))}}/{total}  {done * 100 // total:>3} %  {self._left(total - done):>9}"
        doing = f"  {self._doing()}"
        bar = _bar(done / total, max(10, min(40, self.console.width - len(figures) - len(doing) - 3)))
        return Text.assemble(" ", bar, figures, (doing, "dim"), no_wrap=True, overflow="crop")

    def _doing(self) -> str:
        current = self.history.current
        if self.activity or current is None:
            return f"{self.activity:<24}"
        word = "aggregating" if self.history.verdict is None else "scoring"
        asked = len(current.cohort)
        words = f"training {self.history.trained}/{asked}" if self.history.trained < asked else word
        return f"{words:<24}"

    def _left(self, rounds: int) -> str:
        if len(self.finishes) <= 1 or rounds == 0:
            return "" if rounds == 0 else "… left"
        pace = (self.finishes[-1] - self.finishes[0]) / (len(self.finishes) - 1)
        return f"{clock(max(0.0, pace * rounds - (self.now() - self.finishes[-1])))} left"


def _bar(fraction: float, width: int) -> Text:
    halves = int(fraction * width * 2)
    full, half = divmod(halves, 2)
    done = "━" * full + "╸" * half
    return Text.assemble((done, "green"), ("━" * (width - len(done)), "dim"))
