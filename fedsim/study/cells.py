"""The cells of a study: every one a scenario of its own, all of them examined before any is played."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fedsim.errors import Problem, ScenarioError, did_you_mean
from fedsim.scenario.load import examine, scenario_digest
from fedsim.scenario.overrides import Override, write_overrides
from fedsim.scenario.positions import locate
from fedsim.scenario.sections import Scenario
from fedsim.study.axes import Axis, Level
from fedsim.study.axes import Path as Keys
from fedsim.study.code import code_key
from fedsim.study.plan import SEED, Plan

CELLS = "cells"
"""The folder of the results folders, in that of the study."""
MOST_NAMED = 2

Combination = tuple[tuple[Axis, Level], ...]


@dataclass(frozen=True)
class Cell:
    """One run of a study."""

    coordinates: Mapping[str, str]  # axis -> level
    seed: int
    scenario: Scenario
    digest: str
    folder: Path  # its results: named by the scenario and by the code that makes them
    beside: Path  # where own code and files are looked for
    varied: tuple[str, ...] = ()  # the keys that some axis sets

    @property
    def name(self) -> str:
        """`rule=krum attack=alie seed=1`."""
        return " ".join(f"{axis}={label}" for axis, label in self.labels.items())

    @property
    def labels(self) -> dict[str, str]:
        """The coordinates and the seed."""
        return {**self.coordinates, SEED: str(self.seed)}


def cells_of(plan: Plan, plugins: Sequence[str] = ()) -> list[Cell]:
    """Every cell, in the order of the axes, the seeds of one beside each other.

    ScenarioError names whatever is wrong in any of them, once, with the level that brings it.
    """
    combinations = list(plan.combinations())
    found: list[tuple[Combination, Scenario]] = []
    wrong: list[tuple[Problem, Combination]] = []
    for combination in combinations:
        coordinates = {axis.name: level.label for axis, level in combination}
        if all(plan.leaves_out(coordinates, seed) for seed in plan.seeds):
            continue
        scenario, problems = _scenario(plan, combination, plugins)
        wrong += [(problem, combination) for problem in problems]
        if scenario is not None:
            found.append((combination, scenario))
    if wrong:
        problems = [locate(each, plan.text) for each in _told(wrong, len(combinations))]
        raise ScenarioError(problems, plan.source, plan.text)
    if not found:
        raise ScenarioError([Problem(("exclude",), "leaves out every cell")], plan.source, plan.text)
    return [cell for combination, scenario in found for cell in _with_seeds(plan, combination, scenario)]


def _scenario(plan: Plan, combination: Combination, plugins: Sequence[str]) -> tuple[Scenario | None, list[Problem]]:
    table: dict[str, Any] = copy.deepcopy(dict(plan.base)) | {"name": plan.name, "question": plan.question}
    if plugins:
        table["plugins"] = list(dict.fromkeys([*table.get("plugins", []), *plugins]))
    changes = [Override(path, value, "") for _, level in combination for path, value in level.changes.items()]
    problems = write_overrides(table, copy.deepcopy(sorted(changes, key=lambda change: len(change.path))))
    scenario, found = examine(table, plan.beside)
    return scenario, [*problems, *found]


def _with_seeds(plan: Plan, combination: Combination, scenario: Scenario) -> Iterator[Cell]:
    coordinates = {axis.name: level.label for axis, level in combination}
    key = code_key(scenario)
    varied = tuple(sorted({Problem(path, "").where for axis in plan.axes for path in axis.keys}))
    for seed in plan.seeds:
        if not plan.leaves_out(coordinates, seed):
            own = replace(scenario, seed=seed)
            digest = scenario_digest(own)
            folder = plan.folder / CELLS / f"{digest[:10]}-{key}"
            yield Cell(coordinates, seed, own, digest, folder, plan.beside, varied)


def _told(wrong: Sequence[tuple[Problem, Combination]], total: int) -> Iterator[Problem]:
    """Each problem once, at the level that brings it or at the base, with the cells that have it."""
    groups: dict[tuple[Keys, str], list[tuple[Problem, Combination]]] = {}
    for problem, combination in wrong:
        groups.setdefault((problem.path, problem.message), []).append((problem, combination))
    for (path, message), found in groups.items():
        combinations = [combination for _, combination in found]
        where, level = _culprit(path, combinations)
        cells = "" if len(found) == total else f" ({_named(combinations, total)})"
        own = level is not None and path in level.changes
        key = "" if level is None or (own and len(level.changes) == 1) else f"{Problem(path, '').where}: "
        yield Problem(where, f"{key}{message}{cells}", found[0][0].value)


def _culprit(path: Keys, combinations: Sequence[Combination]) -> tuple[Keys, Level | None]:
    """The place in the study of what sets the key, the nearest to it; else what all these cells have in common."""
    setting = [
        (len(key), level)
        for _, level in combinations[0]
        for key in level.changes
        if path[: len(key)] == key
    ]  # fmt: skip
    if setting:
        level = max(setting, key=lambda each: each[0])[1]
        return level.where, level
    return ("base", *path), None


def _named(combinations: Sequence[Combination], total: int) -> str:
    names = [" ".join(f"{axis.name}={level.label}" for axis, level in each) for each in combinations[:MOST_NAMED]]
    more = f" and {len(combinations) - MOST_NAMED} more" if len(combinations) > MOST_NAMED else ""
    return f"{len(combinations)} of {total}: {', '.join(names)}{more}"


def chosen(cells: Sequence[Cell], patterns: Iterable[str] = (), shard: tuple[int, int] = (1, 1)) -> list[Cell]:
    """Those that match every pattern, `rule=krum,attack=a*` or `a*`, and fall to this shard of so many."""
    kept = list(cells)
    for pattern in patterns:
        conditions = [_condition(part, cells) for part in pattern.split(",")]
        kept = [cell for cell in kept if all(_fits(cell, *condition) for condition in conditions)]
        if not kept:
            raise ValueError(f"no cell is like {pattern}; the first is {cells[0].name}")
    number, shards = shard
    runs = list(dict.fromkeys(cell.folder for cell in kept))  # cells that are one run stay in one shard
    mine = set(runs[number - 1 :: shards])
    return [cell for cell in kept if cell.folder in mine]


def _condition(part: str, cells: Sequence[Cell]) -> tuple[str, str]:
    axis, equals, pattern = part.strip().rpartition("=")
    if not equals:
        return "", part.strip()
    if axis not in cells[0].labels:
        known = list(cells[0].labels)
        hint = did_you_mean(axis, known) or f"; the axes are {', '.join(known)}"
        raise ValueError(f"{axis} is no axis{hint}")
    return axis, pattern


def _fits(cell: Cell, axis: str, pattern: str) -> bool:
    labels = cell.labels
    values = [labels[axis]] if axis else [label for key, label in labels.items() if key != SEED]
    return any(fnmatchcase(value, pattern) for value in values)
