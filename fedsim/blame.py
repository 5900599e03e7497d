"""Where in somebody's own code an error came from, and what it means there: the file, the line, the function."""

import inspect
import linecache
import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from fedsim.plugins.places import is_installed
from fedsim.signatures import HOUSE

SENT = "<dynamic-code>"
"""What cloudpickle writes in the place of the file of a function that it sends by value."""
PLACE = "_fedsim_place"
"""Under this name an error carries its place from one process to another, which tracebacks do not survive."""
WRONG_ANSWER = re.compile(r"^[a-z\- ]+ `[^`]+`:? ")


class Spot(NamedTuple):
    """A frame of somebody's own code."""

    frame: FrameType
    line: int

    @property
    def file(self) -> str:
        """Where it is written; a function that was sent by value knows it from its module alone."""
        code, module = self.frame.f_code, self.frame.f_globals
        return str(module.get("__file__") or code.co_filename) if code.co_filename == SENT else code.co_filename

    def __str__(self) -> str:
        name = self.frame.f_code.co_name
        inside = "" if name == "<module>" else f" in {name}"
        return f"{Path(self.file).name}:{self.line}{inside}"


def told(error: BaseException, function: Any) -> str:
    """What the algorithm did wrong, with its file, its line and its function."""
    written = inspect.unwrap(function)
    code = getattr(written, "__code__", None)
    spots = [spot for spot in _spots(error) if _is_own(spot) or (code and spot.file == code.co_filename)]
    where = str(spots[-1]) if spots else definition(function)
    if not spots and _is_ours(error):
        return f"answered wrongly: {WRONG_ANSWER.sub('', str(error))} ({where})"
    if (item := _written_input(error, spots)) is not None:
        return f"wrote to its input `{item}` ({error}): work on a copy of it ({where})"
    return f"raised {type(error).__name__}{f': {error}' if str(error) else ''} ({where})"


def place_of(error: BaseException) -> str:
    """` (net.py:12 in forward)`: the last line of own code that the error came through, or nothing where it did not."""
    kept = error.__dict__.get(PLACE)
    if isinstance(kept, str):
        return kept
    spots = [spot for spot in _spots(error) if _is_own(spot)]
    return f" ({spots[-1]})" if spots else ""


def keep_place(error: BaseException) -> None:
    """Let the error carry its place to another process."""
    error.__dict__[PLACE] = place_of(error)


def _spots(error: BaseException) -> list[Spot]:
    return [Spot(frame, line) for frame, line in traceback.walk_tb(error.__traceback__)]


def _is_own(spot: Spot) -> bool:
    name = spot.file
    return not (name.startswith("<frozen") or Path(name).is_relative_to(HOUSE) or is_installed(Path(name)))


def _is_ours(error: BaseException) -> bool:
    """Whether fedsim raised it itself, looking at an answer."""
    spots = _spots(error)
    return bool(spots) and Path(spots[-1].file).is_relative_to(HOUSE)


def definition(function: Any) -> str:
    """Where a function or a class begins."""
    written = inspect.unwrap(function)
    code = getattr(written, "__code__", None)
    if code:
        return f"{Path(code.co_filename).name}:{code.co_firstlineno} in {code.co_name}"
    try:
        return f"{Path(inspect.getsourcefile(written) or '').name}:{inspect.getsourcelines(written)[1]}"
    except (TypeError, OSError):
        return "at an unknown line"


def _written_input(error: BaseException, spots: list[Spot]) -> str | None:
    """The item that was written to, where that is what numpy complains of."""
    if not (isinstance(error, ValueError) and "read-only" in str(error) and spots):
        return None
    items = list(_read_only(spots[0].frame))
    line = linecache.getline(spots[-1].file, spots[-1].line)
    named = [array for name, array in _read_only(spots[-1].frame) if re.search(rf"\b{re.escape(name)}\b", line)]
    for written in [*named, *(array for _, array in items)]:
        for name, array in items:
            if np.may_share_memory(written, array):
                return name
    return None


def _read_only(frame: FrameType) -> Iterator[tuple[str, Any]]:
    for name, value in frame.f_locals.items():
        for array in value.values() if isinstance(value, Mapping) else (value,):
            if isinstance(array, np.ndarray) and not array.flags.writeable:
                yield name, array
