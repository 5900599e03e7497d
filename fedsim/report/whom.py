"""Whom the rule heard and what they hold: the ledger and the partition of a run, as figures and tables."""

from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np

from fedsim.errors import ResultsConflict
from fedsim.report.course import means_of, picture_of_lines, rounds_together, steady
from fedsim.report.document import Cell, Column, Part, Picture, Table, Words, evenly, thinned
from fedsim.report.drawing import MOST_NAMED, draw_matrix
from fedsim.report.run_read import RunRead
from fedsim.runs.ledger_rounds import RoundCounts
from fedsim.runs.ledger_totals import ClassRecord, Side, main_classes
from fedsim.runs.partition_file import Holdings, read_partition

MOST_CLIENTS = 400
"""Rows of the matrix of who holds what; of more clients so many, evenly chosen."""
MOST_CLASSES_NAMED = 4
"""Classes that are named of a client."""
CUT = "cut: less than half of a fair share of the weight; voice: weight over fair share, 1 is heard as any other"
TESTED = (
    "silenced: cut in most of its rows, and more often than chance explains if it were cut as often as the others "
    "(5 % over all honest clients together)"
)


def ledger(run: RunRead) -> list[Part]:
    """Whom the rule cut: over the rounds, in all, client by client and class by class."""
    if not run.counts:
        return [Words("No round in which the rule was applied is on record: there is no ledger.")]
    parts: list[Part] = [_rates(run.counts), _sides(run), _clients(run)]
    if run.holdings is not None and (found := run.totals.classes(run.holdings)):
        parts.append(_classes(found))
    return parts


def holdings(run: RunRead) -> list[Part]:
    """Who holds how many examples of which class."""
    if run.holdings is None:
        return [Words("The folder does not say who holds what (it has no readable partition.csv).")]
    return [_matrix(run.holdings, run.attackers), _holders(run, run.holdings)]


def partition_of(folder: Path, name: str, title: str) -> list[Part]:
    """Who holds what in a run of several; nothing where its folder does not say."""
    try:
        held = read_partition(folder)
    except ResultsConflict:
        return []  # that the file is damaged is told of the run
    return [] if held is None else [_matrix(held, frozenset(), name, title)]


def _rates(counts: Sequence[RoundCounts]) -> Picture:
    names = {"recall": "Byzantine rows cut", "false_positives": "honest rows cut", "precision": "of the cut: Byzantine"}
    together = rounds_together(counts[-1].round)
    lines = []
    for place, (name, words) in enumerate(names.items()):
        found = [(each.round, value) for each in counts if (value := getattr(each, name)) is not None]
        lines += [steady(words, found, place, together)] if found else []
    return picture_of_lines("cut", "Rows that the rule cut", lines, "share", notes=(CUT, *means_of(together)))


def _sides(run: RunRead) -> Table:
    totals = run.totals
    columns = (
        Column("rows of"), Column("rows", "count"), Column("cut", "count"), Column("share cut", "share"),
        Column("mean voice", "share"), Column("mean factor", "share"),
    )  # fmt: skip
    rows = tuple(_side(name, side) for name, side in (("attackers", totals.byzantine), ("honest", totals.honest)))
    told = [("precision", totals.precision), ("recall", totals.recall), ("false positives", totals.false_positives)]
    rates = ", ".join(f"{name} {value:.3f}" for name, value in told if value is not None)
    notes = (f"over all rounds: {rates}" if rates else "no rates: nobody was cut, and nobody attacked", CUT)
    factor = "factor: what kept rows were multiplied with, by clipping"
    return Table("ledger", "Attackers and honest clients", columns, rows, (*notes, factor))


def _side(name: str, side: Side) -> tuple[str, int, int, float | None, float | None, float | None]:
    return name, side.rows, side.cut, side.cut_share, side.mean_voice, side.mean_factor


def _clients(run: RunRead) -> Table:
    columns: tuple[Column, ...] = (
        Column("client", "count"), Column("rows", "count"), Column("cut", "count"), Column("voice", "share"),
        Column("chance", "number", "of so many cut rows or more, were it cut as often as the others"),
        Column("silenced"), Column("holds mostly", "word", "its largest classes and its part of all their examples"),
    )  # fmt: skip
    found, groups = run.totals.clients(), None if run.holdings is None else run.holdings.groups
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (each.client, each.rows, each.cut, each.voice, each.chance, each.silenced, _holds(each.client, run.holdings))
        for each in found
    )
    if groups is not None:
        columns = (*columns, Column("group", "count"))
        rows = tuple((*row, int(groups[each.client])) for row, each in zip(rows, found, strict=True))
    silenced = sum(each.silenced for each in found)
    notes = (f"{silenced} of {len(found)} honest clients that took part are silenced", TESTED)
    return thinned(Table("honest-clients", "Honest clients, the least heard first", columns, rows, notes))


def _classes(found: Sequence[ClassRecord]) -> Table:
    columns = (
        Column("class", "count"), Column("examples", "count"), Column("holders", "count"), Column("voice", "share")
    )  # fmt: skip
    rows = tuple((each.label, each.examples, each.holders, each.voice) for each in found)
    note = "voice: mean over the honest examples of the class of their clients' voices, in rounds with these clients"
    return thinned(Table("classes", "Classes, the least heard first", columns, rows, (note,)))


def _matrix(
    held: Holdings, attackers: Container[int], name: str = "partition", title: str = "Who holds which classes"
) -> Picture:
    chosen = list(evenly(len(held.classes), MOST_CLIENTS))
    values = held.classes[chosen].tolist() or [[0]]
    named = list(map(str, chosen)) if len(chosen) <= MOST_NAMED else []
    marked = [row for row, client in enumerate(chosen) if client in attackers]
    clients, classes = held.classes.shape
    columns = (Column("client", "count"), *(Column(f"class {label}", "count") for label in range(classes)))
    rows = tuple((client, *row) for client, row in enumerate(held.classes.tolist()))
    sizes = held.examples
    words = f"Examples of each of {classes} classes at each of {clients:,} clients. "
    if clients:
        words += f"A client holds {int(sizes.min()):,} to {int(sizes.max()):,} examples, {_spread(held)}."
    notes = [f"before any attack{'; the triangles at the left are clients that were seen to attack' if marked else ''}"]
    notes += [f"{len(chosen):,} of {clients:,} clients are drawn, evenly chosen"] if len(chosen) < clients else []
    table = Table(name, title, columns, rows)
    return Picture(
        name, title, words,
        lambda: draw_matrix(values, "class", "client", "examples", named, marked), thinned(table, MOST_NAMED), (),
        tuple(notes),
    )  # fmt: skip


def _holders(run: RunRead, held: Holdings) -> Table:
    columns = (
        Column("client", "count"), Column("seen to attack"), Column("examples", "count"), Column("classes", "count"),
        Column("effective classes", "share", "exp of the entropy of its classes: as many equally frequent ones"),
        Column("holds mostly", "word", "its largest classes and its part of all their examples"),
    )  # fmt: skip
    effective = effective_classes(held)
    rows = tuple(
        (client, client in run.attackers, int(held.examples[client]), int((held.classes[client] > 0).sum()),
         float(effective[client]), _holds(client, held))
        for client in range(len(held.examples))
    )  # fmt: skip
    return thinned(Table("holders", "Client by client", columns, rows, folded=True))


def effective_classes(held: Holdings) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(clients,) exp of the entropy of each client's classes; 0 of a client that holds nothing."""
    totals = held.classes.sum(axis=1, keepdims=True)
    shares = held.classes / np.maximum(totals, 1)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return np.where(totals[:, 0] > 0, np.exp(-(shares * logs).sum(axis=1)), 0.0)


def _spread(held: Holdings) -> str:
    many = (held.classes > 0).sum(axis=1)
    return f"of {int(many.min())} to {int(many.max())} classes"


def _holds(client: int, held: Holdings | None) -> str:
    return ", ".join(f"{label} ({share:.0%})" for label, _, share in main_classes(client, held, MOST_CLASSES_NAMED))
