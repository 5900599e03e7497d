"""Weighted sums of rows, one block of columns at a time."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels import llvm
from fedsim.kernels.rules.blocks import column_blocks
from fedsim.kernels.rules.mixtures import dense, mixed
from fedsim.kernels.rules.sums_source import GROUP, STEP, STRETCH, combination, combinations

WIDTH = 16_000
"""Columns that numpy adds up at a time: three such vectors stay in the cache."""
NARROW = 4_000
"""The same where all rows are needed again for every sum."""
SHARED_TERMS_SHARE = 0.4
"""Sums are made from what they have in common when that leaves at most this share of the terms."""
COMPILE_FROM_TERMS = 4_000_000
"""Terms from which sums of up to 64 rows are compiled at once: it costs 50 milliseconds once and halves the time."""
Terms = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""Where each sum's terms begin, and of each term the vector and the factor."""
Addresses = NDArray[np.int64]
SAVES, COST = 0.15, 8e6
"""Nanoseconds that the compiled sum saves for each number, and what the kernel costs once."""


def weighted_sum(weights: Array, rows: Array, point: Array | None = None, share: float = 0) -> Array:
    """(n,), (n, d) -> (d,): Σ w_i u_i, plus share·point where there is a point; rows of weight 0 are not read."""
    used = np.flatnonzero(weights)
    vectors = [rows[k] for k in used]
    factors = weights[used].astype(rows.dtype)
    if point is not None and share != 0:
        vectors, factors = [point, *vectors], np.concatenate([[rows.dtype.type(share)], factors])
    if not vectors:
        return np.zeros(rows.shape[1], rows.dtype)
    return _combination(factors, vectors) if len(vectors) > 1 else np.asarray(factors[0] * vectors[0])


def _combination(factors: Array, vectors: Sequence[Array]) -> Array:
    """Terms are added in order, in the vectors' precision up to 64 of them, and such groups in float64."""
    total = np.empty(len(vectors[0]), vectors[0].dtype)
    done = _by_kernel(factors, vectors, total)
    for start in range(done, len(total), WIDTH):
        stretch = slice(start, start + WIDTH)
        total[stretch] = _added(factors, [vector[stretch] for vector in vectors])
    return total


def _added(factors: Array, vectors: Sequence[Array]) -> Array:
    total = _group(factors[:GROUP], vectors[:GROUP])
    for start in range(GROUP, len(vectors), GROUP):
        total = total + _group(factors[start : start + GROUP], vectors[start : start + GROUP]).astype(np.float64)
    return total


def _group(factors: Array, vectors: Sequence[Array]) -> Array:
    total, term = factors[0] * vectors[0], np.empty_like(vectors[0])
    for factor, vector in zip(factors[1:], vectors[1:], strict=True):
        total += np.multiply(vector, factor, out=term)
    return np.asarray(total)


def _by_kernel(factors: Array, vectors: Sequence[Array], total: Array) -> int:
    """Add up as many columns as a compiled kernel handles, if one has been repaid, and say how many."""
    if total.dtype != np.float32 or not all(map(_readable, vectors)):
        return 0
    if not llvm.repaid("sums", SAVES * len(vectors) * len(total), COST):
        return 0
    whole = len(total) - len(total) % STEP
    addresses = np.array([llvm.at(vector) for vector in vectors], np.int64)
    long = max(whole, 1) if len(vectors) <= GROUP else STRETCH
    for start in range(0, whole, long):
        _in_groups(addresses + total.itemsize * start, factors, total[start : min(start + long, whole)])
    return whole


def _in_groups(addresses: Addresses, factors: Array, total: Array) -> None:
    """Fill a stretch of the total; what is added in float64 stays in the cache."""
    _run(addresses[:GROUP], factors[:GROUP], total)
    if len(addresses) > GROUP:
        exact, group = total.astype(np.float64), np.empty_like(total)
        for start in range(GROUP, len(addresses), GROUP):
            _run(addresses[start : start + GROUP], factors[start : start + GROUP], group)
            exact += group
        total[:] = exact


def _run(addresses: Addresses, factors: Array, total: Array) -> None:
    _kernel()(llvm.at(addresses), llvm.at(factors), len(factors), len(total), llvm.at(total))


def _readable(vector: Array) -> bool:
    return bool(vector.dtype == np.float32 and vector.flags.aligned and vector.flags.c_contiguous)


@lru_cache(maxsize=1)
def _kernel() -> llvm.Function:
    pointer, integer = llvm.POINTER, llvm.INTEGER
    return llvm.compiled(combination(), [pointer, pointer, integer, integer, pointer])


def _width() -> int:
    """Columns at a time: what fits the registers, which are 32 of 16 numbers or 16 of 8."""
    return 256 if llvm.features().get("avx512f") else 64


def weighted_sums(weights: Array, rows: Array) -> Array:
    """(m, n), (n, d) -> (m, d): every row of `weights` makes one weighted sum."""
    if _much(weights, rows):
        return mixed(weights, rows) if dense(weights, rows) else _by_terms(weights, rows)
    if np.count_nonzero(weights, axis=1).min(initial=0) * 2 <= weights.shape[1]:
        return _multiplied(weights, rows)  # sums of few rows may have nothing in common, and a huge row can be in most
    usual = np.sort(weights, axis=0)[len(weights) // 2]  # each column's weight in the middle one of the sums
    differences = weights - usual
    if np.count_nonzero(differences) + len(weights) > SHARED_TERMS_SHARE * weights.size:
        return _multiplied(weights, rows)
    return _by_differences(usual, differences, rows)


def _by_terms(weights: Array, rows: Array) -> Array:
    """Every sum term by term, rows of weight 0 not read."""
    output, places = np.nonzero(weights)
    factors = weights[output, places].astype(rows.dtype)
    starts = np.searchsorted(output, np.arange(len(weights) + 1))
    return _summed(list(rows), (starts, places, factors), len(weights))


def _much(weights: Array, rows: Array) -> bool:
    """Whether sums are left to the compiled kernel; the matrices alone decide, not the calls before."""
    if rows.dtype != np.float32 or len(rows) > GROUP or np.count_nonzero(weights) * rows.shape[1] < COMPILE_FROM_TERMS:
        return False
    return llvm.available() and all(map(_readable, rows))


def _multiplied(weights: Array, rows: Array) -> Array:
    exact, mixed = weights.astype(rows.dtype), np.empty((len(weights), rows.shape[1]), rows.dtype)
    for block in column_blocks(*rows.shape):
        mixed[:, block] = exact @ rows[:, block]
    return mixed


def _by_differences(usual: Array, differences: Array, rows: Array) -> Array:
    """Sums that have most weights in common: that sum once, and what each adds and takes away.

    A row that few of the sums contain is no part of the common sum, so a huge one cannot blur the others.
    """
    vectors = [*rows, weighted_sum(usual, rows)]
    table = np.concatenate([differences, np.ones((len(differences), 1))], axis=1)
    output, places = np.nonzero(table[:, ::-1])
    places = len(vectors) - 1 - places  # the common sum first
    factors = table[output, places].astype(rows.dtype)
    starts = np.searchsorted(output, np.arange(len(table) + 1))
    return _summed(vectors, (starts, places, factors), len(table))


def _summed(vectors: Sequence[Array], terms: Terms, count: int) -> Array:
    """So many sums of a few of the vectors each, added in order."""
    starts, places, factors = terms
    mixed = np.empty((count, len(vectors[0])), vectors[0].dtype)
    done = _sums_by_kernel(vectors, terms, mixed)
    for start in range(done, mixed.shape[1], NARROW):
        parts = [vector[start : start + NARROW] for vector in vectors]
        for k, (first, last) in enumerate(pairwise(starts)):
            own = slice(first, last)
            mixed[k, start : start + NARROW] = _group(factors[own], [parts[place] for place in places[own]])
    return mixed


def _sums_by_kernel(vectors: Sequence[Array], terms: Terms, mixed: Array) -> int:
    """Fill as many columns as a compiled kernel handles, if one has been repaid, and say how many."""
    starts, places, factors = terms
    d = int(mixed.shape[1])
    if mixed.dtype != np.float32 or not all(map(_readable, vectors)):
        return 0
    if len(places) * d < COMPILE_FROM_TERMS and not llvm.repaid("differences", SAVES * len(places) * d, COST):
        return 0
    run, width = _differences_kernel()
    whole = d - d % width
    addresses = np.array([llvm.at(vector) for vector in vectors], np.int64)
    tables = [np.ascontiguousarray(table, np.int64) for table in (addresses, starts, places)]
    pointers = [llvm.at(table) for table in (*tables, factors)]
    run(*pointers, len(mixed), whole, llvm.at(mixed), d)
    return whole


@lru_cache(maxsize=1)
def _differences_kernel() -> tuple[llvm.Function, int]:
    width = _width()
    pointer, integer = llvm.POINTER, llvm.INTEGER
    arguments = [*[pointer] * 4, integer, integer, pointer, integer]
    return llvm.compiled(combinations(width), arguments), width
