"""Ranges of an axis: `{ from = 0.1, to = 0.5, step = 0.1 }`, or so many values on a linear or logarithmic scale."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fedsim.errors import Problem, did_you_mean
from fedsim.scenario.validation import shown

RANGE_KEYS = frozenset({"from", "to", "step", "count", "scale"})
MOST_VALUES = 10_000
LEAST_COUNT = 2


def read_range(table: Mapping[str, Any], where: tuple[str | int, ...], problems: list[Problem]) -> list[Any]:
    """The values of a range, both ends included; none where it is wrong, and why among the problems."""
    wrong = _unlike_a_range(table)
    if wrong:
        problems.append(Problem(where, wrong, dict(table)))
        return []
    values = _counted(table) if "count" in table else _stepped(table)
    if len(values) > MOST_VALUES:
        problems.append(Problem(where, f"has {len(values):,} values, more than {MOST_VALUES:,}", dict(table)))
        return []
    return values


def _unlike_a_range(table: Mapping[str, Any]) -> str:
    for key in table:
        if key not in RANGE_KEYS:
            return f"unknown key {shown(key)} in a range{did_you_mean(key, RANGE_KEYS)}"
    for key in ("from", "to"):
        if not _is_number(table.get(key)):
            return f"a range needs `{key}`, a number: got {shown(table.get(key))}"
    step, count, scale = table.get("step", 1), table.get("count", LEAST_COUNT), table.get("scale", "linear")
    if "step" in table and "count" in table:
        return "give step or count, not both"
    if not _is_number(step) or step <= 0:
        return f"`step` must be a number above 0, got {shown(step)}"
    if not isinstance(count, int) or isinstance(count, bool) or count < LEAST_COUNT:
        return f"`count` must be a whole number from {LEAST_COUNT}, got {shown(count)}"
    if scale not in ("linear", "log") or (scale == "log" and "count" not in table):
        return f'`scale` is "linear" or "log", the latter with a count, got {shown(scale)}'
    if table["from"] > table["to"]:
        return f"from {table['from']} to {table['to']} goes backwards"
    return "a logarithmic range begins above 0" if scale == "log" and table["from"] <= 0 else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _stepped(table: Mapping[str, Any]) -> list[Any]:
    """In decimals, so that the third value from 0.1 by 0.1 is 0.3."""
    low, high, step = (Decimal(str(each)) for each in (table["from"], table["to"], table.get("step", 1)))
    whole = all(isinstance(each, int) for each in (table["from"], table.get("step", 1)))
    count = min(int((high - low) / step), MOST_VALUES) + 1
    return [int(low + step * place) if whole else float(low + step * place) for place in range(count)]


def _counted(table: Mapping[str, Any]) -> list[Any]:
    low, high, count = table["from"], table["to"], table["count"]
    parts = [place / (count - 1) for place in range(count)]
    if table.get("scale") == "log":
        return [_short(low * (high / low) ** part) for part in parts]
    return [_short(low + (high - low) * part) for part in parts]


def _short(value: float) -> float:
    """Without the dust of binary fractions in the last digits."""
    return float(f"{value:.12g}")
