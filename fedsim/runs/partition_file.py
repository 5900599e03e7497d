"""partition.csv: how many training examples of each class every client holds, before any attack.

client,examples,class_0,class_1,…
0,120,14,0,…

Behind `examples` stands the `group` of clients that have one. Where every place of a sequence has a class of its own,
places are counted. Of federations with very many clients there is no such file (MOST_NUMBERS).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fedsim.array_types import Integers
from fedsim.atomic_files import read_plain, write_lines
from fedsim.errors import ResultsConflict
from fedsim.runs.inventory import PARTITION

if TYPE_CHECKING:
    from fedsim.simulation.federation import Federation

MOST_NUMBERS = 2_000_000
"""Clients times classes at most."""
MOST_BYTES = 2**26
FIRST_COLUMNS = ("client", "examples")
GROUP, CLASS = "group", "class_"


class Holdings(NamedTuple):
    """Who holds what."""

    examples: Integers  # (clients,)
    classes: Integers  # (clients, classes)
    groups: Integers | None = None  # (clients,) of a topology


def write_partition(folder: Path, federation: "Federation") -> None:
    """Write the file, unless the clients are too many."""
    if is_written(federation):
        write_lines(folder / PARTITION, partition_lines(federation))


def is_written(federation: "Federation") -> bool:
    """Whether a run of this federation keeps such a file."""
    return federation.population * federation.kind.classes <= MOST_NUMBERS


def partition_lines(federation: "Federation") -> Iterator[bytes]:
    """The lines of the file."""
    classes, targets = federation.kind.classes, federation.train.targets
    groups = None if federation.groups is None else federation.groups.of(np.arange(federation.population)).tolist()
    yield _line((*_first_columns(groups is not None), *(f"{CLASS}{name}" for name in range(classes))))
    for client in range(federation.population):
        own = federation.examples_of(client)
        held = np.asarray(targets[own]).ravel()
        group = () if groups is None else (groups[client],)
        counts = np.bincount(held[held >= 0], minlength=classes)[:classes].tolist()
        yield _line((client, len(own), *group, *counts))


def _first_columns(grouped: bool) -> tuple[str, ...]:
    return (*FIRST_COLUMNS, GROUP) if grouped else FIRST_COLUMNS


def read_partition(folder: Path) -> Holdings | None:
    """Who holds what in a run; None where its folder does not say, ResultsConflict where the file is damaged."""
    try:
        text = read_plain(folder / PARTITION, MOST_BYTES).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsConflict(f"{folder / PARTITION} cannot be read: {error}") from error
    try:
        return _holdings(text)
    except ValueError as error:
        raise ResultsConflict(f"{folder / PARTITION} is damaged: {error}") from error


def _holdings(text: str) -> Holdings:
    heading, *lines = text.splitlines() or [""]
    names = heading.split(",")
    first = _first_columns(names[len(FIRST_COLUMNS) : len(FIRST_COLUMNS) + 1] == [GROUP])
    if tuple(names) != (*first, *(f"{CLASS}{name}" for name in range(len(names) - len(first)))):
        raise ValueError(f"its heading is {heading[:60]!r}, not client,examples,class_0,…")
    rows = [[int(cell) for cell in line.split(",")] for line in lines]
    table = np.array(rows, np.int64).reshape(len(rows), -1)
    if table.size and (table.shape[1] != len(names) or (table[:, 0] != np.arange(len(rows))).any() or table.min() < 0):
        raise ValueError("its lines are not one for each client, in order")
    if not rows:
        return Holdings(np.zeros(0, np.int64), np.zeros((0, 0), np.int64))
    groups = table[:, len(FIRST_COLUMNS)] if len(first) > len(FIRST_COLUMNS) else None
    return Holdings(table[:, 1], table[:, len(first) :], groups)


def _line(cells: tuple[object, ...]) -> bytes:
    return ",".join(map(str, cells)).encode() + b"\n"
