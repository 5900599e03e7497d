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

from cli.compare_table import CompareTable, delta, summary_lines
from cli.consoles import messages, output, show, show_json_line
from cli.contestants import Contestant, contestants, in_turns
from cli.differences import differences, shared
from cli.layout import labelled
from cli.run import Wishes
from cli.screens import FINISHING
from cli.stopping import INTERRUPTED, Interrupted, Stopping, is_end
from cli.waiting import Waiting
from fedsim.arrays import Progress
from fedsim.events import Event
from fedsim.files import storing, write_whole
from fedsim.loading import scenario_digest
from fedsim.records import event_record

if TYPE_CHECKING:
    from fedsim.pool import Pool

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

Told = tuple[Contestant, Event]


def compare(paths: Sequence[Path], wishes: Wishes) -> int:
    """Run what is not finished, in turns, and show all of it; the exit code."""
    if len(paths) < FEWEST:
        raise typer.BadParameter("a comparison needs two scenarios or more", param_hint="SUBJECTS")
    if (wishes.overrides or wishes.seed is not None) and any(path.is_dir() for path in paths):
        raise typer.BadParameter("--set and --seed change scenarios; a results folder stays what it is")
    if wishes.out and not wishes.save:
        raise typer.BadParameter(
            "--out says where to keep the comparison, and --no-save to keep none: give one of them"
        )
    runs = contestants(paths, wishes.all_overrides, wishes.force, wishes.save)
    console = messages() if wishes.mode == "json" else output()
    lines = list(opening(runs, console.width)) if wishes.mode == "table" else []
    show(lines, console)
    whole = _play(runs, wishes, console, len(lines))
    show(closing(runs, console.width), console, apart=wishes.mode == "table")
    if wishes.save and whole:
        folder = wishes.out or folder_for(runs)
        _keep(runs, folder)
        show([Text(f"  {folder}   {FIGURE}  {TABLE}")], console)
    elif wishes.save:
        show([Text("  interrupted; the same command goes on from here")], console)
    return 0 if whole else INTERRUPTED


def opening(runs: Sequence[Contestant], width: int) -> Iterator[Text]:
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
    yield Text("")


def same(runs: Sequence[Contestant]) -> str:
    """What the runs have in common, and what not."""
    alike, apart = shared([run.scenario for run in runs])
    if not apart:
        return f"{', '.join(alike)}: every difference comes from the settings below"
    return f"{', '.join(alike) or 'nothing'}; different {', '.join(apart)}"


def closing(runs: Sequence[Contestant], width: int) -> Iterator[Text]:
    """The table at the end and how far it can be trusted."""
    head, *lines = summary_lines(runs)
    yield Text(head, style="bold")
    yield from (Text(line) for line in lines)
    if not all(run.finished for run in runs):
        return
    note = "± is a 95 % interval over the test examples, normal approximation, as if they were drawn apart for each "
    note += "run (too wide rather than too narrow); another seed may differ by more"
    yield from labelled("", note, width=width, column=0)


def folder_for(runs: Sequence[Contestant]) -> Path:
    """Where the comparison of these very runs is kept."""
    key = json.dumps([[run.name, scenario_digest(run.scenario)] for run in runs])
    return Path(runs[0].scenario.output.folder) / f"compare-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _play(runs: Sequence[Contestant], wishes: Wishes, console: Console, above: int) -> bool:
    """Run what is not finished; whether all of it is now."""
    waiting = [run for run in runs if not run.finished]
    if not waiting:
        return True
    from fedsim.pool import Pool

    execution = waiting[0].scenario.execution
    with ExitStack() as stack:
        sink, progress, finishing = _screen(stack, runs, wishes, console, above)
        stopping = stack.enter_context(Stopping(finishing))
        pool = stack.enter_context(Pool(execution.workers, execution.backend))
        pool.start()  # before anybody's first round, which would be charged with it
        playing = [stack.enter_context(closed(_told(run, pool, wishes, progress))) for run in waiting]
        try:
            for run, event in stopping.following(in_turns(playing), lambda told: is_end(told[1])):
                sink(run, event)
        except Interrupted:
            return False
    return all(run.finished for run in runs)


def _told(run: Contestant, pool: "Pool", wishes: Wishes, progress: Progress) -> Generator[Told, None, None]:
    """The run's events, each with the run it belongs to; the run is let go of when this is closed."""
    with closed(run.play(pool, wishes.force, wishes.save, progress)) as events:
        for event in events:
            yield run, event


def _screen(
    stack: ExitStack, runs: Sequence[Contestant], wishes: Wishes, console: Console, above: int
) -> tuple[Callable[[Contestant, Event], None], Progress, Callable[[], None]]:
    """What is told every event, what is told of progress, and what is told that the end was asked for."""
    if wishes.mode == "table":
        table = stack.enter_context(CompareTable(console, runs, above))
        return lambda _, event: table(event), table.progress, table.finishing
    waiting = stack.enter_context(Waiting(messages()))
    sink = _write_line if wishes.mode == "json" else lambda *_: None
    return sink, waiting, lambda: messages().print(FINISHING)


def _write_line(run: Contestant, event: Event) -> None:
    show_json_line({"run": run.name} | event_record(event))


def _keep(runs: Sequence[Contestant], folder: Path) -> None:
    """Write the figure and the table."""
    from cli.figures import draw_comparison

    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TABLE, _table(runs).encode())
    draw_comparison(folder / FIGURE, [(run.name, run.history.rows) for run in runs], _title(runs))


def _table(runs: Sequence[Contestant]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_record(run, runs[0]) for run in runs)
    return text.getvalue()


def _record(run: Contestant, first: Contestant) -> dict[str, object]:
    ended, difference = run.history.ended, delta(run, first)
    own = {
        "run": run.name,
        "scenario": scenario_digest(run.scenario),
        "folder": str(run.folder or ""),
        "rule": run.scenario.aggregator.name,
        "attack": " + ".join(plan.attack.name for plan in run.scenario.attacks),
        "data": run.scenario.data.name,
        "partition": run.scenario.partition.name,
        "model": run.scenario.model.name,
        "seed": run.scenario.seed,
        "delta": difference[0] if difference else "",
        "delta_95": difference[1] if difference else "",
        "seconds": round(sum(row.seconds for row in run.history.rows), 3),
    }
    return own | {key: getattr(ended, key) for key in ENDED}


def _title(runs: Sequence[Contestant]) -> str:
    found = {run.scenario.question for run in runs}
    return found.pop() if len(found) == 1 else " · ".join(run.name for run in runs)
