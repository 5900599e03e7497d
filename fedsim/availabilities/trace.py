"""Availability as it was observed: a table of who was there from when to when."""

import bisect
import csv
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge

from fedsim.array_types import Array, Integers
from fedsim.atomic_files import read_plain
from fedsim.availabilities.contract import availability
from fedsim.paths import BESIDE

HEADING = ["client", "begin", "end"]
MOST_BYTES = 2**30
NEVER = (np.inf, np.inf)


class Stay(NamedTuple):
    """A line of the table."""

    begin: float
    end: float
    line: int


@availability("trace")
def trace(
    clients: Integers,
    time: float,
    population: int | None,
    *,
    file: Annotated[str, BESIDE, "CSV file client,begin,end: a line for each stay, in simulated seconds"],
    repeat: Annotated[float, Ge(0), "seconds after which the table begins anew; 0: after its end nobody returns"] = 0.0,
) -> Array:
    """Who is there and when stands in a file.

    Formula:
        client c is there while begin ≤ t < end in one of its lines; with repeat > 0 t is taken modulo repeat
    Assumes:
        Every client has a line, no client but those of the federation has any, a client's stays do not overlap, and
        with repeat all end by then: else ValueError with the line.
    """
    stays = stays_in(file)
    _check(file, stays, population, repeat)
    return np.array([_at(stays.get(int(c), ()), time, repeat) for c in clients], np.float64).reshape(-1, 2)


def _at(stays: Sequence[Stay], time: float, repeat: float) -> tuple[float, float]:
    """The stay at a time, or the next one."""
    if not stays:
        return NEVER
    turn = time // repeat if repeat else 0
    place = bisect.bisect_right(stays, time - turn * repeat, key=lambda stay: stay.end)
    if place == len(stays):
        if not repeat:
            return NEVER
        place, turn = 0, turn + 1
    return stays[place].begin + turn * repeat, stays[place].end + turn * repeat


def stays_in(file: str) -> dict[int, list[Stay]]:
    """Each client's stays in order; ValueError with the line of what is wrong in the file."""
    try:
        status = Path(file).stat()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror or error}") from error
    return _read(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read(file: str, _changed: int, _size: int) -> dict[int, list[Stay]]:
    try:
        text = read_plain(Path(file), MOST_BYTES, follow=True).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    rows = csv.reader(text.splitlines())
    if [cell.strip() for cell in next(rows, [])] != HEADING:
        raise ValueError(f"{file}, line 1: the heading is not {','.join(HEADING)}")
    found: dict[int, list[Stay]] = {}
    for number, cells in enumerate(rows, 2):
        if cells:
            client, stay = _line(file, number, cells)
            found.setdefault(client, []).append(stay)
    for client, stays in found.items():
        stays.sort()
        _check_apart(file, client, stays)
    return found


def _line(file: str, number: int, cells: Sequence[str]) -> tuple[int, Stay]:
    where = f"{file}, line {number}"
    if len(cells) != len(HEADING):
        raise ValueError(f"{where}: {len(cells)} cells in place of {len(HEADING)}: client,begin,end")
    if empty := [name for name, cell in zip(HEADING, cells, strict=True) if not cell.strip()]:
        raise ValueError(f"{where}: {empty[0]} is empty")
    try:
        client, begin, end = int(cells[0]), float(cells[1]), float(cells[2])
    except ValueError:
        raise ValueError(f"{where}: {','.join(cells)} is not a client's number and two numbers of seconds") from None
    if client < 0:
        raise ValueError(f"{where}: there is no client {client}: they are numbered from 0")
    if not (0 <= begin < end < np.inf):
        raise ValueError(f"{where}: a stay begins at 0 or later and ends after that: got {begin:g} to {end:g}")
    return client, Stay(begin, end, number)


def _check_apart(file: str, client: int, stays: Sequence[Stay]) -> None:
    for before, after in pairwise(stays):
        if after.begin < before.end:
            first, second = sorted((before, after), key=lambda stay: stay.line)
            overlap = f"overlaps the one of line {first.line}, {first.begin:g} to {first.end:g}"
            stay = f"client {client}'s stay {second.begin:g} to {second.end:g}"
            raise ValueError(f"{file}, line {second.line}: {stay} {overlap}")


def _check(file: str, stays: dict[int, list[Stay]], population: int | None, repeat: float) -> None:
    """ValueError where the table is not one of this federation."""
    if population is not None:
        if strangers := [client for client in stays if client >= population]:
            line = min(stay.line for stay in stays[strangers[0]])
            numbered = f"they are numbered from 0 to {population - 1}"
            raise ValueError(f"{file}, line {line}: there is no client {strangers[0]}: {numbered}")
        if len(stays) < population:
            missing = next(client for client in range(population) if client not in stays)
            raise ValueError(f"{file}: client {missing} has no line: give a stay to all from 0 to {population - 1}")
    if repeat and (late := [own[-1] for own in stays.values() if own[-1].end > repeat]):
        raise ValueError(f"{file}, line {late[0].line}: the stay ends at {late[0].end:g}, after repeat = {repeat:g}")
