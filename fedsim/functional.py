"""The door for people with a matrix in hand: a numpy array or a torch tensor in, the same kind out.

    aggregate("trimmed_mean", updates, f=2)             # (n, d) -> (d,)
    preaggregate("nnm", updates, f=2)                   # (n, d) -> (m, d)
    attack("alie", honest, count=2)                     # (h, d) -> (count, d)

Keywords are the algorithm's settings and the items that the engine would supply in a run. Items left out are those of
a first round in which the model is all zeros and everyone holds equally much: `counts` ones, `previous` and
`parameters` zeros, `clients` 0, 1, 2 …, `memory` none; `seed` 0, or a `stream` in its place, is for those that draw.
`trusted`, `root_logits`, `own` and `defence` have no such default. Any other keyword is refused, never ignored.
Tensors come back on their own device, without gradients; 16-bit floats are computed in 32 bits, whole numbers in
64-bit floats.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators.contract import aggregators
from fedsim.array_interop import Reading, read
from fedsim.array_types import Array, Integers
from fedsim.attacks.contract import attacks, forged_rows
from fedsim.checked_calls import has_shape
from fedsim.errors import did_you_mean
from fedsim.kernels.rules.finite_rows import screen
from fedsim.preaggregators.contract import preaggregators
from fedsim.randomness import Stream
from fedsim.registry import AUTO, BYZANTINE, Entry
from fedsim.scenario.validation import check_settings
from fedsim.stand_ins import Sample
from fedsim.supply import Item, Table

Matrix = Any
"""A numpy array or a torch tensor."""

NonFinite = Literal["screen", "raise"]


def aggregate(
    name: str,
    updates: Matrix,
    /,
    *,
    nonfinite: NonFinite = "screen",
    stream: Stream | None = None,
    seed: int | None = None,
    details: bool = False,
    **given: Any,
) -> Any:
    """The (d,) aggregate of an (n, d) matrix of updates by the rule of this name.

    With `details` an Aggregate(update, weights, memory): a rule with a past takes `memory` in its next round.

    Rows with a NaN or an infinity are set aside and `f` is lowered by as many, or refused (`nonfinite="raise"`).
    """
    reading = _matrix("updates", updates)
    verdict = _called(aggregators[name], reading.array, nonfinite, _stream(stream, seed), given)
    return _answered(reading, verdict, details)


def preaggregate(
    name: str,
    updates: Matrix,
    /,
    *,
    nonfinite: NonFinite = "screen",
    stream: Stream | None = None,
    seed: int | None = None,
    details: bool = False,
    **given: Any,
) -> Any:
    """The (m, d) rows that the pre-aggregator of this name makes of an (n, d) matrix of updates.

    With `details` a Mixed(updates, shares, memory). Rows with a NaN or an infinity are set aside and `f` is lowered
    by as many, or refused (`nonfinite="raise"`).
    """
    reading = _matrix("updates", updates)
    mixed = _called(preaggregators[name], reading.array, nonfinite, _stream(stream, seed), given)
    return _answered(reading, mixed, details)


def attack(
    name: str,
    honest: Matrix,
    /,
    *,
    count: int,
    stream: Stream | None = None,
    seed: int | None = None,
    details: bool = False,
    **given: Any,
) -> Any:
    """The (count, d) rows that the attack of this name sends, knowing an (h, d) matrix of honest updates.

    With `details` a Forged(updates, memory).
    """
    entry = attacks[name]
    if entry.traits["poisons"] != "updates":
        what = {"data": "poisons training examples", "training": "trains otherwise"}[entry.traits["poisons"]]
        raise ValueError(f"attack `{name}` {what}: a matrix of updates is nothing to it")
    if operator.index(count) < 0:
        raise ValueError(f"count must be ≥ 0: got {count}")
    reading = _matrix("honest", honest)
    if "defence" in given:
        given["defence"] = _in_numpy(reading, given["defence"])
    own = {"honest": reading.array, "count": operator.index(count), "stream": _stream(stream, seed)}
    settings = _settings(entry, own, given)
    items = _items(entry, own, given, count, reading.array)
    forged = forged_rows(entry.name, entry.function(*items, **settings), operator.index(count), reading.array.shape[1])
    return _answered(reading, forged, details)


def _answered(reading: Reading, answer: Any, details: bool) -> Any:
    """The answer in the caller's kind of array: its first part, or all of it by name; a memory stays as it is."""
    if not details:
        return reading.answer(answer[0])
    arrays = {name: part for name, part in answer._asdict().items() if isinstance(part, np.ndarray)}
    return answer._replace(**{name: reading.answer(array) for name, array in arrays.items()})


def _matrix(name: str, value: Any) -> Reading:
    reading = read(name, value)
    if reading.array.ndim != 2:  # noqa: PLR2004 - a matrix has two dimensions
        raise ValueError(f"{name} must be a matrix with one row a client: got shape {reading.array.shape}")
    return reading


def _stream(stream: Stream | None, seed: int | None) -> Stream:
    if stream is not None and seed is not None:
        raise TypeError("give a stream or a seed, not both")
    return stream or Stream.root(seed or 0)


def _called(entry: Entry, rows: Array, nonfinite: str, stream: Stream, given: Mapping[str, Any]) -> Any:
    """What the algorithm makes of the finite rows."""
    own = {"updates": rows, "stream": stream}
    settings = _settings(entry, own, given)
    items = _items(entry, own, given, len(rows), rows)
    if nonfinite not in ("screen", "raise"):
        raise ValueError(f"nonfinite must be 'screen' or 'raise': got {nonfinite!r}")
    if entry.traits.get("screens") and (verdict := _of_finite_rows(entry, items, settings)):
        return verdict
    finite = _finite(rows, nonfinite)
    if not finite.all():
        asked = (_table(entry)[name] for name in entry.supplied)
        items = [value[finite] if item.per_row else value for item, value in zip(asked, items, strict=True)]
        settings = entry.lowered(settings, int((~finite).sum()))
    return entry.function(*items, **settings)


def _of_finite_rows(entry: Entry, items: Iterable[Any], settings: Mapping[str, Any]) -> Any:
    """The verdict of a rule that screens, if it saw that all rows are finite: then the matrix was read once."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            verdict = entry.function(*items, **settings)
    except ValueError:  # there may be fewer rows afterwards; what is wrong otherwise is met there again
        return None
    return verdict if verdict.finite else None


def _finite(rows: Array, nonfinite: str) -> NDArray[np.bool_]:
    finite = screen(rows)
    if nonfinite == "raise" and not finite.all():
        raise ValueError(f"updates hold NaN or infinity in rows {', '.join(map(str, np.flatnonzero(~finite)))}")
    if len(rows) and not finite.any():
        raise ValueError(f"updates hold NaN or infinity in all {len(rows)} rows: there is nothing left")
    return finite


def _settings(entry: Entry, own: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among the keywords, checked; a keyword that means nothing here is an error."""
    known = [*entry.settings, *(item for item in entry.supplied if item not in own)]
    for key in given:
        if key not in known:
            listed = f"; it takes {', '.join(known)}" if known else "; it takes no keywords"
            raise TypeError(f"{entry.name} does not take `{key}`{did_you_mean(key, known) or listed}")
    if given.get(BYZANTINE) == AUTO:
        raise ValueError(f'{entry.name}: f = "auto" is for a scenario, which knows who attacks: give a number')
    values = {key: _plain(value) for key, value in given.items() if key in entry.settings}
    settings, problems = check_settings(entry, values)
    missing = [problem.message for problem in problems if problem.path[0] not in values]
    if missing:
        raise TypeError("; ".join(missing))
    if problems:
        raise ValueError("; ".join(f"{entry.name}: {problem.where} {problem.message}" for problem in problems))
    return settings


def _plain(value: Any) -> Any:
    """numpy's scalars as Python's, which is what settings are declared in."""
    return value.item() if isinstance(value, np.generic) else value


def _items(entry: Entry, own: Mapping[str, Any], given: Mapping[str, Any], rows: int, matrix: Array) -> list[Any]:
    """What the algorithm asks for, in its own order: this function's, the caller's, or a first round's."""
    asked = [_table(entry)[name] for name in entry.supplied]
    known = {**own, **{item.name: _item(item, given[item.name], rows, matrix) for item in asked if item.name in given}}
    return [known[item.name] if item.name in known else _first_round(entry, item, rows, matrix) for item in asked]


def _table(entry: Entry) -> Table:
    families = {registry.family: registry for registry in (aggregators, preaggregators, attacks)}
    return families[entry.family].supplies


def _first_round(entry: Entry, item: Item, rows: int, matrix: Array) -> Any:
    if item.default is None:
        raise TypeError(f"missing: {entry.name} needs `{item.name}`, {item.meaning}")
    return item.default(Sample(matrix, Stream.root(0), count=rows))


def _item(item: Item, value: Any, rows: int, matrix: Array) -> Any:
    """A caller's item as the engine would hand it over."""
    if item.shape is None:
        return value if item.read is None else item.read(value, matrix.shape[1])
    lengths: dict[str, int] = {"n": rows, "d": matrix.shape[1]}
    array = _shaped(item.name, value, tuple(lengths.get(length) for length in item.shape))
    if item.whole:
        return _whole(item.name, array)
    return array.astype(matrix.dtype) if item.shape[-1] == "d" else array


def _shaped(name: str, value: Any, shape: tuple[int | None, ...]) -> Array:
    """A caller's array or list, of this shape; None stands for any length."""
    array = read(name, np.asarray(value) if isinstance(value, list | tuple) else value).array
    if not has_shape(array, shape):
        wanted = ", ".join("any" if wanted is None else str(wanted) for wanted in shape)
        raise ValueError(f"{name} must have shape ({wanted}): got {array.shape}")
    return array


def _whole(name: str, array: Array) -> Integers:
    if not (np.isfinite(array).all() and (array == np.rint(array)).all()):
        raise ValueError(f"{name} must be whole numbers")
    return array.astype(np.int64)


def _in_numpy(reading: Reading, defence: Callable[[Any], Any]) -> Callable[[Array], Array]:
    """The caller's defence, which is given and gives the caller's kind."""
    return lambda rows: read("the defence's answer", defence(reading.answer(rows))).array
