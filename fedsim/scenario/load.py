"""From a file to a scenario that can run, and back."""

import copy
import errno
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli
import tomli_w

from fedsim.atomic_files import read_plain
from fedsim.errors import Problem, ScenarioError
from fedsim.plugins.places import beside, folder, is_file_name
from fedsim.scenario.build import RESULT_FREE_SECTIONS, compose, decompose
from fedsim.scenario.dry_run import dry_run
from fedsim.scenario.execution_checks import not_installed
from fedsim.scenario.locations import located
from fedsim.scenario.overrides import Override, Overrides, blamed, read_overrides, write_overrides
from fedsim.scenario.own_code import refused, run_plugins, with_absolute_plugins
from fedsim.scenario.positions import locate, locate_repeated
from fedsim.scenario.sections import Scenario
from fedsim.scenario.shipped import find_scenario, nearest_scenario

TRACKERS = re.compile(rb"\n\[\[?tracking\b")
MOST_BYTES = 1_000_000
"""A scenario is written by hand; anything longer is something else."""


def load_scenario(path: str | Path, overrides: Overrides = (), *, plugins: Sequence[str] = ()) -> Scenario:
    """Read, check and rehearse a scenario file, or a shipped scenario by its plain name.

    `overrides` are `key.path=value`, the value in TOML, or a table of paths and plain values; a table as a value
    replaces the whole table. `plugins` are files or modules of own code besides those that the scenario names, which
    are looked for beside it. Raises ScenarioError with every problem found.
    """
    path = find_scenario(path)
    text = _read(path)
    more = [str(Path(each).resolve()) if is_file_name(each) else each for each in plugins]
    with beside(path.parent):
        return parse_scenario(text, overrides, source=str(path), name=_plain_name(path.stem), plugins=more)


def parse_scenario(
    text: str,
    overrides: Overrides = (),
    *,
    source: str = "scenario",
    name: str = "scenario",
    plugins: Sequence[str] = (),
    tracked: bool = True,
) -> Scenario:
    """The scenario that a TOML text describes; `name` is used when the text gives none.

    Of one that is not to be `tracked` that section is passed over: its trackers need not be there, nor its cluster.
    """
    plain = {"name": name, "question": _first_comment(text)} | _parse(text, source)
    if not tracked:
        plain.pop("tracking", None)
    plain = _with_plugins(plain, plugins)
    changes, problems = read_overrides(overrides)
    scenario, found = _examined(plain, changes, to_run=tracked)
    if problems or found or scenario is None:

        def without(change: Override) -> list[Problem]:
            return _examined(plain, [each for each in changes if each is not change], to_run=tracked)[1]

        problems += map(_located(text), blamed(found, changes, without))
        raise ScenarioError(sorted(problems, key=_order), source, text)
    return scenario


def read_table(path: str | Path) -> tuple[dict[str, Any], str]:
    """The plain table in a scenario file, of which nothing is checked yet, and its text."""
    path = find_scenario(path)
    text = _read(path)
    plain = {"name": _plain_name(path.stem), "question": _first_comment(text)}
    return plain | _parse(text, str(path)), text


def parse_table(text: str, source: str) -> dict[str, Any]:
    """The plain table of a TOML text that need not be a scenario; ScenarioError where it is no TOML."""
    return _parse(text, source)


def read_text(path: Path) -> str:
    """The text of a file that a person wrote; ScenarioError where there is none to be read."""
    return _read(path)


def examine(plain: dict[str, Any], beside_folder: Path) -> tuple[Scenario | None, list[Problem]]:
    """The scenario of a plain table, and everything that is wrong with it; its files are looked for in the folder."""
    with beside(beside_folder):
        return _examined(plain, [])


def _examined(
    plain: dict[str, Any], changes: Sequence[Override], *, to_run: bool = True
) -> tuple[Scenario | None, list[Problem]]:
    """The scenario of a table with these changes, and everything that is wrong with it, or missing if it is to run."""
    table = copy.deepcopy(plain)
    problems = write_overrides(table, changes)
    table = with_absolute_plugins(table, folder())
    if unusable := refused(table) or run_plugins(table.get("plugins", ())):
        return None, [*problems, *unusable]  # of names that own code would bring nothing can be said
    scenario, found = compose(table)
    problems += found
    if scenario is not None:
        scenario = located(scenario, folder(), changes)
        problems += dry_run(scenario, [problem.path for problem in problems])
        problems += not_installed(scenario) if to_run else []
    return scenario, problems


def _with_plugins(plain: dict[str, Any], plugins: Sequence[str]) -> dict[str, Any]:
    given = plain.get("plugins", [])
    if not plugins or not isinstance(given, list):
        return plain
    return plain | {"plugins": list(dict.fromkeys([*given, *plugins]))}


def dump_scenario(scenario: Scenario) -> str:
    """The scenario as TOML with every default filled in, its trackers last; loading it gives an equal scenario."""
    table = decompose(scenario)
    if not scenario.tracking.to:
        del table["tracking"]
    question = table.pop("question", "")
    return tomli_w.dumps({"name": table.pop("name"), "question": question} | table)


def without_trackers(text: bytes) -> bytes:
    """A resolved scenario's text up to the trackers."""
    return TRACKERS.split(text, maxsplit=1)[0]


def scenario_digest(scenario: Scenario) -> str:
    """16 hexadecimal digits that name everything a result depends on: not names, workers or folders."""
    table = decompose(scenario)
    for key in RESULT_FREE_SECTIONS:
        table.pop(key, None)
    for named, key in ((table["model"], "weights"), (table["clients"].get("availability", {}), "file")):
        if key in named:  # what is in the file belongs to the code of the run, where it lies to nobody
            named[key] = Path(named[key]).name
    text = json.dumps(table, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def describes(text: str, scenario: Scenario) -> bool:
    """Whether a resolved scenario's text gives the same record as this scenario: seen without running own code."""
    try:
        there, here = (tomli.loads(each) for each in (text, dump_scenario(scenario)))
    except (ValueError, RecursionError):
        return False
    left_out = ("question", "plugins", "output", "execution", "tracking")
    batches = [table.get("execution", {}) for table in (there, here)]
    plain = [{key: value for key, value in table.items() if key not in left_out} for table in (there, here)]
    return plain[0] == plain[1] and batches[0].get("batch") == batches[1].get("batch")


def _read(path: Path) -> str:
    try:
        data = read_plain(path, MOST_BYTES, follow=True)
    except OSError as error:
        too_long = f"is longer than {MOST_BYTES:,} bytes: not a scenario"
        message = too_long if error.errno == errno.EFBIG else f"cannot be read: {error.strerror or error}"
        message += nearest_scenario(path) if error.errno == errno.ENOENT else ""
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
        message = str(error).partition(" (at ")[0]
        problem = locate_repeated(message, line, text) or Problem((), f"not valid TOML: {message}", None, line, column)
    raise ScenarioError([problem], source, text)


def _end(text: str) -> tuple[int, int]:
    """Line and column after the last letter, where the parser says no more than `at end of document`."""
    lines = text.rstrip().splitlines() or [""]
    return len(lines), len(lines[-1]) + 1


def _first_comment(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return first.lstrip("#").strip()[:300] if first.startswith("#") else ""


def _plain_name(stem: str) -> str:
    """A file's name as a plain word."""
    return re.sub(r"[^A-Za-z0-9_.\-]", "_", stem).lstrip(".-")[:80] or "scenario"


def _located(text: str) -> Any:
    return lambda problem: problem if problem.line or problem.origin else locate(problem, text)


def _order(problem: Problem) -> tuple[int, str]:
    return (problem.line or 10**9, problem.where)
