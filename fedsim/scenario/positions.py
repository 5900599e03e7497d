"""Where in a TOML file a key stands, for pointing at mistakes.

The parser keeps no positions, so this reads the text line by line: table headers and `key =` at the start of a line.
Keys inside inline tables or multi-line values are found by their nearest enclosing key. A position is a courtesy: when
none is found there is none, and the path still says where.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from fedsim.errors import Problem

Path = tuple[str | int, ...]

HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_\-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_\-]+|"[^"]*"|'[^']*'))*)\s*=\s*"""
)
VALUE = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#]+(?:\s+[^\s#]+)*)""")


REPEATED = ("Cannot declare", "Cannot overwrite", "Cannot mutate", "Cannot redefine", "Duplicate inline table key")
"""How the parser begins when a key or table comes a second time."""


class Place(NamedTuple):
    """A key in the text: its line and column from 1, the key's width, and the value's column and width."""

    line: int
    column: int
    width: int
    value_column: int
    value_width: int


def locate(problem: Problem, text: str) -> Problem:
    """The problem with its line and columns, where they can be found."""
    places = _index(text)
    for length in range(len(problem.path), 0, -1):
        place = places.get(problem.path[:length])
        if place is not None:
            at_key = length < len(problem.path) or problem.message.startswith(("unknown key", "missing"))
            column, width = (place.column, place.width) if at_key else (place.value_column, place.value_width)
            return Problem(problem.path, problem.message, problem.value, place.line, column, width)
    return problem


def locate_repeated(message: str, number: int, text: str) -> Problem | None:
    """What the parser says of a key or table that is written twice, in words and at the key; None of anything else."""
    if not message.startswith(REPEATED):
        return None
    lines = text.splitlines()
    for line in range(min(number, len(lines)), 0, -1):  # a long value begins above the line in which it ends
        found = KEY.match(lines[line - 1]) or HEADER.match(lines[line - 1])
        if found:
            group = 1 if found.re is KEY else 2
            name = found[group] if group == 1 else f"[{found[group]}]"
            again = f"{name} is written twice, or as two kinds of thing; keep one"
            return Problem((), again, None, line, found.start(group) + 1, len(found[group]))
    return None


@lru_cache(maxsize=1)
def _index(text: str) -> Mapping[Path, Place]:
    """Every place of the text that is at hand, found once however many problems it has."""
    return dict(_places(text))


def _places(text: str) -> Iterator[tuple[Path, Place]]:
    """Every key of the text with its path; the first one wins at a path written twice."""
    table: Path = ()
    counts: dict[Path, int] = {}
    seen: set[Path] = set()
    for number, line in enumerate(text.splitlines(), 1):
        header, key = HEADER.match(line), KEY.match(line)
        if header:
            table = _table(_keys(header[2]), header[1] == "[[", counts)
            path, place = table, Place(number, header.start(2) + 1, len(header[2]), header.start(2) + 1, len(header[2]))
        elif key:
            value = VALUE.match(line, key.end())
            start, end = value.span(1) if value else key.span(1)
            path = table + _keys(key[1])
            place = Place(number, key.start(1) + 1, len(key[1]), start + 1, end - start)
        else:
            continue
        if path not in seen:
            seen.add(path)
            yield path, place


def _keys(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.]+', dotted))


def _table(keys: Path, is_list: bool, counts: dict[Path, int]) -> Path:
    """The path of a header: `[[attacks]]` opens the next item, `[attacks.x]` stands in the last one."""
    path: Path = ()
    for depth, key in enumerate(keys):
        path = (*path, key)
        last = depth == len(keys) - 1
        if last and is_list:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
