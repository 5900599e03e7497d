"""Cases: whatever a signature asks for, made up from an address, so that what nobody has met yet can be tried."""

import types
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import numpy as np

from fedsim.aggregators.contract import Condition
from fedsim.array_types import Array, Integers
from fedsim.laws.verdicts import NotTried
from fedsim.randomness import Stream
from fedsim.registry import Entry, Setting
from fedsim.stand_ins import Sample
from fedsim.supply import RULES, samples

MOST_ROWS = 1000
"""That a condition is tried with."""


def supplies(entry: Entry, rows: Array, seed: int = 0) -> dict[str, Any]:
    """Everything that the entry asks the engine for, around these rows."""
    return samples(RULES, entry.supplied, Sample(rows, Stream.root(seed), root=(12, 5)))


def settings(entry: Entry, n: int, share: float = 1.0) -> dict[str, Any]:
    """A value for each required setting; `f` is this share of the most that n rows allow."""
    chosen = required(entry)
    if "f" in entry.settings:
        chosen["f"] = round(share * most_byzantine(entry, n))
    return chosen


def required(entry: Entry) -> dict[str, Any]:
    """A value for each setting that a scenario must give; the defaults of the others are left to the function."""
    return {name: example(setting) for name, setting in entry.settings.items() if setting.required}


def most_byzantine(entry: Entry, n: int) -> int:
    """The greatest f that the entry's condition allows with n rows."""
    condition = Condition.parse(entry.needs or "n ≥ 1")
    return max(f for f in range(n + 1) if f == 0 or (condition.slope and condition.holds(n, f)))


def fewest_rows(entry: Entry, f: int = 0) -> int:
    """The least n that the entry's condition allows with f."""
    condition = Condition.parse(entry.needs or "n ≥ 1")
    return next(n for n in range(1, MOST_ROWS) if condition.holds(n, f))


def example(setting: Setting) -> Any:
    """A value that a setting's type and bounds admit."""
    kind, bounds = plain(setting.annotation)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if kind in (int, float):
        return kind(number(bounds, kind))
    if kind is bool:
        return False
    if get_origin(kind) is tuple and get_args(kind)[1:] == (Ellipsis,):
        return (example(replace(setting, annotation=get_args(kind)[0])),)
    raise NotTried(
        f"no example of a {getattr(kind, '__name__', kind)} for the setting `{setting.name}`: give it a default"
    )


def plain(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type of an annotation, without None, and its constraints."""
    bounds: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        bounds = tuple(extras)
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation, bounds


def number(bounds: tuple[Any, ...], kind: type) -> float:
    """1 where it is admitted, else a value between the bounds."""
    step = 1 if kind is int else 1e-3
    low, high = -np.inf, np.inf
    for bound in bounds:
        match bound:
            case annotated_types.Ge(ge=value):
                low = max(low, float(value))  # type: ignore[arg-type]
            case annotated_types.Gt(gt=value):
                low = max(low, float(value) + step)  # type: ignore[arg-type]
            case annotated_types.Le(le=value):
                high = min(high, float(value))  # type: ignore[arg-type]
            case annotated_types.Lt(lt=value):
                high = min(high, float(value) - step)  # type: ignore[arg-type]
    return float(min(max(1, low), high))


def permuted(given: Mapping[str, Any], order: Integers) -> dict[str, Any]:
    """The same clients in another order."""
    return {name: value[order] if RULES[name].per_row else value for name, value in given.items()}


def moved(given: Mapping[str, Any], scale: float, shift: Any = 0) -> dict[str, Any]:
    """Everything that is an update, scaled and shifted."""
    return {name: scale * value + shift if RULES[name].in_update_space else value for name, value in given.items()}
