"""Numbers and values as they are shown everywhere: fixed decimals, so that columns stand still."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fedsim.metrics.contract import Form
from fedsim.scenario.toml_values import NOTHING, toml

BARS = "▁▂▃▄▅▆▇█"
MINUTE, HOUR, THOUSAND = 60, 3600, 1000
SANITY = 1_000_000
"""Limits from here on only keep out what nobody means, and are not worth a reader's time."""
LARGEST_PLAIN = 1000
"""From here on a loss is shown with an exponent, so that it never outgrows its column."""


def score(value: float | None) -> str:
    """An accuracy or a weight, three or two decimals by its column: `0.214`."""
    return NOTHING if value is None else f"{value:.3f}"


def reading(value: float | None, form: Form) -> str:
    """A score as its metric wants it written: three decimals of a share, a whole number, or a number of any size."""
    if value is None or form == "magnitude" or not math.isfinite(value):
        return magnitude(value)
    return f"{value:,.0f}" if form == "count" else score(value)


def weight(value: float) -> str:
    """A share of the aggregate: `0.20`."""
    return f"{value:.2f}"


def magnitude(value: float | None) -> str:
    """A loss or a norm in at most eight characters: `3.021`, `4.1e+02`, `inf`."""
    if value is None:
        return NOTHING
    return f"{value:.3f}" if abs(value) < LARGEST_PLAIN or not math.isfinite(value) else f"{value:.1e}"


def seconds(value: float, *, fine: bool = False) -> str:
    """A stretch of time: `0.9 s`, `2:05`, `1:02:03`; with `fine` a short one in milliseconds, `12 ms`."""
    if fine and value < 1:
        return f"{value * THOUSAND:.0f} ms"
    if value < MINUTE:
        return f"{value:.1f} s"
    return clock(value)


def clock(value: float) -> str:
    """Minutes and seconds, with hours where there are any: `0:13`."""
    whole = round(value)
    hours, minutes = whole // HOUR, whole % HOUR // MINUTE
    tail = f"{whole % MINUTE:02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def sparkline(values: Sequence[float], width: int) -> str:
    """Values from 0 to 1 as bars, the latest `width` of their even summary; values that are not finite are gaps."""
    if not values:
        return ""
    stretch = max(1, math.ceil(len(values) / width))
    groups = [values[start : start + stretch] for start in range(0, len(values), stretch)]
    return "".join(_bar([value for value in group if math.isfinite(value)]) for group in groups)


def _bar(values: Sequence[float]) -> str:
    if not values:
        return " "
    return BARS[min(len(BARS) - 1, max(0, int(sum(values) / len(values) * len(BARS))))]


def kind(schema: Mapping[str, Any]) -> str:
    """The type and the limits in a JSON Schema, in words: `whole number ≥ 1`."""
    if "anyOf" in schema:
        return " or ".join(kind(option) for option in schema["anyOf"])
    if "const" in schema:
        return toml(schema["const"])
    if "enum" in schema:
        return " or ".join(map(toml, schema["enum"]))
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return "table" if name[0].isupper() else f"one of the {name.replace('_', ' ')}"
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return names.get(str(schema.get("type")), "value") + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {schema[key]:,}" for key, sign in signs.items() if key in schema and schema[key] < SANITY]
    return " " + ", ".join(found) if found else ""


def plural(count: int, word: str) -> str:
    """`1 round`, `12 rounds`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
