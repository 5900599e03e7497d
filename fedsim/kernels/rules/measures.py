"""Distances of rows to a point, and products of rows about a point; float32 chunks are summed in float64."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels import llvm
from fedsim.kernels.rules.blocks import block_width, column_blocks
from fedsim.kernels.rules.measures_source import DISTANCE_CHUNK, LANES, PARTIAL, PRODUCT_CHUNK, distances, products

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Indices = NDArray[np.intp]

TINY = 1e-25
"""Below this a sum of float32 squares has lost digits to underflow."""
COMPILE_FROM_NUMBERS = 100_000
"""Numbers from which products of float32 rows are left to a compiled kernel, which costs 40 milliseconds once.

The matrix alone decides, not the calls before: products of the kernel and of numpy, which forms them in float64, differ
in their last bits, and a run that is resumed must not.
"""
DISTANCE_SAVES, DISTANCE_COST = 0.4, 8e6
"""Nanoseconds that compiled distances save for each number of the matrix, and what the kernel costs once."""
SHORT = 1e-140
"""Below this a length in float64 is that of a square which has lost digits to underflow."""
GAPS = 40_000
"""Numbers of which numpy squares the gaps at a time."""


def distances_to(point: Array, rows: Array) -> Vector:
    """(d,), (n, d) -> (n,): ‖u_i − point‖, also where its square is beyond the numbers there are."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        lengths = np.sqrt(_squared_distances_to(point, rows))
        for row in np.flatnonzero(~((lengths > SHORT) & np.isfinite(lengths))):
            gap = rows[row].astype(np.float64) - point
            unit = power_of_two(np.abs(gap).max(initial=0))
            lengths[row] = np.linalg.norm(gap / unit) * unit
    return lengths


def power_of_two(number: float) -> float:
    """The power of two at or below a positive number; 1 for zero and for what is not finite."""
    if not 0 < number < np.inf:
        return 1.0
    return float(np.ldexp(1.0, max(int(np.frexp(number)[1]) - 1, -1000)))


def _squared_distances_to(point: Array, rows: Array) -> Vector:
    """In float64 where float32 cannot hold the squares."""
    if rows.dtype == np.float64:
        return _squares(point, rows)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        squares = _squares(point, rows)
    return squares if float32_holds(squares) else _squares(point.astype(np.float64), rows)


def products_about(rows: Array, centre: int, chosen: Indices | None = None, units: Vector | None = None) -> Matrix:
    """(n, d) -> (m, m): ⟨u_i − u_c, u_j − u_c⟩ over the m chosen rows; in float64 where float32 does not do.

    With `units` (m,), powers of two, each row's gap to the centre is divided by its unit beforehand.
    """
    chosen = np.arange(len(rows)) if chosen is None else chosen
    if rows.dtype == np.float32 and _much(rows, len(chosen)):
        found = _multiplied_by_kernel(rows, rows[centre], chosen)
        if float32_holds(found.diagonal()):
            return found
    return _multiplied(rows, rows[centre].astype(np.float64), chosen, units)


def products_from(point: Array, rows: Array, chosen: Indices, units: Vector | None = None) -> Matrix:
    """(d,), (n, d) -> (m, m): ⟨u_i − p, u_j − p⟩ over the m chosen rows; with `units` rows and points are divided."""
    if units is None and rows.dtype == np.float32 and _much(rows, len(chosen)):
        found = _multiplied_by_kernel(rows, point, chosen)
        if float32_holds(found.diagonal()):
            return found
    return _multiplied(rows, point.astype(np.float64), chosen, units)


def longest_gaps(rows: Array, centre: int, chosen: Indices) -> Vector:
    """(n, d) -> (m,): the greatest coordinate of |u_i − u_c| for each of the m chosen rows."""
    found = np.zeros(len(chosen))
    for block in column_blocks(*rows.shape):
        halves = np.abs(rows[chosen, block] / 2.0 - rows[centre, block] / 2.0)
        np.maximum(found, halves.max(axis=1), out=found)
    return np.minimum(found, np.finfo(np.float64).max / 2) * 2


def float32_holds(squares: Vector) -> bool:
    """Whether float32 squares neither overflowed nor, all of them, sank to where digits are lost."""
    return bool(np.isfinite(squares).all() and squares.max() > TINY)


def _squares(point: Array, rows: Array) -> Vector:
    n, d = rows.shape
    sums = np.zeros((n, PARTIAL.width))
    done = _squares_by_kernel(point, rows, sums)
    width = max(GAPS // n // DISTANCE_CHUNK, 1) * DISTANCE_CHUNK
    for start in range(done, d, width):
        _add_squares(_padded(rows[:, start : start + width] - point[start : start + width], DISTANCE_CHUNK), sums)
    return np.asarray(sums.sum(axis=1))


def _add_squares(gaps: Array, sums: Matrix) -> None:
    """Add each chunk's squares in the order of the kernel: lane by lane, folded twice, then in float64."""
    n, width = gaps.shape
    lanes = np.add.reduce(
        np.multiply(gaps, gaps, out=gaps).reshape(n, width // DISTANCE_CHUNK, -1, LANES.width), axis=2
    )
    while lanes.shape[2] > PARTIAL.width:
        half = lanes.shape[2] // 2
        lanes = lanes[:, :, :half] + lanes[:, :, half:]
    for chunk in range(lanes.shape[1]):
        sums += lanes[:, chunk]


def _padded(block: Array, multiple: int) -> Array:
    """The block with zeros behind it, up to a multiple of so many columns."""
    n, width = block.shape
    if width % multiple == 0:
        return block
    whole = np.zeros((n, width + -width % multiple), block.dtype)
    whole[:, :width] = block
    return whole


def _squares_by_kernel(point: Array, rows: Array, sums: Matrix) -> int:
    """Add up as many columns as a compiled kernel handles, if one has been repaid, and say how many."""
    n, whole = len(rows), int(rows.shape[1]) // DISTANCE_CHUNK * DISTANCE_CHUNK
    if not llvm.readable(rows) or point.dtype != np.float32:
        return 0
    if not llvm.repaid("distances", DISTANCE_SAVES * n * whole, DISTANCE_COST):
        return 0
    flat = np.ascontiguousarray(point)
    stride = rows.strides[0] // rows.itemsize
    _distance_kernel()(llvm.at(rows), stride, llvm.at(flat), n, whole, llvm.at(sums))
    return whole


@lru_cache(maxsize=1)
def _distance_kernel() -> llvm.Function:
    pointer, integer = llvm.POINTER, llvm.INTEGER
    return llvm.compiled(distances(), [pointer, integer, pointer, integer, integer, pointer])


def _multiplied(rows: Array, centre: Array, chosen: Indices, units: Vector | None = None) -> Matrix:
    """In float64; rows of zeros fill up the height, since products of odd heights take up to four times as long."""
    n, d = len(chosen), rows.shape[1]
    height, everything = n + -n % 8, n == len(rows)
    width = block_width(height)
    found, gaps = np.zeros((height, height)), np.zeros((height, width))
    for start in range(0, d, width):
        block = slice(start, min(start + width, d))
        part = gaps[:, : block.stop - start]
        held = rows[:, block] if everything else rows[chosen, block]
        if units is None:
            np.subtract(held, centre[block], out=part[:n])
        else:  # first divided, since the gap itself may be beyond the greatest number
            np.subtract(held / units[:, None], centre[block] / units[:, None], out=part[:n])
        found += part @ part.T
    return found[:n, :n]


def _much(rows: Array, count: int) -> bool:
    if count * rows.shape[1] < COMPILE_FROM_NUMBERS or not llvm.readable(rows) or not llvm.available():
        return False
    return bool(llvm.features().get("fma") or llvm.features().get("neon"))


def _multiplied_by_kernel(rows: Array, centre: Array, chosen: Indices) -> Matrix:
    n, whole = len(chosen), rows.shape[1] - rows.shape[1] % PRODUCT_CHUNK
    run, tile = _product_kernel()
    padded = n + -n % tile
    found = np.zeros((padded, padded))
    scratch = _aligned(padded * PRODUCT_CHUNK)
    sums = llvm.at(scratch), llvm.at(found)
    places = chosen * (rows.strides[0] // rows.itemsize)
    run(llvm.at(rows), llvm.at(places), llvm.at(centre), n, padded, whole, *sums)
    if whole < rows.shape[1]:
        tail, places = np.zeros((n + 1, PRODUCT_CHUNK), np.float32), np.arange(n) * PRODUCT_CHUNK
        tail[:n, : rows.shape[1] - whole], tail[n, : rows.shape[1] - whole] = rows[chosen, whole:], centre[whole:]
        run(llvm.at(tail), llvm.at(places), llvm.at(tail[n]), n, padded, PRODUCT_CHUNK, *sums)
    return np.where(_lower(n), found[:n, :n], found[:n, :n].T)


@lru_cache(maxsize=64)
def _lower(n: int) -> NDArray[np.bool_]:
    """Which pairs a kernel fills, each row with itself and those before."""
    return np.tri(n, dtype=np.bool_)


@lru_cache(maxsize=1)
def _product_kernel() -> tuple[llvm.Function, int]:
    """The kernel and how many rows it pads to: tiles fill 32 registers of 16 numbers, or 16 registers of 8."""
    high, wide = (4, 4) if llvm.features().get("avx512f") else (3, 2)
    pointer, integer = llvm.POINTER, llvm.INTEGER
    arguments = [pointer, pointer, pointer, integer, integer, integer, pointer, pointer]
    return llvm.compiled(products(high, wide), arguments), int(np.lcm(high, wide))


def _aligned(count: int) -> NDArray[Any]:
    """Float32 zeros at an address that the widest vector load accepts."""
    memory = np.zeros(count + 16, np.float32)
    start = -llvm.at(memory) % 64 // 4
    return memory[start : start + count]
