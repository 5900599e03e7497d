"""Events as plain JSON values, and back.

A record is the event's fields under their own names, with `event` first and, last, everything about the wall clock
in one table `wall`: two runs are the same run when their records are equal with `wall` taken out. JSON has no
numbers that are not finite, so those are the words "nan", "inf" and "-inf".
"""

import dataclasses
import json
import math
from functools import cache
from typing import Any, get_args, get_type_hints

from fedsim.events import Event

Record = dict[str, Any]
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
        event: Event = kind(**{name: _typed(values[name], _is_float(kind, name)) for name in values})
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an event: {error}") from error
    return event


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _typed(value: Any, is_float: bool) -> Any:
    if isinstance(value, list):
        return tuple(_typed(item, is_float) for item in value)
    return float(value) if is_float and value is not None else value


@cache
def _is_float(kind: type, name: str) -> bool:
    return "float" in str(get_type_hints(kind)[name])
