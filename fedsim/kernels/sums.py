"""Sums over rows and distances to a point, one block of columns at a time."""

import numpy as np
from numpy.typing import NDArray

from fedsim.arrays import Array
from fedsim.kernels.blocks import column_blocks

GROUP = 64
"""Rows summed in the matrix's own precision before they are added up in float64."""

TINY = 1e-25
"""Below this a sum of float32 squares has lost digits to underflow."""


def weighted_sum(weights: Array, rows: Array) -> Array:
    """(n,), (n, d) -> (d,): Σ w_i u_i; rows of weight 0 are not read."""
    used = np.flatnonzero(weights)
    if len(used) == 1 and weights[used[0]] == 1:
        return np.array(rows[used[0]])
    if len(used) < len(rows):
        return _sum_of_rows(weights, rows, used)
    total = np.empty(rows.shape[1], rows.dtype)
    for block in column_blocks(*rows.shape):
        total[block] = _grouped(weights, rows[:, block])
    return total


def _sum_of_rows(weights: Array, rows: Array, used: NDArray[np.intp]) -> Array:
    total = np.zeros(rows.shape[1], rows.dtype)
    for block in column_blocks(max(len(used), 1), rows.shape[1]):
        total[block] = _grouped(weights[used], rows[used, block])
    return total


def _grouped(weights: Array, block: Array) -> Array:
    exact = weights.astype(block.dtype)
    if len(weights) <= GROUP:
        return np.asarray(exact @ block)
    total = np.zeros(block.shape[1])
    for start in range(0, len(weights), GROUP):
        total += exact[start : start + GROUP] @ block[start : start + GROUP]
    return total


def weighted_sums(weights: Array, rows: Array) -> Array:
    """(m, n), (n, d) -> (m, d): every row of `weights` makes one weighted sum."""
    n, d = rows.shape
    exact, mixed = weights.astype(rows.dtype), np.empty((len(weights), d), rows.dtype)
    for block in column_blocks(n, d):
        mixed[:, block] = exact @ rows[:, block]
    return mixed


def squared_distances_to(point: Array, rows: Array) -> NDArray[np.float64]:
    """(d,), (n, d) -> (n,): ‖u_i − point‖², summed over blocks in float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = _squares(point, rows, rows.dtype)
    if rows.dtype == np.float32 and not float32_holds(squares):
        return _squares(point, rows, np.dtype(np.float64))
    return squares


def _squares(point: Array, rows: Array, dtype: np.dtype[np.floating]) -> NDArray[np.float64]:
    total = np.zeros(len(rows))
    for block in column_blocks(*rows.shape):
        gap = rows[:, block].astype(dtype, copy=False) - point[block].astype(dtype, copy=False)
        total += np.einsum("ij,ij->i", gap, gap)
    return total


def float32_holds(squares: NDArray[np.float64]) -> bool:
    """Whether float32 squares neither overflowed nor, all of them, sank to where digits are lost."""
    return bool(np.isfinite(squares).all() and squares.max() > TINY)
