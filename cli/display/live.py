"""The live table: a fixed stretch of the terminal in which the last rounds scroll."""

from types import TracebackType

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from cli.display.formatting import sparkline
from cli.display.lines import Line
from cli.display.progress import Pace, progress_line
from cli.display.round_table import Table, table_for
from fedsim.events import Event, RoundEnded, RunStarted
from fedsim.runs.history import History
from fedsim.runs.rows import Row

OTHER_LINES = 4
"""Lines of the live part that are not rounds: heading, sparkline, progress, and the cursor's own."""
LEAST_ROWS = 3
REFRESH = 5
"""Redraws a second, however many rounds pass."""
WIDEST_SPARKLINE = 60


class LiveTable:
    """A screen and a sink: draws what the history holds, in a height that never changes."""

    def __init__(self, console: Console, history: History, *, above: int = 0, pace: Pace | None = None) -> None:
        self.console, self.history = console, history
        self._above = above  # lines printed before, which should stay in sight
        self._pace = pace or Pace()
        self._activity = ""  # what is being done, where that is not training
        self.finishing = False  # whether the end has been asked for
        self._table: Table | None = None
        self._lines: list[Line] = []  # one a round, made when it is first drawn
        self._live: Live | None = None

    def __call__(self, event: Event) -> None:
        """Follow the run; the screen itself is redrawn by its own clock."""
        if isinstance(event, RunStarted):
            self._table = table_for(event, self.console.width)
            self._pace.mark()
            self._live = Live(self, console=self.console, refresh_per_second=REFRESH, redirect_stdout=False)
            self._live.start()
        elif isinstance(event, RoundEnded):
            self._activity = ""
            self._pace.mark()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show what the engine is busy with between events."""
        self._activity = f"{what} {done:,}/{total:,}" if done < total else ""

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
        total = self.history.started.rounds
        height = height_for(total, self.console.height, self._above, OTHER_LINES)
        done = len(self.history.rows)
        self._lines += [_line(self._table, row) for row in self.history.rows[len(self._lines) : done]]
        lines = [Line(self._table.heading(), "bold"), *self._lines[-height:]]
        lines += [Line()] * (height - done)
        bar = progress_line(done, total, self._pace.left(total - done), self._doing(), self.console.width)
        return Group(*lines, self._sparkline(), bar)

    def _sparkline(self) -> Text:
        width = max(10, min(WIDEST_SPARKLINE, self.console.width - 20))
        bars = sparkline(self.history.accuracies, width)
        return Text.assemble(" ", (bars, "cyan"), "  accuracy" if bars else "", no_wrap=True)

    def _doing(self) -> str:
        current = self.history.current
        if self.finishing:
            return "finishing"
        if self._activity or current is None:
            return self._activity
        if self.history.verdict is not None:
            return "scoring"
        asked = len(current.cohort)
        return f"training {self.history.trained}/{asked}" if self.history.trained < asked else "aggregating"


def height_for(rounds: int, screen: int, above: int, around: int) -> int:
    """Rows to show: what fits below the head, and no more than there are rounds."""
    room = screen - around - above
    if room < LEAST_ROWS:  # then the head may scroll away
        room = screen - around
    return max(1, min(rounds, room))


def _line(table: Table, row: Row) -> Line:
    return Line(table.line(row), "red" if row.lost else "yellow" if row.skipped else "")
