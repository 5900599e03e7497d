"""Keys of a scenario that are changed for one run: `key.path=value`, or a table of paths and values."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import tomli

from fedsim.errors import Problem
from fedsim.scenario.validation import shown

Path = tuple[str | int, ...]
Overrides = Sequence[str] | Mapping[str, Any]

STEPS = re.compile(r"(?:^|\.)([A-Za-z0-9_\-]+)|\[(\d{1,9})\]")
PATH = re.compile(rf"(?:{STEPS.pattern})+")
NUMBER = re.compile(r"\d{1,9}")
MOST_TRIED = 20
"""Of more overrides than these none is tried alone, to see which of them did the harm."""


class Override(NamedTuple):
    """One change: where, to what, and as it was given."""

    path: Path
    value: Any
    text: str


def read_overrides(given: Overrides) -> tuple[list[Override], list[Problem]]:
    """Every change in what was given, and what is no change at all."""
    pairs = _pairs(given)
    found, problems = [], []
    for dotted, value, text in pairs:
        path = read_path(dotted)
        if path is None:
            problems.append(Problem((), "is not an override: write key.path=value", text, origin=text))
        else:
            found.append(Override(path, value, text))
    return found, problems


def read_path(dotted: str) -> Path | None:
    """The keys in `attacks[0].fraction` or `attacks.0.fraction`; None where it is no path."""
    if not PATH.fullmatch(dotted) or dotted.startswith("."):
        return None
    return tuple(_step(key or place) for key, place in STEPS.findall(dotted))


def write_overrides(table: dict[str, Any], overrides: Iterable[Override]) -> list[Problem]:
    """Write the changes into the table; those that find no place are problems."""
    found = []
    for each in overrides:
        message = _write(table, each.path, each.value)
        if message:
            found.append(Problem(each.path, message, each.value, origin=each.text))
    return found


def blamed(
    problems: Sequence[Problem], overrides: Sequence[Override], without: Callable[[Override], Iterable[Problem]]
) -> list[Problem]:
    """The problems, each with the override that it comes from: the one that gives the key, or that makes the problem.

    `without` gives the problems of the scenario that lacks one override.
    """
    known: dict[int, set[tuple[Path, str]]] = {}

    def makes(place: int, problem: Problem) -> bool:
        if place not in known:
            known[place] = {(each.path, each.message) for each in without(overrides[place])}
        return (problem.path, problem.message) not in known[place]

    def cause(problem: Problem) -> Override | None:
        given = [each for each in overrides if problem.path[: len(each.path)] == each.path]
        if given or problem.origin or len(overrides) > MOST_TRIED:
            return given[-1] if given else None
        return next((each for place, each in enumerate(overrides) if makes(place, problem)), None)

    return [_blaming(problem, cause(problem)) for problem in problems]


def given_by(problem: Problem, overrides: Sequence[Override]) -> Problem:
    """The problem with the override that gives its key or names the algorithm there, where one does."""
    own = [change.text for change in overrides if _gives(change.path, problem.path)]
    return replace(problem, origin=own[-1]) if own and not problem.origin else problem


def _gives(path: Path, wrong: Path) -> bool:
    return path in {wrong[: len(path)], (*wrong, "name")}


def _blaming(problem: Problem, override: Override | None) -> Problem:
    if override is None or problem.origin:
        return problem
    return replace(problem, origin=override.text, message=f"{problem.message}{_way_out(problem, override)}")


def _way_out(problem: Problem, override: Override) -> str:
    """What to write when one algorithm was put in another's place and the settings are the other's."""
    *above, last = override.path
    section = Problem(tuple(above), "").where
    if problem.message.startswith("missing") and problem.path[:-1] == override.path:
        return f"; give it too: {problem.where}=…"
    if last == "name" and problem.path[:-1] == tuple(above) and problem.message.startswith("unknown key"):
        if above[:1] == ["attacks"]:
            return f"; it belongs to the attack that {override.text} replaces"
        return f"; {section}={override.value} leaves out what the file sets for another"
    return ""


def _pairs(given: Overrides) -> list[tuple[str, Any, str]]:
    if isinstance(given, Mapping):
        return [(str(key), value, f"{key}={shown(value)}") for key, value in given.items()]
    found = []
    for text in (given,) if isinstance(given, str) else given:
        if not isinstance(text, str):
            raise TypeError(f"an override is text such as 'rounds=3', got {shown(text)}")
        dotted, equals, value = text.partition("=")
        found.append((dotted.strip() if equals else "", _value(value.strip()), text))
    return found


def _step(part: str) -> str | int:
    return int(part) if NUMBER.fullmatch(part) else part


def _write(node: Any, path: Path, value: Any) -> str:
    """Write a value below a table or list; nothing is changed where there is no such place, and the answer says why."""
    key, *below = path
    if isinstance(node, list):
        if not isinstance(key, int) or key >= len(node):
            return f"there is no such place: the list has {len(node)}, counted from 0"
    elif not isinstance(node, dict) or not isinstance(key, str):
        return "there is no such place: what stands above it is no table" if below or node else "there is no such place"
    if below:
        inner = node[key] if isinstance(node, list) or key in node else [] if isinstance(below[0], int) else {}  # type: ignore[index]
        inner = {"name": inner} if isinstance(inner, str) else inner
        wrong = _write(inner, tuple(below), value)
        if wrong:
            return wrong
        value = inner
    node[key] = value
    return ""


def _value(text: str) -> Any:
    """A TOML value, or the text itself where it is not one: `--set model=mlp` needs no quotes."""
    try:
        table = tomli.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text
