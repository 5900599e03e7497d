"""Clusters of rows, from scikit-learn and scipy, in a form that does not depend on the order of the rows."""

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

STARTS = 20
"""Starts of 2-means, of which the best is taken."""


def two_means(points: Matrix) -> Labels:
    """(n, k) -> (n,) cluster 0 or 1 of each point, of least total squared distance to the clusters' means."""
    order = np.lexsort(points.T[::-1])
    ordered = points[order]
    if (ordered == ordered[0]).all():
        return np.zeros(len(points), np.int64)
    from sklearn.cluster import KMeans

    size = np.abs(ordered - ordered[0]).max()  # squares of huge or tiny differences would not be held
    found = KMeans(n_clusters=2, n_init=STARTS, random_state=0).fit_predict((ordered - ordered[0]) / size)
    labels = np.empty(len(points), np.int64)
    labels[order] = found
    return labels


def two_groups(distances: Matrix) -> Labels:
    """(n, n) -> (n,): agglomerative clustering with average linkage, cut where two clusters are left."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(distances) < 2:  # noqa: PLR2004 - one row is one cluster
        return np.zeros(len(distances), np.int64)
    tree = linkage(squareform(np.maximum(distances, 0), checks=False), "average")
    return np.asarray(fcluster(tree, 2, "maxclust"), np.int64) - 1


def by_density(distances: Matrix, least: int, neighbours: int, *, one: bool = True) -> Labels:
    """(n, n) -> (n,): HDBSCAN, clusters of at least `least` rows; −1 is noise.

    `neighbours` are those of a row besides itself, as the package hdbscan counts its `min_samples`; scikit-learn counts
    the row too. With `one`, all rows may form a single cluster.
    """
    n = len(distances)
    if n <= neighbours or n < 2 or not distances.any():  # noqa: PLR2004 - a row alone has no neighbours
        return np.zeros(n, np.int64)
    from sklearn.cluster import HDBSCAN

    search = HDBSCAN(
        min_cluster_size=max(least, 2),
        min_samples=neighbours + 1,
        metric="precomputed",
        allow_single_cluster=one,
        copy=True,
    )
    return np.asarray(search.fit_predict(distances), np.int64)


def largest(labels: Labels, distances: Matrix) -> Mask:
    """(n,) which rows are in the largest cluster; of equally large ones that of least total distance within, then the
    one with the earliest row. Noise, −1, is no cluster; where there is nothing else nobody is chosen.
    """
    names = [name for name in dict.fromkeys(labels.tolist()) if name >= 0]
    if not names:
        return np.zeros(len(labels), bool)
    sizes = {name: int((labels == name).sum()) for name in names}
    within = {name: float(distances[np.ix_(labels == name, labels == name)].sum()) for name in names}
    best = min(names, key=lambda name: (-sizes[name], within[name]))
    return np.asarray(labels == best)


def between(points: Matrix) -> Matrix:
    """(n, k) -> (n, n) distances of points of few coordinates."""
    return np.asarray(np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2)))
