"""Weighted sums of rows, one block of columns at a time."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from fedsim.arrays import Array
from fedsim.kernels import llvm
from fedsim.kernels.blocks import column_blocks
from fedsim.kernels.sums_source import GROUP, combination

WIDTH = 16_000
"""Columns that numpy adds up at a time: three such vectors stay in the cache."""
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
    if total.dtype != np.float32 or not all(map(_readable, vectors)) or not llvm.available():
        return 0
    if not llvm.repaid("sums", SAVES * len(vectors) * len(total), COST):
        return 0
    run, width = _kernel()
    whole = len(total) - len(total) % width
    addresses = np.array([vector.ctypes.data for vector in vectors], np.int64)
    run(addresses.ctypes.data, factors.ctypes.data, len(vectors), whole, total.ctypes.data)
    return whole


def _readable(vector: Array) -> bool:
    return bool(vector.dtype == np.float32 and vector.flags.aligned and vector.flags.c_contiguous)


@lru_cache(maxsize=1)
def _kernel() -> tuple[llvm.Function, int]:
    """The kernel and its width: what fits the registers, which is 32 of 16 numbers or 16 of 8."""
    width = 256 if llvm.features().get("avx512f") else 64
    pointer, integer = llvm.POINTER, llvm.INTEGER
    return llvm.compiled(combination(width), [pointer, pointer, integer, integer, pointer]), width


def weighted_sums(weights: Array, rows: Array) -> Array:
    """(m, n), (n, d) -> (m, d): every row of `weights` makes one weighted sum."""
    n, d = rows.shape
    exact, mixed = weights.astype(rows.dtype), np.empty((len(weights), d), rows.dtype)
    for block in column_blocks(n, d):
        mixed[:, block] = exact @ rows[:, block]
    return mixed
