"""Weighted sums of rows, one block of columns at a time."""

import numpy as np
from numpy.typing import NDArray

from fedsim.arrays import Array
from fedsim.kernels.blocks import column_blocks

GROUP = 64
"""Rows summed in the matrix's own precision before they are added up in float64."""


def weighted_sum(weights: Array, rows: Array) -> Array:
    """(n,), (n, d) -> (d,): Σ w_i u_i; a row of weight 0 adds nothing, not even if it is infinite."""
    used = np.flatnonzero(weights)
    if len(used) == 1 and weights[used[0]] == 1:
        return np.array(rows[used[0]])
    if len(used) < len(rows) / 2:
        return _sum_of_some(weights, rows, used)
    with np.errstate(invalid="ignore"):
        total = _sum_of_all(weights, rows)
    fit = len(used) == len(rows) or np.isfinite(total).all()
    return total if fit else _sum_of_some(weights, rows, used)


def _sum_of_all(weights: Array, rows: Array) -> Array:
    """Where most rows count, the others are read with weight 0, which is quicker than copying around them."""
    total = np.empty(rows.shape[1], rows.dtype)
    for block in column_blocks(*rows.shape):
        total[block] = _grouped(weights, rows[:, block])
    return total


def _sum_of_some(weights: Array, rows: Array, used: NDArray[np.intp]) -> Array:
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
