"""`fedsim sweep`: the cells of a study played side by side, and what their numbers say."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import typer
from rich.text import Text

from cli.commands.sweep_options import Options, read_shard, read_where
from cli.display.consoles import messages, output, show, show_json_line
from cli.display.formatting import clock, plural
from cli.display.grid import Grid
from cli.display.layout import labelled
from cli.display.study_tables import table_lines
from cli.display.waiting import Waiting
from cli.signals import INTERRUPTED, Interrupted, Stopping
from fedsim.byte_sizes import in_words
from fedsim.clean_text import one_line
from fedsim.study.cells import Cell, cells_of, chosen
from fedsim.study.effort import effort_of_a_cell, runs_to_play
from fedsim.study.perform import CellEvent, Sweep
from fedsim.study.plan import Plan, read_plan
from fedsim.study.results import HEATMAP, Study, study_of
from fedsim.study.state import State, states_of
from fedsim.study.where import DASK, Where

GRACE_SECONDS = 3.0
"""Seconds that the rounds under way get to end when the end is asked for."""
MOST_SHOWN = 8
"""Failures and damaged cells that are told one by one."""


def sweep(path: Path, options: Options) -> int:
    """Play what is not finished of a study and show its tables; the exit code."""
    shard = read_shard(options.shard)
    plan = read_plan(path, options.out)
    cells = cells_of(plan, [str(Path(each).resolve()) if each.endswith(".py") else each for each in options.plugins])
    try:
        mine = chosen(cells, options.only, shard)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--only") from error
    with Waiting(messages()) as waiting:
        states = states_of(mine, waiting)
    where = read_where(cells, options)
    workers = where.workers
    if options.dry_run:
        _dry_run(plan, mine, states, workers, options, len(cells))
        return _exit_code(states, failed=0)
    show(head_lines(plan, mine, states, len(cells)), _console(options))
    if where.backend == DASK:
        show(labelled("workers", f"of Dask {where.place}", width=output().width, column=8), _console(options))
    failed, interrupted = _play(plan, _first(mine, states, options.max_cells), states, where, options)
    study = study_of(plan, cells)
    _tell(study, mine, states, options)
    return INTERRUPTED if interrupted else _exit_code(states, failed)


def _console(options: Options) -> Any:
    return messages() if options.as_json else output()


def _exit_code(states: Mapping[Path, State], failed: int) -> int:
    return 1 if failed or any(state.status == "damaged" for state in states.values()) else 0


def _first(cells: Sequence[Cell], states: Mapping[Path, State], most: int | None) -> list[Cell]:
    """The cells, of those that wait only the first so many runs, a seed after the other."""
    if most is None:
        return list(cells)
    seeds = list(dict.fromkeys(cell.seed for cell in cells))
    waiting = [cell for seed in seeds for cell in cells if cell.seed == seed and states[cell.folder].waits]
    kept = set(list(dict.fromkeys(cell.folder for cell in waiting))[:most])
    return [cell for cell in cells if cell.folder in kept or not states[cell.folder].waits]


def head_lines(plan: Plan, cells: Sequence[Cell], states: Mapping[Path, State], total: int) -> Iterator[Text]:
    """The study, how many cells it has and how far they are."""
    yield Text.assemble((one_line(plan.name), "bold"), f": {one_line(plan.question)}" if plan.question else "")
    width = output().width
    shape = " × ".join([f"{len(axis.levels)} {axis.name}" for axis in plan.axes] + [plural(len(plan.seeds), "seed")])
    mine = "" if len(cells) == total else f", {len(cells):,} of them here"
    yield from labelled("cells", f"{total:,}: {shape}{mine}", width=width, column=8)
    runs = len({cell.folder for cell in cells})
    if runs < len(cells):
        text = f"{plural(len(cells) - runs, 'cell')} come to the same scenario as another: one run serves both"
        yield from labelled("same", text, width=width, column=8)
    kinds = [states[cell.folder].status for cell in cells]
    words = {"finished": "finished", "partial": "under way", "stale": "stale", "new": "new", "damaged": "damaged"}
    found = [f"{kinds.count(kind):,} {word}" for kind, word in words.items() if kind in kinds]
    yield from labelled("state", ", ".join(found), width=width, column=8)
    yield from labelled("folder", str(plan.folder), width=width, column=8)
    yield from _reasons(cells, states, width)


def _reasons(cells: Sequence[Cell], states: Mapping[Path, State], width: int) -> Iterator[Text]:
    """Why cells are stale or damaged, each reason once."""
    for kind, style in (("stale", "yellow"), ("damaged", "bold red")):
        reasons: dict[str, list[Cell]] = {}
        for cell in cells:
            if states[cell.folder].status == kind:
                folder = f"{cell.folder}: " if kind == "damaged" else ""
                reasons.setdefault(f"{folder}{states[cell.folder].reason}", []).append(cell)
        for reason, found in list(reasons.items())[:MOST_SHOWN]:
            text = f"{plural(len(found), 'cell')} ({found[0].name}{', …' if len(found) > 1 else ''}): {reason}"
            text += "; move the folder away to play it again" if kind == "damaged" else ""
            yield from labelled(kind, text, width=width, column=8, style=style)
        if len(reasons) > MOST_SHOWN:
            yield from labelled(kind, f"and {len(reasons) - MOST_SHOWN} more reasons", width=width, column=8)


def _dry_run(
    plan: Plan, cells: Sequence[Cell], states: Mapping[Path, State], workers: int, options: Options, total: int
) -> None:
    """Every cell with its state, and an estimate of what is left."""
    if options.as_json:
        for cell in cells:
            state = states[cell.folder]
            known = {"status": state.status, "reason": state.reason, "rounds_done": state.rounds_done}
            show_json_line({"cell": cell.labels, "folder": str(cell.folder), "scenario": cell.digest} | known)
        return
    show(head_lines(plan, cells, states, total))
    rows = [(states[cell.folder].status, cell.name, states[cell.folder].reason) for cell in cells]
    show(Text(f"  {status:<9} {name}{f'  ({reason})' if reason else ''}") for status, name, reason in rows)
    show(labelled("to do", estimate(plan.folder, cells, states, workers), width=output().width, column=8), apart=True)


def estimate(folder: Path, cells: Sequence[Cell], states: Mapping[Path, State], workers: int) -> str:
    """How long what is left will take and how much it will keep, in words."""
    left = runs_to_play(cells, states)
    if not left:
        return "nothing: every cell is finished"
    if (effort := effort_of_a_cell(folder)) is None:
        return f"{plural(left, 'run')}; how long they take is known after one: --max-cells 1"
    each, size = effort
    took = each * left / min(workers, left)
    return f"{plural(left, 'run')}, about {clock(took)} on {plural(workers, 'worker')} and {in_words(size * left)}"


def _play(
    plan: Plan, cells: Sequence[Cell], states: dict[Path, State], where: Where, options: Options
) -> tuple[int, bool]:
    """How many cells failed, and whether it was broken off; the states are what they are afterwards."""
    playing = Sweep(cells, states, where)
    if not playing.waiting:
        return 0, False
    failures: list[CellEvent] = []
    untold: list[CellEvent] = []
    noted = False
    with Grid(_console(options), plan, cells, states, quiet=options.as_json) as grid:

        def asked() -> None:
            playing.stop()
            grid.finishing()

        with Stopping(asked, GRACE_SECONDS) as stopping:
            try:
                for event in stopping.following(iter(playing), lambda _: False):
                    if not noted and playing.note:
                        noted = True
                        show(labelled("note", playing.note, width=output().width, column=8, style="yellow"), messages())
                    grid(event)
                    failures += [event] if event.kind == "failed" else []
                    untold += [event] if event.kind in ("finished", "stopped") and event.message else []
                    if event.kind == "finished":
                        states[event.cell.folder] = State("finished", summary=event.summary)
                    if options.as_json:
                        show_json_line(_record(event))
            except Interrupted:
                pass
            interrupted = stopping.requested
    show(_failures(failures), messages())
    show(_untold(untold), messages())
    return len(failures), interrupted


def _record(event: CellEvent) -> dict[str, Any]:
    known: dict[str, Any] = {"event": event.kind, "cell": event.cell.labels, "folder": str(event.cell.folder)}
    if event.kind == "finished" and event.summary:
        known |= {key: event.summary.get(key) for key in ("final", "selected", "best")}
    return known | ({"message": event.message} if event.message else {}) | {"seconds": round(event.seconds, 3)}


def _failures(failures: Sequence[CellEvent]) -> Iterator[Text]:
    for event in failures[:MOST_SHOWN]:
        yield Text.assemble(("failed", "bold red"), f" {event.cell.name}: {one_line(event.message)}")
    if len(failures) > MOST_SHOWN:
        yield Text(f"and {len(failures) - MOST_SHOWN} more")


def _untold(events: Sequence[CellEvent]) -> Iterator[Text]:
    """What trackers failed at, each message once."""
    messages: dict[str, list[CellEvent]] = {}
    for event in events:
        messages.setdefault(event.message, []).append(event)
    for message, found in list(messages.items())[:MOST_SHOWN]:
        yield Text.assemble(("warning", "yellow"), f" {plural(len(found), 'cell')}: {one_line(message)}")


def _tell(study: Study, cells: Sequence[Cell], states: Mapping[Path, State], options: Options) -> None:
    """The tables, and where they are kept."""
    if not study.records:
        show([Text("no cell is finished yet")], messages())
        return
    files = study.write()
    tables = study.tables()
    if _draw(study):
        files.append(HEATMAP)
    if options.as_json:
        for table in tables:
            notes = list(table.notes)
            show_json_line({"event": "table", "name": table.name, "rows": table.records(), "notes": notes})
        return
    for table in tables:
        show(table_lines(table, output().width), apart=True)
    show(
        labelled(str(study.folder), "  ".join(files[1:]), width=output().width, column=len(str(study.folder)) + 2),
        apart=True,
    )
    if left := runs_to_play(cells, states):
        show([Text(f"  {plural(left, 'run')} left: fedsim sweep {quote(study.name)} goes on from here")])


def _draw(study: Study) -> bool:
    from fedsim.report.heatmap import draw_heatmap

    return draw_heatmap(study.folder / HEATMAP, study)
