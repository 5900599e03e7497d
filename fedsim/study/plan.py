"""The plan of a study, read from one TOML file: the base scenario, the axes, the seeds, and what is left out."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedsim.errors import Problem, ScenarioError, did_you_mean
from fedsim.scenario.load import parse_table, read_table, read_text
from fedsim.scenario.positions import locate
from fedsim.scenario.shipped import find_study
from fedsim.scenario.validation import shown
from fedsim.study.axes import Axis, Level, axis_named, label_of, read_axes
from fedsim.study.questions import Questions, read_questions

KEYS = ("name", "question", "base", "seeds", "axes", "variants", "zip", "exclude", "statistics", "folder")
MOST_CELLS = 100_000
MOST_SEEDS = 10_000
FEWEST_ZIPPED = 2
SEED = "seed"

Dimension = tuple[tuple[tuple[Axis, Level], ...], ...]
"""What is varied at once: the levels of one axis, or of several that are zipped."""


@dataclass(frozen=True)
class Plan:
    """A study as its file describes it."""

    name: str
    question: str
    base: Mapping[str, Any]  # the plain table of the base scenario
    beside: Path  # the folder in which the base's files are looked for
    axes: tuple[Axis, ...]
    dimensions: tuple[Dimension, ...]
    seeds: tuple[int, ...]
    excluded: tuple[Mapping[str, frozenset[str]], ...]
    questions: Questions
    folder: Path
    source: str
    text: str

    def combinations(self) -> Iterator[tuple[tuple[Axis, Level], ...]]:
        """Every choice of a level on each axis."""
        for chosen in itertools.product(*self.dimensions):
            yield tuple(pair for pairs in chosen for pair in pairs)

    def leaves_out(self, coordinates: Mapping[str, str], seed: int) -> bool:
        """Whether a cell is excluded."""
        labels = {**coordinates, SEED: str(seed)}
        return any(all(labels[axis] in values for axis, values in each.items()) for each in self.excluded)


def read_plan(path: str | Path, folder: Path | None = None) -> Plan:
    """The plan in a study's file, or of a shipped study by its plain name; ScenarioError with all that is wrong."""
    path = find_study(path)
    return plan_of(read_text(path), path, folder)


def plan_of(text: str, path: Path, folder: Path | None = None) -> Plan:
    """The plan in a text that stands, or stood, at this path; likewise."""
    return plan_of_table(parse_table(text, str(path)), path, text, folder)


def plan_of_table(table: dict[str, Any], path: Path, text: str = "", folder: Path | None = None) -> Plan:
    """The plan in a plain table, as it stands in this text if there is one; likewise."""
    problems: list[Problem] = []
    plan = _plan(table, path, text, folder, problems)
    if problems:
        raise ScenarioError([locate(problem, text) for problem in problems], str(path), text)
    return plan


def is_study(table: Mapping[str, Any]) -> bool:
    """Whether a table has keys that only a study has."""
    return bool(table.keys() & {"base", "axes", "variants", "seeds"})


def _plan(table: dict[str, Any], path: Path, text: str, folder: Path | None, problems: list[Problem]) -> Plan:
    unknown = [key for key in table if key not in KEYS]
    problems += [Problem((key,), f"unknown key of a study{did_you_mean(key, KEYS)}", table[key]) for key in unknown]
    base, beside = _base(table.get("base", {}), path, problems)
    axes = read_axes(table, problems)
    name = _text(table, "name", path.stem, problems)
    where = folder or Path(_text(table, "folder", f"runs/study-{name}", problems))
    dimensions = _dimensions(table.get("zip", []), axes, problems)
    seeds = _seeds(table.get("seeds", [base.get(SEED, 1)]), problems)
    _count(dimensions, seeds, problems)
    return Plan(
        name, _text(table, "question", _first_comment(text), problems), base, beside, tuple(axes), dimensions, seeds,
        tuple(_exclusions(table.get("exclude", []), axes, seeds, problems)),
        read_questions(table.get("statistics", {}), axes, problems), where, str(path), text,
    )  # fmt: skip


def _base(given: Any, path: Path, problems: list[Problem]) -> tuple[dict[str, Any], Path]:
    """The base scenario's table: inline, in a file beside the study, or a shipped one by its plain name."""
    if isinstance(given, Mapping):
        return dict(given), path.parent
    if not isinstance(given, str) or not given:
        problems.append(Problem(("base",), f"must be a scenario's file or a table, got {shown(given)}", given))
        return {}, path.parent
    file = path.parent / Path(given).expanduser()
    file = file if file.exists() or Path(given).suffix else Path(given)
    try:
        table, _ = read_table(file)
    except ScenarioError as error:
        problems += [Problem(("base",), f"{error.source}: {each.message}", given) for each in error.problems]
        return {}, path.parent
    return table, file.parent if file.exists() else path.parent


def _text(table: Mapping[str, Any], key: str, default: str, problems: list[Problem]) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or (not value and key != "question") or (key == "name" and "/" in value):
        problems.append(Problem((key,), f"must be text, got {shown(value)}", value))
        return default
    return value


def _first_comment(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return first.lstrip("#").strip()[:300] if first.startswith("#") else ""


def _seeds(given: Any, problems: list[Problem]) -> tuple[int, ...]:
    """Their list, or the first so many."""
    if _is_whole(given) and 1 <= given <= MOST_SEEDS:
        return tuple(range(1, given + 1))
    if isinstance(given, list) and given and all(_is_whole(each) and 0 <= each < 2**63 for each in given):
        if len(set(given)) == len(given):
            return tuple(given)
        problems.append(Problem(("seeds",), "names a seed twice", given))
    else:
        message = f"must be how many, from 1 to {MOST_SEEDS:,}, or a list of whole numbers, got {shown(given)}"
        problems.append(Problem(("seeds",), message, given))
    return (1,)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _dimensions(given: Any, axes: list[Axis], problems: list[Problem]) -> tuple[Dimension, ...]:
    groups = _zipped(given, axes, problems)
    taken = {axis.name: group for group in groups for axis in group}
    found: list[Dimension] = []
    for axis in axes:
        group = taken.get(axis.name, [axis])
        if group[0] is axis:
            levels = zip(*(each.levels for each in group), strict=False)
            found.append(tuple(tuple(zip(group, row, strict=True)) for row in levels))
    return tuple(found)


def _zipped(given: Any, axes: list[Axis], problems: list[Problem]) -> list[list[Axis]]:
    """Groups of axes that go in step."""
    if not isinstance(given, list) or not all(isinstance(each, list) for each in given):
        problems.append(Problem(("zip",), f'must be lists of axes, e.g. [["a", "b"]], got {shown(given)}', given))
        return []
    groups, seen = [], set[str]()
    for names in given:
        found = [axis_named(name, axes, ("zip",), problems) for name in names]
        group = [axis for axis in found if axis is not None]
        if len(group) < max(FEWEST_ZIPPED, len(names)):
            problems += [] if None in found else [Problem(("zip",), "takes two axes or more", names)]
        elif twice := seen & {axis.name for axis in group}:
            problems.append(Problem(("zip",), f"{', '.join(sorted(twice))} is zipped twice", names))
        elif len({len(axis.levels) for axis in group}) > 1:
            lengths = ", ".join(f"{axis.name} has {len(axis.levels)}" for axis in group)
            problems.append(Problem(("zip",), f"axes in step need as many values each: {lengths}", names))
        else:
            groups.append(group)
        seen |= {axis.name for axis in group}
    return groups


def _exclusions(
    given: Any, axes: list[Axis], seeds: Sequence[int], problems: list[Problem]
) -> Iterator[Mapping[str, frozenset[str]]]:
    if not isinstance(given, list) or not all(isinstance(each, Mapping) and each for each in given):
        message = f'must be tables such as {{ rule = "krum", attack = ["alie", "ipm"] }}, got {shown(given)}'
        problems.append(Problem(("exclude",), message, given))
        return
    for place, each in enumerate(given):
        where = ("exclude", place)
        found: dict[str, frozenset[str]] = {}
        for name, value in each.items():
            labels = frozenset(label_of(v) for v in (value if isinstance(value, list) else [value]))
            axis = None if name == SEED else axis_named(name, axes, where, problems)
            known = [str(seed) for seed in seeds] if name == SEED else [v.label for v in axis.levels] if axis else None
            unknown = sorted(labels - set(known)) if known is not None else []
            problems += [
                Problem(where, f"{name} has no value {label}{did_you_mean(label, known or ())}", label)
                for label in unknown
            ]
            found[name] = labels
        if all(name == SEED or any(axis.name == name for axis in axes) for name in found):
            yield found


def _count(dimensions: Sequence[Dimension], seeds: Sequence[int], problems: list[Problem]) -> None:
    count = len(seeds)
    for dimension in dimensions:
        count *= len(dimension)
    if count > MOST_CELLS:
        problems.append(Problem((), f"has {count:,} cells, more than {MOST_CELLS:,}"))
