"""How a run is shown: live in a terminal, plain in a pipe, as JSON, or not until it is over."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Literal

from rich.console import Console
from rich.text import Text

from cli.display.consoles import messages, output, show
from cli.display.header import head_lines, title
from cli.display.live import LiveTable
from cli.display.plain import JsonLines, PlainTable
from cli.display.waiting import Waiting
from fedsim.events import Event, RunEnded, RunStarted
from fedsim.runs.history import History
from fedsim.scenario.sections import Scenario

FINISHING = "finishing; Ctrl-C again to stop now"

Mode = Literal["table", "json", "quiet"]


class Screen:
    """A sink that shows a run, and the progress listener that goes with it."""

    def __init__(self, scenario: Scenario, history: History, mode: Mode, console: Console | None = None) -> None:
        self.scenario, self.history, self.mode = scenario, history, mode
        self.console = console or (messages() if mode == "json" else output())
        self.noting: Callable[[], str] = str  # what is to be said of those who do the work
        self._noted = ""
        self._stack = ExitStack()
        self._waiting = self._stack.enter_context(Waiting(messages()))
        self._live: LiveTable | None = None
        self._rows: Callable[[Event], None] | None = JsonLines() if mode == "json" else None

    def begin(self, *notes: str) -> None:
        """Say what is coming before the data are there."""
        if self.mode == "table":
            show([title(self.scenario), *(Text(f"  {note}") for note in notes)], self.console)

    def progress(self, what: str, done: int, total: int) -> None:
        """Show what the engine is busy with."""
        (self._live.progress if self._live else self._waiting)(what, done, total)

    def finishing(self) -> None:
        """Say that the end has been asked for, where it does not tear the table apart."""
        if self._live:
            self._live.finishing = True
        else:
            messages().print(FINISHING)

    def say(self, text: str) -> None:
        """A warning, above the table where there is one."""
        messages().print(f"warning  {text}", soft_wrap=True)

    def __call__(self, event: Event) -> None:
        """Show the event."""
        if isinstance(event, RunStarted):
            self._waiting.over()
            if self.mode == "table":
                self._rows = self._table(event)
        if isinstance(event, RunStarted | RunEnded) and (note := self.noting()) != self._noted:
            self.say(note)
            self._noted = note
        if self._rows:
            self._rows(event)

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state of the table standing."""
        self._stack.close()

    def _table(self, started: RunStarted) -> Callable[[Event], None]:
        self._noted = self.noting()
        lines = head_lines(self.scenario, started, self.console.width, self._noted)
        show([*lines, Text("")], self.console)
        if not self.console.is_terminal:
            return PlainTable(self.console, self.history)
        self._live = self._stack.enter_context(LiveTable(self.console, self.history, above=len(lines) + 2))
        return self._live
