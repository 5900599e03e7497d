"""The border to an algorithm, which may be anybody's: what it is given it cannot change, what it answers is checked.

Everything that an algorithm raises ends the run and is told in its own name and at its own line, so that a slip is
never taken for a decision. One exception is none: `RowsDoNotSuffice` is how a rule says that it cannot be applied to
this round's rows.
"""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.blame import WRONG_ANSWER, told
from fedsim.errors import FedsimError, NotRegistrable, RowsDoNotSuffice, RunFailed
from fedsim.registry import Entry, Registry
from fedsim.signatures import HOUSE, is_of_the_house, supplied_items

SUM_OF_WEIGHTS = 1e-3
"""How far from 1 the weights of a rule in single precision may sum."""
EXTREME_MAGNITUDE = 1e9
"""Rows with numbers beyond this may overflow in an algorithm's own arithmetic: that is no slip of it."""
NUMBERS_AT_ONCE = 250_000
"""Numbers of a matrix that are looked at together."""


def guarded(value: Any) -> Any:
    """The array, or each array by name, as a view that cannot be written to; anything else as it is."""
    if isinstance(value, Mapping):
        return {name: guarded(array) for name, array in value.items()}
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
    return value


def by_name(entry: Entry, supplied: Sequence[Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What an algorithm was given in the order of its signature, or by keyword, by the items' names."""
    keywords = {item: settings.pop(item) for item in entry.supplied if item in settings}
    return dict(zip(entry.supplied, supplied, strict=False)) | keywords


def require_item(registry: Registry, name: str, function: Any, item: str) -> None:
    """NotRegistrable where the function does not ask for what it is there for."""
    asked = supplied_items(function)
    if item not in asked and all(each in registry.supplies for each in asked):
        raise NotRegistrable(f"{registry.noun} `{name}` does not ask for `{item}`: name it before the star")


def finite_answer(what: str, answer: Array, rows: Array) -> None:
    """ValueError where finite rows of no extreme size became something that is not finite."""
    if _finite(answer) or max(abs(rows.max(initial=0)), abs(rows.min(initial=0))) > EXTREME_MAGNITUDE:
        return
    wrong = int((~np.isfinite(answer)).sum())
    raise ValueError(f"{what} must be finite: got NaN or infinity in {wrong:,} of {answer.size:,} numbers")


def _finite(answer: Array) -> bool:
    """A few rows at a time, so that what is noted of a large matrix stays in the cache."""
    if answer.ndim < 2:  # noqa: PLR2004 - a vector
        return bool(np.isfinite(answer).all())
    few = max(1, NUMBERS_AT_ONCE // max(1, answer[0].size if len(answer) else 1))
    return all(np.isfinite(answer[start : start + few]).all() for start in range(0, len(answer), few))


def floats(what: str, value: Any, shape: tuple[int | None, ...]) -> Array:
    """An array of real numbers with a point, of this shape (None: any length), or TypeError and ValueError."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{what} must be a numpy array of float32 or float64: got {kind}")
    if not has_shape(value, shape):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{what} must have shape ({wanted}{',' * (len(shape) == 1)}): got {value.shape}")
    return value


def has_shape(array: NDArray[Any], shape: tuple[int | None, ...]) -> bool:
    """Whether the array is of this shape; None stands for any length."""
    return len(shape) == array.ndim and all(w in (None, g) for w, g in zip(shape, array.shape, strict=True))


def shares(what: str, value: Any, shape: tuple[int | None, ...]) -> Array:
    """Weights along the last axis: finite, not negative, summing to 1."""
    weights = floats(what, value, shape)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(f"{what} must be finite and not negative: got {_extremes(weights)}")
    sums = weights.sum(axis=-1, dtype=np.float64)
    if np.abs(sums - 1).max(initial=0) > SUM_OF_WEIGHTS:
        raise ValueError(f"{what} must sum to 1: got {float(np.ravel(sums)[np.abs(np.ravel(sums) - 1).argmax()]):.6g}")
    return weights


def factors(what: str, value: Any, shape: tuple[int | None, ...]) -> Array | None:
    """What rows were multiplied with: finite and not negative, or None where they were taken as they are."""
    if value is None:
        return None
    found = floats(what, value, shape)
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError(f"{what} must be finite and not negative: got {_extremes(found)}")
    return found


def _extremes(values: Array) -> str:
    return f"values from {float(values.min()):.6g} to {float(values.max()):.6g}"


def memory(what: str, value: Any) -> Mapping[str, Array] | None:
    """What is carried to the next round: plain arrays by name, which a checkpoint can hold."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} must be a mapping of names to arrays: got {type(value).__name__}")
    for name, array in value.items():
        if not (isinstance(name, str) and isinstance(array, np.ndarray) and array.dtype.kind in "fiub"):
            raise TypeError(f"{what} must map names to arrays of numbers: got {name!r} -> {type(array).__name__}")
    return value


@contextmanager
def blamed(noun: str, name: str, function: Any, round: int) -> Iterator[None]:
    """Whatever the algorithm raises in here ends the run, told in its name; a refusal of the rows goes through."""
    try:
        yield
    except (FedsimError, RowsDoNotSuffice, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise RunFailed(f"round {round}: {noun} `{name}` {told(error, function)}") from error


def refusal(error: Exception, name: str, function: Any) -> str:
    """A refusal in its own words; what is none, or comes from elsewhere, with its kind and its line."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = bool(frames) and Path(frames[-1].filename).is_relative_to(HOUSE)
    refuses = isinstance(error, RowsDoNotSuffice) or (type(error) is ValueError and ours)
    own_answer = ours and not is_of_the_house(function) and WRONG_ANSWER.match(str(error))
    return str(error) if refuses and not own_answer else f"`{name}` {told(error, function)}"
