"""From a file to a scenario that can run, and back."""

import errno
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli
import tomli_w

from fedsim.composing import compose, decompose
from fedsim.errors import Problem, ScenarioError
from fedsim.files import read_plain
from fedsim.locating import locate
from fedsim.rehearsal import rehearse
from fedsim.scenario import Scenario

MOST_BYTES = 1_000_000
"""A scenario is written by hand; anything longer is something else."""


def load_scenario(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read, check and rehearse a scenario file; `overrides` are `key.path=value`, the value in TOML.

    Raises ScenarioError with every problem found.
    """
    path = Path(path)
    text = _read(path)
    return parse_scenario(text, overrides, source=str(path), name=_plain_name(path.stem))


def parse_scenario(
    text: str, overrides: Sequence[str] = (), *, source: str = "scenario", name: str = "scenario"
) -> Scenario:
    """The scenario that a TOML text describes; `name` is used when the text gives none."""
    table = _parse(text, source)
    problems = _override(table, overrides)
    table = {"name": name, "question": _first_comment(text)} | table
    scenario, found = compose(table)
    problems += found
    if scenario is not None:
        problems += rehearse(scenario, [problem.path for problem in problems])
    if problems or scenario is None:
        raise ScenarioError(sorted(map(_located(text), problems), key=_order), source, text)
    return scenario


def dump_scenario(scenario: Scenario) -> str:
    """The scenario as TOML with every default filled in; loading it gives an equal scenario."""
    table = decompose(scenario)
    question = table.pop("question", "")
    return tomli_w.dumps({"name": table.pop("name"), "question": question} | table)


def scenario_digest(scenario: Scenario) -> str:
    """16 hexadecimal digits that name everything a result depends on: not names, workers or folders."""
    table = decompose(scenario)
    for key in ("name", "question", "execution", "output"):
        table.pop(key, None)
    text = json.dumps(table, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> str:
    try:
        data = read_plain(path, MOST_BYTES, follow=True)
    except OSError as error:
        too_long = f"is longer than {MOST_BYTES:,} bytes: not a scenario"
        message = too_long if error.errno == errno.EFBIG else f"cannot be read: {error.strerror or error}"
        raise ScenarioError([Problem((), message)], str(path)) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(
            [Problem((), f"is not UTF-8 text: {error.reason} at byte {error.start}")], str(path)
        ) from error


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomli.loads(text.replace("\r\n", "\n"))
    except RecursionError:
        problem = Problem((), "is nested too deeply to be a scenario")
    except ValueError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else _end(text)
        problem = Problem((), f"not valid TOML: {str(error).partition(' (at ')[0]}", None, line, column)
    raise ScenarioError([problem], source, text)


def _end(text: str) -> tuple[int, int]:
    """Line and column after the last letter, where the parser says no more than `at end of document`."""
    lines = text.rstrip().splitlines() or [""]
    return len(lines), len(lines[-1]) + 1


def _override(table: dict[str, Any], overrides: Sequence[str]) -> list[Problem]:
    """Write each `key.path=value` into the table; what cannot be written is a problem."""
    problems = []
    for override in overrides:
        dotted, equals, value = override.partition("=")
        path = tuple(int(part) if part.isdigit() else part for part in dotted.strip().split("."))
        if not equals or "" in path:
            problems.append(Problem(path, f"not an override: {override!r}; write key.path=value"))
        elif not _write(table, path, _value(value.strip())):
            problems.append(Problem(path, f"no such place for the override {override!r}"))
    return problems


def _write(node: Any, path: tuple[str | int, ...], value: Any) -> bool:
    """Write a value below a table or list; nothing is changed where there is no such place."""
    key, *below = path
    in_list = isinstance(node, list) and isinstance(key, int) and key < len(node)
    if not in_list and not (isinstance(node, dict) and isinstance(key, str)):
        return False
    if below:
        inner = node[key] if in_list else node.get(key, {})
        inner = {"name": inner} if isinstance(inner, str) else inner
        if not _write(inner, tuple(below), value):
            return False
        value = inner
    node[key] = value
    return True


def _value(text: str) -> Any:
    """A TOML value, or the text itself where it is not one: `--set model=mlp` needs no quotes."""
    try:
        return tomli.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _first_comment(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return first.lstrip("#").strip()[:300] if first.startswith("#") else ""


def _plain_name(stem: str) -> str:
    """A file's name as a plain word."""
    return re.sub(r"[^A-Za-z0-9_.\-]", "_", stem).lstrip(".-")[:80] or "scenario"


def _located(text: str) -> Any:
    return lambda problem: problem if problem.line else locate(problem, text)


def _order(problem: Problem) -> tuple[int, str]:
    return (problem.line or 10**9, problem.where)
