"""Events as plain JSON values, and back.

A record is the event's fields under their own names, with `event` first and, last, everything about the wall clock
in one table `wall`: two runs are the same run when their records are equal with `wall` taken out. JSON has no
numbers that are not finite, so those are the words "nan", "inf" and "-inf". A field that was added later stands there
only where it is not what it was before.
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from fedsim.atomic_files import open_plain
from fedsim.events import Event, RoundEnded, RunEnded, RunStarted, Scores

Record = dict[str, Any]
WORDS = ("nan", "inf", "-inf")
MOST_LINE = 2**25
"""Bytes of a line at most: a round with a million sampled clients has lines of this length."""
MOST_SHOWN = 200
GRAMMAR = {
    "": ("RunStarted",),
    "RunStarted": ("RoundStarted", "RunEnded"),
    "RoundStarted": ("BatchTrained", "UpdatesForged", "Aggregated"),
    "BatchTrained": ("BatchTrained", "UpdatesForged", "Aggregated"),
    "UpdatesForged": ("UpdatesForged", "Aggregated"),
    "Aggregated": ("RoundEnded",),
    "RoundEnded": ("RoundStarted", "RunEnded"),
    "RunEnded": (),
}
KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Event)}


def event_record(event: Event) -> Record:
    """The event as values that JSON knows."""
    record: Record = {"event": type(event).__name__}
    wall: Record = {}
    for field in dataclasses.fields(event):
        if _told(event, field):
            place = wall if "wall" in field.metadata else record
            place[field.name] = plain(getattr(event, field.name))
    return {**record, "wall": wall} if wall else record


def event_line(event: Event) -> str:
    """The event as one line of JSON."""
    return json.dumps(event_record(event), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_event(line: str | bytes) -> Event:
    """The event that a line describes; ValueError where it describes none.

    A line has exactly the event's fields, each once, of its type and in its place: whatever could be read in two ways
    is read in none.
    """
    try:
        record = json.loads(line, object_pairs_hook=_table, parse_constant=_no_constant)
        kind = KINDS[record.pop("event")]
        wall = record.pop("wall") if any("wall" in field.metadata for field in dataclasses.fields(kind)) else {}
        event: Event = kind(**_fields(kind, record, wall=False), **_fields(kind, wall, wall=True))
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not an event: {error}") from error
    return event


def whole_lines(path: Path) -> Iterator[tuple[bytes, Event | None]]:
    """Whole lines with the event that each describes, or None where it is not what a run writes there.

    Every line must be written just as a run writes it, and the events must follow one another as in a run. Nothing
    is read after the first line that is longer than any line of a run.
    """
    grammar = _Grammar()
    for line in lines_of(path):
        if not line.endswith(b"\n"):
            return
        event = event_of(line)
        yield line, event if event is not None and grammar.allows(event) else None


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a plain file as far as they are shorter than MOST_LINE; the last one may have no end."""
    try:
        file = open_plain(path)
    except OSError:
        return
    with file:
        while line := file.readline(MOST_LINE):
            yield line
            if not line.endswith(b"\n"):
                return


class _Grammar:
    """Which event may follow which, and which scores a round may have; see `fedsim.events`."""

    def __init__(self) -> None:
        self._last, self._done = "", 0
        self._scores: tuple[str, ...] = ()

    def allows(self, event: Event) -> bool:
        """Whether the event may come next; then it has."""
        kind = type(event).__name__
        in_turn = isinstance(event, RunStarted | RunEnded) or event.round == self._done + 1
        if kind not in GRAMMAR[self._last] or not in_turn or not self._scored(event):
            return False
        self._last, self._done = kind, self._done + (kind == "RoundEnded")
        return True

    def _scored(self, event: Event) -> bool:
        """Whether the event's scores are those that the run's start has told, or none."""
        if isinstance(event, RunStarted):
            self._scores = event.scores
            return len(set(event.scores)) == len(event.scores)
        return not isinstance(event, RoundEnded | RunEnded) or tuple(event.scores) in ((), self._scores)


def event_of(line: bytes) -> Event | None:
    """The event of a line of a file, if it is one just as a run writes it."""
    try:
        event = read_event(line)
        return event if event_line(event).encode() + b"\n" == line else None
    except ValueError:
        return None


def recorded(path: Path) -> Iterator[tuple[bytes, Event]]:
    """Whole lines up to the first that is no event, with the events."""
    for line, event in whole_lines(path):
        if event is None:
            return
        yield line, event


def round_digests(path: Path) -> list[str]:
    """Digest of the parameters after each round on record, as long as no round is missing."""
    return [event.digest for _, event in recorded(path) if isinstance(event, RoundEnded)]


def plain(value: Any) -> Any:
    """A field's value as JSON knows it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Scores):
        return {name: plain(number) for name, number in value.items()}
    if dataclasses.is_dataclass(value):
        told = (field.name for field in dataclasses.fields(value) if _told(value, field))
        return {name: plain(getattr(value, name)) for name in told}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def typed(value: Any, hint: Any) -> Any:
    """A value of JSON as the field's type wants it; TypeError or ValueError where it is of another."""
    if get_origin(hint) is tuple:
        return tuple(typed(item, get_args(hint)[0]) for item in _of(list, value))
    if get_origin(hint) is UnionType:
        return None if value is None else typed(value, get_args(hint)[0])
    if hint is Scores:
        return Scores({typed(name, str): typed(number, float) for name, number in _of(dict, value).items()})
    if dataclasses.is_dataclass(hint):
        return built(hint, value)
    if hint is float:
        return float(value) if value in WORDS else _finite(_of(float, value))
    if hint is str:
        _of(str, value).encode()  # half of a surrogate pair cannot be written again
    return _of(hint, value)


def built(kind: Any, record: Record) -> Any:
    """A value of a dataclass from its fields' plain values: all of them, no other, each of its type."""
    return kind(**_fields(kind, record, wall=False))


def _fields(kind: Any, record: Record, *, wall: bool) -> Record:
    known = {field.name: field for field in dataclasses.fields(kind) if ("wall" in field.metadata) == wall}
    wanted = [name for name, field in known.items() if name in record or "later" not in field.metadata]
    if sorted(record) != sorted(wanted):
        raise TypeError(f"the fields are {', '.join(record)}, not {', '.join(wanted)}"[:MOST_SHOWN])
    return {name: typed(record[name], _hints(kind)[name]) for name in wanted}


def _told(value: Any, field: "dataclasses.Field[Any]") -> bool:
    """Whether a record holds the field: one that was added later only where it is not what it was before."""
    return "later" not in field.metadata or getattr(value, field.name) != field.default


def _table(pairs: list[tuple[str, Any]]) -> Record:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise TypeError("a field stands there twice")
    return table


def _no_constant(word: str) -> float:
    raise TypeError(f"{word} is no number of JSON")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise TypeError("a number is too large")
    return value


def _of(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r:.60} has the wrong type")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
