"""The laws of rules and pre-aggregators; the first four may be broken by confession."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fedsim.aggregators.contract import Aggregate, Condition
from fedsim.array_types import Array
from fedsim.errors import RowsDoNotSuffice
from fedsim.laws.cases import fewest_rows, moved, permuted, settings, supplies
from fedsim.laws.verdicts import Broken, identical, require, same
from fedsim.randomness import Stream
from fedsim.registry import Entry

Given = dict[str, Any]
SUM = 1e-9


def call(entry: Entry, given: Given, chosen: Given) -> tuple[Array, Array]:
    """The result and who counted in it: (d,), (n,) of a rule and (m, d), (m, n) of a pre-aggregator."""
    answer = entry.function(*(given[name] for name in entry.supplied), **chosen)
    return (answer.update, answer.weights) if isinstance(answer, Aggregate) else (answer.updates, answer.shares)


def case(entry: Entry, seed: int, dtype: type = np.float64) -> tuple[Given, Given]:
    """Rows without ties, some of them far out, and settings that suit their number."""
    draw = Stream.root(seed).at("law").numpy()
    n, d = int(draw.integers(max(fewest_rows(entry, 1), 4), 14)), int(draw.integers(1, 40))
    rows = draw.standard_normal((n, d)) + draw.standard_normal(d)
    chosen = settings(entry, n, share=draw.random())
    rows[: chosen.get("f", 0)] *= draw.choice([1.0, 30.0])
    return supplies(entry, rows.astype(dtype), seed), chosen


def shown(entry: Entry, seed: int) -> str:
    """The case in words."""
    given, chosen = case(entry, seed)
    n, d = given["updates"].shape
    return ", ".join([f"{n} rows of {d}", *(f"{name} = {value}" for name, value in chosen.items()), f"seed {seed}"])


def permutation(entry: Entry, seed: int) -> None:
    """Clients in another order: the same result, the same weight for each."""
    given, chosen = case(entry, seed)
    order = Stream.root(seed).at("order").numpy().permutation(len(given["updates"]))
    result, counted = call(entry, given, chosen)
    result_after, counted_after = call(entry, permuted(given, order), chosen)
    if result.ndim == 1:
        same("results of rows in another order", result_after, result)
        same("weights of rows in another order", counted_after, counted[order])
    else:
        require(len(result) == len(order), "a change of the rows' number cannot follow their order")
        same("rows in another order", result_after, result[order])
        same("shares of rows in another order", counted_after, counted[order][:, order])


def translation(entry: Entry, seed: int) -> None:
    """All updates moved by one vector: the result moves by it."""
    given, chosen = case(entry, seed)
    shift = 100 * Stream.root(seed).at("shift").numpy().standard_normal(given["updates"].shape[1])
    result, counted = call(entry, given, chosen)
    result_after, counted_after = call(entry, moved(given, 1.0, shift), chosen)
    same("results of rows moved by one vector", result_after, result + shift)
    same("weights of rows moved by one vector", counted_after, counted)


def scaling(entry: Entry, seed: int) -> None:
    """All updates times a number: the result times that number."""
    given, chosen = case(entry, seed)
    result, counted = call(entry, given, chosen)
    for factor in (1e-3, 0.3, 700.0):
        result_after, counted_after = call(entry, moved(given, factor), chosen)
        same(f"results of rows times {factor:g}", result_after, factor * result, factor)
        same(f"weights of rows times {factor:g}", counted_after, counted)


def unanimity(entry: Entry, seed: int) -> None:
    """All rows the same: that row is the result."""
    given, chosen = case(entry, seed)
    rows = given["updates"] = np.repeat(given["updates"][:1], len(given["updates"]), axis=0)
    result, _ = call(entry, given, chosen)
    same("results of equal rows", result, np.broadcast_to(rows[0], result.shape))


def form(entry: Entry, seed: int) -> None:
    """A finite result of the rows' own kind of float and length, and weights that sum to one."""
    for dtype in (np.float32, np.float64):
        given, chosen = case(entry, seed, dtype)
        n, d = given["updates"].shape
        result, counted = call(entry, given, chosen)
        require(result.dtype == dtype, f"rows of {np.dtype(dtype)} give a result of {result.dtype}")
        require(bool(np.isfinite(result).all()), "finite rows give a result that is not")
        require(result.shape[-1] == d, f"rows of {d} coordinates give {result.shape[-1]}")
        require(counted.shape == (*result.shape[:-1], n), f"weights have shape {counted.shape} for {n} rows")
        gap = float(np.abs(counted.sum(axis=-1) - 1).max())
        require(gap <= SUM, f"weights sum to 1 but for {gap:.3g}: divide them by their sum in float64")


def untouched(entry: Entry, seed: int) -> None:
    """Inputs are what they were."""
    given, chosen = case(entry, seed)
    before = {name: np.array(value) for name, value in given.items() if isinstance(value, np.ndarray)}
    call(entry, given, chosen)
    for name, value in before.items():
        identical(f"`{name}` before and after", given[name], value)


def repeatable(entry: Entry, seed: int) -> None:
    """The same call, the same bits; a read-only input is as good."""
    given, chosen = case(entry, seed, np.float32)
    first = call(entry, given, chosen)
    given["updates"].flags.writeable = False
    for one, other in zip(first, call(entry, given, chosen), strict=True):
        identical("two answers to the same call", other, one)


def views(entry: Entry, seed: int) -> None:
    """Rows that lie in memory in another way are the same rows."""
    given, chosen = case(entry, seed)
    rows, wanted = given["updates"], call(entry, given, chosen)
    for view in (np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[:, ::2], rows[::-1].copy()[::-1]):
        for one, other in zip(call(entry, given | {"updates": view}, chosen), wanted, strict=True):
            same("answers to rows that lie otherwise in memory", one, other, tolerance=1e-9)


def refusal(entry: Entry, seed: int) -> None:
    """No exactly where there are too few rows for f."""
    condition, draw = Condition.parse(entry.needs or "n ≥ 1"), Stream.root(seed).at("few").numpy()
    for n in range(1, 13):
        for f in range(n + 2) if "f" in entry.settings else [0]:
            given = supplies(entry, draw.standard_normal((n, 3)))
            chosen = settings(entry, n) | ({"f": f} if "f" in entry.settings else {})
            try:
                result, _ = call(entry, given, chosen)
            except ValueError as error:
                require(not condition.holds(n, f), f"n = {n}, f = {f} meets {entry.needs}, and is refused: {error}")
            else:
                require(bool(np.isfinite(result).all()), f"n = {n}, f = {f} gives a result that is not finite")


def _refusing(law: Callable[[Entry, int], None]) -> Callable[[Entry, int], None]:
    """Refusing what was taken before breaks a law as well."""

    def tried(entry: Entry, seed: int) -> None:
        try:
            law(entry, seed)
        except RowsDoNotSuffice as error:
            raise Broken(f"refuses rows that it takes otherwise: {error}") from error

    tried.__doc__ = law.__doc__
    return tried


CONFESSABLE = {law.__name__: _refusing(law) for law in (permutation, translation, scaling, unanimity)}
LAWS = CONFESSABLE | {law.__name__: law for law in (form, untouched, repeatable, views, refusal)}
