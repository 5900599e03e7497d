"""`fedsim ledger`: what the rule did with whom, against who attacked."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.text import Text

from cli.display.consoles import show, show_json, width
from cli.display.formatting import plural, sparkline
from cli.display.layout import labelled
from fedsim.errors import ResultsConflict
from fedsim.runs.ledger import COLUMNS, Page, ledger_of
from fedsim.runs.ledger_rounds import RoundCounts
from fedsim.runs.ledger_totals import ClassRecord, ClientRecord, Side, Totals, main_classes
from fedsim.runs.metrics_file import csv_line
from fedsim.runs.partition_file import Holdings, read_partition
from fedsim.runs.reading import read_scenario
from fedsim.scenario.labels import labels
from fedsim.scenario.sections import Scenario
from fedsim.scenario.toml_values import NOTHING

COLUMN = 17
MOST_SHOWN = 12
FEW_SHOWN = 5
"""Clients and classes that are shown where nothing stands out."""
SPARKS = 20
NOTE = (
    "cut: less than half of a fair share of the weight; voice: weight over fair share; factor: what kept rows were "
    "multiplied with, by clipping"
)
UNLIKE = 0.1
"""Where the voices of classes differ by less they are alike."""
CLASS_SHARE = 0.05
"""A client's part of a class that is worth telling."""


class Book(NamedTuple):
    """A ledger read to its end."""

    folder: Path
    scenario: Scenario
    rounds: list[RoundCounts]
    totals: Totals
    holdings: Holdings | None


def ledger(folder: Path, as_json: bool, as_csv: bool) -> None:
    """Show a results folder's ledger, or print it as JSON or, a line for each row of each round, as CSV."""
    if as_json and as_csv:
        raise typer.BadParameter("give --json or --csv, not both")
    scenario = read_scenario(folder)
    if as_csv:
        _print_table(ledger_of(folder, scenario))
        return
    book = read_book(folder, scenario)
    if as_json:
        show_json(record(book))
    else:
        show(lines(book, width()))


def read_book(folder: Path, scenario: Scenario) -> Book:
    """Read a ledger to its end; ResultsConflict where it has no round."""
    rounds, totals = [], Totals()
    for page in ledger_of(folder, scenario):
        rounds.append(RoundCounts.of(page))
        totals.add(page)
    if not rounds:
        raise ResultsConflict(f"{folder} holds no round in which the rule was applied: there is no ledger")
    return Book(folder, scenario, rounds, totals, read_partition(folder))


def _print_table(pages: Iterable[Page]) -> None:
    sys.stdout.write(csv_line(COLUMNS))
    for page in pages:
        for row in zip(*(column.tolist() for column in page.columns().values()), strict=True):
            sys.stdout.write(csv_line(row))


def record(book: Book) -> dict[str, Any]:
    """The ledger as plain JSON: its sums, every round, every honest client and every class."""
    classes = book.totals.classes(book.holdings) if book.holdings else []
    return {
        "labels": labels(book.scenario),
        "totals": book.totals.summary(book.holdings),
        "rounds": [each.record() for each in book.rounds],
        "clients": [asdict(each) | {"classes": _held(each, book.holdings)} for each in book.totals.clients()],
        "classes": [asdict(each) for each in classes],
    }


def _held(client: ClientRecord, holdings: Holdings | None) -> list[dict[str, Any]]:
    found = main_classes(client.client, holdings)
    return [{"class": label, "examples": own, "share": share} for label, own, share in found]


def lines(book: Book, width: int) -> Iterator[Text]:
    """Both kinds of rows, the rates, their course, who is silenced, and the classes least heard."""
    told, totals = labels(book.scenario), book.totals
    yield Text.assemble((told["rule"], "bold"), f" against {told['attack']}, {plural(totals.rounds, 'round')}")
    yield Text(f"  {'':<{COLUMN}}{'rows':>8}{'cut':>8}{'':>8}{'voice':>8}{'factor':>8}", style="dim")
    for name, side in (("Byzantine", totals.byzantine), ("honest", totals.honest)):
        yield Text(_side(name, side))
    yield from _rates(book)
    yield from _silenced(totals, book.holdings, width)
    yield from _classes(book, width)
    yield from labelled("", NOTE, width=width, column=0)


def _side(name: str, side: Side) -> str:
    share = NOTHING if side.cut_share is None else f"{side.cut_share:.1%}"
    return f"  {name:<{COLUMN}}{side.rows:>8,}{side.cut:>8,}{share:>8}{_two(side.mean_voice)}{_two(side.mean_factor)}"


def _two(value: float | None) -> str:
    return f"{NOTHING if value is None else f'{value:.2f}':>8}"


def _rates(book: Book) -> Iterator[Text]:
    """Precision, recall and false positives, and how they went."""
    for name, words in (
        ("precision", "of the rows cut were Byzantine"),
        ("recall", "of the Byzantine rows were cut"),
        ("false_positives", "of the honest rows were cut"),
    ):
        rate = getattr(book.totals, name)
        course = [getattr(each, name) for each in book.rounds]
        if rate is None:
            continue
        told = f"{rate:<8.3f}{words:<32}"
        yield Text.assemble("  ", (f"{name.replace('_', ' '):<{COLUMN}}", "dim"), told, (_sparks(course), "cyan"))


def _sparks(course: Sequence[float | None]) -> str:
    return sparkline([float("nan") if each is None else each for each in course], SPARKS)


def _silenced(totals: Totals, holdings: Holdings | None, width: int) -> Iterator[Text]:
    """Honest clients that are cut more often than chance explains, and what they hold."""
    clients = totals.clients()
    found = [each for each in clients if each.silenced]
    always = sum(each.cut == each.rows for each in clients)
    are = f"{len(found)} of {{}} are" if len(found) > 1 else f"{len(found) or 'none'} of {{}} is"
    told = f"{are.format(plural(len(clients), 'honest client'))} cut more often than chance explains"
    told += f"; {always} cut every time" if always else ""
    yield from labelled("silenced", told, width=width, column=COLUMN)
    if found:
        yield Text(
            f"  {'client':>10}{'rows':>7}{'cut':>7}{'voice':>7}  holds (of all examples of the class)",
            style="dim",
        )
    for each in found[:MOST_SHOWN]:
        label = f"{each.client:>10}{each.rows:>7,}{each.cut:>7,}{each.voice:>7.2f}"
        yield from labelled(label, _holds(each, holdings), width=width, column=len(label) + 2, style="")
    if len(found) > MOST_SHOWN:
        yield Text(f"  … and {len(found) - MOST_SHOWN} more: --json lists them", style="dim")


def _holds(client: ClientRecord, holdings: Holdings | None) -> str:
    found = main_classes(client.client, holdings, FEW_SHOWN)
    if not found:
        return "not on record" if holdings is None else "no examples"
    told = [(label, share) for label, _, share in found if share >= CLASS_SHARE] or [(found[0][0], found[0][2])]
    return ", ".join(f"class {label} ({share:.0%})" for label, share in told)


def _classes(book: Book, width: int) -> Iterator[Text]:
    """The classes of honest examples that were heard least, and the one heard most."""
    if book.holdings is None:
        return
    found = book.totals.classes(book.holdings)
    if not found:
        return
    least = ", ".join(map(_class, found[: min(FEW_SHOWN, len(found) - 1)]))
    told = f"{least}; most: {_class(found[-1])}"
    if found[-1].voice - found[0].voice < UNLIKE:
        told = f"all classes alike: voice {found[0].voice:.2f} to {found[-1].voice:.2f}"
    yield from labelled("least heard", told, width=width, column=COLUMN)


def _class(each: ClassRecord) -> str:
    return f"class {each.label} {each.voice:.2f} ({plural(each.holders, 'client')})"
