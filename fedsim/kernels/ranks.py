"""Order statistics over the rows, one answer for each column.

Rows must be finite or infinite, not NaN. Sums run in float64 from the lowest rank up, so that every path
through this module gives the same bits; a zero is always +0.0, since a sort may leave -0.0 and +0.0 in either
order.
"""

import numpy as np
from numpy.typing import NDArray

from fedsim.arrays import Array
from fedsim.kernels.blocks import column_blocks

SAMPLE_RUNS, SAMPLE_LENGTH = 32, 256
"""Survival is counted on this many runs of this many columns, spread evenly."""


def mean_of_ranks(rows: Array, low: int, high: int) -> Array:
    """(n, d) -> (d,): in each column, the mean of the sorted values of ranks low … high − 1."""
    n, d = rows.shape
    update = np.empty(d, rows.dtype)
    for block in column_blocks(n, d):
        update[block] = _mean_of_sorted(np.sort(rows[:, block], axis=0)[low:high])
    return update


def _mean_of_sorted(ranks: Array) -> Array:
    total = np.zeros(ranks.shape[1])
    for values in ranks:
        total += values
    return total / len(ranks)


def survival(rows: Array, low: int, high: int) -> NDArray[np.float64]:
    """(n,) mean share of each row in ranks `low` up to `high`, summing to 1; rows that tie share their ranks
    equally.

    Exact up to 8,192 columns; beyond, counted on 32 runs of 256 columns that are spread evenly, the same in
    every call.
    """
    sample = sample_columns(rows)
    ranks = np.sort(sample, axis=0)[low:high]
    first, last = ranks[0], ranks[-1]
    share = ((sample > first) & (sample < last)).astype(np.float64)
    for bound in (first, last):
        tied = sample == bound
        places = (ranks == bound).sum(axis=0) / tied.sum(axis=0)
        share = np.where(tied, places, share)
    return np.asarray(share.mean(axis=1) / (high - low))


def sample_columns(rows: Array) -> Array:
    """All columns of a narrow matrix, or evenly spread runs of a wide one."""
    d = rows.shape[1]
    if d <= SAMPLE_RUNS * SAMPLE_LENGTH:
        return rows
    starts = np.linspace(0, d - SAMPLE_LENGTH, SAMPLE_RUNS).astype(np.int64)
    return np.concatenate([rows[:, start : start + SAMPLE_LENGTH] for start in starts], axis=1)
