"""`fedsim bench`: the sections in order, on the screen as they are done, in a file and as JSON."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from cli.bench.checkout import beside
from cli.bench.effort import BenchFailed, Effort
from cli.bench.machine import machine, machine_line
from cli.bench.options import SECTIONS
from cli.bench.tables import Table, markdown, plain, record, screen
from cli.display.consoles import messages, output, show, show_json
from cli.display.waiting import Waiting
from cli.signals import leave_when_told
from fedsim.atomic_files import storing
from fedsim.errors import did_you_mean

Section = Callable[[Effort], Iterator[Table]]

QUICK = ("training", "rules", "around")


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    full: bool = False
    only: Sequence[str] = ()
    as_json: bool = False
    file: Path | None = None


def bench(options: Options) -> None:
    """Measure the sections that are asked for and say what was found, each as soon as it is done."""
    chosen = sections(options.only, options.full)
    if options.file is not None and not options.file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {options.file.parent}", param_hint="--write")
    if options.file is not None and options.file.is_dir():
        raise typer.BadParameter(f"{options.file} is a folder: name a file", param_hint="--write")
    leave_when_told()
    from fedsim.execution.arithmetic import settle  # once nothing is left to refuse

    settle()
    found = _machine()
    if not options.as_json:
        show([Text(machine_line(found))])
    tables: list[Table] = []
    refused: list[str] = []
    for name in chosen:
        try:
            tables += _measured(name, options)
        except BenchFailed as error:  # the other sections say what they have to say all the same
            refused.append(f"{name}: {error}")
            messages().print(f"{refused[-1]}", style="bold red", soft_wrap=True, markup=False)
        if options.file is not None:
            _write(options.file, found, tables)
    if options.as_json:
        show_json({"machine": found, "tables": [record(table) for table in tables], "refused": refused})
    if options.file is not None:
        messages().print(f"{options.file} written", soft_wrap=True)
    if refused:
        raise BenchFailed(f"{len(refused)} of {len(chosen)} sections say nothing: {'; '.join(refused)}")


def _machine() -> dict[str, Any]:
    with Waiting(messages()) as waiting:
        waiting("the machine", 0, 1)
        return machine()


def _measured(name: str, options: Options) -> list[Table]:
    """One section's tables, shown once the progress bar has left the screen: it would take what is printed."""
    with Waiting(messages()) as waiting:
        tables = list(_known()[name](Effort(options.full, options.full, waiting)))
    for table in () if options.as_json else tables:
        _draw(table)
    return tables


def sections(only: Sequence[str], full: bool) -> list[str]:
    """The sections to measure, in their order; what is unknown is refused."""
    for name in only:
        if name not in SECTIONS:
            hint = did_you_mean(name, SECTIONS) or f"; one of {', '.join(SECTIONS)}"
            raise typer.BadParameter(f"unknown section `{name}`{hint}", param_hint="--only")
    if full or set(only) - set(QUICK):
        beside("rounds")  # refuses where there is no checkout
    wanted = only or (SECTIONS if full else QUICK)
    return [name for name in SECTIONS if name in wanted]


def _known() -> dict[str, Section]:
    from cli.bench import around, rules, training

    def full(module: str) -> Section:
        return lambda effort: beside(module).section(effort)

    return {
        "training": training.section, "rounds": full("rounds"), "steps": full("steps"),
        "evaluation": full("scoring"), "rules": rules.section,
        "around": around.section, "start": full("starting"),
    }  # fmt: skip


def _draw(table: Table) -> None:
    console = output()
    if console.is_terminal:
        console.print(screen(table))
        show([*(Text(note, "dim") for note in table.notes), Text("")])
    else:
        show([Text(""), *(Text(line) for line in plain(table))])


def _write(path: Path, found: dict[str, Any], tables: Sequence[Table]) -> None:
    lines = ["# What fedsim costs", "", f"    {_command()}", "", machine_line(found), ""]
    lines += [line for table in tables for line in (*markdown(table), "")]
    with storing(path.parent):
        path.write_text("\n".join(lines), encoding="utf-8")


def _command() -> str:
    return shlex.join(["fedsim", *sys.argv[1:]])
