"""What a person sees while data are made, read or fetched, before there is a table to look at."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Waiting:
    """A progress listener with one bar, gone without a trace when the wait is over; silent without a terminal."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn(" {task.description}"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: TaskID | None = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how far it has come."""
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task(what, total=total)
        if what != self._what:
            self._what = what
            self._bar.reset(self._task, total=total, description=what)
        self._bar.update(self._task, completed=done, total=total)

    def __enter__(self) -> "Waiting":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over()

    def over(self) -> None:
        """Take the bar away."""
        self._bar.stop()
