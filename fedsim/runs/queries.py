"""Runs chosen and put in order: `aggregator=krum`, `final>0.8`, `clients.population=100`; by `final` or by `seed`."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from fedsim.errors import UnknownName, did_you_mean
from fedsim.metrics.contract import reading_of
from fedsim.runs.listing import RATES, SCORES, ListedRun, columns_of, find_runs
from fedsim.scenario.toml_values import toml

ALIASES = {"aggregator": "rule", "attacks": "attack", "dataset": "data"}
"""A scenario's own words for some columns."""
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "=": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
FORM = re.compile(r"\s*([^<>=!\s]+)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*", re.DOTALL)
LESS_IS_BETTER = {"byzantine_weight", "skipped", "false_positives", "silenced"}
SHOWN_KEYS = 12


def list_runs(
    folder: str | PathLike[str] = "runs", where: Iterable[str] = (), sort: str | None = None
) -> list[dict[str, Any]]:
    """The runs below a folder, a record each: rule, attack, partition, seed, status, scores and more.

    `where` are conditions such as `aggregator=krum` or `final>0.8`, all of which hold; `sort` is `final` or
    `rule,-seed`. ValueError where a condition or an order is wrong, FileNotFoundError where the folder is not there.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{folder} is no folder")
    return [run.record for run in chosen(find_runs(Path(folder)), where, sort)]


class Condition(NamedTuple):
    """One thing that a run must be."""

    key: str
    sign: str
    value: str

    def holds(self, run: ListedRun) -> bool:
        """Whether it is so of this run; what a run does not have is never so."""
        found = value_of(run, self.key)
        if isinstance(found, int | float) and not isinstance(found, bool):
            return SIGNS[self.sign](found, _as_number(self))
        if found is not None and self.sign not in ("=", "!="):
            raise ValueError(f"{self.key} is no number: compare it with = or !=")
        alike = any(fnmatchcase(each, self.value) or each == self.value for each in _words(run, self.key, found))
        return found is not None and alike == (self.sign == "=")


def read_condition(text: str) -> Condition:
    """`key=value`, or with !=, <, <=, > or >=; ValueError where it is none."""
    match = FORM.fullmatch(text)
    if match is None or not match[3]:
        raise ValueError(f"write KEY=VALUE, such as aggregator=krum or 'final>0.8': got {text!r}")
    return Condition(*match.groups())


def chosen(runs: Sequence[ListedRun], conditions: Iterable[str], order: str | None) -> list[ListedRun]:
    """The runs of which all conditions hold, in the order that is asked for; ValueError with what is wrong."""
    asked = [read_condition(text) for text in conditions]
    if not runs:
        return []
    for key in [each.key for each in asked] + [key.removeprefix("-") for key in sort_keys(order)]:
        _check_key(key, runs)
    found = [run for run in runs if all(each.holds(run) for each in asked)]
    for key in reversed(sort_keys(order)):
        found = _sorted(found, key)
    return found


def value_of(run: ListedRun, key: str) -> Any:
    """A column's value, or that of a setting by its dotted path; None where the run has none."""
    column = ALIASES.get(key, key)
    if column in run.record:
        return run.record[column]
    return run.settings.get(key)


def sort_keys(order: str | None) -> list[str]:
    """The keys of an order such as `final,-seed`."""
    return [key.strip() for key in order.split(",")] if order else []


def _check_key(key: str, runs: Sequence[ListedRun]) -> None:
    columns = columns_of(list(runs))
    known = {*columns, *ALIASES, *(setting for run in runs for setting in run.settings)}
    if key not in known:
        told = did_you_mean(key, sorted(known)) or f"; there are {', '.join(columns[:SHOWN_KEYS])} and more"
        raise ValueError(f"no run has `{key}`, neither as a column nor as a setting{told}")


def _as_number(condition: Condition) -> float:
    try:
        return float(condition.value)
    except ValueError:
        raise ValueError(f"{condition.key} is a number: got {condition.value!r}") from None


def _words(run: ListedRun, key: str, found: Any) -> list[str]:
    """What a value may be called: a rule by its label or by its name."""
    own = [] if found is None else [found if isinstance(found, str) else toml(found)]
    return own + run.names(ALIASES.get(key, key)) if isinstance(found, str) else own


def _sorted(runs: list[ListedRun], key: str) -> list[ListedRun]:
    """By a key: scores the best first, all else ascending, turned round by a `-`; runs without a value come last."""
    name = key.removeprefix("-")
    downwards = _more_is_better(ALIASES.get(name, name)) != key.startswith("-")
    values = {id(run): value_of(run, name) for run in runs}
    there = [run for run in runs if _has(values[id(run)])]
    numeric = all(isinstance(values[id(run)], int | float) for run in there)
    there.sort(key=lambda run: values[id(run)] if numeric else str(values[id(run)]), reverse=downwards)
    return there + [run for run in runs if not _has(values[id(run)])]


def _has(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _more_is_better(column: str) -> bool:
    if column in SCORES:
        return True
    if column in RATES:
        return column not in LESS_IS_BETTER
    try:
        return reading_of(column).better == "up"
    except UnknownName:
        return False
