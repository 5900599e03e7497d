"""Rules that look at ranks: those of clients in each coordinate, or those that synthetic rows take up."""

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from fedsim.aggregators._clusters import between, largest, two_means
from fedsim.aggregators._selection import average
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array
from fedsim.kernels import column_blocks, distances_to, mean_of_ranks, survival
from fedsim.kernels.rules.ranks import sample_columns
from fedsim.kernels.rules.tallies import column_tally

SAMPLE_RUNS, SAMPLE_LENGTH = 64, 64
"""Columns on which weights are counted, in runs spread evenly, where there are more."""
ROUNDED = 9
"""Decimals of the mean and the spread of ranks that do not depend on the order in which they were added up."""


@aggregator("mandera")
def mandera(updates: Array) -> Aggregate:
    """Mean of the larger of two clusters of clients by the mean and the spread of their ranks.

    Formula:
        rᵢ[k] the rank of uᵢ[k] among the n values of coordinate k, from 1, equal ones sharing their mean; eᵢ and sᵢ the
        mean and the standard deviation of rᵢ over the coordinates. 2-means on the points (eᵢ, sᵢ); the mean of the rows
        of the larger cluster, of equally large ones that of least distances within, then that of the first row:
        (n, d) -> (d,).
    Assumes:
        More than half of the rows are honest. Without attackers the smaller cluster is dropped all the same.
    Breakdown:
        Fewer than half of the rows, and only those whose ranks have another mean or spread.
    Cost:
        n passes over the matrix: every value is compared with every other of its coordinate.
    Source:
        Zhu, Zhao, Chen, Gao, Wang, Xu. Manipulating or Not? Robust Byzantine Detection by Ranking (MANDERA). Entropy
        2023; arXiv:2110.11736, algorithm 1.
    Example:
        >>> rows = np.array([[0.9, 1.2], [1.0, 0.9], [1.1, 1.0], [1.0, 1.1], [-9, -9]])
        >>> aggregate("mandera", rows).round(2).tolist()
        [1.0, 1.05]
    """
    n, d = updates.shape
    sums, squares = np.zeros(n), np.zeros(n)
    for block in column_blocks(n, d):
        part = updates[:, block]
        for row in range(n):
            ranks = column_tally(part < part[row]) + (column_tally(part == part[row]) + 1) / 2
            sums[row] += ranks.sum()
            squares[row] += ranks @ ranks
    means = sums / d
    points = np.stack([means, np.sqrt(np.maximum(squares / d - means**2, 0))], axis=1).round(ROUNDED)
    return average(updates, largest(two_means(points), between(points)))


@aggregator("foundationfl", needs="n > 2f")
def foundationfl(
    updates: Array,
    *,
    f: F,
    rule: Annotated[Literal["trimmed_mean", "median"], "what is made of the rows and the synthetic ones"] = (
        "trimmed_mean"
    ),
    synthetic: Annotated[int | None, Ge(0), Le(10_000), "m, synthetic rows; ⌊n/2⌋ when left out"] = None,
) -> Aggregate:
    """Trimmed mean or median after the server has added copies of the update farthest from all extremes.

    Formula:
        hi[k], lo[k] the greatest and the least of u₁[k] … uₙ[k]; i the row of greatest min(‖uᵢ − hi‖, ‖uᵢ − lo‖), the
        first of them on exact ties. Of the n rows and m copies of uᵢ, the mean of each coordinate without its f lowest
        and f highest values, or its median: (n, d) -> (d,).
    Assumes:
        At most f rows are bad. ValueError unless n > 2f.
    Breakdown:
        f rows, if the row that is copied is honest: m copies of a bad one may outvote the others.
    Cost:
        Four passes over the matrix, and one of half as many more rows. Weights are shares of survived coordinates,
        those of the copies counted for the row they repeat; beyond 4,096 coordinates counted on as many, spread evenly.
    Source:
        Fang, Nabavirazavi, Liu, Sun, Iyengar, Yang. Do We Really Need to Design New Byzantine-robust Aggregation Rules?
        NDSS 2025, section 4.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("foundationfl", rows, f=1).round(2).tolist()
        [1.14]
    """
    n = len(updates)
    added = n // 2 if synthetic is None else synthetic
    copied = _farthest_from_extremes(updates)
    first, last = (f, n + added - f) if rule == "trimmed_mean" else ((n + added - 1) // 2, (n + added) // 2 + 1)

    def extended(block: Array) -> Array:
        return np.concatenate([block, np.broadcast_to(block[copied], (added, block.shape[1]))])

    update = np.empty(updates.shape[1], updates.dtype)
    for block in column_blocks(n + added, updates.shape[1]):
        update[block] = mean_of_ranks(extended(updates[:, block]), first, last)
    shares = survival(extended(sample_columns(updates, SAMPLE_RUNS, SAMPLE_LENGTH)), first, last)
    weights = shares[:n].copy()
    weights[copied] += shares[n:].sum()
    return Aggregate(update, weights)


def _farthest_from_extremes(updates: Array) -> int:
    n = len(updates)
    highest, lowest = mean_of_ranks(updates, n - 1, n), mean_of_ranks(updates, 0, 1)
    return int(np.minimum(distances_to(highest, updates), distances_to(lowest, updates)).argmax())
