"""Pre-aggregators that bound the norms of rows."""

from typing import Annotated

import numpy as np
from annotated_types import Gt

from fedsim.array_types import Array
from fedsim.kernels import column_blocks, distances_to
from fedsim.preaggregators.contract import preaggregator


@preaggregator(
    "clip",
    breaks={
        "translation": "norms are measured from zero",
        "scaling": "the greatest norm does not grow with the rows",
        "unanimity": "rows longer than the greatest norm are shortened, all of them alike",
    },
)
def clip(
    updates: Array, *, norm: Annotated[float, Gt(0), "greatest norm a row keeps, in the unit of updates"]
) -> Array:
    """Rows longer than a given norm are shortened to it.

    Formula:
        yᵢ = uᵢ · min(1, c/‖uᵢ‖): (n, d) -> (n, d).
    Assumes:
        The norm fits the honest updates.
    Breakdown:
        A bad row still counts, with at most the norm c.
    Cost:
        Two passes over the matrix.
    Differs:
        byzfl's writes to the caller's matrix.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> preaggregate("clip", rows, norm=1.0).round(2).tolist()
        [[0.9], [1.0], [1.0], [1.0], [1.0]]
    """
    origin = np.zeros(updates.shape[1], updates.dtype)
    lengths = distances_to(origin, updates)
    return _scaled(updates, (norm / np.maximum(lengths, norm))[:, None])


def _scaled(rows: Array, factors: Array) -> Array:
    """In the rows' precision, unless a factor is too small to be held in it with all its digits."""
    if factors.min() >= np.finfo(rows.dtype).tiny:
        factors = factors.astype(rows.dtype)
    scaled = np.empty(rows.shape, rows.dtype)
    for block in column_blocks(*rows.shape):
        scaled[:, block] = rows[:, block] * factors
    return scaled
