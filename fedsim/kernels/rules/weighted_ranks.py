"""Order statistics of values that weigh: in each column, the mean of what lies between two shares of all weight."""

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels.rules.blocks import column_blocks

Vector = NDArray[np.float64]

SHARE_TOLERANCE = 1e-12
"""Shares of all weight that are the same but for rounding."""


def trimmed_by_weight(rows: Array, weights: Vector, cut: float) -> tuple[Array, Vector]:
    """(n, d), (n,) positive -> (d,), (n,): the mean of each column's sorted values without the lowest and the highest
    that weigh `cut` of the total, of a value at the border the part that is inside; cut = ½ is the median, the middle
    of the two values where half lies on both sides. The second answer is each row's share of what was kept.
    """
    parts = weights / weights.sum()
    update, held = np.empty(rows.shape[1], rows.dtype), np.zeros(len(rows))
    for block in column_blocks(*rows.shape):
        order = np.argsort(rows[:, block], axis=0, kind="stable")
        kept = np.empty(order.shape)
        np.put_along_axis(kept, order, _kept(parts[order], cut), axis=0)
        update[block] = (kept * rows[:, block]).sum(axis=0)
        held += kept.sum(axis=1)
    return update, held / held.sum()


def _kept(parts: Vector, cut: float) -> Vector:
    """(n, width) shares of all weight in the order of the values -> how much of each counts, summing to 1."""
    ends = np.cumsum(parts, axis=0)
    begins = ends - parts
    if cut < 0.5 - SHARE_TOLERANCE:
        inside = np.minimum(ends, 1 - cut) - np.maximum(begins, cut)
        return np.asarray(np.maximum(inside, 0) / (1 - 2 * cut))
    lower = (ends >= 0.5 - SHARE_TOLERANCE) & (
        begins < 0.5 - SHARE_TOLERANCE
    )  # the first value at which half of the weight is reached
    upper = (ends > 0.5 + SHARE_TOLERANCE) & (begins <= 0.5 + SHARE_TOLERANCE)  # the first at which it is exceeded
    return np.asarray((lower.astype(np.float64) + upper) / 2)
