"""The axes of a study: what is varied, and the changes to the base scenario that each level stands for.

[axes]
aggregator = ["fedavg", { name = "krum", f = 3 }]
"partition.alpha" = { from = 0.1, to = 1.0, step = 0.3 }
[variants.attack]
none = { attacks = [] }
alie = { attacks = [{ name = "alie", fraction = 0.2 }] }
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fedsim.errors import Problem, did_you_mean
from fedsim.scenario.build import RESULT_FREE_SECTIONS
from fedsim.scenario.overrides import read_path
from fedsim.scenario.toml_values import toml
from fedsim.scenario.validation import shown
from fedsim.study.ranges import RANGE_KEYS, read_range

Path = tuple[str | int, ...]

NAMED = "name"
"""A table with this key is an algorithm and takes the place of another; any other sets only the keys that it gives."""
RESERVED = (
    "seed",
    "final",
    "selected",
    "best",
    "seconds",
    "folder",
    "rounds",
    "skipped",
    "mean",
    "low",
    "high",
    "seeds",
)
"""Columns of a study's files, so that no axis of variants may have these names."""
NO_AXIS = {"seed": "give `seeds = [1, 2, 3]`, or a number of them, at the top of the study"} | dict.fromkeys(
    RESULT_FREE_SECTIONS, "it changes no result"
)


@dataclass(frozen=True)
class Level:
    """One value of an axis: its name, and the keys of the scenario that it sets."""

    label: str
    changes: Mapping[Path, Any]
    where: Path  # in the study's file


@dataclass(frozen=True)
class Axis:
    """One thing that is varied."""

    name: str
    levels: tuple[Level, ...]
    where: Path

    @property
    def keys(self) -> set[Path]:
        """The keys of a scenario that some level sets."""
        return {path for level in self.levels for path in level.changes}

    def sets(self, section: str) -> bool:
        """Whether it varies this section of a scenario."""
        return any(path[0] == section for path in self.keys)


def read_axes(table: Mapping[str, Any], problems: list[Problem]) -> list[Axis]:
    """Every axis in `[axes]` and `[variants]`, in the order in which they stand in the file."""
    found: list[Axis] = []
    for key in table:
        if key == "axes":
            found += _plain_axes(table[key], (key,), (), problems)
        elif key == "variants":
            found += _variants(table[key], problems)
    _refuse_twice(found, problems)
    return found


def label_of(value: Any) -> str:
    """A value in a few letters: `krum f=3`, `0.1`, `alie + noise`."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        rest = [f"{key}={label_of(item)}" for key, item in value.items() if key != NAMED]
        return " ".join([*([str(value[NAMED])] if NAMED in value else []), *rest]) or "default"
    if isinstance(value, list | tuple):
        return " + ".join(map(label_of, value)) or "none"
    return toml(value)


def changes_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The keys that a table sets: tables without a name are gone into, anything else is a value."""
    if not isinstance(value, Mapping) or NAMED in value or not value:
        yield path, value
        return
    for key, inner in value.items():
        below = read_path(key)
        yield from changes_of(inner, (*path, *(below if below else (key,))))


def _plain_axes(node: Any, where: Path, path: Path, problems: list[Problem]) -> Iterator[Axis]:
    if not isinstance(node, Mapping):
        problems.append(Problem(where, f"must be a table of keys and their values, got {shown(node)}", node))
        return
    for key, value in node.items():
        here = (*path, *(read_path(key) or (key,)))
        if isinstance(value, Mapping) and not RANGE_KEYS & value.keys() and value:
            yield from _plain_axes(value, (*where, key), here, problems)
        else:
            values = _values(value, (*where, key), problems)
            yield from _axis(Problem(here, "").where, here, values, (*where, key), problems)


def _values(value: Any, where: Path, problems: list[Problem]) -> list[Any]:
    if isinstance(value, Mapping) and value:
        return read_range(value, where, problems)
    if not isinstance(value, list) or not value:
        message = f"must be a list of values or a range such as {{ from = 1, to = 5 }}, got {shown(value)}"
        problems.append(Problem(where, message, value))
        return []
    return value


def _axis(name: str, path: Path, values: list[Any], where: Path, problems: list[Problem]) -> Iterator[Axis]:
    levels = tuple(Level(label_of(value), dict(changes_of(value, path)), where) for value in values)
    labels = [level.label for level in levels]
    twice = dict.fromkeys(label for label in labels if labels.count(label) > 1)
    problems += [Problem(where, f"{label} stands in it twice", label) for label in twice]
    if str(path[0]) in NO_AXIS:
        problems.append(Problem(where, f"{path[0]} is no axis: {NO_AXIS[str(path[0])]}", name))
    elif levels:
        yield Axis(name, levels, where)


def _variants(node: Any, problems: list[Problem]) -> Iterator[Axis]:
    """Axes whose levels have names of their own and may set several keys each."""
    if not isinstance(node, Mapping):
        problems.append(Problem(("variants",), f"must be tables of named variants, got {shown(node)}", node))
        return
    for name, group in node.items():
        where: Path = ("variants", name)
        if name in RESERVED:
            problems.append(Problem(where, f"{name} heads a column of its own: give the axis another name", name))
        if not isinstance(group, Mapping) or not group or not all(isinstance(v, Mapping) for v in group.values()):
            message = 'must name variants, each a table of the keys that it sets, e.g. krum = { aggregator = "krum" }'
            problems.append(Problem(where, message, group))
            continue
        levels = tuple(_variant(label, keys, (*where, label), problems) for label, keys in group.items())
        yield Axis(name, levels, where)


def _variant(label: str, keys: Mapping[str, Any], where: Path, problems: list[Problem]) -> Level:
    changes = dict(changes_of(keys)) if keys and NAMED not in keys else {}
    if NAMED in keys:
        problems.append(Problem((*where, NAMED), f"say which algorithm is meant, e.g. {{ aggregator = {toml(keys)} }}"))
    unfit = [str(path[0]) for path in changes if str(path[0]) in NO_AXIS]
    problems += [Problem(where, f"{key} is nothing to vary: {NO_AXIS[key]}") for key in unfit]
    return Level(label, changes, where)


def _refuse_twice(axes: list[Axis], problems: list[Problem]) -> None:
    for place, axis in enumerate(axes):
        for other in axes[:place]:
            if axis.name == other.name:
                problems.append(Problem(axis.where, f"there is another axis named {axis.name}"))
            elif shared := sorted(Problem(path, "").where for path in axis.keys & other.keys):
                message = f"{', '.join(shared)} is set by the axis {other.name} too: set it in one of them"
                problems.append(Problem(axis.where, message))


def axis_named(name: Any, axes: list[Axis], where: Path, problems: list[Problem]) -> Axis | None:
    """The axis of this name, or one more problem."""
    found = next((axis for axis in axes if axis.name == name), None)
    if found is None:
        known = [axis.name for axis in axes]
        hint = did_you_mean(str(name), known) or f"; the axes are {', '.join(known) or 'none'}"
        problems.append(Problem(where, f"{shown(name)} is no axis{hint}", name))
    return found
