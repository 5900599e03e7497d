"""Pre-aggregators that bound the norms of rows."""

from typing import Annotated

import numpy as np
from annotated_types import Gt

from fedsim.aggregators.contract import F
from fedsim.array_types import Array
from fedsim.kernels import column_blocks, distances_to
from fedsim.preaggregators.contract import Mixed, preaggregator


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
) -> Mixed:
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
    return _scaled(updates, norm / np.maximum(lengths, norm))


@preaggregator("arc", needs="n > f", breaks={"translation": "norms are measured from zero"})
def arc(updates: Array, *, f: F) -> Mixed:
    """Adaptive clipping: the longest rows are shortened to the longest of the others.

    Formula:
        k = ⌊2f(n − f)/n⌋; the k rows of greatest norm are shortened to the greatest norm of the other n − k; the later
        of equally long rows are among the k: (n, d) -> (n, d).
    Assumes:
        At most f rows are bad. ValueError unless n > f.
    Breakdown:
        That of the rule behind it; no row stays longer than the n − k shortest.
    Cost:
        Two passes over the matrix.
    Differs:
        byzfl writes to the caller's matrix and computes k in floating point, which is one too few at n = 242, f = 33.
    Source:
        Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan. Adaptive Gradient Clipping for Robust Federated Learning.
        ICLR 2025, algorithm 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> preaggregate("arc", rows, f=1).round(2).tolist()
        [[0.9], [1.0], [1.1], [1.2], [1.2]]
    """
    n = len(updates)
    lengths = distances_to(np.zeros(updates.shape[1], updates.dtype), updates)
    order = np.argsort(lengths, kind="stable")
    longest, others = np.split(order[::-1], [2 * f * (n - f) // n])
    factors, limit = np.ones(n), lengths[others[0]]
    longer = longest[lengths[longest] > limit]
    factors[longer] = limit / lengths[longer]
    return _scaled(updates, factors)


def _scaled(rows: Array, factors: Array) -> Mixed:
    """In the rows' precision, unless a factor is too small to be held in it with all its digits."""
    held = factors.astype(rows.dtype) if factors.min() >= np.finfo(rows.dtype).tiny else factors
    scaled = np.empty(rows.shape, rows.dtype)
    for block in column_blocks(*rows.shape):
        scaled[:, block] = rows[:, block] * held[:, None]
    return Mixed(scaled, np.eye(len(rows)), factors=factors)
