"""The grid of a study: a cell a character, what is left, and the best and the worst so far."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from cli.display.formatting import seconds
from cli.display.progress import Pace, progress_line
from fedsim.scenario.toml_values import NOTHING
from fedsim.study.cells import Cell
from fedsim.study.perform import CellEvent
from fedsim.study.plan import Plan
from fedsim.study.results import score_of
from fedsim.study.state import State

REFRESH = 5
OTHER_LINES = 6
"""Lines of the screen that are not cells."""
SIGNS = {
    "finished": ("●", "green"), "started": ("▶", "bold cyan"), "failed": ("✗", "bold red"),
    "damaged": ("!", "bold red"),
    "stale": ("~", "yellow"), "partial": ("◐", "cyan"), "stopped": ("◐", "cyan"), "held": ("=", "magenta"),
    "new": ("·", "dim"),
}  # fmt: skip
WORDS = {"started": "running", "new": "waiting", "partial": "under way", "held": "in another sweep"}


class Grid:
    """A screen of a sweep: drawn live in a terminal, a line a cell in a pipe."""

    def __init__(
        self, console: Console, plan: Plan, cells: Sequence[Cell], states: Mapping[Path, State], *, quiet: bool = False
    ) -> None:
        self.console, self.plan, self.cells = console, plan, cells
        self._quiet = quiet
        self._kinds: dict[Path, str] = {folder: state.status for folder, state in states.items()}
        self._scores: list[tuple[float, str]] = []
        for cell in cells:
            self._score(cell, states[cell.folder].summary)
        self._total = len(self._kinds)
        self._pace, self._activity = Pace(), ""
        self._live = Live(self, console=console, refresh_per_second=REFRESH, redirect_stdout=False)

    def __enter__(self) -> "Grid":
        self._pace.mark()
        if self.console.is_terminal and not self._quiet:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state standing."""
        if self._live.is_started:
            self._live.stop()

    def __call__(self, event: CellEvent) -> None:
        """Follow the sweep."""
        self._kinds[event.cell.folder] = event.kind
        if event.kind == "started":
            return
        self._pace.mark()
        self._score(event.cell, event.summary)
        if not self.console.is_terminal and not self._quiet:
            self._write(event)

    def finishing(self) -> None:
        """Say that the end has been asked for."""
        self._activity = "finishing"
        if not self.console.is_terminal:
            self.console.print("finishing; Ctrl-C again to stop now", soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.picture()

    def picture(self) -> Group:
        """The cells, the legend, the extremes and the progress."""
        done = sum(kind in ("finished", "failed", "damaged") for kind in self._kinds.values())
        left = self._pace.left(self._total - done)
        bar = progress_line(done, self._total, left, self._activity, self.console.width)
        return Group(*self._rows(), self._legend(), *self._extremes(), bar)

    def _rows(self) -> list[Text]:
        rows = self._labelled_rows()
        if len(rows) <= self.console.height - OTHER_LINES and all(row.cell_len <= self.console.width for row in rows):
            return rows
        signs = [self._sign(cell) for cell in self.cells]
        room = max(10, self.console.width - 2)
        lines = [Text.assemble(" ", *signs[start : start + room]) for start in range(0, len(signs), room)]
        return lines[: max(1, self.console.height - OTHER_LINES)]

    def _labelled_rows(self) -> list[Text]:
        """A line for all axes but the last, whose levels stand beside each other with their seeds."""
        groups: dict[str, dict[str, list[Text]]] = {}
        for cell in self.cells:
            *down, across = cell.coordinates.values() if cell.coordinates else ("",)
            rows = groups.setdefault(" ".join(down) or across, {})
            rows.setdefault(across, []).append(self._sign(cell))
        width = max(len(name) for name in groups)
        return [
            Text.assemble(f" {name:<{width}}  ", *[part for signs in row.values() for part in (*signs, Text(" "))])
            for name, row in groups.items()
        ]

    def _sign(self, cell: Cell) -> Text:
        return Text(*SIGNS[self._kinds[cell.folder]])

    def _legend(self) -> Text:
        found = {kind: list(self._kinds.values()).count(kind) for kind in SIGNS if kind in self._kinds.values()}
        parts = [(SIGNS[kind], f" {count} {WORDS.get(kind, kind)}  ") for kind, count in found.items()]
        return Text.assemble(" ", *[piece for pair in parts for piece in pair], no_wrap=True, overflow="crop")

    def _extremes(self) -> list[Text]:
        if not self._scores:
            return [Text("")]
        score = self.plan.questions.score
        best, worst = max(self._scores), min(self._scores)
        best, worst = (best, worst) if self.plan.questions.better > 0 else (worst, best)
        return [
            Text(f" {word:<5} {score} {value:.3f}  {name}", no_wrap=True, overflow="ellipsis")
            for word, (value, name) in (("best", best), ("worst", worst))
        ]

    def _score(self, cell: Cell, summary: Mapping[str, object] | None) -> None:
        value = score_of(summary, self.plan.questions.score) if summary else None
        if value is not None:
            self._scores.append((value, cell.name))

    def _write(self, event: CellEvent) -> None:
        done = sum(kind in ("finished", "failed", "damaged") for kind in self._kinds.values())
        value = score_of(event.summary, self.plan.questions.score) if event.summary else None
        told = f"{self.plan.questions.score} {value:.3f}" if value is not None else event.message or NOTHING
        line = f"{done:>{len(str(self._total))}}/{self._total}  {event.kind:<8}  {event.cell.name}  "
        self.console.print(Text(f"{line}{told}  {seconds(event.seconds)}"), soft_wrap=True)
        self.console.file.flush()
