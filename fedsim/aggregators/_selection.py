"""Verdicts made of whole rows: some of them averaged, or each by a factor of its own."""

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators.contract import Aggregate
from fedsim.array_types import Array
from fedsim.kernels import column_blocks, distances_to, weighted_sum

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


def average(updates: Array, kept: Mask) -> Aggregate:
    """The mean of the rows that are kept."""
    weights = np.asarray(kept / np.count_nonzero(kept), np.float64)
    return Aggregate(weighted_sum(weights, updates), weights)


def least(scores: Vector, count: int) -> Mask:
    """(n,) which `count` scores are least; the earlier of equal ones."""
    chosen = np.zeros(len(scores), bool)
    chosen[np.argsort(scores, kind="stable")[:count]] = True
    return chosen


def lengths_of(updates: Array) -> Vector:
    """(n,) ‖u_i‖."""
    return distances_to(np.zeros(updates.shape[1], updates.dtype), updates)


def scaled_sum(factors: Vector, updates: Array) -> Array:
    """(n,), (n, d) -> (d,): Σ factor_i u_i, in float64 where the rows' precision does not hold a factor."""
    used, numbers = factors[factors != 0], np.finfo(updates.dtype)
    if not len(used) or (np.abs(used).min() >= numbers.tiny and np.abs(used).max() <= numbers.max):
        return weighted_sum(factors, updates)
    total = np.empty(updates.shape[1], updates.dtype)
    for block in column_blocks(*updates.shape):
        total[block] = factors @ updates[:, block].astype(np.float64)
    return total


def clipped_mean(updates: Array, kept: Mask, factors: Vector) -> Aggregate:
    """The mean of the kept rows, each by its factor; weights are the factors, normalised."""
    if not kept.any():
        return nobody(updates)
    used = np.where(kept, factors, 0.0)
    weights = used if used.any() else kept.astype(np.float64)
    update = scaled_sum(used / np.count_nonzero(kept), updates)
    return Aggregate(update, weights / weights.sum(), factors=np.asarray(factors, np.float64))


def nobody(updates: Array) -> Aggregate:
    """No row is kept: a step of zeros, for which all rows are held responsible alike."""
    n, d = updates.shape
    return Aggregate(np.zeros(d, updates.dtype), np.full(n, 1 / n), factors=np.zeros(n))
