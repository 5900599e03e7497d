"""Events as plain JSON values, and back.

A record is the event's fields under their own names, with `event` first and, last, everything about the wall clock
in one table `wall`: two runs are the same run when their records are equal with `wall` taken out. JSON has no
numbers that are not finite, so those are the words "nan", "inf" and "-inf".
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from fedsim.events import Event, RoundEnded

Record = dict[str, Any]
WORDS = ("nan", "inf", "-inf")
KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Event)}


def event_record(event: Event) -> Record:
    """The event as values that JSON knows."""
    record: Record = {"event": type(event).__name__}
    wall: Record = {}
    for field in dataclasses.fields(event):
        place = wall if field.metadata else record
        place[field.name] = _plain(getattr(event, field.name))
    return {**record, "wall": wall} if wall else record


def event_line(event: Event) -> str:
    """The event as one line of JSON."""
    return json.dumps(event_record(event), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_event(line: str | bytes) -> Event:
    """The event that a line describes; ValueError where it describes none."""
    try:
        record = json.loads(line)
        kind = KINDS[record.pop("event")]
        values = record | record.pop("wall", {})
        hints = _hints(kind)
        event: Event = kind(**{name: _typed(value, hints[name]) for name, value in values.items()})
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not an event: {error}") from error
    return event


def whole_lines(path: Path) -> Iterator[tuple[bytes, Event | None]]:
    """Whole lines with the event that each describes, or None."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line, _event(line)


def _event(line: bytes) -> Event | None:
    try:
        return read_event(line)
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
    found: list[str] = []
    for _, event in recorded(path):
        if isinstance(event, RoundEnded):
            if event.round != len(found) + 1:
                break
            found.append(event.digest)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _typed(value: Any, hint: Any) -> Any:
    """A value of JSON as the field's type wants it; TypeError or ValueError where it is of another."""
    if get_origin(hint) is tuple:
        return tuple(_typed(item, get_args(hint)[0]) for item in _of(list, value))
    if get_origin(hint) is UnionType:
        return None if value is None else _typed(value, get_args(hint)[0])
    if hint is float:
        return float(value if value in WORDS else _of((int, float), value))
    if hint is str:
        value.encode()  # half of a surrogate pair cannot be written again
    return _of(hint, value)


def _of(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r:.60} has the wrong type")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
