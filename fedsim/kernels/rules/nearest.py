"""In each column, the mean of the values nearest to a middle of them, and how often each row was among those."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels.rules.blocks import column_blocks
from fedsim.kernels.rules.ranks import mean_of_ranks
from fedsim.kernels.rules.tallies import column_tally, row_tally

Take = Callable[[Array], Array]
"""(n, width) columns -> (m, width) the rows among which the nearest are looked for."""


def mean_of_nearest(
    rows: Array, kept: int, first: int, last: int, take: Take = lambda block: block
) -> tuple[Array, NDArray[np.float64]]:
    """(n, d) -> (d,), (m,): in each column the mean of the `kept` values nearest to the mean of ranks first … last − 1.

    Of values equally near the earlier row's counts. The second answer is each row's share of all that was kept.
    """
    update = np.empty(rows.shape[1], rows.dtype)
    held: Any = 0
    for block in column_blocks(*rows.shape):
        values = take(rows[:, block])
        near = _nearest(values, mean_of_ranks(values, first, last), kept)
        update[block] = _mean(values, near, kept)
        held = held + row_tally(near)
    return update, np.asarray(held / (kept * rows.shape[1]), np.float64)


def _nearest(values: Array, middle: Array, kept: int) -> NDArray[np.bool_]:
    """(m, width) which values are among the nearest of their column."""
    with np.errstate(over="ignore"):
        gaps = np.abs(values - middle)
    limit = mean_of_ranks(gaps, kept - 1, kept)
    near = gaps <= limit
    for column in np.flatnonzero(column_tally(near) != kept):
        near[:, column] = False
        near[np.argsort(gaps[:, column], kind="stable")[:kept], column] = True
    return near


def _mean(values: Array, near: NDArray[np.bool_], kept: int) -> Array:
    """In the values' precision; where a sum overflows, of values divided beforehand."""
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.add.reduce(values * near, axis=0) / values.dtype.type(kept)
    beyond = np.flatnonzero(~np.isfinite(means))
    means[beyond] = np.where(near[:, beyond], values[:, beyond] / values.dtype.type(kept), 0).sum(axis=0)
    return np.asarray(means)
