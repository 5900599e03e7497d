"""Screens for those who do not sit before a terminal: aligned lines, JSON, or nothing until the end."""

from rich.console import Console

from cli.display.consoles import show_json_line
from cli.display.round_table import Table, table_for
from fedsim.events import Event, RoundEnded, RunStarted
from fedsim.runs.event_json import event_record
from fedsim.runs.history import History


class PlainTable:
    """One aligned line a round, written as the round ends."""

    def __init__(self, console: Console, history: History) -> None:
        self.console, self.history = console, history
        self._table: Table | None = None

    def __call__(self, event: Event) -> None:
        """Write the heading or the round that has just ended."""
        if isinstance(event, RunStarted):
            self._table = table_for(event, max(self.console.width, 80))
            self._write(self._table.heading())
        elif isinstance(event, RoundEnded) and self._table is not None:
            self._write(self._table.line(self.history.rows[-1]))

    def _write(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        self.console.file.flush()


class JsonLines:
    """One event a line, as it is kept in `events.jsonl`."""

    def __call__(self, event: Event) -> None:
        """Write the event."""
        show_json_line(event_record(event))
