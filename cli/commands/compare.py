"""`fedsim compare`: several scenarios side by side, on the same data, cohorts and batches where they allow it."""

import csv
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from contextlib import closing as closed
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from cli.commands.compared_runs import ComparedRun, compared_runs, in_turns
from cli.commands.run import Options
from cli.display.compare_table import CompareTable, delta, score_tables, summary_lines
from cli.display.consoles import messages, output, show, show_json_line
from cli.display.layout import labelled
from cli.display.screens import FINISHING
from cli.display.waiting import Waiting
from cli.signals import INTERRUPTED, Interrupted, Stopping, is_end
from fedsim.array_types import Progress
from fedsim.atomic_files import storing, write_whole
from fedsim.events import Event
from fedsim.metrics.contract import STANDARD_SCORES
from fedsim.runs.comparison import differences, shared
from fedsim.runs.event_json import event_record
from fedsim.scenario.labels import labels
from fedsim.scenario.load import scenario_digest

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool

FIGURE, TABLE = "compare.png", "summary.csv"
ENDED = (
    "final", "final_loss", "best", "best_round", "selected", "selected_round", "byzantine_weight", "skipped", "rounds",
    "digest",
)  # fmt: skip
COLUMNS = (
    "run",
    "scenario",
    "folder",
    "rule",
    "attack",
    "data",
    "partition",
    "model",
    "seed",
    "delta",
    "delta_95",
    "seconds",
    *ENDED,
)
MOST_DIFFERENCES = 12
FEWEST = 2

Told = tuple[ComparedRun, Event]


def compare(paths: Sequence[Path], options: Options) -> int:
    """Run what is not finished, in turns, and show all of it; the exit code."""
    if len(paths) < FEWEST:
        raise typer.BadParameter("a comparison needs two scenarios or more", param_hint="SUBJECTS")
    if (options.overrides or options.seed is not None) and any(path.is_dir() for path in paths):
        raise typer.BadParameter("--set and --seed change scenarios; a results folder stays what it is")
    if options.out and not options.save:
        raise typer.BadParameter(
            "--out says where to keep the comparison, and --no-save to keep none: give one of them"
        )
    runs = compared_runs(paths, options.all_overrides, options.force, options.save, options.plugins)
    console = messages() if options.mode == "json" else output()
    lines = list(head_lines(runs, console.width)) if options.mode == "table" else []
    show(lines, console)
    whole = _play(runs, options, console, len(lines))
    show(closing(runs, console.width), console, apart=options.mode == "table")
    if options.save and whole:
        folder = options.out or folder_for(runs)
        _keep(runs, folder)
        show([Text(f"  {folder}   {FIGURE}  {TABLE}")], console)
    elif options.save:
        show([Text("  interrupted; the same command goes on from here")], console)
    return 0 if whole else INTERRUPTED


def head_lines(runs: Sequence[ComparedRun], width: int) -> Iterator[Text]:
    """The names, what is shared, and the settings that differ."""
    yield Text(" · ".join(run.name for run in runs), style="bold")
    yield from labelled("same", same(runs), width=width, column=8)
    found = differences([run.scenario for run in runs])
    for key, values in list(found.items())[:MOST_DIFFERENCES]:
        yield from labelled(key, "  |  ".join(values), width=width, column=max(24, len(key) + 2))
    if len(found) > MOST_DIFFERENCES:
        yield Text(f"  … and {len(found) - MOST_DIFFERENCES} more settings")
    for run in runs:
        if run.finished:
            yield from labelled("read", f"{run.name} from {run.folder}", width=width, column=8)
        if run.note:
            yield from labelled("note", f"{run.name} was {run.note}", width=width, column=8, style="yellow")
    yield Text("")


def same(runs: Sequence[ComparedRun]) -> str:
    """What the runs have in common, and what not."""
    alike, apart = shared([run.scenario for run in runs])
    if not apart:
        return f"{', '.join(alike)}: every difference comes from the settings below"
    return f"{', '.join(alike) or 'nothing'}; different {', '.join(apart)}"


def closing(runs: Sequence[ComparedRun], width: int) -> Iterator[Text]:
    """The table at the end and how far it can be trusted."""
    head, *lines = summary_lines(runs)
    yield Text(head, style="bold")
    yield from (Text(line) for line in lines)
    for heading, *scores in score_tables(runs, width):
        yield from (Text(""), Text(heading, style="bold"))
        yield from (Text(line) for line in scores)
    if not all(run.finished for run in runs):
        return
    note = "± is a 95 % interval over the test examples, normal approximation, as if they were drawn apart for each "
    note += "run (too wide rather than too narrow); another seed may differ by more"
    yield from labelled("", note, width=width, column=0)


def folder_for(runs: Sequence[ComparedRun]) -> Path:
    """Where the comparison of these very runs is kept."""
    key = json.dumps([[run.name, scenario_digest(run.scenario)] for run in runs])
    return Path(runs[0].scenario.output.folder) / f"compare-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _play(runs: Sequence[ComparedRun], options: Options, console: Console, above: int) -> bool:
    """Run what is not finished; whether all of it is now."""
    waiting = [run for run in runs if not run.finished]
    if not waiting:
        return True
    from fedsim.execution.pool import Pool

    execution = waiting[0].scenario.execution
    with ExitStack() as stack:
        sink, progress, finishing = _screen(stack, runs, options, console, above)
        stopping = stack.enter_context(Stopping(finishing))
        pool = stack.enter_context(Pool(execution.workers, execution.backend, execution.address))
        pool.start()  # before anybody's first round, which would be charged with it
        playing = [stack.enter_context(closed(_told(run, pool, options, progress))) for run in waiting]
        try:
            for run, event in stopping.following(in_turns(playing), lambda told: is_end(told[1])):
                sink(run, event)
        except Interrupted:
            return False
    return all(run.finished for run in runs)


def _told(run: ComparedRun, pool: "Pool", options: Options, progress: Progress) -> Generator[Told, None, None]:
    """The run's events, each with the run it belongs to; the run is let go of when this is closed."""
    with closed(run.play(pool, options.force, options.save, progress)) as events:
        for event in events:
            yield run, event


def _screen(
    stack: ExitStack, runs: Sequence[ComparedRun], options: Options, console: Console, above: int
) -> tuple[Callable[[ComparedRun, Event], None], Progress, Callable[[], None]]:
    """What is told every event, what is told of progress, and what is told that the end was asked for."""
    if options.mode == "table":
        table = stack.enter_context(CompareTable(console, runs, above))
        return lambda _, event: table(event), table.progress, table.finishing
    waiting = stack.enter_context(Waiting(messages()))
    sink = _write_line if options.mode == "json" else lambda *_: None
    return sink, waiting, lambda: messages().print(FINISHING)


def _write_line(run: ComparedRun, event: Event) -> None:
    show_json_line({"run": run.name} | event_record(event))


def _keep(runs: Sequence[ComparedRun], folder: Path) -> None:
    """Write the figure and the table."""
    from fedsim.report.figures import draw_comparison

    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TABLE, _table(runs).encode())
    over_time = any(run.scenario.clients.buffer is not None for run in runs)  # a step is no round of the others
    rows = [(run.name, run.history.rows) for run in runs]
    draw_comparison(folder / FIGURE, rows, _title(runs), over_time=over_time)


def _table(runs: Sequence[ComparedRun]) -> str:
    """A line a run; scores that only some of the runs have are empty in the others."""
    text, records = StringIO(), [_record(run, runs[0]) for run in runs]
    scores = dict.fromkeys(name for record in records for name in record if name not in COLUMNS)
    writer = csv.DictWriter(text, [*COLUMNS, *scores], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _record(run: ComparedRun, first: ComparedRun) -> dict[str, object]:
    ended, difference, told = run.history.ended, delta(run, first), labels(run.scenario)
    own = {
        "run": run.name,
        "scenario": scenario_digest(run.scenario),
        "folder": str(run.folder or ""),
        **{name: told[name] for name in ("rule", "attack", "data", "partition", "model")},
        "seed": run.scenario.seed,
        "delta": difference[0] if difference else "",
        "delta_95": difference[1] if difference else "",
        "seconds": round(sum(row.seconds for row in run.history.rows), 3),
    }
    scores = {name: number for name, number in ended.scores.items() if name not in STANDARD_SCORES} if ended else {}
    return own | {key: getattr(ended, key) for key in ENDED} | scores


def _title(runs: Sequence[ComparedRun]) -> str:
    found = {run.scenario.question for run in runs}
    return found.pop() if len(found) == 1 else " · ".join(run.name for run in runs)
