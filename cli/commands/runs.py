"""`fedsim runs`: the results folders below a folder, filtered, in order, as a table, JSON or CSV."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.cells import cell_len
from rich.text import Text

from cli.display.consoles import messages, output, show, show_json
from cli.display.formatting import magnitude, plural
from cli.display.layout import labelled
from fedsim.clean_text import one_line
from fedsim.runs.listing import WHAT, ListedRun, columns_of, find_runs
from fedsim.runs.metrics_file import csv_line
from fedsim.runs.queries import ALIASES, chosen, read_condition, sort_keys, value_of
from fedsim.scenario.toml_values import NOTHING, toml

SHOWN = ("folder", *WHAT, "seed", "final", "selected", "best", "status")
GAP = 2
DROPPED_COLUMNS = ("best", "selected")
NARROWEST = 8
"""Columns that a column of words keeps at least."""


def runs(folder: Path, where: Sequence[str], order: str | None, as_json: bool, as_csv: bool) -> None:
    """List the runs that are asked for."""
    if as_json and as_csv:
        raise typer.BadParameter("give --json or --csv, not both")
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there"
        raise typer.BadParameter(f"{one_line(str(folder))} {what}: name one that holds results", param_hint="FOLDER")
    everyone = find_runs(folder)
    try:
        found = chosen(everyone, where, order)
    except ValueError as error:
        raise typer.BadParameter(one_line(str(error)), param_hint="--where or --sort") from error
    if as_json:
        show_json([run.record for run in found])
    elif as_csv:
        _print_table(found)
    elif found:
        show(lines(folder, found, _asked(where, order)))
    else:
        left = f"; none of {plural(len(everyone), 'run')} is like that" if everyone else ""
        messages().print(f"no runs in {one_line(str(folder))}{left}", soft_wrap=True)


def _print_table(found: list[ListedRun]) -> None:
    columns = columns_of(found)
    sys.stdout.write(csv_line(columns))
    for run in found:
        sys.stdout.write(csv_line("" if (cell := run.record.get(name)) is None else cell for name in columns))


def _asked(where: Sequence[str], order: str | None) -> list[str]:
    """The keys that are asked for, and so are shown, too."""
    keys = [read_condition(each).key for each in where] + [key.removeprefix("-") for key in sort_keys(order)]
    return list(dict.fromkeys(ALIASES.get(key, key) for key in keys))


def lines(folder: Path, found: Sequence[ListedRun], asked: Sequence[str] = ()) -> Iterator[Text]:
    """What all have in common, a line a run, and how many there are of each kind."""
    console = output()
    shared = {name: value_of(found[0], name) for name in WHAT if len({value_of(run, name) for run in found}) == 1}
    shared = {name: value for name, value in shared.items() if len(found) > 1 and value}
    if shared:
        told = " · ".join(f"{name} {one_line(value)}" for name, value in shared.items())
        yield from labelled("all", told, width=console.width, column=5, indent=1)
    names = [name for name in dict.fromkeys((*SHOWN[:-1], *asked, SHOWN[-1])) if name not in shared]
    columns = [[name, *(_cell(run, name, folder) for run in found)] for name in names]
    columns = [column for column in columns if set(column[1:]) != {NOTHING}]
    columns = _fitted(columns, console.width - 1, asked) if console.is_terminal else columns
    wide = [max(map(cell_len, column)) for column in columns]
    for number in range(len(found) + 1):
        cells = (_set(column, number, room) for column, room in zip(columns, wide, strict=True))
        yield Text(" " + (" " * GAP).join(cells).rstrip(), style="dim" if number == 0 else "")
    kinds = Counter(run.status for run in found)
    told = ", ".join(f"{count} {status}" for status, count in kinds.items())
    yield Text(f" {plural(len(found), 'run')}: {told}", style="dim")


def _cell(run: ListedRun, name: str, folder: Path) -> str:
    if name == "folder":
        return one_line(str(run.path.relative_to(folder)) if run.path != folder else str(folder))
    if name == "status":
        done, rounds = run.record["rounds_done"], run.record["rounds"]
        whole = run.status == "finished" or done is None
        return run.status if whole else f"{run.status} {done}/{rounds}"
    found = value_of(run, name)
    if isinstance(found, float):
        return magnitude(found)
    return one_line(found if isinstance(found, str) else toml(found))


def _set(column: Sequence[str], number: int, room: int) -> str:
    """A cell in its column: numbers to the right, words to the left."""
    gap = " " * (room - cell_len(column[number]))
    return f"{gap}{column[number]}" if _is_numeric(column) else f"{column[number]}{gap}"


def _is_numeric(column: Sequence[str]) -> bool:
    return all(cell == NOTHING or cell.replace("-", "").replace("+", "")[:1].isdigit() for cell in column[1:]) and (
        column[0] not in ("folder", *WHAT)
    )


def _fitted(columns: list[list[str]], width: int, asked: Sequence[str]) -> list[list[str]]:
    """What fits on a line: fewer scores, then words cut short, of folders the beginning and of others the end."""
    for name in DROPPED_COLUMNS:
        if _width(columns) > width and name not in asked:
            columns = [column for column in columns if column[0] != name]
    wide = [max(map(cell_len, column)) for column in columns]
    words = [place for place, column in enumerate(columns) if column[0] in ("folder", *WHAT)]
    while sum(wide) + GAP * (len(wide) - 1) > width and words:
        widest = max(words, key=lambda place: wide[place])
        if wide[widest] <= NARROWEST:
            break
        wide[widest] -= 1
    pairs = zip(columns, wide, strict=True)
    return [[_short(cell, room, column[0] == "folder") for cell in column] for column, room in pairs]


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(cell_len, column)) for column in columns) + GAP * (len(columns) - 1)


def _short(cell: str, room: int, keeps_end: bool) -> str:
    if cell_len(cell) <= room:
        return cell
    return f"…{cell[1 - room :]}" if keeps_end else f"{cell[: room - 1]}…"
