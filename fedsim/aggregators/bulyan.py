"""Bulyan: a choice by distances, then a mean by coordinates."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array
from fedsim.kernels.rules.distances import squared_distances
from fedsim.kernels.rules.nearest import mean_of_nearest

Matrix = NDArray[np.float64]


@aggregator(
    "bulyan",
    needs="n ≥ 4f + 3",
    breaks={"permutation": "at last Krum counts one neighbour: two rows nearest to each other tie, and order decides"},
)
def bulyan(
    updates: Array,
    *,
    f: F,
    variant: Annotated[
        Literal["elmhamdi2018", "averages"],
        "what is chosen: n − 2f rows as in the paper, or n − 2f − 2 averages of Multi-Krum as in its authors' code",
    ] = "elmhamdi2018",
) -> Aggregate:
    """Coordinate-wise mean about the median of the updates that Krum chooses one after another.

    Formula:
        θ = n − 2f times: of the m rows that remain, take out the one of least Σ ‖uᵢ − uⱼ‖² over the max(m − f − 2, 1)
        remaining rows nearest to it. Then out[k] = the mean of the θ − 2f chosen values of coordinate k nearest to
        their median; the earlier row on exact ties: (n, d) -> (d,).
        variant="averages": θ = n − 2f − 2, and in turn t = 0, 1, … what is chosen is the mean of the n − f − 2 − t
        remaining rows of least sum, before the best is taken out.
    Assumes:
        At most f rows are bad. ValueError unless n ≥ 4f + 3.
    Breakdown:
        f rows: each coordinate stays near 2f + 1 honest values, so that no single one can be led far away.
    Cost:
        One n × n matrix of distances, sorted anew in each of the θ turns (n³ log n in all), and meamed on θ rows.
    Differs:
        The paper leaves open how few neighbours Krum may count when 2f + 1 rows remain; here at least one. Its authors'
        code chooses averages, sums distances that are not squared and does not score anew.
    Source:
        El Mhamdi, Guerraoui, Rouault. The Hidden Vulnerability of Distributed Learning in Byzantium. ICML 2018,
        section 4.
    Example:
        >>> rows = np.array([[0.8], [0.9], [1.0], [1.1], [1.2], [1.3], [9.0]])
        >>> aggregate("bulyan", rows, f=1).round(2).tolist()
        [1.0]
    """
    n = len(updates)
    if variant == "averages":
        theta, chosen = n - 2 * f - 2, _averages(squared_distances(updates), f)
        update, shares = mean_of_nearest(
            updates, theta - 2 * f, (theta - 1) // 2, theta // 2 + 1, lambda block: chosen.astype(block.dtype) @ block
        )
        return Aggregate(update, shares @ chosen)
    theta, weights = n - 2 * f, np.zeros(n)
    rows = np.array([order[0] for order, _ in zip(_turns(squared_distances(updates), f), range(theta), strict=False)])
    rows.sort()
    update, weights[rows] = mean_of_nearest(
        updates, theta - 2 * f, (theta - 1) // 2, theta // 2 + 1, lambda block: block[rows]
    )
    return Aggregate(update, weights)


def _turns(distances: Matrix, f: int) -> Iterator[NDArray[np.intp]]:
    """The remaining rows in each turn, those of least score first; the first of them is taken out."""
    remaining = np.arange(len(distances))
    while len(remaining):
        m = len(remaining)
        others = np.sort(distances[np.ix_(remaining, remaining)] + np.diag(np.full(m, np.inf)), axis=1)
        scores = others[:, : min(max(m - f - 2, 1), m - 1)].sum(axis=1)
        order = remaining[np.argsort(scores, kind="stable")]
        yield order
        remaining = remaining[remaining != order[0]]


def _averages(distances: Matrix, f: int) -> Matrix:
    """(θ, n) shares of the rows in each of the averages."""
    n = len(distances)
    shares = np.zeros((n - 2 * f - 2, n))
    for turn, order in zip(range(len(shares)), _turns(distances, f), strict=False):
        kept = n - f - 2 - turn
        shares[turn, order[:kept]] = 1 / kept
    return shares
