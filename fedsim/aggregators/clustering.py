"""Rules that cluster the directions of updates and keep the largest cluster."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from fedsim.aggregators._clusters import between, by_density, largest, two_groups
from fedsim.aggregators._history import Memory
from fedsim.aggregators._selection import clipped_mean, lengths_of
from fedsim.aggregators.clipping import within
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.aggregators.norms import noisy
from fedsim.array_types import Array
from fedsim.kernels.rules.directions import directions
from fedsim.kernels.rules.tallies import row_tally

if TYPE_CHECKING:
    from fedsim.randomness import Stream

Matrix = NDArray[np.float64]
FROM_ZERO = "angles, norms and signs are measured from zero"


@aggregator("signguard", breaks={"translation": FROM_ZERO})
def signguard(
    updates: Array,
    stream: "Stream",
    *,
    lower: Annotated[float, Ge(0), "norms must be above this share of the median norm"] = 0.1,
    upper: Annotated[float, Gt(0), "norms must be below this multiple of the median norm"] = 3.0,
    share: Annotated[float, Gt(0), Le(1), "share of the coordinates whose signs are counted"] = 0.1,
) -> Aggregate:
    """Clipped mean of the updates of usual norm in the largest cluster by their shares of signs.

    Formula:
        S₁: rows with lower·m < ‖uᵢ‖ < upper·m, m the median norm. S₂: of a block of ⌊share·d⌋ coordinates in a row
        from a random place, each row's shares of +, 0 and −, divided by the greatest share of any row; MeanShift on
        these three numbers, its bandwidth the mean distance to the ⌊n/2⌋-th nearest; the largest cluster. The mean over
        S₁ ∩ S₂ of uᵢ · min(1, c/‖uᵢ‖), c the lower of the two middle norms: (n, d) -> (d,). Where nobody is in both,
        zeros.
    Assumes:
        More than half of the rows are honest; attackers' norms or shares of signs differ.
    Breakdown:
        Fewer than half of the rows, and only those whose shares of signs differ. No row counts with more than the
        median norm.
    Cost:
        Two passes over the matrix, one over a part of it, and MeanShift on n points in three dimensions.
    Differs:
        The authors' code starts MeanShift from bins and takes the bandwidth from 50 rows; ours starts from every row
        and takes all. FLPoison clusters by DBSCAN by default. Up to three rows have no bandwidth and are one cluster.
    Source:
        Xu, Huang, Song, Lan. Byzantine-robust Federated Learning through Collaborative Malicious Gradient Filtering.
        ICDCS 2022, algorithm 2.
    Example:
        >>> rows = np.array([[0.9, 1], [1.0, 1], [1.1, 1], [1.2, 1], [-1, 1]])
        >>> aggregate("signguard", rows, share=1.0).round(2).tolist()
        [1.01, 0.96]
    """
    n, d = updates.shape
    lengths, size = lengths_of(updates), max(int(share * d), 1)
    middle = np.median(lengths)
    usual = (lengths > lower * middle) & (lengths < upper * middle)
    begin = int(stream.numpy().integers(0, d - size + 1))
    part = updates[:, begin : begin + size]
    counts = np.stack([row_tally(part > 0), row_tally(part == 0), row_tally(part < 0)], axis=1) / size
    shares = counts / np.where(counts.max(axis=0) > 0, counts.max(axis=0), 1)
    return clipped_mean(updates, usual & _modal(shares), within(float(np.sort(lengths)[(n - 1) // 2]), lengths))


def _modal(points: Matrix) -> NDArray[np.bool_]:
    """Which points are in the largest cluster of MeanShift."""
    gaps = between(points)
    bandwidth = float(np.sort(gaps, axis=1)[:, max(len(points) // 2, 1) - 1].mean())
    if bandwidth <= 0:
        return np.ones(len(points), bool)
    from sklearn.cluster import MeanShift

    order = np.lexsort(points.T)
    labels = np.empty(len(points), np.int64)
    labels[order] = MeanShift(bandwidth=bandwidth, cluster_all=False).fit_predict(points[order])
    return largest(labels, gaps)


@aggregator("clipped_clustering", breaks={"translation": FROM_ZERO})
def clipped_clustering(updates: Array, memory: Memory) -> Aggregate:
    """Clipped mean of the larger of two clusters of updates by their angles.

    Formula:
        c: the median of the norms of all rows of this and all earlier rounds; vᵢ = uᵢ · min(1, c/‖uᵢ‖). Agglomerative
        clustering in two by 1 − cos(vᵢ, vⱼ) with average linkage; the mean of vᵢ over the larger cluster, of equally
        large ones that of least distances within, then that of the first row: (n, d) -> (d,).
    Assumes:
        More than half of the rows are honest and point the same way.
    Breakdown:
        Fewer than half of the rows; no row counts with more than the median norm.
    Cost:
        One n × n matrix of products and one pass over the matrix. Memory: every norm that was ever seen.
    Differs:
        A row of zeros is at distance 1 from any other; published code writes distances that do not exist as −1.
    Source:
        Li, Ngai, Voigt. An Experimental Study of Byzantine-Robust Aggregation Schemes in Federated Learning. IEEE
        Transactions on Big Data 2023, section 4.
    Example:
        >>> rows = np.array([[0.9, 1], [1.0, 1], [1.1, 1], [1.2, 1], [-9, 1]])
        >>> aggregate("clipped_clustering", rows).round(2).tolist()
        [1.04, 0.99]
    """
    found = directions(updates)
    past = np.zeros(0) if memory is None else memory["norms"]
    norms = np.concatenate([past, found.lengths])
    distances = 1 - found.cosines()
    kept = largest(two_groups(distances), distances)
    verdict = clipped_mean(updates, kept, within(float(np.median(norms)), found.lengths))
    return verdict._replace(memory={"norms": norms})


@aggregator(
    "flame",
    breaks={"translation": FROM_ZERO, "unanimity": "the noise is added to whatever all agree on"},
)
def flame(
    updates: Array,
    stream: "Stream",
    *,
    noise: Annotated[float, Ge(0), "λ, the noise on each coordinate, as a share of the median norm"] = 0.001,
) -> Aggregate:
    """Clipped and noisy mean of the majority that HDBSCAN finds by the angles of updates.

    Formula:
        HDBSCAN on 1 − cos(uᵢ, uⱼ) with clusters of at least ⌊n/2⌋ + 1 rows and one neighbour; the rows that are not
        noise, or everyone where all are. S the median norm of all n rows; the mean over the kept of uᵢ ·
        min(1, S/‖uᵢ‖), then N(0, (λS)²) on each coordinate: (n, d) -> (d,).
    Assumes:
        More than half of the rows are honest and point the same way.
    Breakdown:
        Fewer than half of the rows; no row counts with more than the median norm.
    Cost:
        One n × n matrix of products, HDBSCAN, one pass over the matrix and d draws.
    Differs:
        The paper takes the cosines of whole models, much of whose direction all share; here, as in most code, those of
        the updates. Some code draws noise with the deviation (λS)².
    Source:
        Nguyen, Rieger, Chen, Yalame, Möllering, Fereidooni, Marchal, Miettinen, Mirhoseini, Zeitouni, Koushanfar,
        Sadeghi, Schneider. FLAME: Taming Backdoors in Federated Learning. USENIX Security 2022, algorithm 1.
    Example:
        >>> rows = np.array([[0.9, 1], [1.0, 1], [1.1, 1], [1.2, 1], [-9, 1]])
        >>> aggregate("flame", rows, noise=0.0).round(2).tolist()
        [1.08, 0.98]
    """
    n, found = len(updates), directions(updates)
    admitted = by_density(1 - found.cosines(), n // 2 + 1, 1) >= 0
    bound = float(np.median(found.lengths))
    verdict = clipped_mean(updates, admitted if admitted.any() else ~admitted, within(bound, found.lengths))
    return verdict._replace(update=noisy(verdict.update, noise * bound, stream))
