"""The tables of a comparison: a column a run while they go on, a line a run when they are over."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from cli.commands.compared_runs import ComparedRun
from cli.display.formatting import magnitude, reading, score, sparkline, weight
from cli.display.lines import Line
from cli.display.live import OTHER_LINES, REFRESH, height_for
from cli.display.progress import Pace, progress_line
from fedsim.events import Event, RoundEnded
from fedsim.metrics.contract import STANDARD_SCORES, VALIDATION, reading_of
from fedsim.runs.comparison import interval
from fedsim.scenario.toml_values import NOTHING

ROUND, PAIR, SINGLE, GAP = 6, 17, 8, 2
NAME = 18
"""Widest name in the closing table."""


class CompareTable:
    """A screen and a sink: every run's accuracy and loss, round by round."""

    def __init__(self, console: Console, runs: Sequence[ComparedRun], above: int) -> None:
        self.console, self.runs = console, runs
        self._above = above
        self._around = OTHER_LINES + len(runs) - 1  # a sparkline for each run
        self._pace = Pace()
        self._activity = ""
        self._shown = 0
        self._live = Live(self, console=console, refresh_per_second=REFRESH, redirect_stdout=False)

    def __enter__(self) -> "CompareTable":
        self._pace.mark()
        if self.console.is_terminal:
            self._live.start()
        else:
            self._print(heading(self.runs, self.console.width))
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the last state and give the terminal back."""
        if self.console.is_terminal:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Follow the runs; in a pipe, write a line when every run has come to the end of a round."""
        if not isinstance(event, RoundEnded):
            return
        self._activity = ""
        self._pace.mark()
        if not self.console.is_terminal:
            self._write_whole_rounds()

    def finishing(self) -> None:
        """Say that the end has been asked for."""
        self._activity = "finishing"

    def progress(self, what: str, done: int, total: int) -> None:
        """Show what the engine is busy with between events."""
        self._activity = f"{what} {done:,}/{total:,}" if done < total else ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.picture()

    def picture(self) -> Group:
        """The table as it stands: heading, last rounds, a sparkline a run, progress."""
        width, last = self.console.width, max(run.scenario.rounds for run in self.runs)
        height = height_for(last, self.console.height, self._above, self._around)
        reached = max((len(run.history.rows) for run in self.runs), default=0)
        first = max(0, reached - height)
        lines = [Line(line_of(place, self.runs, width)) for place in range(first, reached)]
        lines += [Line()] * (height - len(lines))
        done = sum(len(run.history.rows) for run in self.runs)
        total = sum(run.scenario.rounds for run in self.runs)
        bar = progress_line(done, total, self._pace.left(total - done), self._activity, width)
        return Group(Line(heading(self.runs, width), "bold"), *lines, *self._sparklines(width), bar)

    def _sparklines(self, width: int) -> list[Text]:
        room = max(10, min(60, width - NAME - 4))
        return [
            Text.assemble(" ", (f"{sparkline(run.history.accuracies, room):<{room}}", "cyan"), f"  {run.name[:NAME]}")
            for run in self.runs
        ]

    def _write_whole_rounds(self) -> None:
        going = [len(run.history.rows) for run in self.runs if not run.finished]
        whole = min(going, default=max(len(run.history.rows) for run in self.runs))
        for place in range(self._shown, whole):
            self._print(line_of(place, self.runs, self.console.width))
        self._shown = max(self._shown, whole)

    def _print(self, line: str) -> None:
        self.console.print(Text(line), soft_wrap=True)


def heading(runs: Sequence[ComparedRun], width: int) -> str:
    """The names above the columns, and what the columns hold."""
    column = _column(len(runs), width)
    names = "".join(f"{'':{GAP}}{run.name[:column]:>{column}}" for run in runs)
    what = " (accuracy, loss)" if column == PAIR else " (accuracy)"
    return f"{'round':>{ROUND}}{names}{what}"[:width]


def line_of(place: int, runs: Sequence[ComparedRun], width: int) -> str:
    """One round of every run; nothing where a run has fewer rounds."""
    column = _column(len(runs), width)
    cells = "".join(f"{'':{GAP}}{_cell(run, place, column):>{column}}" for run in runs)
    return f"{place + 1:>{ROUND}}{cells}"[:width]


def summary_lines(runs: Sequence[ComparedRun]) -> list[str]:
    """A line a run: final accuracy, difference to the first, best, loss, weight on Byzantine rows, seconds."""
    column = min(NAME, max(8, *(len(run.name) for run in runs)))
    head = f" {'scenario':<{column}}  final  Δ vs first [95 %]   best      loss  Byz.        s"
    return [head, *(_summary_line(run, runs[0], column) for run in runs)]


def score_tables(runs: Sequence[ComparedRun], width: int) -> list[list[str]]:
    """The last of the scores besides accuracy and loss, a line a run below a heading, in as many tables as it takes."""
    asked = dict.fromkeys(name for run in runs for name in _chosen(run))
    column = min(NAME, max(8, *(len(run.name) for run in runs)))
    tables: list[list[str]] = []
    for name in asked:
        cells = _score_column(name, runs)
        if not tables or len(tables[-1][0]) + GAP + len(cells[0]) > width:
            tables.append([f" {each[:column]:<{column}}" for each in ("scenario", *(run.name for run in runs))])
        tables[-1] = [f"{line}{'':{GAP}}{cell}" for line, cell in zip(tables[-1], cells, strict=True)]
    return tables


def _chosen(run: ComparedRun) -> list[str]:
    names = run.history.started.scores if run.history.started else ()
    return [name for name in names if name not in STANDARD_SCORES and not name.startswith(VALIDATION)]


def _score_column(name: str, runs: Sequence[ComparedRun]) -> list[str]:
    found = reading_of(name)
    ends = [run.history.ended for run in runs]
    cells = [reading(ended.scores.get(name) if ended else None, found.form) for ended in ends]
    wide = max(map(len, (found.words, *cells)))
    return [f"{cell:>{wide}}" for cell in (found.words, *cells)]


def delta(run: ComparedRun, first: ComparedRun) -> tuple[float, float] | None:
    """The difference of the final accuracies and half its 95 % interval."""
    one, other = run.history.ended, first.history.ended
    if run is first or not one or not other or one.final is None or other.final is None or not run.history.started:
        return None
    return one.final - other.final, interval(one.final, other.final, run.history.started.test)


def _summary_line(run: ComparedRun, first: ComparedRun, column: int) -> str:
    ended, difference = run.history.ended, delta(run, first)
    told = f"{difference[0]:+.3f} ± {difference[1]:.3f}" if difference else NOTHING
    if ended is None:
        return f" {run.name[:column]:<{column}}  not finished: {len(run.history.rows)} of {run.scenario.rounds} rounds"
    seconds = sum(row.seconds for row in run.history.rows)
    return (
        f" {run.name[:column]:<{column}}  {score(ended.final):>5}  {told:<17}  {score(ended.best):>5}"
        f"  {magnitude(ended.final_loss):>8}  {weight(ended.byzantine_weight):>4}  {seconds:>7.1f}"
    )


def _column(runs: int, width: int) -> int:
    return PAIR if ROUND + runs * (PAIR + GAP) <= width else SINGLE


def _cell(run: ComparedRun, place: int, column: int) -> str:
    if place >= len(run.history.rows):
        return ""
    row = run.history.rows[place]
    if row.skipped and row.accuracy is None:
        return "skipped"
    return f"{score(row.accuracy)}  {magnitude(row.loss):>8}" if column == PAIR else score(row.accuracy)
